"""The oracle's cases in two environments: the same lane on both sides, judged and told apart."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from parity.asked import matches
from parity.case import Case
from parity.compare import APART, Stage, Status, Verdict
from parity.diagnose import diagnose
from parity.findings import summary
from parity.generation import Enough, Source
from parity.known import CLAIMS, dials, in_force
from parity.lanes import Lane
from parity.lanes.installed import versions
from parity.lanes.process import Workers
from parity.lockstep import Harness, Result, dtypes_of
from parity.profiles import PROFILES
from parity.strategies import PROBLEMS
from parity.summary import times
from parity.upgrades import stages
from parity.upgrades.change import Change, Kind
from parity.upgrades.environment import Environment

PROFILE = PROFILES["quick"]


@dataclass(frozen=True, slots=True)
class Apart:
    """A lane that parts from itself: the change, its smallest case, and both sides' results."""

    change: Change
    lane: Lane
    case: Case
    old: Result
    new: Result


class Sides:
    """A lane's workers in two environments, and the oracle that judges both.

    The claims are those of the releases that this one is installed beside, for both sides: a dial
    that moved shows on one of them.
    """

    def __init__(self, old: Environment, new: Environment, *, seed: int = 0) -> None:
        self.old, self.new = (judge_in(place, seed) for place in (old, new))
        self.trained = set[str]()  # the lanes of which a case gave a trace
        self.errors = dict[str, str]()  # the first error of each lane
        self.left = dict[str, int]()  # the checks of each lane that time was too short for
        self._pool = ThreadPoolExecutor(2)

    def close(self) -> None:
        """End the worker processes."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for harness in (self.old, self.new):
            harness.workers.close()

    def __enter__(self) -> Sides:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def changes(
        self,
        lane: Lane,
        checks: Sequence[tuple[str, str]],
        deadline: float,
        tell: Callable[[str], None] = lambda _: None,
    ) -> Iterator[Apart]:
        """Yield what parts of each check, an optimizer and a problem: the smallest case."""
        for number, (optimizer, problem) in enumerate(checks):
            if time.monotonic() > deadline:
                self.left[lane.name] = len(checks) - number
                return
            tell(f"{lane.name} {optimizer} {problem}")
            batch = self.old.examples(lane, problem, optimizer, PROFILE)
            found = [apart for apart in self.run(lane, batch) if apart is not None]
            if found:
                # A difference in numbers before a failure, a large one before a small one.
                worst = min(found, key=lambda apart: list(Kind).index(apart.change.kind))
                yield self._shrunk(worst, problem, optimizer, deadline)
            if self.errors.get(lane.name, "").startswith("import:"):
                return  # nor will it for the next case

    def run(self, lane: Lane, cases: Sequence[Case]) -> list[Apart | None]:
        """Train cases on both sides; return what parts, None where nothing does."""
        sides = (self.old, self.new)
        ran = list(self._pool.map(lambda side: list(side.run(lane, cases)), sides))
        for result in (*ran[0], *ran[1]):
            if result.trace is None:
                self.errors.setdefault(lane.name, result.verdict.reason)
            else:
                self.trained.add(lane.name)
        return [_apart(lane, *results) for results in zip(*ran, strict=True)]

    def _shrunk(self, worst: Apart, problem: str, optimizer: str, deadline: float) -> Apart:
        """Return the smallest case found on which the sides part likewise."""
        if worst.change.kind is not Kind.SEMANTIC:
            return worst
        source = Source(problem, optimizer, dtypes_of(worst.lane, PROFILE), PROFILE, self.old.seed)
        smallest, place = worst, source.place(worst.case)
        shown = set[str]()  # asked again in the end, when there is no time to run them again

        def alike(case: Case) -> bool:
            nonlocal smallest
            if case.digest in shown:
                return True
            if time.monotonic() > deadline:
                raise Enough
            if worst.lane.lacks(case) is not None:
                return False
            found = self.run(worst.lane, [case])[0]
            if found is None or found.change.what != worst.change.what:
                return False
            smallest = found
            shown.add(case.digest)
            return True

        if place is not None:
            with suppress(Enough):
                any(source.shrink(design, *place, alike) for design in source.designs)
        return _explained(smallest)


def checks_of(lane: Lane, match: str = "") -> list[tuple[str, str]]:
    """Return a lane's optimizers with each problem, where `match` is a part of the three names."""
    return [
        (optimizer, problem)
        for optimizer in lane.optimizers
        for problem in PROBLEMS
        if matches(match, f"{lane.name} {optimizer} {problem}")
    ]


