"""Training steps per second of every lane: `pytest benchmarks`, `-k tiny`, `-k "mlp and torch"`.

Before a lane is timed its steps are judged: a number is never reported for a step that is wrong.
All lanes of a group have their rounds in turn, each in a process of its own module; what
pytest-benchmark reads is the clock of that process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any

import pytest
from throughput import LANES, Session, speed

from parity.lanes.installed import missing
from parity.throughput.sizes import PROBLEMS, SIZES


class Clock:
    """What pytest-benchmark reads before and after each round."""

    ends: Iterator[float]

    def __call__(self) -> float:
        """Return the seconds until the next end of a round."""
        return next(self.ends)


CLOCK = Clock()


@pytest.mark.benchmark(timer=CLOCK)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("lane", LANES)
def test_steps(benchmark: Any, timed: Session, lane: str, problem: str, size: str) -> None:
    reason = missing(LANES[lane])
    if reason is not None:
        pytest.skip(f"{lane}: {reason}")
    found = timed.measured(lane, problem, size)
    benchmark.group = f"{problem} {size}"
    told = speed(lane, problem, size, found)
    benchmark.extra_info.update(
        lane=lane,
        problem=problem,
        size=size,
        steps_per_second=told.per_second,
        samples_per_second=told.samples_per_second,
        operations=told.operations,
        ceiling=told.ceiling,
        compile_seconds=told.compile_seconds,
        device=told.device,
        share_of_ceiling=found.share,
        verdict=str(found.prepared.status),
        score=found.prepared.score,
        processors=found.prepared.processors,
        threads=dict(found.prepared.threads),
        products=dict(found.prepared.products),
        versions=dict(found.prepared.versions),
    )
    numpy = timed.speeds.get(("numpy32", problem, size))
    if numpy is not None:
        benchmark.extra_info["times_numpy"] = told.per_second / numpy.per_second
    # The clock stands still but for the rounds, which have been run, in turn with the others'.
    rounds, count = found.timed.rounds, found.timed.count
    CLOCK.ends = iter([end for pair in pairwise(_ends(rounds, count)) for end in pair])
    benchmark.pedantic(_a_step, rounds=len(rounds), iterations=count)


def _ends(rounds: Sequence[float], count: int) -> list[float]:
    """Return when each round began and ended, one after the other."""
    return list(accumulate((step * count for step in rounds), initial=0.0))


def _a_step() -> None:
    """Stand for a step, which a lane's process has taken."""
