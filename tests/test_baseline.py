"""Baselines: what is kept, what is refused, which changes are told apart, and the gate's exit."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

# Loaded once, since a run in this process forgets what it has loaded itself.
import parity.findings
import parity.lockstep  # noqa: F401
from parity.arguments.outcome import Effect, Outcome, Trial
from parity.baseline import gather
from parity.baseline.compare import offer_changes, row_changes
from parity.baseline.config import FAIL, settings
from parity.baseline.content import Asked, Baseline, Finding, Offer, Row, Tried
from parity.baseline.file import BaselineError, load, save, text
from parity.baseline.numbers import measures, near, near_scores, rounded
from parity.checks import test_arguments as check_of_arguments
from parity.upgrades.change import Kind
from parity.upgrades.probe import Nudge, Probe, Seen, Target
from parity.upgrades.stages import moved, worst

pytest_plugins = ["pytester"]

LANE = '''
"""A lane whose fault is written here."""
import math
from dataclasses import replace
from parity.lanes import Lane, numpy32
from parity.lanes.numpy32 import updates

NAMES = {names!r}
LANES = [
    Lane(name, __file__, packages=("numpy",), optimizers={{"adam": ("beta1", "beta2", "eps")}})
    for name in NAMES
]

def eps_hat(w, g, state, h, lr, t):
    updates.renew_moments(g, state, h)
    scale = math.sqrt(1 - h["beta2"] ** t)
    return updates.moved(
        w,
        updates.corrected(state["m"], h["beta1"], t)
        / ((updates.root(state["v"]) + h["eps"]) / scale),
        lr,
    )

def train(case, mode):
    factor = 1.0
    {first}
    trace = numpy32.train(case, {mode!r})
    return replace(trace, losses=factor * trace.losses)
'''
HAT = 'updates.UPDATES["adam"] = eps_hat'
FAILS = 'raise ValueError("no kernel")'
# Each loss is off by half of it, and what comes then may be another matter.
LOSSES = "factor = 1.5"
DOUBLED = f"{LOSSES}; case = replace(case, rates=tuple(2 * lr for lr in case.rates))"


def plant(folder: Path, first: str = "pass", *, names: str = "mine", mode: str = "") -> None:
    """Write the lane's file: what it does first, its lanes, the order of its sums."""
    source = LANE.format(names=names.split(), first=first, mode=mode)
    (folder / "mine.py").write_text(source, encoding="utf-8")


def run(pytester: pytest.Pytester, *words: str) -> pytest.RunResult:
    return pytester.runpytest_inprocess("--pyargs", "parity", *words)


QUICK = ("--parity-profile=quick", "--parity-lanes=mine.py")
SAVED = "reports/baselines/main.json"


def saved(pytester: pytest.Pytester, *words: str) -> Path:
    """Save a baseline of the lane as it is; return its file."""
    run(pytester, *QUICK, "--parity-save=main", *words)
    return pytester.path / SAVED


def compared(pytester: pytest.Pytester, *words: str) -> tuple[pytest.RunResult, set[str]]:
    """Compare with the baseline; return the result, and the kinds of all changes."""
    result = run(pytester, "--parity-compare=main", "--parity-json=all.json", *words)
    report = json.loads((pytester.path / "all.json").read_text("utf-8"))
    assert report["exit_status"] == result.ret
    return result, {change["kind"] for change in report["changes"]}


def refusal(result: pytest.RunResult) -> str:
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (line,) = [line for line in result.errlines if line]
    return line.removeprefix("ERROR: ")


# Saved and compared


def test_what_was_saved_and_has_not_changed_is_silent(pytester: pytest.Pytester) -> None:
    plant(pytester.path)
    first = run(pytester, *QUICK, "--parity-save=main")
    assert first.ret == pytest.ExitCode.OK
    first.stdout.fnmatch_lines([f"baseline main: saved, {SAVED}"])
    result, kinds = compared(pytester)
    assert (result.ret, kinds) == (pytest.ExitCode.OK, set())
    result.stdout.fnmatch_lines([f"baseline main: nothing changed ({SAVED})"])


def test_a_file_is_the_same_from_run_to_run(pytester: pytest.Pytester) -> None:
    plant(pytester.path)
    first = saved(pytester).read_bytes()
    (pytester.path / SAVED).unlink()
    assert saved(pytester).read_bytes() == first