def judge_in(place: Environment, seed: int = 0) -> Harness:
    """Return the harness over an environment's lanes, with the claims of what is installed."""
    workers = Workers(python=place.python, variables=place.variables())
    return Harness(workers, in_force(CLAIMS, versions()), seed=seed)


def _apart(lane: Lane, old: Result, new: Result) -> Apart | None:
    change = unlike(lane, old, new)
    return None if change is None else Apart(change, lane, old.case, old, new)


def unlike(lane: Lane, old: Result, new: Result) -> Change | None:
    """Return what a case shows to have changed."""
    subject = summary(old.case)
    errors = [result.verdict.reason for result in (old, new)]
    whats = [error.partition(":")[0] for error in errors]
    if whats[0] != whats[1]:
        kind = Kind.ARGUMENT if {*whats} == {"", "refused"} else Kind.ERROR
        told = [error or "trains" for error in errors]
        return Change(kind, lane.name, subject, whats[1] or whats[0], *told)
    parted = parting(old, new)
    if not parted:
        return None
    stage, verdicts = parted[0], (old.verdict, new.verdict)
    behind = _same(old, new)
    places = [_extent(one, stage) if behind else _place(one) for one in verdicts]
    return Change(Kind.SEMANTIC, lane.name, subject, stage, *places)


def parting(old: Result, new: Result) -> list[str]:
    """Return the stages in which two results part from each other, the first to blame first."""
    sides = [(one.verdict.to_dict()["counts"], one.case.dtype) for one in (old, new)]
    moved = stages.moved(*(stages.worst(*side) for side in sides))
    found = old.verdict.divergence or new.verdict.divergence
    if found is None or _same(old, new):
        return moved
    return list(dict.fromkeys([str(found.stage), *moved]))


def _same(old: Result, new: Result) -> bool:
    """Return whether both sides first diverge from the oracle by the same, or not at all."""
    one, other = old.verdict.divergence, new.verdict.divergence
    if one is None or other is None:
        return one is other
    if (one.stage, one.step, one.tensor) != (other.stage, other.step, other.tensor):
        return False
    if one.index != other.index:
        # Rounding, which moves each side by a bound, may make another element the worst, and the
        # worst score another one by so much. An element that is no number any more is no rounding.
        return abs(one.score - other.score) <= APART
    # Of what each side has, the other must agree with it within the oracle's bounds of both.
    return (
        abs(one.seen - other.seen) <= abs(one.bound) + abs(other.bound)
        or bool(np.isnan(one.seen) and np.isnan(other.seen))
        or one.seen == other.seen
    )


def _place(verdict: Verdict) -> str:
    found = verdict.divergence
    if found is None:
        return "as the oracle"
    values = f"{found.seen:.9g} for {found.expected:.9g}"
    far = f"{times(found.score)} times the bound"
    return f"{found.tensor} at step {found.step + 1}: {values}, {far}"


def _extent(verdict: Verdict, stage: str) -> str:
    count = verdict.counts.get(Stage(stage))
    if count is None or not count.diverged:
        return "as the oracle"
    far = f"{times(count.worst)} times the bound"
    return f"{count.diverged:,} of {count.judged:,} elements, {far}"


def _explained(apart: Apart) -> Apart:
    """Return what parted with its cause: the dials by which the oracle agrees with one side."""
    told = []
    for side, result in (("before", apart.old), ("after", apart.new)):
        if result.trace is None or result.verdict.status is not Status.DIVERGE:
            continue
        cause = diagnose(apart.case, result.trace, dials(result.claims))
        told.append(f"{side} it: {cause.sentence}")
    return replace(apart, change=replace(apart.change, why="; ".join(told)))
