"""An upgrade of a framework that is made up: every planted change is found, named and located."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from wheels import wheel

from parity import cli, compare
from parity.case import Case
from parity.compare import Divergence, Stage
from parity.datasets import real_case
from parity.lanes import Lane, numpy32
from parity.lanes.catalog import LANES
from parity.lockstep import Result
from parity.parts import Optimizer
from parity.strategies import PROBLEMS
from parity.trace import Trace
from parity.upgrades import bisect as bisecting
from parity.upgrades import command, findings, lockstep, upgrade
from parity.upgrades.bisect import Memory, Search, Verdict
from parity.upgrades.bisecting import distinct
from parity.upgrades.change import Change, Kind
from parity.upgrades.compare import SAID, Found
from parity.upgrades.environment import INSTALLED, Environment, build
from parity.upgrades.findings import Finding
from parity.upgrades.groups import grouped
from parity.upgrades.lockstep import Apart
from parity.upgrades.probe import Probe
from parity.upgrades.probing import FRAMEWORKS, Framework, Side
from parity.upgrades.releases import releases
from parity.upgrades.report import beside, to_json
from parity.upgrades.sides import sides
from parity.upgrades.upgrade import Report, compared

TOY = str(Path(__file__).with_name("toy_framework.py"))


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten releases of `toylib`, the only packages there are, and the framework that probes it."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    found = tmp_path / "shelf"
    for minor in range(10):
        wheel(found, "toylib", f"1.{minor}", day=(2025, 1 + minor, 3))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(found))
    monkeypatch.setenv("PARITY_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    toy = Framework(TOY, ("toylib",), (("toylib",),))
    monkeypatch.setitem(FRAMEWORKS, "toy", toy)  # type: ignore[arg-type]  # a constant, else
    return found


def upgraded(old: str, new: str) -> Report:
    return compared(build([f"toylib=={old}"]), build([f"toylib=={new}"]), only=["toy"])


def test_every_planted_change_is_found_with_its_kind(shelf: Path) -> None:
    report = upgraded("1.5", "1.6")
    found = {(c.kind, c.subject, c.what) for c in report.changes}
    assert found == {
        (Kind.SEMANTIC, "toy.descend()", "weights[2] after step 1"),
        (Kind.DEFAULT, "toy.descend", "lr"),
        (Kind.DEFAULT, "toy.descend()", ""),
        (Kind.ARGUMENT, "toy.descend", "nesterov"),
        (Kind.ARGUMENT, "toy.mean(axis=0)", "axis"),
        (Kind.ARGUMENT, "toy.clipped(clip=0.4)", "clip"),
        (Kind.ARGUMENT, "toy.mean(weights=0.4)", "what is said"),
        (Kind.GONE, "toy.older", "the loss"),
        (Kind.NEW, "toy.newer", "the loss"),
        (Kind.ROUNDING, "1 calls of 1 targets", ""),
    }
    # What the rule changes in other calls is no finding of its own.
    [semantic] = [one for one in report.found if one.change.kind is Kind.SEMANTIC]
    assert "toy.descend(eps=0.03)" in semantic.others


def test_two_releases_that_do_the_same_do_not_differ(shelf: Path) -> None:
    report = upgraded("1.7", "1.9")
    assert report.changes == []
    assert report.tried["toy"] > 0


def test_what_does_not_import_is_a_finding_of_its_own(shelf: Path) -> None:
    [change] = upgraded("1.3", "1.4").changes
    assert (change.kind, change.what, change.old) == (Kind.ERROR, "import", "imports")
    assert "toylib 1.4 needs something that is not there" in change.new


def test_the_command_reports_writes_and_fails_as_a_gate(
    shelf: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ["upgrade", "toylib==1.5", "toylib==1.6", "--only=toy"]
    outputs = [f"--json={tmp_path / 'a.json'}", f"--markdown={tmp_path / 'a.md'}"]
    assert cli.main([*words, *outputs, f"--findings={tmp_path / 'found'}"]) == 1
    said = capsys.readouterr().out
    assert "toylib 1.5 → toylib 1.6" in said
    assert "1 semantic, 2 default, 4 argument, 1 gone, 1 new, 1 rounding" in said
    record = json.loads((tmp_path / "a.json").read_text("utf-8"))
    assert (record["old"], record["new"]) == ({"toylib": "1.5"}, {"toylib": "1.6"})
    assert record["fails"] is True
    assert "#### semantic (1): training differs" in (tmp_path / "a.md").read_text("utf-8")
    scripts = sorted((tmp_path / "found").glob("*.py"))
    assert any("# toylib 1.5: PYTHONPATH=" in path.read_text("utf-8") for path in scripts)
    # A gate that was told to let all of it pass.
    table = "[tool.parity]\nfail = ['error']\n"
    (tmp_path / "pyproject.toml").write_text(table, "utf-8")
    assert cli.main([*words, f"--findings={tmp_path / 'found'}"]) == 0


SAME = ["upgrade", "toylib==1.7", "toylib==1.9", "--only=toy"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["upgrade"], "expected packages, such as keras==3.9.2 keras==3.15.1, or keras"),
        (["upgrade", "toylib=1"], "expected a package such as keras==3.9.2, got 'toylib=1'"),
        (["upgrade", "toylib==1.5", "toylib==1.5"], "both sides are toylib==1.5"),
        (["upgrade", "toylib==1.5", "toylib==7.0"], "there is no release toylib==7.0"),
        (["upgrade", "nothing==1", "nothing==2"], "nothing"),
        (["upgrade", "toylib==1.5", "toylib==1.6", "--only=tou"], "got 'tou'"),
        (["upgrade", "toylib==1.5", "toylib==1.6", "--budget=-1"], "budget: expected a number"),
        (["upgrade", "toylib==1.5", "toylib==1.6", "--json=."], ".: is a folder"),
        (["upgrade", "toylib==1.5", "toylib==1.6", "--markdown=."], ".: is a folder"),
        (
            ["upgrade", f"numpy=={np.__version__}"],
            f"both sides are the same: numpy {np.__version__}",
        ),
        ([*SAME, "--match=descent"], "toy was left out: nothing that it offers has 'descent' in"),
        ([*SAME, "--budget=1e-9"], "calls were not tried: the budget was used up (--budget)"),
        (["upgrade", "--from=missing.txt", "--to=missing.txt"], "missing.txt cannot be read"),
        (["upgrade", "toylib==1.5", "--from=missing.txt"], "not a mixture"),
        (["bisect", "toylib"], "expected --case FILE or --check OPTIMIZER/LANE"),
        (["bisect", "toylib", "--check=adma/torch"], "got 'adma'"),
        (["bisect", "toylib", "--check=adam/troch"], "got 'troch'"),
        (["bisect", "toylib", "--case=missing.json"], "missing.json cannot be read"),
    ],
)
def test_a_wrong_word_is_told_in_a_sentence(
    shelf: Path, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err


def test_an_unknown_name_is_refused_before_anything_is_built(
    shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "build", lambda *_, **options: pytest.fail("built"))
    with pytest.raises(SystemExit):
        cli.main(["upgrade", "toylib==1.5", "toylib==1.6", "--only=tou"])


def test_findings_that_cannot_be_written_lose_no_report(
    shelf: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    words = ["upgrade", "toylib==1.5", "toylib==1.6", "--only=toy", f"--json={tmp_path / 'a.json'}"]
    with pytest.raises(SystemExit) as ended:
        cli.main([*words, f"--findings={tmp_path / 'file' / 'found'}"])
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert "1 semantic, 2 default, 4 argument, 1 gone, 1 new, 1 rounding" in said.out
    assert f"{tmp_path / 'file' / 'found'}: Not a directory" in said.err
    assert json.loads((tmp_path / "a.json").read_text("utf-8"))["fails"] is True


def test_a_lane_that_trains_on_neither_side_was_not_compared(
    shelf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = shelf / "broken.py"
    module.write_text("raise ImportError('it is not for this machine')\n", "utf-8")
    lane = Lane("broken", str(module), packages=("toylib",), optimizers={"sgd": ()})
    monkeypatch.setattr(upgrade, "LANES", (lane,))
    run, batches = lockstep.Sides.run, 0

    def counted(self: lockstep.Sides, *asked: Any) -> Any:
        nonlocal batches
        batches += 1
        return run(self, *asked)

    monkeypatch.setattr(lockstep.Sides, "run", counted)
    with pytest.raises(SystemExit) as ended:
        cli.main(["upgrade", "toylib==1.7", "toylib==1.9", "--only=broken"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "nothing could be compared: lane broken was left out: import: " in said
    assert "it is not for this machine" in said
    assert batches == 1  # a lane that can't be imported once can't be for the next case either


def test_a_part_of_the_names_chooses_among_the_checks_of_lanes_too(
    shelf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    numpy32 = next(lane for lane in LANES if lane.name == "numpy32")
    monkeypatch.setattr(upgrade, "LANES", (replace(numpy32, packages=("toylib",)),))
    run, asked = lockstep.Sides.run, list[str]()

    def noted(self: lockstep.Sides, lane: Lane, cases: Sequence[Case]) -> Any:
        asked.extend(case.optimizer.name for case in cases)
        return run(self, lane, cases)

    monkeypatch.setattr(lockstep.Sides, "run", noted)
    words = ["upgrade", "toylib==1.7", "toylib==1.9"]
    assert cli.main([*words, "--match=NumPy32 SGD "]) == 0
    assert set(asked) == {"sgd"}
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        cli.main([*words, "--match=adabeleif"])
    assert ended.value.code == 2
    assert "nothing that it offers has 'adabeleif' in its name" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main([*words, "--only=numpy32", "--match=adabeleif"])
    assert "lane numpy32 was left out: nothing that it offers has" in capsys.readouterr().err
    assert set(asked) == {"sgd"}


def test_a_helper_that_moved_changes_what_requires_it(
    shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("1", "2"):
        wheel(shelf, "helper", version, requires=["nowhere; extra == 'more'"])
        wheel(shelf, "stranger", version)
    wheel(shelf, "between", "1", requires=["helper", "otherlib; extra == 'more'"])
    wheel(shelf, "toylib", "2.0", requires=["between"])
    wheel(shelf, "otherlib", "1", requires=["toylib"])
    other = Framework(TOY, ("otherlib",), (("otherlib",),))
    monkeypatch.setitem(FRAMEWORKS, "other", other)  # type: ignore[arg-type]  # a constant, else

    def tried(moved: str) -> set[str]:
        same = ["toylib==2.0", "otherlib==1", "helper==1"]
        old, new = (build([*same[: 2 + (moved != "helper")], f"{moved}=={n}"]) for n in "12")
        report = compared(old, new, only=["toy", "other"], match="toy.mean")
        return set(report.tried)

    assert tried("helper") == {"toy"}
    assert tried("stranger") == {"toy", "other"}  # who knows what it is for


def test_the_scripts_of_lanes_end_with_the_patience(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def slow(apart: Apart, *_: object) -> str:
        looked.append(apart.change.subject)
        return "print()\n"

    def apart(rate: float) -> Apart:
        case = real_case("iris", Optimizer("sgd"))
        case = replace(case, rates=(rate,) * case.steps)
        result = Result("torch", case, compare.Verdict(compare.Status.AGREE))
        change = Change(Kind.SEMANTIC, "torch", f"with {rate}")
        return Apart(change, LANES[0], case, result, result)

    monkeypatch.setattr(findings, "_lane_script", slow)
    monkeypatch.setattr(findings, "time", SimpleNamespace(monotonic=count().__next__))
    report = Report({}, {}, apart=[apart(rate) for rate in (0.1, 0.2, 0.3)])
    told = list(findings.save(report, INSTALLED, INSTALLED, tmp_path, patience=2).values())
    assert looked == ["with 0.1", "with 0.2"]
    assert told[2].endswith(".json (no script: the budget was used up)")
    assert len(list(tmp_path.glob("*.json"))) == 3


def test_what_a_lane_had_no_time_for_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    numpy32 = next(lane for lane in LANES if lane.name == "numpy32")
    lane = replace(numpy32, optimizers={"sgd": (), "adam": ()})
    checks = lockstep.checks_of(lane)
    clock = SimpleNamespace(monotonic=count().__next__)
    with lockstep.Sides(INSTALLED, INSTALLED) as both:
        monkeypatch.setattr(lockstep, "time", clock)
        assert list(both.changes(lane, checks, deadline=0.5)) == []
    assert both.trained == {"numpy32"}
    assert both.left == {"numpy32": 2 * len(PROBLEMS) - 1}
    report = Report({}, {}, ran=["numpy32"], cut=both.left)
    told = f"lane numpy32: {both.left['numpy32']} checks were not tried: the budget was used up"
    assert any(told in line for line in beside(report))


def test_two_divergences_are_one_only_where_rounding_explains_both() -> None:
    case = real_case("iris", Optimizer("sgd"))
    trace = Trace(np.zeros(1), {}, {})

    def result(index: tuple[int, ...], score: float) -> Result:
        found = Divergence(0, Stage.UPDATE, "w", index, 0.0, score, 1.0, score, 1, 9)
        verdict = compare.Verdict(compare.Status.DIVERGE, divergence=found)
        return Result("torch", case, verdict, trace=trace)

    def parts(one: Result, other: Result) -> bool:
        return lockstep.unlike(LANES[0], one, other) is not None

    assert parts(result((0,), 1e6), result((0,), 5e5))
    assert parts(result((0,), 1e6), result((1,), 5e5))
    assert parts(result((0,), math.inf), result((1,), math.inf))
    # Two elements that are as far off: either may be the worst.
    assert not parts(result((0,), 1e6), result((1,), 1e6 + 1))
    assert not parts(result((0,), math.inf), result((0,), math.inf))


def judged(case: Case, trace: Trace) -> Result:
    return Result("numpy32", case, compare.judge(case, trace, {}), trace=trace)


def test_a_fault_behind_one_that_both_sides_have_is_told_with_its_stage() -> None:
    case = real_case("iris", Optimizer("adam"))
    off, twice = 1.5, replace(case, rates=tuple(2 * lr for lr in case.rates))

    def result(asked: Case, mode: str = "") -> Result:
        trace = numpy32.train(asked, mode)
        return judged(case, replace(trace, losses=off * trace.losses))

    old, new = result(case), result(twice)
    assert old.verdict.divergence == new.verdict.divergence
    change = lockstep.unlike(LANES[0], old, new)
    assert change is not None
    assert (change.kind, change.what, change.old) == (Kind.SEMANTIC, "update", "as the oracle")
    assert " elements, " in change.new
    back = lockstep.unlike(LANES[0], new, old)
    assert back is not None
    assert (back.what, back.new) == ("update", "as the oracle")
    assert lockstep.unlike(LANES[0], old, result(case, "shuffled")) is None


def test_a_release_between_the_ends_is_asked_where_they_part() -> None:
    case = real_case("iris", Optimizer("adam"))

    def result(losses: float = 1.0, gradients: float = 1.0, rate: float = 1.0) -> Result:
        rates = tuple(rate * lr for lr in case.rates)
        trace = numpy32.train(replace(case, rates=rates), "")
        shown = {name: gradients * value for name, value in trace.gradients.items()}
        return judged(case, replace(trace, losses=losses * trace.losses, gradients=shown))

    def failing(reason: str) -> Result:
        verdict = compare.Verdict(compare.Status.ERROR, reason=reason)
        return Result("numpy32", case, verdict)

    def as_last(first: Result, last: Result, other: Result) -> bool | None:
        return bisecting._as_last(Finding("numpy32", {}, {}, case=case), first, last, other)

    first, last = result(1.5), result(1.5, rate=2)
    assert as_last(first, last, result(1.5, rate=2))
    assert not as_last(first, last, result(2, 1.5))
    # The loss went elsewhere on the way, and came back: that is another finding.
    assert as_last(first, last, result(2.5, rate=2))
    refused, crashed = failing("refused: no such loss"), failing("crashed: killed by SIGSEGV")
    assert as_last(refused, crashed, crashed)
    assert not as_last(refused, crashed, failing("raised: ValueError: no"))


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("raised: ValueError: no", "raised: TypeError: no", None),
        ("refused: no such loss", "refused: no loss of that name", None),
        ("refused: no such loss", "crashed: killed by SIGSEGV", Kind.ERROR),
        ("hung: no answer", "raised: ValueError: no", Kind.ERROR),
        ("", "refused: no such loss", Kind.ARGUMENT),
        ("crashed: killed by SIGSEGV", "", Kind.ERROR),
    ],
)
def test_another_way_to_fail_is_a_change(old: str, new: str, kind: Kind | None) -> None:
    case = real_case("iris", Optimizer("sgd"))

    def result(reason: str) -> Result:
        if reason:
            return Result("torch", case, compare.Verdict(compare.Status.ERROR, reason=reason))
        return judged(case, numpy32.train(case, ""))

    change = lockstep.unlike(LANES[0], result(old), result(new))
    assert (change and change.kind) == kind
    if change is not None:
        assert change.what == (new or old).partition(":")[0]


def test_the_report_is_json_where_a_call_has_numbers_that_are_none() -> None:
    change = Change(Kind.SEMANTIC, "toy", "toy.clipped(clip=inf)")
    probe = Probe("toy.clipped", {"clip": math.inf, "weights": [math.nan, 1.0]})
    text = to_json(Report({}, {}, found=[Found(change, probe)]), {}, ())
    record = json.loads(text, parse_constant=pytest.fail)
    given = record["changes"][0]["probe"]["arguments"]
    assert given == {"clip": "inf", "weights": ["nan", 1.0]}


def test_ctrl_c_ends_it_with_a_sentence_and_no_process(
    shelf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started: list[Side] = []
    run = Side.run

    def interrupted(side: Side, *words: object) -> object:
        started.append(side)
        if len(started) > 4:
            raise KeyboardInterrupt
        return run(side, *words)  # type: ignore[arg-type]  # whatever it is called with

    monkeypatch.setattr(Side, "run", interrupted)
    with pytest.raises(SystemExit) as ended:
        cli.main(["upgrade", "toylib==1.5", "toylib==1.6", "--only=toy"])
    assert ended.value.code == 130
    assert "interrupted" in capsys.readouterr().err
    assert not any(side.alive for side in started)


def test_one_name_is_what_is_installed_against_the_newest(shelf: Path) -> None:
    assert sides(["toylib"], None, None) == ((), ("toylib==1.9",))
    assert sides(["toylib==1.2"], None, None) == ((), ("toylib==1.2",))
    both = sides(["toylib==1.2", "beside==3", "toylib==1.3"], None, None)
    assert both == (("toylib==1.2", "beside==3"), ("toylib==1.3", "beside==3"))


FINDINGS = (
    Finding("toy", {}, {}, Probe("toy.descend")),
    Finding("toy", {}, {}, Probe("toy.mean", {"axis": 0})),
    Finding("toy", {}, {}, Probe("toy.mean")),
)


def searched(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> Search:
    """Return a search that notes which releases it runs."""

    def noted(requirements: list[str], **options: object) -> Environment:
        asked.append(requirements[0].partition("==")[2])
        return build(requirements)

    monkeypatch.setattr(bisecting, "build", noted)
    memory = Memory(["toylib", *(finding.to_json() for finding in FINDINGS)])
    return Search("toylib", releases("toylib"), FINDINGS, memory)


def test_the_release_is_found_and_one_that_does_not_import_is_passed_over(
    shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    first, second, third = searched(asked, monkeypatch).run()
    assert (first.last, first.first) == ("1.5", "1.6")
    assert (second.last, second.first) == ("1.5", "1.6")
    assert third.first is None
    assert first.change is not None
    assert first.change.kind is Kind.SEMANTIC
    # Both findings share what is run; 1.4 was asked once and is no answer.
    assert len(asked) == len(set(asked))
    runs = [version for version in asked if version != "1.4"]
    assert len(runs) <= math.ceil(math.log2(len(releases("toylib")) - 1)) + 2


def test_a_search_that_was_interrupted_goes_on_where_it_was(
    shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    whole = [verdict.first for verdict in searched(asked, monkeypatch).run()]
    asked.clear()
    search = searched(asked, monkeypatch)
    with search.memory.path.open("a", encoding="utf-8") as file:
        file.write('{"version": "1.6", "par')  # a line that was cut off
    assert [verdict.first for verdict in search.run()] == whole
    assert asked == []


def test_yanked_releases_and_those_that_cannot_be_installed_are_left_out(
    shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shelf / "toylib-1.5-py3-none-any.whl").unlink()
    wheel(shelf, "toylib", "1.5", tag="cp27-none-any")
    asked: list[str] = []
    first, *_ = searched(asked, monkeypatch).run()
    assert (first.last, first.first) == ("1.3", "1.6")
    assert set(first.skipped) == {"1.4", "1.5"}
    assert "1.5" not in asked


def test_the_command_names_the_release_its_day_and_what_changed(
    shelf: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    ends = ({"toylib": "1.0"}, {"toylib": "1.9"})
    path = tmp_path / "finding.json"
    path.write_text(Finding("toy", *ends, Probe("toy.descend")).to_json(), "utf-8")
    assert cli.main(["bisect", "toylib", f"--case={path}"]) == 0
    said = capsys.readouterr().out
    assert "toylib 1.6 (2025-07-03) is the first that parts, 1.5 the last that does not" in said
    assert "weights[1] after step 1" in said
    path.write_text(Finding("toy", *ends, Probe("toy.mean")).to_json(), "utf-8")
    assert cli.main(["bisect", "toylib", f"--case={path}"]) == 1
    assert "toylib 1.0 and 1.9 do not part" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"old": {}', '"old": {'),
        ('"format": 1', '"format": 2'),
        ('"probe"', '"prob"'),
        ('"arguments": {}', '"arguments": 3'),
        ('"case": null', '"case": {}'),
    ],
)
def test_a_finding_that_is_damaged_is_refused(old: str, new: str) -> None:
    text = FINDINGS[0].to_json()
    assert Finding.from_json(text) == FINDINGS[0]
    assert old in text
    for damaged in (text.replace(old, new), "[]", "null", ""):
        with pytest.raises(ValueError, match=r"not a finding|not JSON|format|not a probe|expected"):
            Finding.from_json(damaged)


def test_a_case_survives_in_a_finding() -> None:
    case = real_case("iris", Optimizer("sgd"))
    again = Finding.from_json(Finding("torch", {}, {}, case=case).to_json())
    assert again.case is not None
    assert again.case.digest == case.digest


def test_cases_that_begin_with_one_release_are_one_line() -> None:
    case = real_case("iris", Optimizer("sgd"))

    def found(first: str | None, last: str) -> Verdict:
        return Verdict(Finding("torch", {}, {}, case=case), last, first, None, {}, {}, 3)

    verdicts = [found("1.6", "1.5"), found("1.6", "1.5"), found(None, "1.9"), found("1.3", "1.2")]
    told = [(one.first, count) for one, count in distinct(verdicts)]
    assert told == [("1.6", 2), ("1.3", 1)]
    assert [one.first for one, _ in distinct(verdicts[2:3])] == [None]


def test_changes_that_are_one_are_one_line(shelf: Path) -> None:
    report = upgraded("1.5", "1.6")
    doubled = grouped([*report.found, *report.found])
    assert len(doubled) == len(grouped(report.found))


def test_what_calls_without_arguments_say_alike_is_one_line() -> None:
    def found(name: str, told: str) -> Found:
        change = Change(Kind.ARGUMENT, "toy", f"toy.{name}()", SAID, "nothing said", told)
        return Found(change, Probe(f"toy.{name}", {}))

    old = "warning: it is old"
    lines = grouped([found("mean", old), found("total", old), found("mean", "warning: it is odd")])
    assert [line.subjects for line in lines] == ["toy.mean(), toy.total()", "toy.mean()"]


def test_one_target_changes_alike_in_frameworks_where_the_numbers_say_so() -> None:
    def found(where: str, old: str, new: str) -> Found:
        change = Change(Kind.SEMANTIC, where, "toy.evaluate()", "reported loss", old, new)
        return Found(change, Probe("toy.evaluate", {}))

    frameworks = [
        found("torch", "2.27310729", "2.440205812"),
        found("tensorflow", "2.27310746", "2.440205798"),
        found("jax", "2.915482759", "2.440205812"),  # comes to the same from somewhere else
        found("keras", "refused: ValueError: of one kind", "2.44"),
        found("tf_keras", "refused: TypeError: of another", "2.44"),
    ]
    lines = grouped(frameworks)
    assert {line.where for line in lines} == {"torch, tensorflow", "jax", "keras, tf_keras"}


def test_calls_without_arguments_are_one_line_each() -> None:
    def found(name: str, **given: float) -> Found:
        call = Probe(name, given)
        change = Change(Kind.SEMANTIC, "toy", call.key, "weights", "1", "2")
        # What every call gives is no argument of this one.
        return Found(change, Probe(name, {"decay": 0.9, **given}))

    assert len(grouped([found("toy.one"), found("toy.two")])) == 2
    assert len(grouped([found("toy.one", clip=1.0), found("toy.two", clip=1.0)])) == 1