def test_the_baseline_decides_what_is_run(pytester: pytest.Pytester) -> None:
    plant(pytester.path)
    saved(pytester, "--hypothesis-seed=7")
    result, _ = compared(pytester)
    result.stdout.fnmatch_lines(["parity: profile quick, *, seed 7", "parity lanes: mine"])


def test_a_dial_that_moved_is_named(pytester: pytest.Pytester) -> None:
    plant(pytester.path)
    saved(pytester, "-k", "linear")
    plant(pytester.path, HAT)
    result, kinds = compared(pytester)
    assert (result.ret, kinds) == (pytest.ExitCode.TESTS_FAILED, {"semantic"})
    result.stdout.fnmatch_lines(
        [
            "*= parity baseline =*",
            "semantic: 1",
            "  mine test_lockstep*mine-linear-adam*: eps: after -> hat (*diverges at step *",
            "baseline main: 1 of 1 changes fail *",
        ]
    )


def test_a_known_divergence_is_no_failure_until_it_changes(pytester: pytest.Pytester) -> None:
    plant(pytester.path, HAT)
    saved(pytester, "-k", "linear")
    result, kinds = compared(pytester)
    assert (result.ret, kinds) == (pytest.ExitCode.OK, set())
    result.assert_outcomes(xfailed=1)
    plant(pytester.path)  # mended, which is a change too
    result, kinds = compared(pytester)
    assert (result.ret, kinds) == (pytest.ExitCode.TESTS_FAILED, {"semantic"})
    plant(pytester.path, FAILS)
    result, kinds = compared(pytester)
    assert (result.ret, kinds) == (pytest.ExitCode.TESTS_FAILED, {"error"})
    told = "  mine test_lockstep[[]mine-linear-adam]: * -> raised: ValueError: no kernel (2 cases)"
    result.stdout.fnmatch_lines([told])


def test_a_fault_behind_a_known_one_is_told_with_its_stage(pytester: pytest.Pytester) -> None:
    plant(pytester.path, LOSSES)
    saved(pytester, "-k", "linear")
    result, kinds = compared(pytester)
    assert (result.ret, kinds) == (pytest.ExitCode.OK, set())
    result.assert_outcomes(xfailed=1)
    plant(pytester.path, LOSSES, mode="shuffled")
    result, kinds = compared(pytester)
    assert (result.ret, kinds) == (pytest.ExitCode.OK, set())
    plant(pytester.path, DOUBLED)
    result, kinds = compared(pytester)
    assert (result.ret, kinds) == (pytest.ExitCode.TESTS_FAILED, {"semantic"})
    result.assert_outcomes(failed=1)
    told = "  mine test_lockstep[[]mine-linear-adam]: update: agrees -> diverges by * bounds (*)"
    result.stdout.fnmatch_lines([told])


def test_sums_in_another_order_are_rounding(pytester: pytest.Pytester) -> None:
    plant(pytester.path)
    file = saved(pytester)
    before = file.read_bytes()
    plant(pytester.path, mode="shuffled")
    result, kinds = compared(pytester, "--parity-save=main")
    assert result.ret == pytest.ExitCode.OK
    assert kinds <= {"rounding"}
    assert file.read_bytes() == before


def test_lanes_come_and_go(pytester: pytest.Pytester) -> None:
    plant(pytester.path, names="mine yours")
    saved(pytester)
    plant(pytester.path, names="mine others")
    result, kinds = compared(pytester)
    assert (result.ret, kinds) == (pytest.ExitCode.TESTS_FAILED, {"gone", "new"})
    result.stdout.fnmatch_lines(["gone: 1", "  yours the lane", "new: 1", "  others the lane"])


def test_written_anew_it_fails_once(pytester: pytest.Pytester) -> None:
    plant(pytester.path)
    file = saved(pytester, "-k", "linear or softmax")
    before = load(file)
    plant(pytester.path, HAT)
    result = run(pytester, "--parity-save=main", "-k", "linear")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["semantic: 1", "baseline main: written anew, *fails once"])
    after = load(file)
    kept = "test_lockstep[mine-softmax-adam]"  # left out of this run, and so left as it was
    assert before.rows[kept] == after.rows[kept]
    assert after.rows["test_lockstep[mine-linear-adam]"].findings
    again = run(pytester, "--parity-save=main", "-k", "linear")
    assert again.ret == pytest.ExitCode.OK
    again.stdout.fnmatch_lines(["baseline main: unchanged, *"])
    assert load(file) == after


