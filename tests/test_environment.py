"""Layers over environments, made from packages in a folder; no network is needed."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import pytest
from filelock import FileLock
from wheels import page, source, wheel

from parity import cli
from parity.upgrades import environment, installing, layers
from parity.upgrades.environment import (
    INSTALLED,
    BuildError,
    Environment,
    build,
    read_constraints,
)
from parity.upgrades.failing import explained
from parity.upgrades.interpreter import describe
from parity.upgrades.metadata import changelog, requirements, version
from parity.upgrades.sides import sides

SHOW = "import {0}; print({0}.VERSION)"


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Another interpreter, without pip, that has some packages: `sample`, `beside`, `built`."""
    folder = tmp_path_factory.mktemp("another")
    venv.create(folder / "environment", with_pip=False, symlinks=os.name == "posix")
    scripts = "bin" if os.name == "posix" else "Scripts"
    found = folder / "environment" / scripts / "python"
    site = subprocess.check_output(
        [found, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    )
    for path in (
        wheel(folder, "sample", "1.0", requires=["beside>=1"]),
        wheel(folder, "beside", "1.0"),
        wheel(folder, "built_cpu", "1.0", package="built"),
    ):
        zipfile.ZipFile(path).extractall(site.strip())
    return str(found)


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place where packages are found; pip is the only installer."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    shelf, tools = tmp_path / "shelf", tmp_path / "tools"
    shelf.mkdir()
    tools.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    monkeypatch.setenv("PARITY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tools))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return shelf


def said(found: Environment, code: str) -> str:
    """Return what code prints in a process of an environment."""
    variables = {**os.environ, **found.variables()}
    command = [found.python, "-c", code]
    # Not from here, where the harness is found without being on the path.
    return subprocess.check_output(command, env=variables, text=True, cwd=os.sep).strip()


def nothing(*_: object) -> None:
    raise AssertionError("an installer was run")


def test_a_layer_lies_over_what_is_installed_and_leaves_it_alone(shelf: Path, python: str) -> None:
    wheel(shelf, "sample", "1.1", requires=["beside>=1"])
    wheel(shelf, "beside", "2.0")
    told: list[str] = []
    found = build(["sample==1.1"], python=python, tell=told.append)
    assert (found.name, found.pins) == ("sample 1.1", {"sample": "1.1"})
    assert (version(found, "sample"), version(found, "Beside")) == ("1.1", "1.0")
    assert version(found, "missing") is None
    assert said(found, SHOW.format("sample")) == "1.1"
    assert said(found, SHOW.format("beside")) == "1.0"
    assert said(Environment(python, None, {}), SHOW.format("sample")) == "1.0"
    assert told == ["sample 1.1: resolving", "installing 1 package: sample 1.1"]


def test_another_interpreter_finds_the_harness(shelf: Path, python: str) -> None:
    found = said(Environment(python, None, {}), "import parity; print(parity.__file__)")
    assert Path(found).samefile(Path(environment.__file__).parents[1] / "__init__.py")
    assert INSTALLED.variables() == {}


def test_a_link_to_the_harness_brings_nothing_else(
    shelf: Path, python: str, tmp_path: Path
) -> None:
    site = tmp_path / "site-packages"
    for package in ("parity", "beside"):
        (site / package).mkdir(parents=True)
        (site / package / "__init__.py").write_text("VERSION = 'harness'\n")
    for _ in range(2):
        folder = layers.linked(site / "parity")
        assert [entry.name for entry in folder.iterdir()] == ["parity"]
    variables = {**os.environ, "PYTHONPATH": str(folder)}
    code = "import parity, beside; print(parity.VERSION, beside.VERSION)"
    text = subprocess.check_output([python, "-c", code], env=variables, text=True, cwd=os.sep)
    assert text.split() == ["harness", "1.0"]


def test_the_layer_is_before_all_else_on_the_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHONPATH", "mine")
    found = Environment(sys.executable, tmp_path, {"sample": "1.0"})
    assert found.variables() == {"PYTHONPATH": f"{tmp_path}{os.pathsep}mine"}
    assert INSTALLED.variables() == {"PYTHONPATH": "mine"}


def test_dependencies_come_where_what_is_installed_does_not_do(shelf: Path, python: str) -> None:
    wheel(shelf, "sample", "2.0", requires=["beside>=2", "further"])
    wheel(shelf, "beside", "2.0")
    wheel(shelf, "further", "3.0")
    found = build(["sample==2.0"], python=python)
    assert list(found.pins.items()) == [("sample", "2.0"), ("beside", "2.0"), ("further", "3.0")]
    assert found.name == "sample 2.0"


def test_the_second_time_no_installer_is_run(
    shelf: Path, python: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel(shelf, "sample", "1.1")
    first = build(["sample==1.1"], python=python)
    monkeypatch.setattr(installing, "_run", nothing)
    assert build(["sample==1.1"], python=python, tell=nothing) == first


def test_what_is_installed_needs_no_layer(
    shelf: Path, python: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installing, "_run", nothing)
    found = build(["sample==1.0", "beside==1.0"], python=python, tell=nothing)
    assert (found.layer, found.pins, found.name) == (None, {}, "sample 1.0, beside 1.0")


def test_what_was_resolved_is_not_remembered_for_another_configuration(
    shelf: Path, python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel(shelf, "sample", "2.0", requires=["further"])
    for release in ("1.0", "2.0"):
        wheel(shelf, "further", release)
    assert build(["sample==2.0"], python=python).pins["further"] == "2.0"
    file = tmp_path / "constraints.txt"
    monkeypatch.setenv("PIP_CONSTRAINT", str(file))
    for wanted in ("1.0", "2.0"):
        file.write_text(f"further=={wanted}\n")
        assert build(["sample==2.0"], python=python).pins["further"] == wanted


def test_what_a_sibling_provides_is_left_out_with_all_that_it_needs(
    shelf: Path, python: str
) -> None:
    wheel(shelf, "upon", "1.0", requires=["built>=1.4,<1.6"])
    wheel(shelf, "built", "1.5", requires=["heavy"])
    wheel(shelf, "heavy", "1.0")
    told: list[str] = []
    assert build(["upon==1.0"], python=python, tell=told.append).pins == {"upon": "1.0"}
    assert "built 1.5 is left out: built-cpu is there" in told


def test_what_a_sibling_provides_is_had_when_asked_for(shelf: Path, python: str) -> None:
    wheel(shelf, "upon", "1.0", requires=["built>=1.4,<1.6"])
    wheel(shelf, "built", "1.5")
    found = build(["built==1.5", "upon==1.0"], python=python)
    assert found.pins == {"built": "1.5", "upon": "1.0"}
    assert said(found, SHOW.format("built")) == "1.5"


def test_prereleases_are_had_only_when_asked_for(shelf: Path, python: str) -> None:
    wheel(shelf, "further", "1.0")
    wheel(shelf, "further", "1.1rc1")
    assert build(["further"], python=python).name == "further 1.0"
    assert build(["further"], python=python, prereleases=True).name == "further 1.1rc1"


def asked_for(requirement: str, said: str) -> object:
    return pytest.param([requirement], said, id=requirement)


@pytest.mark.parametrize(
    ("requirements", "said"),
    [
        asked_for("missing==1.0", "^no index in use has a package named missing$"),
        asked_for("many==9", r"^there is no release many==9; the newest are 1\.4, .* 1\.8$"),
        asked_for("many==1.1.5", r"^there is no release many==1\.1\.5; 1\.1 and 1\.2 are nearest$"),
        asked_for("many>1.2,<1.3", r"^there is no release many<1\.3,>1\.2; the newest are 1\.4,"),
        asked_for("unmade==1.0", r"^unmade.* does not build from its source, .*no such compiler$"),
        asked_for("needy==1.0", r"resolving needy==1\.0 failed: .*nowhere"),
        asked_for("later==1.0", r"requires a different Python: .* not in '>=4'"),
        asked_for("many @ file:///x.whl", "not an address"),
        asked_for("many=1", r"^expected a package such as keras==3\.9\.2, got 'many=1'$"),
        pytest.param(
            ["many==1.1", "picky==1.0"],
            r"contradict each other, .*requested many==1\.1, picky 1\.0 depends on many>=1\.2$",
            id="conflict",
        ),
    ],
)
def test_what_cannot_be_had_is_said_in_a_sentence(
    requirements: list[str], said: str, shelf: Path, tmp_path: Path
) -> None:
    for minor in range(9):
        wheel(shelf, "many", f"1.{minor}")
    wheel(shelf, "picky", "1.0", requires=["many>=1.2"])
    wheel(shelf, "needy", "1.0", requires=["nowhere>=2"])
    wheel(shelf, "later", "1.0", metadata="Requires-Python: >=4\n")
    source(shelf, "unmade", "1.0", "raise RuntimeError('no such compiler')")
    with pytest.raises(BuildError, match=said) as caught:
        build(requirements)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "cache").glob("environments/*.part"))


@pytest.mark.parametrize(
    ("page", "sentence"),
    [
        (
            """\
error: Failed to build `unmade==1.0`
  cause: Call to `backend.build_wheel` failed (exit status: 1)

         [stderr]
         Traceback (most recent call last):
           File "<string>", line 11, in <module>
         RuntimeError: no such compiler

hint: Build failures usually indicate a problem with the package
""",
            "unmade==1.0 does not build from its source, doing: RuntimeError: no such compiler",
        ),
        (
            """\
error: No solution found when resolving dependencies
  cause: Because optax>=0.2.8 depends on jax>=0.5.3 and you require optax==0.2.8, we can conclude
         that you require jax>=0.5.3.
         And because you require jax==0.4.13, they are unsatisfiable.

hint: none
""",
            "the requirements contradict each other, doing: Because optax>=0.2.8 depends on "
            "jax>=0.5.3 and you require optax==0.2.8, we can conclude that you require jax>=0.5.3. "
            "And because you require jax==0.4.13, they are unsatisfiable.",
        ),
        (
            """\
error: Failed to fetch: http://127.0.0.1:9/simple/keras/
  cause: tcp connect error
  cause: Connection refused (os error 111)
""",
            "a file or an index cannot be reached, doing: Failed to fetch: "
            "http://127.0.0.1:9/simple/keras/",
        ),
        ("", "doing failed: it says nothing"),
        ("one\n" + "x" * 1000, f"doing failed: {'x' * 299}…"),
    ],
)
def test_an_installers_page_becomes_a_sentence(page: str, sentence: str) -> None:
    assert explained(page, "doing") == sentence


def test_a_release_for_another_python_is_said_to_be_that(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = wheel(shelf, "sample", "1.0").as_uri()
    page(tmp_path / "index", "sample", {file: {"data-requires-python": ">=4"}})
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", (tmp_path / "index").as_uri())
    with pytest.raises(BuildError, match=r"^sample 1\.0 needs Python >=4, and .* is Python \d"):
        build(["sample==1.0"])


def test_an_index_that_cannot_be_reached_is_said_to_be_that(
    shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    with pytest.raises(BuildError, match=r"index at 127\.0\.0\.1:9 cannot be reached"):
        build(["sample==1.0"])


def test_an_interpreter_that_is_none_is_named(shelf: Path) -> None:
    with pytest.raises(BuildError, match="no interpreter is found at 'nowhere/python'"):
        build(["sample==1.0"], python="nowhere/python")


def test_a_cache_that_cannot_be_written_is_named(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PARITY_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(BuildError, match=r"cannot be written \(PARITY_CACHE .*: Not a directory"):
        build(["sample==1.0"])


PINS = {"sample": "1.0"}


def filling(folder: Path) -> None:
    zipfile.ZipFile(wheel(folder, "sample", "1.0")).extractall(folder)


def kept(make: Callable[[Path], None], tell: Callable[[str], None] = nothing) -> Path:
    return layers.kept("name", PINS, make, tell)


def test_a_layer_that_is_half_made_is_never_used(shelf: Path) -> None:
    # Without the metadata of what it should have: a folder that an earlier program left so.
    (layers.place() / "name" / "sample").mkdir(parents=True)
    folder = kept(filling)
    assert (folder / "sample" / "__init__.py").is_file()
    assert kept(nothing) == folder


def test_what_fails_leaves_nothing(shelf: Path) -> None:
    def half(folder: Path) -> None:
        (folder / "sample").mkdir()

    def full(folder: Path) -> None:
        half(folder)
        raise BuildError("no space is left on the disk")

    def interrupted(folder: Path) -> None:
        half(folder)
        raise KeyboardInterrupt

    for make, error in (
        (half, BuildError),
        (full, BuildError),
        (interrupted, KeyboardInterrupt),
    ):
        with pytest.raises(error):
            kept(make)
        assert [path.name for path in layers.place().iterdir() if path.is_dir()] == []


def test_a_full_disk_is_said_to_be_full(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    said = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"
    assert explained(said, "installing sample==1.0").startswith("no space is left on the disk")
    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(BuildError, match="no space is left on the disk"):
        kept(filling)
    assert not list(layers.place().glob("*.part"))


def test_parts_of_the_dead_are_removed_and_of_the_living_not(shelf: Path) -> None:
    dead, living = (layers.place() / f"{name}.00.part" for name in ("dead", "living"))
    dead.mkdir()
    living.mkdir()
    with FileLock(layers.place() / "living.lock"):
        kept(filling)
    assert (dead.exists(), living.exists()) == (False, True)


def test_two_that_want_the_same_layer_make_it_once(shelf: Path) -> None:
    begun, awaited = Event(), Event()
    made: list[Path] = []

    def slowly(folder: Path) -> None:
        begun.set()
        assert awaited.wait(60)
        made.append(folder)
        filling(folder)

    def waiting(text: str) -> None:
        assert text == "waiting for another run that installs the same"
        awaited.set()

    thread = Thread(target=kept, args=(slowly,))
    thread.start()
    assert begun.wait(60)
    folder = kept(nothing, waiting)
    thread.join()
    assert len(made) == 1
    assert (folder / "sample").is_dir()


@pytest.mark.skipif(os.name != "posix", reason="signals and named pipes")
def test_an_interrupted_install_ends_its_installer_and_leaves_nothing(
    shelf: Path, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    building = f"""
import signal
pipe = open({str(pipe)!r}, "w")
print("building", file=pipe, flush=True)
while True:
    signal.pause()
"""
    source(shelf, "stuck", "1.0", building)
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from parity.upgrades.environment import build; build(['stuck==1.0'])"
    )
    command = [sys.executable, "-c", code]
    with (
        subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as run,
        pipe.open() as builder,
    ):
        assert builder.readline() == "building\n"
        assert len(list(layers.place().glob("*.part"))) == 1
        run.send_signal(signal.SIGINT)
        _, trouble = run.communicate(timeout=60)
        # Its end of the pipe is closed: the builder is dead too.
        assert builder.read() == ""
    assert run.returncode == -signal.SIGINT
    assert trouble.endswith("KeyboardInterrupt\n")
    assert [path.name for path in layers.place().iterdir() if path.is_dir()] == ["resolved"]


UV = """#!{python}
import json, pathlib, sys
with open({log!r}, "a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
if {fails}:
    if "--target" in sys.argv:
        pathlib.Path(sys.argv[sys.argv.index("--target") + 1], "half").touch()
    sys.exit("error: this uv does nothing")
if "--dry-run" in sys.argv:
    print("Would install 1 package\\n - sample==1.0\\n + sample==1.1", file=sys.stderr)
else:
    folder = pathlib.Path(sys.argv[sys.argv.index("--target") + 1], "sample-1.1.dist-info")
    folder.mkdir(parents=True)
    folder.joinpath("METADATA").write_text("Name: sample\\nVersion: 1.1\\n")
"""


def uv(tmp_path: Path, *, fails: bool) -> Path:
    """Put a uv on the path that writes down how it is called; return where."""
    log, tool = tmp_path / "log", tmp_path / "tools" / "uv"
    tool.write_text(UV.format(python=sys.executable, log=str(log), fails=fails))
    tool.chmod(0o755)
    return log


@pytest.mark.skipif(os.name != "posix", reason="a script that is a command")
def test_uv_is_asked_first_with_pips_configuration(
    shelf: Path, python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "file:///one file:///two")
    monkeypatch.setenv("PIP_TRUSTED_HOST", "here")
    log = uv(tmp_path, fails=False)
    found = build(["sample==1.1"], python=python)
    assert found.pins == {"sample": "1.1"}
    resolving, installing_it = log.read_text().splitlines()
    options = (
        '"--no-index", "--index", "file:///one", "--index", "file:///two", '
        f'"--find-links", "{shelf}", "--allow-insecure-host", "here"'
    )
    assert options in resolving
    assert options in installing_it
    assert f'"--python", "{python}"' in resolving
    assert '"sample==1.1"' in installing_it


@pytest.mark.skipif(os.name != "posix", reason="a script that is a command")
def test_pip_has_the_last_word_where_uv_fails(shelf: Path, python: str, tmp_path: Path) -> None:
    wheel(shelf, "sample", "1.1")
    log = uv(tmp_path, fails=True)
    found = build(["sample==1.1"], python=python)
    assert said(found, SHOW.format("sample")) == "1.1"
    assert len(log.read_text().splitlines()) == 2
    # What uv laid there before it failed is gone.
    assert found.layer is not None
    assert not (found.layer / "half").exists()


CONSTRAINTS = """\
# The environment of last year.
keras==3.9.2  # with a reason
Tf_Keras==2.16.0; python_version >= "3"
numpy==1.26.4 ; python_version < "3"
jax==0.4.30 \\
    --hash=sha256:00 \\
    --hash=sha256:11

torch==2.4.0+cpu --hash=sha256:22
"""


def test_pins_are_read_from_a_constraints_file(tmp_path: Path) -> None:
    path = tmp_path / "constraints.txt"
    path.write_text(CONSTRAINTS)
    assert read_constraints(path) == [
        "keras==3.9.2",
        "tf-keras==2.16.0",
        "jax==0.4.30",
        "torch==2.4.0+cpu",
    ]


def test_markers_are_asked_of_a_sides_own_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "constraints.txt"
    path.write_text(CONSTRAINTS)
    old = replace(describe(sys.executable), version=(2, 7, 18))
    monkeypatch.setattr(environment, "describe", lambda python: old)
    assert read_constraints(path, "python2.7") == [
        "keras==3.9.2",
        "numpy==1.26.4",
        "jax==0.4.30",
        "torch==2.4.0+cpu",
    ]


def test_a_sides_pins_are_those_that_its_own_interpreter_does_not_meet(
    shelf: Path, python: str, tmp_path: Path
) -> None:
    path = tmp_path / "constraints.txt"
    path.write_text("sample==1.1\nbeside==1.0\n")
    assert sides([], path, path) == ((), ())  # this interpreter has none of them
    assert sides([], path, path, pythons=(sys.executable, python)) == ((), ("sample==1.1",))


def test_a_bare_name_is_about_the_interpreters_of_both_sides(
    shelf: Path, python: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wheel(shelf, "sample", "1.0")
    pythons = [f"--old-python={python}", f"--new-python={python}"]
    assert cli.main(["upgrade", "sample", *pythons]) == 0  # a gate that has nothing to fail
    assert "sample 1.0 is installed, and there is none newer" in capsys.readouterr().out
    # Another interpreter with the same release is another side.
    both = ((), ("sample==1.0",))
    assert sides(["sample"], None, None, pythons=(python, sys.executable)) == both


@pytest.mark.parametrize(
    "line", ["keras>=3", "keras", "keras==3.*", "-r other.txt", "keras=3", "?"]
)
def test_what_is_no_pin_is_refused_with_its_line(line: str, tmp_path: Path) -> None:
    path = tmp_path / "constraints.txt"
    path.write_text(f"optax==0.2.3\n{line}\n")
    with pytest.raises(ValueError, match="line 2: expected name==version, got ") as caught:
        read_constraints(path)
    assert line in str(caught.value)


def test_a_constraints_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"constraints\.txt cannot be read"):
        read_constraints(tmp_path / "constraints.txt")


@pytest.mark.parametrize(
    ("urls", "expected"),
    [
        ((), None),
        (("Homepage, https://sample.org",), "https://sample.org"),
        (
            ("Homepage, https://sample.org", "Release notes, https://sample.org/notes"),
            "https://sample.org/notes",
        ),
        (("Changelog, https://c.org", "Source, https://github.com/a/b"), "https://c.org"),
        (
            ("Home, https://sample.org", "Source, https://github.com/a/b.git"),
            "https://github.com/a/b/releases",
        ),
    ],
)
def test_the_changelog_is_where_the_metadata_says(
    urls: tuple[str, ...], expected: str | None, tmp_path: Path
) -> None:
    metadata = "".join(f"Project-URL: {url}\n" for url in urls)
    zipfile.ZipFile(wheel(tmp_path, "sample", "1.0", metadata=metadata)).extractall(tmp_path)
    found = Environment(sys.executable, tmp_path, PINS)
    assert changelog(found, "sample") == expected


def test_a_layer_s_release_hides_what_the_one_below_requires(python: str, tmp_path: Path) -> None:
    path = wheel(tmp_path, "sample", "1.1", requires=["other", "extra; extra == 'x'"])
    zipfile.ZipFile(path).extractall(tmp_path)
    assert requirements(Environment(python, None, {}))["sample"] == {"beside"}
    found = requirements(Environment(python, tmp_path, PINS))
    assert (found["sample"], found["beside"]) == ({"other"}, set())


def test_what_is_not_there_has_no_changelog() -> None:
    assert changelog(INSTALLED, "parity-missing") is None
