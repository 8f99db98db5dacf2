"""A search over releases that are made up: its ends, what it remembers, and how it exits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from parity import cli
from parity.case import Case
from parity.compare import Divergence, Stage, Status, Verdict
from parity.lockstep import Result
from parity.oracle import run_free
from parity.parts import Layer, Loss, Optimizer
from parity.upgrades import bisect, bisecting
from parity.upgrades.bisect import Memory, Search
from parity.upgrades.environment import INSTALLED, BuildError, Environment
from parity.upgrades.findings import Finding
from parity.upgrades.interpreter import describe
from parity.upgrades.probe import Probe, Seen
from parity.upgrades.probing import ProbeError
from parity.upgrades.releases import Release

HUNG = "toy (toylib): hung: no reply within 120 s"
RAISES = "toy (toylib): does not import: ImportError: no toy"


class Shelf:
    """The releases 1.0 to 1.5 of `toylib`: `old` up to 1.2, `new` from 1.3.

    `lacks` has why one cannot be asked, `errors` what the probes of one end with, `values` what
    they come to instead of 0 and 1; a probe of `toy.same` does the same in all. `asked` are the
    releases that were run, `wanted` all that an environment was made of.
    """

    def __init__(self) -> None:
        self.versions = [f"1.{minor}" for minor in range(6)]
        self.lacks: dict[str, str] = {}
        self.errors: dict[str, str] = {}
        self.values: dict[str, float] = {}
        self.asked: list[str] = []
        self.wanted: list[list[str]] = []

    def build(self, wanted: Sequence[str], **_: object) -> Environment:
        self.wanted.append(list(wanted))
        return Environment("python", None, {}, {"toylib": wanted[0].partition("==")[2]})

    def seen(
        self, place: Environment, _: str, findings: Sequence[Finding], mine: Sequence[int]
    ) -> Iterator[list[Seen]]:
        version = place.asked["toylib"]
        self.asked.append(version)
        if version in self.lacks:
            raise ProbeError(self.lacks[version])
        for number in mine:
            probe = findings[number].probe
            late = version >= "1.3" and probe is not None and probe.target != "toy.same"
            value = self.values.get(version, float(late))
            one = Seen({"value": np.full(2, value)}, self.errors.get(version, ""))
            yield [one] * 4

    def found(self, *_: object, **__: object) -> list[Release]:
        return [Release(version, None, None, None) for version in self.versions]


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """A shelf of releases instead of the indexes; of `toylib` none is installed."""
    shelf = Shelf()
    monkeypatch.setenv("PARITY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(bisect, "build", shelf.build)
    monkeypatch.setattr(bisect, "_seen", shelf.seen)
    monkeypatch.setattr(bisecting, "FRAMEWORKS", {"toy": None})
    monkeypatch.setattr(bisecting, "build", shelf.build)
    monkeypatch.setattr(bisecting, "releases", shelf.found)
    monkeypatch.setattr(bisecting, "changelog", lambda *_: None)
    monkeypatch.chdir(tmp_path)
    return shelf


def finding(old: str = "", new: str = "", target: str = "toy.step") -> Finding:
    ends = [{"toylib": version} if version else {} for version in (old, new)]
    return Finding("toy", *ends, Probe(target))


def file(one: Finding, name: str = "finding.json") -> str:
    Path(name).write_text(one.to_json(), "utf-8")
    return f"--case={name}"


def search(shelf: Shelf, implied: tuple[bool, bool] = (False, False)) -> Search:
    return Search("toylib", shelf.found(), [finding()], Memory(["toylib"]), implied=implied)


@pytest.mark.parametrize(
    "change",
    [
        {"version": (3, 99, 0)},
        {"tag": "cpython-399"},
        {"platform": "another"},
        {"paths": ()},  # nothing is installed
    ],
)
def test_another_interpreter_or_something_else_installed_is_asked_anew(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, change: Mapping[str, object]
) -> None:
    words = ["bisect", "toylib", file(finding("1.0", "1.5"))]
    assert cli.main(words) == 0
    shelf.asked.clear()
    assert cli.main(words) == 0
    assert shelf.asked == []
    base = replace(describe(INSTALLED.python), **change)  # type: ignore[arg-type]  # each of its own
    monkeypatch.setattr(bisecting, "describe", lambda _: base)
    assert cli.main(words) == 0
    assert shelf.asked != []


def test_an_import_that_raises_is_remembered_and_a_hang_is_not(shelf: Shelf) -> None:
    shelf.lacks = {"1.2": HUNG, "1.3": RAISES}
    [verdict] = search(shelf).run()
    assert (verdict.last, verdict.first) == ("1.1", "1.4")
    assert set(verdict.skipped) == {"1.2", "1.3"}
    # The machine was busy.
    shelf.lacks.pop("1.2")
    shelf.asked.clear()
    [verdict] = search(shelf).run()
    assert (verdict.last, verdict.first) == ("1.2", "1.4")
    assert set(shelf.asked) == {"1.0", "1.2"}  # the first one, to compare with


@pytest.mark.parametrize(
    "error",
    [
        HUNG,
        "toy (toylib 1.2): crashed: killed by SIGKILL (out of memory?)",
        "keras@jax (toylib 1.2): import: while importing parity.lanes.keras: no reply within 120 s",
    ],
)
def test_what_was_lost_is_not_remembered(shelf: Shelf, error: str) -> None:
    shelf.lacks = {"1.2": error}
    assert {"1.2": error}.items() <= next(search(shelf).run()).skipped.items()
    assert Memory(["toylib"]).get("1.2") is None


@pytest.mark.parametrize(("version", "kept"), [("1.2", {"1.0", "1.5"}), ("1.0", set())])
def test_a_probe_that_hung_is_not_remembered(shelf: Shelf, version: str, kept: set[str]) -> None:
    shelf.errors = {version: "hung: no reply within 120 s"}
    list(search(shelf).run())
    memory = Memory(["toylib"])
    assert {one for one in ("1.0", "1.2", "1.5") if memory.get(one)} == kept


def test_the_release_that_did_most_of_it_is_named_and_lesser_ones_told(
    shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf.versions = [*shelf.versions, "1.6", "1.7"]
    shelf.values = {"1.1": 1e-9, "1.2": 1e-9, "1.4": 0.9}
    assert cli.main(["bisect", "toylib", file(finding("1.0", "1.7"))]) == 0
    said = capsys.readouterr().out
    assert "toylib 1.3 (no date known) is the first that parts, 1.2 the last that does not" in said
    assert "before, by less: 1.1, 1.2: toy toy.step(): value[0]: 0 -> 1e-09" in said
    # The same of what is remembered.
    shelf.asked.clear()
    assert cli.main(["bisect", "toylib", file(finding("1.0", "1.7"))]) == 0
    assert capsys.readouterr().out == said
    assert shelf.asked == []


def test_a_call_that_fails_only_in_the_middle_is_neither(shelf: Shelf) -> None:
    shelf.errors = {"1.2": "ValueError: not today"}
    [verdict] = search(shelf).run()
    assert (verdict.last, verdict.first) == ("1.1", "1.3")
    assert verdict.skipped == {"1.2": "refused: ValueError: not today"}


@pytest.mark.parametrize(
    ("ends", "asked"),
    [
        (("1.0", "1.5"), {"1.2", "1.3"}),
        (("1.1", "1.2"), {"1.1", "1.2"}),  # it lies elsewhere
        (("1.4", "1.5"), {"1.4", "1.5"}),
    ],
)
def test_a_finding_is_searched_between_its_own_releases(
    shelf: Shelf, ends: tuple[str, str], asked: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    shelf.values = {"1.1": 5.0}  # another story
    typed = [f"toylib=={version}" for version in ends]
    cli.main(["bisect", *typed, file(finding("1.2", "1.3"))])
    assert set(shelf.asked) == asked
    told = "toylib: from 1.2 to 1.3, where the findings are" in capsys.readouterr().out
    assert told == (asked == {"1.2", "1.3"})


def toy(value: float = 0.0, error: str = "", *messages: str) -> list[Seen]:
    return [Seen({"value": np.full(2, value)}, error, messages)] * 4


NAN = float("nan")


@pytest.mark.parametrize(
    ("first", "last", "other", "expected"),
    [
        (toy(0), toy(1), toy(0.4), False),
        (toy(0), toy(1), toy(0.6), True),
        (toy(0), toy(1), toy(NAN), False),
        (toy(NAN), toy(0), toy(0.6), True),
        (toy(0), toy(NAN), toy(0.6), False),
        (toy(0), toy(1), toy(0, "hung: no"), None),
        (toy(0), toy(0, "no"), toy(0.6), False),
        (toy(0), toy(0, "no"), toy(0, "not so"), True),
        (toy(0, "no"), toy(0), toy(0.6), True),
        (toy(0), toy(0, "", "beware"), toy(0.6), False),
        (toy(0), toy(0, "", "beware"), toy(0.6, "", "beware", "more"), True),
        (toy(0, "", "beware"), toy(0), toy(0, "", "more"), True),
        (toy(0), [Seen({"value": np.zeros(3)})] * 4, [Seen({"value": np.ones(3)})] * 4, True),
        (toy(0), [Seen({"value": np.zeros(3)})] * 4, toy(1), False),
    ],
)
def test_what_a_release_does_is_the_nearer_of_what_both_ends_do(
    first: list[Seen], last: list[Seen], other: list[Seen], expected: bool | None
) -> None:
    assert bisect._as_last(finding(), first, last, other) is expected


CASE = Case(
    layers=(Layer(1, bias=False),),
    loss=Loss("squared_error"),
    optimizer=Optimizer("sgd"),
    rates=(0.5,),
    x=np.array([[1.0]]),
    y=np.array([[2.0]]),
    batches=((0,),),
    weights={"layer0/kernel": np.array([[0.5]])},
)
TRACE = run_free(CASE, {})


def judged(status: Status, seen: float = 0.0) -> Result:
    failed = status is Status.ERROR
    where = Divergence(0, Stage.UPDATE, "layer0/kernel", (0, 0), 0.0, seen, 1e-9, 100.0, 1, 1)
    verdict = Verdict(status, {}, where if status is Status.DIVERGE else None)
    return Result("torch", CASE, verdict, trace=None if failed else TRACE)


AGREES, FAILS = judged(Status.AGREE), judged(Status.ERROR)
PARTS, ELSEWHERE = judged(Status.DIVERGE, 0.5), judged(Status.DIVERGE, 0.75)


@pytest.mark.parametrize(
    ("first", "last", "other", "expected"),
    [
        (AGREES, PARTS, ELSEWHERE, True),
        (PARTS, AGREES, ELSEWHERE, False),
        (AGREES, PARTS, FAILS, None),
        (AGREES, FAILS, PARTS, False),
        (FAILS, AGREES, PARTS, True),
        (PARTS, ELSEWHERE, AGREES, False),
        (PARTS, ELSEWHERE, ELSEWHERE, True),
    ],
)
def test_a_lane_does_what_it_does_in_the_last_release(
    first: Result, last: Result, other: Result, expected: bool | None
) -> None:
    case = Finding("torch", {}, {}, case=CASE)
    assert bisect._as_last(case, first, last, other) is expected


def test_implied_ends_move_inwards_and_say_so(
    shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf.lacks = {"1.0": HUNG, "1.1": RAISES, "1.5": RAISES}
    assert cli.main(["bisect", "toylib", file(finding())]) == 0
    said = capsys.readouterr().out
    assert f"toylib 1.2 is the oldest that was found to run; 1.1: {RAISES}" in said
    assert f"toylib 1.4 is the newest that runs; 1.5: {RAISES}" in said
    assert "toylib 1.3 (no date known) is the first that parts, 1.2 the last that does not" in said
    # Answers are told apart by the release that they were compared with.
    shelf.lacks.pop("1.0")
    shelf.asked.clear()
    assert cli.main(["bisect", "toylib", file(finding())]) == 0
    assert set(shelf.asked) == {"1.0", "1.2", "1.3", "1.4"}


def test_ends_that_are_named_do_not_move(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    shelf.lacks = {"1.0": RAISES}
    implied, named = file(finding()), file(finding("1.0"), "named.json")
    for words in (["toylib", named], ["toylib==1.0", "toylib", implied]):
        with pytest.raises(SystemExit) as ended:
            cli.main(["bisect", *words])
        assert ended.value.code == 2
        assert f"toylib 1.0: {RAISES}" in capsys.readouterr().err


def test_an_old_end_is_looked_for_by_halves(shelf: Shelf) -> None:
    shelf.versions = [f"1.{minor:03}" for minor in range(128)]
    shelf.lacks = dict.fromkeys(shelf.versions[:50], RAISES)
    looked = search(shelf, (True, False))
    list(looked.run())
    assert looked.releases[0].version == "1.050"
    assert len([one for one in shelf.asked if one in shelf.lacks]) <= 7


def test_where_no_release_can_be_asked_the_last_reason_is_told(shelf: Shelf) -> None:
    shelf.lacks = dict.fromkeys(shelf.versions, RAISES)
    with pytest.raises(BuildError, match=r"toylib 1\.4: toy"):
        list(search(shelf, (True, True)).run())


def test_what_stands_beside_keeps_its_whole_requirement(shelf: Shelf) -> None:
    beside = ["jax[cpu]<0.5,>=0.4", "numpy"]
    assert cli.main(["bisect", "toylib==1.0", "toylib==1.5", *beside, file(finding())]) == 0
    assert {tuple(wanted[1:]) for wanted in shelf.wanted} == {tuple(beside)}


@pytest.mark.parametrize(
    "word",
    [
        "toylib>=1.1",
        "toylib==1.*",
        "toylib===1.1",
        "toylib!=1.2,==1.1",
        "toylib[more]==1.1",
        'toylib==1.1; python_version > "3"',
        "toylib @ file:///toylib.whl",
    ],
)
def test_an_end_that_is_no_exact_version_is_refused(
    shelf: Shelf, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["bisect", word, file(finding("1.0", "1.5"))])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert (
        f"expected toylib alone or one exact version of it, as in toylib==1.2.3, got {word!r}"
        in said
    )
    assert shelf.asked == []


def test_findings_with_different_ends_are_searched_over_all_of_them(
    shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf.versions = [*shelf.versions, "1.10"]
    pairs = [("1.2", "1.4"), ("1.1", "1.3"), ("1.4", "1.10")]
    cases = [file(finding(*pair, "toy.same"), f"{pair[0]}.json") for pair in pairs]
    assert cli.main(["bisect", "toylib", *cases]) == 1
    assert "toylib 1.1 and 1.10 do not part" in capsys.readouterr().out


def test_a_build_that_no_index_has_stands_for_its_release(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf.versions = [*shelf.versions, "1.6+cpu"]
    assert cli.main(["bisect", "toylib", file(finding("1.1+cpu", "1.4+cpu"))]) == 0
    assert set(shelf.asked) <= {"1.1", "1.2", "1.3", "1.4"}
    monkeypatch.setattr(bisecting, "version", lambda *_: "1.5+cpu")
    assert cli.main(["bisect", "toylib", file(finding("1.1"))]) == 0
    monkeypatch.setattr(bisecting, "version", lambda *_: "1.6+cpu")
    assert cli.main(["bisect", "toylib", file(finding("1.1"))]) == 0
    assert "1.6+cpu" in shelf.asked
    # What was typed is meant.
    with pytest.raises(SystemExit):
        cli.main(["bisect", "toylib==1.4+cpu", file(finding("1.1"))])
    assert "no release 1.4+cpu" in capsys.readouterr().err


def test_it_exits_with_0_only_where_each_finding_was_located(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parts, same = finding("1.0", "1.5"), finding("1.0", "1.5", "toy.same")
    one, other = file(parts, "parts.json"), file(same, "same.json")
    assert cli.main(["bisect", "toylib", one]) == 0
    assert cli.main(["bisect", "toylib", one, other]) == 1
    assert "toy toy.same(): toylib 1.0 and 1.5 do not part" in capsys.readouterr().out
    # Of the cases of a check one is enough.
    monkeypatch.setattr(bisecting, "_drawn", lambda *_: [same, parts])
    assert cli.main(["bisect", "toylib", one, "--check=adam/torch"]) == 0


def test_a_finding_of_what_nobody_knows_is_refused(
    shelf: Shelf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "finding.json"
    path.write_text(Finding("toys", {}, {}, probe=Probe("toy.step")).to_json(), encoding="utf-8")
    with pytest.raises(SystemExit) as stopped:
        cli.main(["bisect", "toylib", f"--case={path}"])
    assert stopped.value.code == 2
    assert "where: expected one of toy, got 'toys'; did you mean toy?" in capsys.readouterr().err
    assert not shelf.asked