def test_asked_otherwise_only_what_both_have_is_compared(pytester: pytest.Pytester) -> None:
    plant(pytester.path)
    saved(pytester, "-k", "linear")
    result, kinds = compared(pytester, "--hypothesis-seed=1")
    assert (result.ret, kinds) == (pytest.ExitCode.OK, set())
    result.stdout.fnmatch_lines(["asked otherwise (profile quick, seed 1) than the baseline *"])


def test_a_run_that_is_stopped_is_not_saved(pytester: pytest.Pytester) -> None:
    plant(pytester.path, FAILS)
    result = run(pytester, *QUICK, "--parity-save=main", "-x")
    assert result.ret != pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["*not saved: * checks did not run"])
    assert not (pytester.path / SAVED).exists()


def test_all_of_it_works_through_xdist(pytester: pytest.Pytester) -> None:
    plant(pytester.path, names="mine yours")
    words = ("--pyargs", "parity", "-n2", "-p", "no:cacheprovider")
    first = pytester.runpytest_subprocess(*words, *QUICK, "--parity-save=main", "-k", "linear")
    assert first.ret == pytest.ExitCode.OK
    assert set(load(pytester.path / SAVED).lanes) == {"mine", "yours"}
    plant(pytester.path, HAT, names="mine yours")
    second = pytester.runpytest_subprocess(*words, "--parity-compare=main")
    assert second.ret == pytest.ExitCode.TESTS_FAILED
    second.stdout.fnmatch_lines(["semantic: 2", "*mine-linear-adam*: eps: after -> hat *"])
    third = pytester.runpytest_subprocess(*words, "--parity-save=main", "-k", "linear")
    assert third.ret == pytest.ExitCode.TESTS_FAILED
    fourth = pytester.runpytest_subprocess(*words, "--parity-compare=main")
    assert fourth.ret == pytest.ExitCode.OK
    fourth.assert_outcomes(xfailed=2)


# Configured and misused


def test_what_fails_is_configurable(pytester: pytest.Pytester) -> None:
    plant(pytester.path)
    pytester.makepyprojecttoml('[tool.parity]\nbaselines = "kept"\nfail = ["gone"]')
    run(pytester, *QUICK, "--parity-save=main", "-k", "linear")
    assert (pytester.path / "kept/main.json").is_file()
    plant(pytester.path, HAT)
    result, kinds = compared(pytester)
    assert (result.ret, kinds) == (pytest.ExitCode.OK, {"semantic"})
    result.stdout.fnmatch_lines(["semantic (does not fail): 1"])


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('fail = ["drift"]', "fail: expected kinds of semantic, default, *, new, got 'drift'"),
        ('fail = ["rounding"]', "fail: expected kinds of semantic, *, new, got 'rounding'"),
        ('fail = "gone"', "fail is a list of kinds, got 'gone'"),
        ("baselines = 1", "baselines is a folder, got 1"),
        ("tolerance = 1", "has baselines and fail, got 'tolerance'"),
    ],
)
def test_a_wrong_word_in_the_settings_is_refused(
    pytester: pytest.Pytester, table: str, message: str
) -> None:
    pytester.makepyprojecttoml(f"[tool.parity]\n{table}")
    result = run(pytester, "--parity-lanes=numpy32", "--collect-only")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: pyproject.toml: ?tool.parity? {message}"])


def test_without_settings_all_but_rounding_fails(tmp_path: Path) -> None:
    assert set(settings(tmp_path).fail) == set(Kind) - {Kind.ROUNDING}
    assert settings(tmp_path).fail == FAIL


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--parity-compare=nope"], "there are kept, pinned"),
        (["--parity-compare=a b"], "expected a name or the path of a file, got 'a b'"),
        (["--parity-save=no/such"], "no/such: no folder no"),
        (["--parity-save=main", "--parity-case=x.json"], "--parity-save is about drawn cases"),
        (["--parity-compare=kept", "--parity-case=x.json"], "--parity-compare is about drawn"),
        (["--parity-compare=kept"], "reports/baselines/kept.json: damaged or no baseline"),
        (["--parity-save=kept"], "reports/baselines/kept.json: damaged or no baseline"),
    ],
)
def test_a_wrong_name_is_refused(pytester: pytest.Pytester, words: list[str], message: str) -> None:
    for name in ("pinned", "kept"):
        path = pytester.path / f"reports/baselines/{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("", encoding="utf-8")
    assert message in refusal(run(pytester, "--parity-lanes=numpy32", *words))


