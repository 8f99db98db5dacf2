"""Lanes are found by name, pattern, file or entry point, and asked without importing anything."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import numpy as np
import pytest

from parity.lanes import Lane, installed

FAULTY = Path(__file__).with_name("faulty_lanes")
CATALOG = (
    Lane("torch", "parity.lanes.torch", packages=("torch",)),
    Lane("torch:foreach", "parity.lanes.torch", "foreach", packages=("torch",)),
    Lane("torch:fused", "parity.lanes.torch", "fused", packages=("torch",)),
    Lane("keras@jax", "parity.lanes.keras", packages=("keras", "numpy")),
    Lane("keras@torch:fit", "parity.lanes.keras", "fit", packages=("numpy.linalg",)),
)


@pytest.fixture(autouse=True)
def catalog(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "LANES", CATALOG)


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        ("torch", ["torch"]),
        ("torch:*", ["torch:foreach", "torch:fused"]),
        ("torch*", ["torch", "torch:foreach", "torch:fused"]),
        ("keras@*", ["keras@jax", "keras@torch:fit"]),
        ("keras", ["keras@jax", "keras@torch:fit"]),
        (" keras@jax , torch,keras@jax,", ["keras@jax", "torch"]),
        ("*", [lane.name for lane in CATALOG]),
    ],
)
def test_a_selection_names_lanes(selection: str, names: list[str]) -> None:
    assert [lane.name for lane in installed.load_lanes(selection)] == names


@pytest.mark.parametrize("selection", ["pytorch", "torch,pytorch", "jax:*"])
def test_an_unknown_name_is_answered_with_the_choices(selection: str) -> None:
    choices = "torch, torch:foreach, torch:fused, keras@jax, keras@torch:fit, keras"
    unknown = selection.rpartition(",")[2]
    with pytest.raises(ValueError, match="expected one of") as failure:
        installed.load_lanes(selection)
    told = f"lanes: expected one of {choices}, got {unknown!r}"
    assert str(failure.value).partition(";")[0] == told


def test_a_name_that_is_nearly_one_is_answered_with_it() -> None:
    with pytest.raises(ValueError, match=r"got 'torhc'; did you mean torch\?$"):
        installed.load_lanes("torhc")


def test_an_empty_selection_is_answered_with_the_choices() -> None:
    with pytest.raises(ValueError, match=r"expected one of torch, .* got ','"):
        installed.load_lanes(",")


def test_an_entry_point_without_lanes_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("empty", "described", "parity.lanes")
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [entry])
    monkeypatch.setattr(installed, "_described", lambda module: [])
    with pytest.raises(ValueError, match="got 'empty'"):
        installed.load_lanes("empty")


def test_a_file_is_asked_for_its_lanes() -> None:
    path = FAULTY / "described.py"
    mine, slow = installed.load_lanes(str(path))
    offered = {"sgd": ("momentum", "nesterov"), "adam": ()}
    assert mine == Lane("mine", str(path), optimizers=offered, packages=("numpy",))
    assert slow == Lane(
        "mine:slow", str(path), "slow", optimizers=offered, pace=0.25, environment={"A": "1"}
    )


def test_a_file_that_cannot_be_asked_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"faults\.py has no lanes: AttributeError"):
        installed.load_lanes(str(FAULTY / "faults.py"))
    with pytest.raises(ValueError, match=r"nowhere\.py: no such file"):
        installed.load_lanes("nowhere.py")


def test_a_file_without_lanes_and_a_folder_are_errors(tmp_path: Path) -> None:
    (tmp_path / "none.py").write_text("LANES = []\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"none\.py has no lanes: LANES is empty$"):
        installed.load_lanes(str(tmp_path / "none.py"))
    (tmp_path / "folder.py").mkdir()
    with pytest.raises(ValueError, match=r"folder\.py: is a folder$"):
        installed.load_lanes(str(tmp_path / "folder.py"))


def test_two_lanes_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("one", "other"):
        offered = 'optimizers={"sgd": ()}, pace=1' + "." * (name == "other")
        written(tmp_path / f"{name}.py", f'"mine", __file__, {offered}')
    one, other = (str(tmp_path / f"{name}.py") for name in ("one", "other"))
    assert [lane.name for lane in installed.load_lanes(f"{one},{one}")] == ["mine"]
    with pytest.raises(ValueError, match=r"other\.py: its lane mine has the name of another lane$"):
        installed.load_lanes(f"{one},{other}")
    written(tmp_path / "torch.py", '"torch", __file__, optimizers={"sgd": ()}')
    with pytest.raises(ValueError, match=r"torch\.py: its lane torch has the name of another lane"):
        installed.load_lanes(str(tmp_path / "torch.py"))


@pytest.mark.parametrize(
    ("lane", "message"),
    [
        ('"my/lane", __file__', "lane's name of letters, digits and .@:+-, got 'my/lane'"),
        ('"a", __file__', "optimizers of a: expected each with its hyperparameters, got {}"),
        ('"a", "a", optimizers=["sgd"]', "expected each with its hyperparameters, got ('sgd',)"),
        ('"a", "a", optimizers={"sdg": ()}', "optimizers of a: expected one of sgd, "),
        ('"a", "a", optimizers={"sgd": ("eps",)}', "sgd of a: expected one of momentum, "),
        ('"a", "a", optimizers={"sgd": ()}, dtypes=("float23",)', "dtypes of a: expected one of "),
        ('"a", "a", optimizers={"sgd": ()}, dtypes="float32"', "expected a list of names, got 'fl"),
        (
            '"a", "a", optimizers={"sgd": ()}, packages="numpy"',
            "expected a list of modules, got 'numpy'",
        ),
        ('"a", "a", optimizers={"sgd": ()}, packages=(3,)', "expected a list of modules, got (3,)"),
        (
            '"a", "a", optimizers={"sgd": ()}, packages=("",)',
            "expected a list of modules, got ('',",
        ),
        (
            '"a", "a", optimizers={"sgd": ()}, dtypes=()',
            "dtypes of a: expected one or more, got ()",
        ),
        ('"a", "", optimizers={"sgd": ()}', "module of a: expected a module or the path of a file"),
        ('"a", "a", 3, optimizers={"sgd": ()}', "mode of a: expected a word, got 3"),
        (
            '"a", "a", optimizers={"sgd": ()}, environment={"A": 3}',
            "with their values, got {'A': 3",
        ),
        ('"a", "a", optimizers={"sgd": ()}, environment={"A=B": "3"}', "got {'A=B': '3'}"),
        ('"a", "a", optimizers={"sgd": ()}, x64={"A": "\\0"}', "x64 of a: expected variables"),
        ('"a", "a", optimizers={"sgd": ()}, device="gpu"', "expected cuda, or nothing, got 'gpu'"),
        ('"a", "a", optimizers={"sgd": ()}, pace="fast"', "above 0, at most 1, got 'fast'"),
        ('"a", "a", optimizers={"sgd": ()}, pace=2', "above 0, at most 1, got 2"),
    ],
)
def test_a_lane_that_offers_what_there_is_not_is_refused(
    lane: str, message: str, tmp_path: Path
) -> None:
    written(tmp_path / "lane.py", lane)
    with pytest.raises(ValueError, match=f"^{re.escape(str(tmp_path / 'lane.py'))}: ") as failure:
        installed.load_lanes(str(tmp_path / "lane.py"))
    assert message in str(failure.value)


def written(path: Path, lane: str) -> None:
    head = "from parity.lanes import Lane\n\ntrain = None\n"
    path.write_text(f"{head}LANES = [Lane({lane})]\n", encoding="utf-8")


def test_an_entry_point_is_asked_for_its_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("outside", "described", "parity.lanes")
    monkeypatch.setattr(
        importlib.metadata, "entry_points", lambda group: EntryPoints([entry]).select(group=group)
    )
    monkeypatch.setenv("PYTHONPATH", str(FAULTY))
    assert [lane.name for lane in installed.load_lanes("outside")] == ["mine", "mine:slow"]
    with pytest.raises(ValueError, match=r"keras@torch:fit, outside, keras, got 'inside'"):
        installed.load_lanes("inside")


def test_what_is_missing_is_named_with_how_to_get_it() -> None:
    assert installed.missing(Lane("a", "a", packages=("numpy", "sys"))) is None
    nobody = Lane("a", "a", packages=("numpy", "parity_of_nobody.part"))
    expected = "parity_of_nobody is not installed (pip install parity_of_nobody)"
    assert installed.missing(nobody) == expected


def test_a_framework_is_an_extra_of_parity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    expected = 'torch is not installed (pip install "parity[torch]")'
    assert installed.missing(CATALOG[0]) == expected


def test_versions_are_those_of_the_distributions() -> None:
    found = installed.versions()
    assert found["numpy"] == np.__version__
    assert found["python"] == sys.version.split()[0]
    assert list(found)[:2] == ["python", "numpy"]


def test_asking_imports_no_framework() -> None:
    program = (
        "import sys; from parity.lanes.installed import *; from parity.lanes.catalog import LANES;"
        "versions(); print([missing(lane) for lane in LANES] and '', *sys.modules)"
    )
    command = [sys.executable, "-c", program]
    root = {"PYTHONPATH": str(FAULTY.parents[1])}
    seen = subprocess.run(command, env=root, capture_output=True, text=True, check=True)
    frameworks = {"torch", "tensorflow", "keras", "tf_keras", "jax", "optax"}
    assert not frameworks & set(seen.stdout.split())
