"""The command `parity bench`: two lanes or environments, the ratio of their steps, a gate."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from parity.asked import one_of, positive, writable
from parity.case import Case
from parity.lanes import Lane
from parity.lanes.catalog import LANES
from parity.lanes.installed import load_lanes, missing
from parity.parts import OPTIMIZERS
from parity.throughput.bench import CONFIDENCE, Comparison, Outcome, Side, compared
from parity.throughput.lanes import dtype_of
from parity.throughput.sizes import PROBLEMS, SIZES, timed_case
from parity.upgrades.environment import build

STATUS = {Outcome.PASS: 0, Outcome.FAIL: 1, Outcome.ABSTAIN: 3}
_LEAST = 3  # repeats: of two, no interval says anything


def bench(options: argparse.Namespace) -> int:
    """Time both sides; return the exit status. Raises ValueError."""
    threshold = 1 + positive("threshold", "percent", options.threshold) / 100
    repeats = _repeats(options.repeats)
    for name, choices in (("problem", PROBLEMS), ("size", SIZES), ("optimizer", OPTIMIZERS)):
        one_of(name, getattr(options, name), choices)
    if options.json is not None:
        writable(options.json)
    a, b = (side(word, options.lane) for word in (options.a, options.b))
    case = _case(options, a.lane, b.lane)
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(f"{a.name} and {b.name}", total=repeats)
        found = compared(
            a,
            b,
            case,
            threshold=threshold,
            repeats=repeats,
            tell=lambda done: progress.update(task, completed=done),
        )
    for line in told(a, b, found):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    if options.json is not None:
        options.json.write_text(json.dumps(record(a, b, found), indent=1) + "\n", encoding="utf-8")
    return STATUS[found.outcome]


def side(word: str, lane: str | None) -> Side:
    """Return what a word of the command names: a lane, or packages that an environment has.

    Raises ValueError for anything else, and where a lane cannot run.
    """
    if "==" not in word:
        return Side(word, _lane(word))
    packages = tuple(part.strip() for part in word.split(",") if part.strip())
    if lane is None:
        named = packages[0].partition("==")[0].strip()
        able = [one for one in LANES if one.packages and one.packages[0] == named]
        if not able:
            raise ValueError(f"{word}: no lane is named after {named}; say which with --lane")
        lane = able[0].name
    return Side(word, _lane(lane), build(packages))


def told(a: Side, b: Side, found: Comparison) -> list[str]:
    """Return what a person reads."""
    width = max(len(side.name) for side in (a, b))
    lines = [
        f"{letter} {side.name:{width}}  {1 / step:>10,.1f} steps/s  {1e6 * step:>12,.1f} us"
        for letter, side, step in zip("AB", (a, b), found.steps, strict=True)
    ]
    noise = f"A against A  {found.noise}"
    ratio = f"B against A  {found.ratio}  seconds a step, {CONFIDENCE:.0%} interval"
    return [*lines, noise, ratio, f"{found.outcome}: {found.sentence}"]


def record(a: Side, b: Side, found: Comparison) -> dict[str, object]:
    """Return plain values."""
    return {
        "a": a.name,
        "b": b.name,
        "lanes": [a.lane.name, b.lane.name],
        "seconds": list(found.steps),
        "ratio": asdict(found.ratio),
        "noise": asdict(found.noise),
        "threshold": found.threshold,
        "outcome": found.outcome,
        "why": found.sentence,
        "versions": [dict(one.versions) for one in found.prepared],
    }


def _repeats(value: str) -> int:
    if not value.isdecimal() or int(value) < _LEAST:
        raise ValueError(f"repeats: expected a whole number from {_LEAST} on, got {value!r}")
    return int(value)


def _lane(name: str) -> Lane:
    lanes = load_lanes(name)
    exact = [lane for lane in lanes if lane.name == name] or lanes
    if len(exact) > 1:
        names = ", ".join(lane.name for lane in exact)
        raise ValueError(f"expected one lane, got {name!r}, which is {names}")
    reason = missing(exact[0])
    if reason is not None:
        raise ValueError(f"{exact[0].name}: {reason}")
    return exact[0]


def _case(options: argparse.Namespace, *lanes: Lane) -> Case:
    dtypes = {dtype_of(lane) for lane in lanes}
    if len(dtypes) > 1:
        raise ValueError(f"expected lanes of one precision, got {' and '.join(sorted(dtypes))}")
    case = timed_case(options.problem, options.size, options.optimizer, dtypes.pop())
    for lane in lanes:
        lacks = lane.lacks(case)
        if lacks is not None:
            raise ValueError(f"{lane.name}: {lacks}")
    return case