# The file


BASELINE = Baseline(
    Asked("quick", 0, lanes=("mine.py",)),
    {"numpy": "2.4.6"},
    "Linux x86_64",
    {
        "mine": {
            "test_lockstep[mine-linear-adam]": Row(
                "failed",
                cases="0a1b",
                verdicts={"agree": 1, "diverge": 1},
                dials=("eps=hat",),
                findings={
                    "9f": Finding(
                        *("diverge", "update", 2, "layer0/kernel", "8.5e+03"),
                        stages={"update": "8.5e+03"},
                    )
                },
                losses="0.693147",
            )
        }
    },
    {"torch": {"torch.optim.SGD": Offer("optimizer", ("lr=0.001",), {"()": Tried("accepted")})}},
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    save(BASELINE, tmp_path / "main.json")
    return tmp_path / "main.json"


def test_what_is_written_is_read(file: Path) -> None:
    assert load(file) == BASELINE
    assert [path.name for path in file.parent.iterdir()] == ["main.json"]


def test_no_single_byte_can_be_another(file: Path) -> None:
    content = file.read_bytes()
    for place in range(len(content)):
        for flipped in (content[place] ^ 1, content[place] ^ 0x80, ord(" ")):
            if flipped == content[place]:
                continue
            damaged = content[:place] + bytes([flipped]) + content[place + 1 :]
            file.write_bytes(damaged)
            with pytest.raises(BaselineError, match=r"main\.json: .*(damaged|no baseline|newer)"):
                load(file)


def test_a_truncated_file_is_refused(file: Path) -> None:
    content = file.read_bytes()
    for length in (*range(0, len(content), 50), len(content) - 1):
        file.write_bytes(content[:length])
        with pytest.raises(BaselineError, match=r"main\.json: damaged"):
            load(file)


def test_other_line_ends_are_no_damage(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert load(file) == BASELINE


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"format": 1, "verdicts": []}', "no baseline: it does not say"),
        ("[]", "no baseline: it does not say"),
        ("[" * 100_000, "not JSON"),
        ('{"kind": "parity baseline", "format": 2}', "made by a newer Parity: format 2"),
        ('{"kind": "parity baseline", "format": "1"}', "damaged: expected a format from 1"),
        ('{"kind": "parity baseline", "format": 1}', r"needs \['asked', 'machine', 'versions'\]"),
        ("\xff", "damaged: not a text file"),
    ],
)
def test_a_foreign_or_newer_file_is_refused(file: Path, content: str, message: str) -> None:
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(BaselineError, match=message):
        load(file)


def test_a_file_whose_findings_lack_their_stages_says_how_to_save_it_again(file: Path) -> None:
    written = file.read_text("utf-8").replace('      "stages": {"update": "8.5e+03"},\n', "")
    file.write_text(written, encoding="utf-8")
    with pytest.raises(BaselineError, match=r"older Parity, .*needs \['stages'\].*--parity-save"):
        load(file)


def test_a_file_edited_by_hand_says_how_to_save_it_again(file: Path) -> None:
    file.write_text(file.read_text("utf-8").replace("eps=hat", "eps=after"), encoding="utf-8")
    with pytest.raises(BaselineError, match=r"edited by hand.*--parity-save"):
        load(file)


@pytest.mark.parametrize(
    ("old", "new"), [('"seed": 0', '"seed": "0"'), ('"agree": 1', '"agree": true')]
)
def test_every_type_is_checked(file: Path, old: str, new: str) -> None:
    written = file.read_text("utf-8")
    assert old in written
    file.write_text(written.replace(old, new), encoding="utf-8")
    with pytest.raises(BaselineError, match=r"damaged: baseline.* expected int, got"):
        load(file)


def test_a_folder_that_is_a_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("")
    with pytest.raises(BaselineError, match="not written"):
        save(BASELINE, tmp_path / "reports" / "main.json")


def test_the_text_is_sorted_and_short() -> None:
    lines = text(BASELINE).splitlines()
    assert '   "torch.optim.SGD": {"arguments": ["lr=0.001"], ' in "\n".join(lines)
    assert all(len(line) <= 200 for line in lines)


