"""Groups of benchmarks: all lanes on one problem and size, judged, then timed in turn."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from parity.history import append
from parity.lanes import Lane
from parity.lanes.installed import missing
from parity.report.reading import Results, Speed
from parity.summary import rounded
from parity.throughput.lanes import TIMED, dtype_of, place
from parity.throughput.measure import Machine, Timed, in_turns
from parity.throughput.sizes import SIZES, Work, timed_case, work
from parity.throughput.stepper import Prepared, Stepper, TimingError

Group = tuple[str, str]  # problem and size
LANES = {lane.name: lane for lane in TIMED}
# Processes that get ready at the same time; a lane that is timed has the machine alone.
AT_ONCE = max(2, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class Measured:
    """A lane on a problem and size: judged, timed, and what it is worth."""

    prepared: Prepared
    timed: Timed
    work: Work
    machine: Machine
    size: str

    @property
    def per_second(self) -> float:
        """Steps per second, by the median round."""
        return 1 / self.timed.step

    @property
    def ceiling(self) -> float:
        """Steps per second that the machine allows at most; 0 of a device, which is not asked."""
        return self.machine.ceiling(self.work) if self.prepared.device == "cpu" else 0.0

    @property
    def share(self) -> float:
        """The part of the ceiling that is reached; 0 where there is none."""
        return self.per_second / self.ceiling if self.ceiling else 0.0


class Session:
    """One run of `pytest benchmarks`: a process for lanes of one module, groups as they come."""

    def __init__(self, wanted: Mapping[Group, Sequence[str]]) -> None:
        self.wanted = wanted
        self.speeds: dict[tuple[str, str, str], Measured] = {}
        self._steppers: dict[Any, Stepper] = {}
        self._products: dict[str, float] = {}
        self._copies: dict[int, float] = {}
        self._found: dict[Group, dict[str, Measured | TimingError]] = {}

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        for stepper in self._steppers.values():
            stepper.close()
        speeds = [speed(*key, found) for key, found in self.speeds.items()]
        if speeds:
            at = datetime.now(UTC).replace(tzinfo=None).isoformat(" ", "seconds")
            append(Results(speeds=speeds, machine={"at": at}))

    def measured(self, lane: str, problem: str, size: str) -> Measured:
        """Return a lane's part of a group, which is measured when its first one is asked for."""
        group = problem, size
        if group not in self._found:
            self._found[group] = self._measure(group)
        found = self._found[group][lane]
        if isinstance(found, TimingError):
            raise found
        self.speeds[lane, problem, size] = found
        return found

    def _measure(self, group: Group) -> dict[str, Measured | TimingError]:
        names = [name for name in self.wanted[group] if missing(LANES[name]) is None]
        places: dict[Any, list[Lane]] = {}
        for name in names:
            places.setdefault(place(LANES[name]), []).append(LANES[name])
        for at, lanes in places.items():
            self._steppers.setdefault(at, Stepper(lanes[0]))
        ready: dict[str, Prepared | TimingError] = {}
        with ThreadPoolExecutor(AT_ONCE) as pool:
            longest = sorted(places, key=lambda at: -len(places[at]))  # last, one would wait for it
            for found in pool.map(lambda at: self._prepared(at, places[at], group), longest):
                ready |= found
        clocks: dict[str, Callable[[int], float]] = {
            name: self._clock(name) for name in names if isinstance(ready[name], Prepared)
        }
        rounds = in_turns(clocks) if clocks else {}
        found: dict[str, Measured | TimingError] = {}
        for name in names:
            told, dtype = ready[name], dtype_of(LANES[name])
            if isinstance(told, TimingError):
                found[name] = told
                continue
            amount = work(*group, dtype=dtype)
            reached = Machine(self._product(dtype), self._copy(amount.bytes))
            found[name] = Measured(told, rounds[name], amount, reached, group[1])
        return found

    def _product(self, dtype: str) -> float:
        """Return the operations per second of a large product, the best of all processes."""
        if dtype not in self._products:
            every = self._steppers.values()
            self._products[dtype] = max(stepper.product(dtype) for stepper in every)
        return self._products[dtype]

    def _copy(self, count: int) -> float:
        """Return the bytes per second of a copy of so many bytes."""
        if count not in self._copies:
            self._copies[count] = next(iter(self._steppers.values())).copy(count)
        return self._copies[count]

    def _prepared(
        self, at: Any, lanes: Sequence[Lane], group: Group
    ) -> dict[str, Prepared | TimingError]:
        found: dict[str, Prepared | TimingError] = {}
        for lane in lanes:
            try:
                case = timed_case(*group, dtype=dtype_of(lane))
                found[lane.name] = self._steppers[at].prepare(lane, case)
            except TimingError as error:
                found[lane.name] = error
        return found

    def _clock(self, name: str) -> Callable[[int], float]:
        stepper = self._steppers[place(LANES[name])]
        return lambda count: stepper.time(name, count)


