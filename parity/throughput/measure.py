"""Steps of several lanes, timed in turn: what the machine does meanwhile hits them all alike."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from parity.throughput.sizes import Work

ROUND = 0.01  # seconds of a round at least: the clock is read twice in it
LASTING = 0.2  # seconds of all rounds of a lane, if it has no more than MOST
LEAST, MOST = 5, 40  # rounds

Clock = Callable[[int], float]  # seconds of so many steps


@dataclass(frozen=True, slots=True)
class Timed:
    """A lane's rounds, in seconds a step, each of `count` steps."""

    count: int
    rounds: Sequence[float]

    @property
    def step(self) -> float:
        """The median, in seconds a step."""
        return statistics.median(self.rounds)


def in_turns(clocks: Mapping[str, Clock], lasting: float = LASTING) -> dict[str, Timed]:
    """Return each clock's rounds, of `lasting` seconds in all. Raises what a clock raises.

    Each has its round in turn, and another one begins each time.
    """
    first = {name: _steps_of_a_round(clock) for name, clock in clocks.items()}
    wanted = {
        name: min(MOST, max(LEAST, round(lasting / (count * step))))
        for name, (count, step) in first.items()
    }
    rounds: dict[str, list[float]] = {name: [] for name in clocks}
    names = list(clocks)
    for turn in range(max(wanted.values())):
        start = turn % len(names)
        for name in (*names[start:], *names[:start]):
            if turn < wanted[name]:
                count = first[name][0]
                rounds[name].append(clocks[name](count) / count)
    return {name: Timed(first[name][0], found) for name, found in rounds.items()}


def _steps_of_a_round(clock: Clock) -> tuple[int, float]:
    """Return how many steps make a round, and the seconds of one."""
    count = 1
    while (taken := clock(count)) < ROUND:
        # As timeit does it, but not far beyond what is needed.
        count = max(2 * count, min(10 * count, round(1.2 * count * ROUND / max(taken, 1e-9))))
    return count, taken / count


@dataclass(frozen=True, slots=True)
class Machine:
    """What the machine reaches by itself, in the same run: the bounds on any step.

    `products` is floating-point operations per second of a large product of matrices, `copies`
    bytes per second of a copy of as many bytes as the step moves.
    """

    products: float
    copies: float

    def ceiling(self, work: Work) -> float:
        """Return the steps per second that can be had at most.

        Either the arithmetic or the memory is the limit (S. Williams, A. Waterman, D. Patterson,
        Roofline, Communications of the ACM 52(4), 2009).
        """
        return min(self.products / work.operations, self.copies / work.bytes)