# Numbers


@pytest.mark.parametrize(
    ("value", "noise", "expected"),
    [
        (0.69314718056, 1e-16, "0.693147"),
        (0.5, 0.0, "0.500000"),
        (1.23456789e-9, 1e-16, "1.23457E-9"),
        (1.23456789e-9, 1e-12, "1.235E-9"),
        (123456789.0, 0.0, "1.23457E+8"),
        (0.0, 0.0, "0"),
        (1e-17, 1e-12, "0E-12"),
        (float("nan"), 0.0, "nan"),
    ],
)
def test_only_digits_above_the_noise_are_kept(value: float, noise: float, expected: str) -> None:
    assert rounded(value, noise) == expected


def test_noise_never_parts_two_texts() -> None:
    random = np.random.default_rng(0)
    for _ in range(2000):
        value = float(random.standard_normal() * 10.0 ** random.integers(-12, 12))
        noise = abs(value) * 10.0 ** float(random.uniform(-15, 1))
        moved = value + float(random.uniform(-1, 1)) * noise
        assert near(rounded(value, noise), rounded(moved, noise)), (value, noise, moved)


def test_a_part_in_a_thousand_parts_two_texts() -> None:
    assert not near(rounded(0.5, 1e-15), rounded(0.5005, 1e-15))
    assert not near("0", "0.100000")
    assert not near("0.5 0.5", "0.5")
    assert not near("nan", "0.5")


def test_what_others_cancel_to_has_no_digits() -> None:
    narrow = np.linspace(0.1, 20, 9).astype(np.float32).astype(np.float64)
    arrays = {"gradient of kernel": narrow, "gradient of bias": narrow * 2.0**-24}
    found = measures([Seen(arrays)])
    other = measures([Seen({**arrays, "gradient of bias": narrow * 2.0**-25})])
    assert near(found["gradient of bias"], other["gradient of bias"])
    assert not near(found["gradient of kernel"], found["gradient of bias"])


def test_what_a_nudge_moves_as_far_as_it_is_large_is_unsettled() -> None:
    grown, moved = (Seen({"w by step": np.array([1.0, size])}) for size in (3e25, -8e24))
    assert measures([grown, moved]) == {"w by step": "unsettled"}
    assert near("unsettled", measures([grown])["w by step"])


def test_what_was_computed_in_float32_has_its_digits() -> None:
    values = np.linspace(0.1, 1.0, 9)
    narrow = values.astype(np.float32).astype(np.float64)
    wide, coarse = (measures([Seen({"w": array})])["w"] for array in (values, narrow))
    assert len(coarse) < len(wide)


def test_scores_are_one_within_two_bounds() -> None:
    def scored(score: str) -> Finding:
        return Finding("diverge", "update", 1, "w", score, stages={"update": score})

    assert near_scores(scored("3.1"), scored("5.0"))
    assert not near_scores(scored("8.5e+03"), scored("1.2e+02"))


def test_what_float32_is_off_by_in_float64_has_no_digits() -> None:
    counts = {
        "forward": {"diverged": 1, "worst": 3.6e6},
        "update": {"diverged": 9, "worst": 1.4e14},
    }
    assert worst(counts, "float64") == {"forward": "0E+9", "update": "1.4e+14"}
    assert worst(counts, "float32") == {"forward": "3.6e+06", "update": "1.4e+14"}
    other = {**counts, "forward": {"diverged": 1, "worst": 8.4e5}}
    assert not moved(worst(counts, "float64"), worst(other, "float64"))
    assert moved(worst(counts, "float32"), worst(other, "float32")) == ["forward"]
    agreeing = {**counts, "forward": {"diverged": 0, "worst": 0.9}}
    assert moved(worst(counts, "float64"), worst(agreeing, "float64")) == ["forward"]


# Changes of a check


ROW = Row("passed", "0a1b", {"agree": 2}, losses="0.693147 0.402000", traced="9f")
STAGES = {"state": "1.2e+04", "update": "8.5e+03"}
PARTS = Finding("diverge", "update", 2, "layer0/kernel", "8.5e+03", stages=STAGES)
LOST = replace(PARTS, score="inf", stages={"update": "inf"})
CRASH = Finding("error", reason="crashed: exit status 3", stages={})


def red(finding: Finding = PARTS, **changes: Any) -> Row:
    return replace(ROW, outcome="failed", findings={"9f": finding}, **changes)


