"""Two lanes, or one in two environments, timed side by side: by how much a step is slower."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import numpy as np

from parity.case import Case
from parity.lanes import Lane
from parity.throughput.measure import in_turns
from parity.throughput.stepper import Prepared, Stepper
from parity.upgrades.environment import INSTALLED, Environment

CONFIDENCE = 0.95
REPEATS = 6  # fresh processes of each: where a process lies in memory moves its speed by percents
LASTING = 0.6  # seconds of rounds of each, in each repeat


class Outcome(StrEnum):
    """What a comparison comes to."""

    PASS = "pass"
    FAIL = "fail"
    ABSTAIN = "abstain"


@dataclass(frozen=True, slots=True)
class Side:
    """A lane in an environment, and what it is called."""

    name: str
    lane: Lane
    place: Environment = INSTALLED


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate of a ratio, and the interval that has it with probability CONFIDENCE."""

    middle: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.middle:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The time of a step of B in units of that of A, and the same of A against A.

    `steps` are the seconds of a step of A and of B. `threshold` is the ratio from which B
    counts as slower.
    """

    ratio: Interval
    noise: Interval
    steps: tuple[float, float]
    threshold: float
    prepared: tuple[Prepared, Prepared]

    @property
    def outcome(self) -> Outcome:
        """Fail where the whole interval lies beyond the threshold; abstain where none can tell."""
        return self._judged[0]

    @property
    def sentence(self) -> str:
        """The outcome, and why."""
        return self._judged[1]

    @property
    def _judged(self) -> tuple[Outcome, str]:
        spread = max(abs(math.log(end)) for end in (self.noise.low, self.noise.high))
        percent = f"{math.expm1(spread):.0%}"
        asked = f"{self.threshold - 1:.0%}"
        if self.ratio.low > self.threshold:
            if spread >= math.log(self.ratio.middle):
                return Outcome.ABSTAIN, f"A against A is apart by up to {percent}, as much as B"
            return Outcome.FAIL, f"B is slower by more than {asked}"
        if self.ratio.high > self.threshold:
            return Outcome.ABSTAIN, f"the interval contains the threshold, {asked}"
        # Unless it is so far below that the spread does not matter.
        if (
            spread >= math.log(self.threshold)
            and self.ratio.high * math.exp(spread) > self.threshold
        ):
            told = f"A against A is apart by up to {percent}: {asked} could not be seen"
            return Outcome.ABSTAIN, told
        return Outcome.PASS, f"B is not slower by {asked}"


def compared(
    a: Side,
    b: Side,
    case: Case,
    *,
    threshold: float,
    repeats: int = REPEATS,
    tell: Callable[[int], None] = lambda _: None,
) -> Comparison:
    """Return how B's steps compare with A's on a case. Raises TimingError.

    Each repeat starts three processes, two of A and one of B, which have their rounds in turn. What
    the two of A differ by is what the machine and chance do.
    """
    ratios, noise = [], []
    seconds: list[tuple[float, float]] = []
    prepared: list[Prepared] = []
    for number in range(repeats):
        sides = (a, a, b)
        with ExitStack() as stack:
            steppers = [stack.enter_context(_stepper(side)) for side in sides]
            with ThreadPoolExecutor(len(sides)) as pool:
                ready = [
                    pool.submit(stepper.prepare, side.lane, case)
                    for stepper, side in zip(steppers, sides, strict=True)
                ]
                prepared = [one.result() for one in ready]
            clocks = {
                str(place): partial(stepper.time, side.lane.name)
                for place, (stepper, side) in enumerate(zip(steppers, sides, strict=True))
            }
            # What else runs on the machine only ever adds: the quickest round has least of it.
            first, again, other = (min(of.rounds) for of in in_turns(clocks, LASTING).values())
        ratios.append(math.log(other) - (math.log(first) + math.log(again)) / 2)
        noise.append(math.log(again) - math.log(first))
        seconds.append((math.sqrt(first * again), other))
        tell(number + 1)
    steps = np.median(seconds, axis=0)
    return Comparison(
        _interval(ratios),
        _interval(noise),
        (float(steps[0]), float(steps[1])),
        threshold,
        (prepared[0], prepared[2]),
    )


def _stepper(side: Side) -> Stepper:
    return Stepper(side.lane, python=side.place.python, variables=side.place.variables())


def _interval(logarithms: Sequence[float]) -> Interval:
    """Return the mean of logarithms and Student's interval about it, as ratios."""
    from scipy import stats  # half a second

    found = stats.ttest_1samp(logarithms, 0).confidence_interval(CONFIDENCE)
    middle = float(np.mean(logarithms))
    return Interval(math.exp(middle), math.exp(float(found.low)), math.exp(float(found.high)))
