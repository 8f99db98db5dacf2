"""Fingerprints are verified by runs, and a wrong word is refused before any starts."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from parity.cli import main
from parity.fingerprint import CLEARLY, Fingerprint, _precision, common

EXAMPLE = Path(__file__).with_name("lanes") / "example.py"


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, object], str]:
    """Return the fingerprint of the control's Adam, and the page."""
    folder = tmp_path_factory.mktemp("prints")
    words = ["--lanes=numpy32", "--optimizers=adam"]
    files = [f"--json={folder / 'prints.json'}", f"--write={folder / 'page.md'}"]
    assert main(["fingerprint", *words, *files]) == 0
    (found,) = json.loads((folder / "prints.json").read_text("utf-8"))
    return found, (folder / "page.md").read_text("utf-8")


def test_the_control_is_the_textbook_and_nothing_else_fits(
    control: tuple[dict[str, object], str],
) -> None:
    found, _ = control
    assert found["dials"] == {}
    assert found["verified"] is True
    assert isinstance(found["runner_up"], float)
    assert found["runner_up"] >= CLEARLY


def test_defaults_are_found_by_leaving_arguments_out(
    control: tuple[dict[str, object], str],
) -> None:
    found, _ = control
    wanted = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-08, "weight_decay": 0.0}
    assert found["defaults"] == wanted


def test_of_the_rounded_numbers_an_optimizer_has_its_own() -> None:
    lane = {"rounded": ("lr", "beta1", "momentum", "beta2**t", "0.96", "clip"), "eps": "hat"}
    assert _precision("sgd", lane) == {"rounded": ("lr", "momentum")}
    assert _precision("nadam", lane) == {"rounded": ("lr", "beta1", "beta2**t", "0.96")}
    assert _precision("adagrad", {**lane, "rounded": ("rho",), "constants": "working"}) == {
        "constants": "working"
    }


def test_the_page_has_a_row_for_the_lane(control: tuple[dict[str, object], str]) -> None:
    _, page = control
    assert "## adam" in page
    assert page.count("| numpy32 |") == 1


def test_a_fingerprint_that_no_run_bears_out_is_not_verified() -> None:
    assert not Fingerprint("a", "adam", "float64", why="no case fits").verified
    assert not Fingerprint("a", "adam", "float64", score=2.0, runner_up=1e9).verified
    assert not Fingerprint("a", "adam", "float64", score=0.5, runner_up=CLEARLY / 2).verified


def test_the_usual_value_is_the_most_frequent() -> None:
    assert common(["a", "b", "b"]) == "b"
    assert common([]) is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fingerprint", "--optimizers=adan"], "optimizer: expected one of sgd, "),
        (["fingerprint", "--lanes=pytorch"], "lanes: expected one of torch, "),
        (["fingerprint", f"--lanes={EXAMPLE}", "--optimizers=adam"], "none of example has adam"),
        (
            ["fingerprint", f"--lanes={EXAMPLE}", "--optimizers=sgd,adam,lion"],
            "optimizer: none of example has adam, lion",
        ),
        (["fingerprint", "--json=gone/found.json"], "gone/found.json: no folder gone"),
        (["fingerprint", "--write=."], ".: is a folder"),
        (["articles", "--write=gone/page.md"], "gone/page.md: no folder gone"),
        (["audit", "--report=gone/page.md"], "gone/page.md: no folder gone"),
        (["audit", "--frameworks=optaxx"], "got 'optaxx'; did you mean optax?"),
        (["history", "--file=gone.sqlite"], "gone.sqlite: no such file"),
        (["fingerprints"], "invalid choice: 'fingerprints'"),
    ],
)
def test_a_wrong_word_is_refused_with_a_sentence(
    words: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("usage: parity")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(options: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", "found.json")

    monkeypatch.setattr("parity.fingerprint.main", full)
    with pytest.raises(SystemExit) as stopped:
        main(["fingerprint"])
    assert stopped.value.code == 2
    assert "No space left on device: 'found.json'" in capsys.readouterr().err