def behind(**stages: str) -> Row:
    """Return what diverges first as ever, whatever it does then."""
    return red(replace(PARTS, stages=stages))


@pytest.mark.parametrize(
    ("old", "new", "kind", "told"),
    [
        (ROW, red(), Kind.SEMANTIC, "agrees -> diverges at step 2"),
        (red(), ROW, Kind.SEMANTIC, "-> agrees"),
        (ROW, red(CRASH), Kind.ERROR, "agrees -> crashed"),
        (ROW, red(turned=("eps=hat",)), Kind.SEMANTIC, "eps: after -> hat"),
        (ROW, replace(ROW, dials=("eps=hat",)), Kind.SEMANTIC, "eps: after -> hat"),
        (replace(ROW, dials=("eps=inside",)), ROW, Kind.SEMANTIC, "eps: inside -> after"),
        (red(), red(replace(PARTS, step=1)), Kind.SEMANTIC, "step 2, update"),
        (red(), red(replace(PARTS, score="8.5e+01")), Kind.SEMANTIC, "85|8.5e"),
        (red(), red(losses="0.693147 0.500000"), Kind.SEMANTIC, "losses: 0.693147 0.402000 ->"),
        (red(), behind(state="1.2e+04"), Kind.SEMANTIC, "update: diverges by 8.5e+03 bounds -> ag"),
        (red(), behind(**STAGES, forward="3.1"), Kind.SEMANTIC, "forward: agrees -> diverges by 3"),
        (red(), behind(state="1.2e+05", update="8.5e+03"), Kind.SEMANTIC, "state: diverges by 1.2"),
        (red(), behind(backward="7", update="9"), Kind.SEMANTIC, "backward: agrees -> diverges by"),
        (red(), behind(state="inf", update="8.5e+03"), Kind.SEMANTIC, "diverges by inf bounds"),
        (red(), behind(**STAGES, forward="0E+9"), Kind.SEMANTIC, "diverges by less than 1e+9 bo"),
        (red(LOST), red(replace(LOST, tensor="layer0/bias")), Kind.SEMANTIC, "of layer0/bias, inf"),
        (ROW, replace(ROW, losses="0.693147 0.410000"), Kind.ROUNDING, "losses"),
        (ROW, replace(ROW, verdicts={"abstain": 2}, outcome="failed"), Kind.GONE, "evidence"),
        (ROW, Row("skipped", said=("no cases",)), Kind.GONE, "skipped .no cases."),
        (Row("skipped", said=("no cases",)), ROW, Kind.NEW, "skipped -> passed"),
    ],
)
def test_each_change_of_a_check_has_its_kind(old: Row, new: Row, kind: Kind, told: str) -> None:
    (change,) = row_changes("mine", "test_lockstep[mine-linear-adam]", old, new)
    assert change.kind is kind
    assert any(
        part in change.sentence.replace("(", ".").replace(")", ".") for part in told.split("|")
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (ROW, ROW),
        (red(), red(replace(PARTS, score="8.4e+03"))),
        (red(), red(replace(PARTS, tensor="layer0/bias"))),
        (red(), replace(red(losses="0.693147 0.402001"))),
        (red(), behind(state="1.3e+04", update="8.4e+03")),
        (red(LOST), red(LOST)),
        (red(CRASH), red(CRASH)),
        # The losses are those of another case than the one that parts.
        (red(), red(traced="8e", losses="0.410000 0.300000")),
        (red(traced="8e"), red(traced="8e", losses="0.693147 0.500000")),
        (ROW, replace(ROW, cases="other", dials=("eps=hat",))),
    ],
)
def test_what_rounding_may_do_is_no_change(old: Row, new: Row) -> None:
    found = row_changes("mine", "test_lockstep[mine-linear-adam]", old, new)
    assert {change.kind for change in found} <= {Kind.ROUNDING}


@pytest.mark.parametrize(
    ("check", "kind"),
    [("claim", Kind.SEMANTIC), ("arguments", Kind.ARGUMENT), ("surface", Kind.ERROR)],
)
def test_a_check_without_verdicts_has_the_kind_it_is_about(check: str, kind: Kind) -> None:
    new = Row("failed", said=("stale",))
    (change,) = row_changes("mine", f"test_{check}[mine-x]", Row("passed"), new)
    assert (change.kind, change.old, change.new) == (kind, "passed", "stale")
    assert not row_changes("mine", f"test_{check}[mine-x]", new, new)


