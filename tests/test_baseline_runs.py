"""Runs with a baseline: beside other tests, with devices, on a full disk, with nothing selected."""

from __future__ import annotations

import errno
import json
import os

import pytest
from test_baseline import HAT, QUICK, SAVED, compared, plant, refusal, run, saved

from parity import session

# Loaded once, since a run in this process forgets what it has loaded itself.
from parity.baseline.file import load
from parity.lanes import installed

pytest_plugins = ["pytester"]

LINEAR = ("-k", "linear")
ON_DEVICE = (
    "LANES.append(Lane('mine:gpu', __file__, optimizers=LANES[0].optimizers, device='cuda'))"
)
UNSELECTED = "no check was selected that a baseline holds: nothing is compared or saved"


@pytest.fixture
def beside(pytester: pytest.Pytester) -> str:
    """Return a file with a test that is no check."""
    plant(pytester.path)
    return str(pytester.makepyfile("def test_alone(): pass"))


def test_other_tests_are_left_alone(pytester: pytest.Pytester, beside: str) -> None:
    first = run(pytester, beside, *QUICK, "--parity-save=main", "-k", "linear or alone")
    first.assert_outcomes(passed=2, deselected=9)
    assert list(load(pytester.path / SAVED).rows) == ["test_lockstep[mine-linear-adam]"]
    second, kinds = compared(pytester, beside)
    second.assert_outcomes(passed=2, deselected=9)
    assert (second.ret, kinds) == (pytest.ExitCode.OK, set())


def test_other_tests_alone_are_no_baseline(pytester: pytest.Pytester, beside: str) -> None:
    result = run(pytester, beside, *QUICK, "--parity-save=main", "-k", "alone")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([UNSELECTED])
    assert not (pytester.path / SAVED).exists()


def test_nothing_selected_is_said_so(pytester: pytest.Pytester) -> None:
    plant(pytester.path)
    result = run(pytester, *QUICK, "--parity-save=main", "-k", "nothing")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result.stdout.fnmatch_lines([UNSELECTED])


@pytest.mark.parametrize("there", [True, False])
def test_a_device_makes_no_other_baseline(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    plant(pytester.path)
    with (pytester.path / "mine.py").open("a", encoding="utf-8") as file:
        file.write(ON_DEVICE)
    monkeypatch.setattr(session, "missing", lambda lane: _missing(lane.device, there))
    assert set(load(saved(pytester)).lanes) == {"mine"}
    monkeypatch.setattr(session, "missing", lambda lane: _missing(lane.device, not there))
    result, kinds = compared(pytester)
    assert (result.ret, kinds) == (pytest.ExitCode.OK, set())
    told = "parity keeps no baseline of mine:gpu: they need a device"
    assert (told in result.outlines) is not there


def _missing(device: str, there: bool) -> str | None:
    return "no CUDA device" if device and not there else None


def test_lanes_on_a_device_alone_are_refused(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installed, "lacking", lambda package: None)
    result = run(pytester, "--parity-lanes=torch:cuda", "--parity-save=main")
    assert "lanes that need a device" in refusal(result)


@pytest.mark.parametrize("words", [["--parity-compare=main"], []])
def test_a_full_disk_takes_no_changes_away(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    plant(pytester.path)
    saved(pytester, *LINEAR)
    plant(pytester.path, HAT)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    place = "other" if words else "main"
    asked = (*QUICK, *LINEAR, f"--parity-save={place}", "--parity-json=all.json")
    result = run(pytester, *words, *asked)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["semantic: 1", f"*{place}.json: not written: No space left *"])
    report = json.loads((pytester.path / "all.json").read_text("utf-8"))
    assert [change["kind"] for change in report["changes"]] == ["semantic"]
    assert any("not written" in note for note in report["compared"])


def test_a_folder_that_cannot_be_written_to_is_refused(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("--parity-lanes=numpy32", "--parity-save=main")
    (pytester.path / "reports").write_text("")
    assert "reports is no folder that can be written to" in refusal(run(pytester, *words))
    (pytester.path / "reports").unlink()
    # Permissions say nothing where tests run as root.
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK | os.X_OK)
    assert "is no folder that can be written to" in refusal(run(pytester, *words))