def speed(lane: str, problem: str, size: str, found: Measured) -> Speed:
    """Return a measured step as the report and the history have it."""
    rounds = sorted(found.timed.rounds)
    quarter = len(rounds) // 4
    return Speed(
        lane=lane,
        problem=problem,
        size=size,
        per_second=found.per_second,
        low=1 / rounds[-1 - quarter],
        high=1 / rounds[quarter],
        samples_per_second=found.per_second * SIZES[size].rows,
        operations=found.work.operations,
        ceiling=found.ceiling,
        compile_seconds=found.prepared.compile_seconds,
        device=found.prepared.device,
    )


def shown(session: Session) -> str:
    """Return a table for each problem: steps per second by lane and size."""
    console = Console(width=200, color_system=None)
    with console.capture() as caught:
        for problem in dict.fromkeys(key[1] for key in session.speeds):
            console.print(_table(session, problem))
            console.print()
    return f"{caught.get().rstrip()}\n\n{_conditions(session)}"


def _table(session: Session, problem: str) -> Table:
    sizes = list(dict.fromkeys(key[2] for key in session.speeds if key[1] == problem))
    table = Table(box=None, pad_edge=False)
    table.add_column(problem, no_wrap=True)
    for size in sizes:
        for head in (size, "of ceiling", "of NumPy", "compile s"):
            table.add_column(head, justify="right", no_wrap=True)
    for lane in dict.fromkeys(key[0] for key in session.speeds if key[1] == problem):
        table.add_row(
            lane, *(word for size in sizes for word in _cells(session, lane, problem, size))
        )
    last = [found for key, found in session.speeds.items() if key[1] == problem]
    ceilings = (max(one.ceiling for one in last if one.size == size) for size in sizes)
    table.add_row("ceiling", *(word for one in ceilings for word in (rounded(one), "", "", "")))
    return table


def _cells(session: Session, lane: str, problem: str, size: str) -> tuple[str, ...]:
    found = session.speeds.get((lane, problem, size))
    if found is None:
        return ("",) * 4
    numpy = session.speeds.get(("numpy32", problem, size))
    return (
        rounded(found.per_second),
        f"{rounded(100 * found.share)}%" if found.ceiling else "",
        f"{found.per_second / numpy.per_second:.2f}x" if numpy else "",
        f"{found.prepared.compile_seconds:.1f}" if found.prepared.compile_seconds >= 0.05 else "",
    )


def _conditions(session: Session) -> str:
    """Return what all that was timed ran on."""
    every = session.speeds.values()
    lines = ["ceiling: what a large product of matrices and a copy allow here, in this run"]
    for name in ("device", "threads", "products"):
        told = {
            f"{key} {value}" if key else str(value)
            for one in every
            for key, value in _pairs(getattr(one.prepared, name))
        }
        lines.append(f"{name}: {', '.join(sorted(told))}")
    used = [one.prepared.processors for one in every]
    lines.append(f"processors that a lane keeps busy: {min(used):.2f} to {max(used):.2f}")
    fastest = max(one.machine.products for one in every)
    lines.append(f"product of matrices: {fastest / 1e9:.3g} GFLOP/s")
    return "\n".join(lines)


def _pairs(found: Any) -> list[tuple[str, Any]]:
    return list(found.items()) if isinstance(found, Mapping) else [("", found)]