def test_another_version_that_ignores_the_same_arguments_is_no_change() -> None:
    old, new = (_ignoring(version) for version in ("torch 8", "torch 9"))
    assert "torch.optim.SGD(x=3)" in "".join(old.said)
    assert not row_changes("torch", "test_arguments[torch-torch]", old, new)


def _ignoring(version: str) -> Row:
    trial = Trial("torch.optim.SGD", "argument", "x", "3")
    outcome = Outcome("torch", version, trial, Effect.IGNORED)
    return gather.row("failed", check_of_arguments._finding("torch", [outcome], []), ())


# What a framework offers


class Fake:
    """A framework of one optimizer, whose rate and arguments are given."""

    def __init__(self, rate: float = 0.1, **arguments: str) -> None:
        self.rate = rate
        self.target = Target("sgd", "optimizer", {"lr": "0.1", "decay": "0.0", **arguments})
        self.kinds = {"decay": "accepted"}
        self.said: tuple[str, ...] = ()
        self.order = slice(None)
        self.runs = 0

    def describe(self) -> Mapping[str, Target]:
        return {"sgd": self.target}

    def run(self, probe: Probe, nudges: Sequence[int]) -> Sequence[Seen]:
        return [self._seen(probe, Nudge(seed)) for seed in nudges]

    def _seen(self, probe: Probe, nudge: Nudge) -> Seen:
        self.runs += 1
        for name in probe.arguments:
            if self.kinds.get(name) == "refused":
                return Seen(error=f"TypeError: no {name}")
        decay = probe.arguments.get("decay", 0.0) if self.kinds["decay"] == "accepted" else 0.0
        terms = nudge(np.linspace(0.1, 1.0, 7))
        w = terms - self.rate * terms[self.order].sum() - decay
        return Seen({"w": w}, "", self.said if probe.arguments else ())


CALLS = [Probe("sgd"), Probe("sgd", {"decay": 0.5})]


def offered(fake: Fake, known: Mapping[str, Offer] | None = None) -> dict[str, Offer]:
    return gather.offers(fake, CALLS, fake.describe(), known or {})


def surface_kinds(new: Fake) -> dict[str, Kind]:
    """Return what changed from the plain fake, by subject."""
    old = offered(Fake())
    found = offer_changes("torch", old, offered(new, old))
    return {change.subject: change.kind for change in found}


def test_what_a_call_does_is_told() -> None:
    fake = Fake()
    calls = offered(fake)["sgd"].calls
    assert {key: tried.effect for key, tried in calls.items()} == {
        "()": "accepted",
        "(decay=0.5)": "accepted",
    }
    assert len(calls["()"].numbers["w"].split()) == 2
    fake.kinds["decay"] = "ignored"
    assert offered(fake)["sgd"].calls["(decay=0.5)"] == Tried("ignored")
    fake.kinds["decay"] = "refused"
    fake.said = ("decay is old",)
    assert offered(fake)["sgd"].calls["(decay=0.5)"] == Tried("refused", ("TypeError: no decay",))


def test_the_same_offer_is_silent_and_needs_one_run_of_each_call() -> None:
    fake = Fake()
    old = offered(Fake())
    assert not offer_changes("torch", old, offered(fake, old))
    assert fake.runs == len(CALLS)


def test_another_order_of_a_sum_is_silent() -> None:
    fake = Fake()
    fake.order = slice(None, None, -1)
    assert set(surface_kinds(fake).values()) <= {Kind.ROUNDING}


def test_changes_of_an_offer_have_their_kinds() -> None:
    assert surface_kinds(Fake(rate=0.2)) == {"sgd()": Kind.SEMANTIC}
    assert surface_kinds(Fake(lr="0.2")) == {"sgd": Kind.DEFAULT}
    assert surface_kinds(Fake(momentum="0.0")) == {"sgd": Kind.ARGUMENT}
    for kind in ("ignored", "refused"):
        fake = Fake()
        fake.kinds["decay"] = kind
        assert surface_kinds(fake) == {"sgd(decay=0.5)": Kind.ARGUMENT}
    fake = Fake()
    fake.said = ("decay is old",)
    assert surface_kinds(fake) == {"sgd(decay=0.5)": Kind.ARGUMENT}


LABELS, VALUES, EPS, SIZE = "() labels", "() values", "(eps=(1,)) values", "(size=2) values"
HALF, WHOLE = (Tried("accepted", (), {"loss": number}) for number in ("0.500000", "1.00000"))
NO = Tried("refused", ("TypeError: no",))


def loss(calls: Mapping[str, Tried]) -> dict[str, Offer]:
    return {"nll": Offer("loss", (), calls)}


def test_an_array_that_one_side_shows_is_gone_or_new() -> None:
    more = replace(HALF, numbers={**HALF.numbers, "slot m": "0.100000"})
    pairs = ((more, HALF), (HALF, more))
    found = [offer_changes("torch", *(loss({VALUES: one}) for one in pair)) for pair in pairs]
    assert [[(c.kind, c.what) for c in changes] for changes in found] == [
        [(Kind.GONE, "it shows slot m")],
        [(Kind.NEW, "it shows slot m")],
    ]


OTHER = Tried("accepted", (), {"cost": "1.00000"})  # nothing that the call without it shows


@pytest.mark.parametrize(
    ("now", "kind"),
    [(HALF, Kind.ARGUMENT), (OTHER, Kind.ARGUMENT), (WHOLE, Kind.ROUNDING)],
)
def test_what_was_ignored_is_told_from_the_call_in_the_same_setting(now: Tried, kind: Kind) -> None:
    old = {LABELS: HALF, VALUES: WHOLE, EPS: Tried("ignored")}
    (change,) = offer_changes("torch", loss(old), loss({**old, EPS: now}))
    assert (change.kind, change.subject) == (kind, f"nll{EPS}")


def test_a_call_without_arguments_that_is_refused_is_an_error() -> None:
    old, new = {VALUES: HALF, EPS: HALF}, {VALUES: NO, EPS: NO}
    kinds = {change.subject: change.kind for change in offer_changes("torch", loss(old), loss(new))}
    assert kinds == {f"nll{VALUES}": Kind.ERROR, f"nll{EPS}": Kind.ARGUMENT}


def test_calls_that_change_as_the_one_without_arguments_are_counted_with_it() -> None:
    keys = (LABELS, VALUES, EPS, SIZE)
    old, new = (loss(dict.fromkeys(keys, tried)) for tried in (HALF, WHOLE))
    found = {change.subject: change.why for change in offer_changes("torch", old, new)}
    assert found == {f"nll{LABELS}": "", f"nll{VALUES}": "and 2 calls with an argument"}


def test_what_is_offered_by_one_side_is_gone_or_new() -> None:
    held = offered(Fake())
    (gone,), (new,) = (offer_changes("torch", *pair) for pair in ((held, {}), ({}, held)))
    assert (gone.kind, new.kind) == (Kind.GONE, Kind.NEW)


def test_frameworks_go_with_the_lane_that_runs_them() -> None:
    from parity.lanes.catalog import LANES
    from parity.upgrades.probing import FRAMEWORKS

    found = gather.frameworks(LANES)
    assert set(found) == set(FRAMEWORKS)
    assert {name: found[name].name for name in ("torch", "optax", "keras@jax", "jax")} == {
        "torch": "torch",
        "optax": "jax",
        "keras@jax": "keras@jax",
        "jax": "jax",
    }


def test_a_surface_is_a_check_of_its_own(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = Fake()
    module: Any = ModuleType("parity.upgrades.probing")
    module.ProbeError = ValueError
    module.Side = lambda name: _Context(fake)
    module.probes_of = lambda targets, *, brief: iter(CALLS)
    monkeypatch.setitem(sys.modules, "parity.upgrades.probing", module)
    words = ("--parity-lanes=torch", "--parity-profile=quick", "-k", "surface")
    result = run(pytester, *words, "--parity-save=main")
    result.assert_outcomes(passed=1)
    assert set(load(pytester.path / SAVED).frameworks["torch"]["sgd"].calls) == {"()"}
    fake.rate = 0.2
    result, kinds = compared(pytester)
    assert (result.ret, kinds) == (pytest.ExitCode.TESTS_FAILED, {"semantic"})
    result.stdout.fnmatch_lines(["  torch sgd(): w: *"])


class _Context:
    def __init__(self, fake: Fake) -> None:
        self.fake = fake

    def __enter__(self) -> Fake:
        return self.fake

    def __exit__(self, *_: object) -> None:
        return None
