"""The fingerprints as a table in the terminal, and as the page for those who port training code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from rich.console import Console
from rich.table import Table

from parity.case import Case
from parity.changes.dials import SAYS
from parity.compare import free_distance
from parity.expectation import worst
from parity.fingerprint import Fingerprint, Runs, common
from parity.lanes.installed import versions
from parity.lockstep import Harness

Found = Sequence[tuple[Fingerprint, Runs]]
HEAD = """# What each optimizer does, lane by lane

Made by `parity fingerprint --write reports/semantics.md`. Each row was verified in lockstep with
the oracle: *score* is the worst |seen - expected| of its runs in units of the rounding bound (at
most 1 agrees), *next reading* the best that any other setting of a dial could do on them. What
differs from most lanes is **bold**. Where *next reading* is below 1,000, these runs do not tell the
two apart. Defaults were found by leaving the argument out; `?` where no known value fits, or more
than one, or the other arguments are refused without it. The learning rate is always given.

"""

# Under what two readings may come to the same, and how a case is brought there.
CONDITIONS: Mapping[str, Callable[[Case], Case]] = {
    "lr is constant": lambda case: replace(case, rates=(case.rates[0],) * case.steps),
    "momentum is 0": lambda case: _given(case, momentum=0.0, nesterov=False, dampening=0.0),
    "weight_decay is 0": lambda case: _given(case, weight_decay=0.0),
    "eps is 0": lambda case: _given(case, eps=0.0),
    "dampening is 0": lambda case: _given(case, dampening=0.0),
    "initial_accumulator is not 0": lambda case: _given(case, initial_accumulator=0.5),
}


def printed(name: str, prints: Sequence[Fingerprint]) -> None:
    """Print one optimizer's fingerprints."""
    table = Table(title=name, title_justify="left", box=None, pad_edge=False)
    for column in ("lane", "differs from the textbook", "precision", "defaults", "score", "next"):
        table.add_column(column, justify="right" if column in ("score", "next") else "left")
    for one in prints:
        table.add_row(*_cells(one))
    Console().print(table, "")


def page(harness: Harness, found: Found) -> str:
    """Return the page in Markdown: a table for each optimizer, then which lanes are equal."""
    lines = [HEAD, "Versions: ", ", ".join(f"{n} {v}" for n, v in versions().items()), ".\n"]
    for name in dict.fromkeys(one.optimizer for one, _ in found):
        own = [(one, runs) for one, runs in found if one.optimizer == name]
        lines += [f"\n## {name}\n\n", *_table([one for one, _ in own])]
        lines += ["\n### Equal lanes\n\n", *_pairs(harness, own)]
    return "".join(lines)


def _cells(one: Fingerprint) -> tuple[str, ...]:
    if not one.cases:
        return one.lane, one.why, "", "", "", ""
    named = [SAYS.get(dial, {}).get(value, f"{dial} {value}") for dial, value in one.dials.items()]
    precision = [f"{dial} {_short(value)}" for dial, value in one.precision.items()]
    defaults = [f"{name}={_value(value)}" for name, value in one.defaults.items()]
    return (
        one.lane,
        "; ".join(named) + (f"; {one.why}" if one.why else ""),
        "; ".join(precision),
        ", ".join(defaults),
        f"{one.score:.2g}",
        f"{one.runner_up:.2g}",
    )


def _table(prints: Sequence[Fingerprint]) -> list[str]:
    rows = [_cells(one) for one in prints]
    usual = [common(column) for column in zip(*rows, strict=True)]
    lines = [
        "| lane | differs from the textbook | precision in float64 | defaults | score "
        "| next reading |\n| --- | --- | --- | --- | --- | --- |\n"
    ]
    for row in rows:
        cells = [
            f"**{cell or 'as the textbook'}**" if place in (1, 2, 3) and cell != usual[place]
            else cell
            for place, cell in enumerate(row)
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |\n")
    return lines


def _pairs(harness: Harness, own: Found) -> list[str]:
    """Return a line for each group of equal lanes, then one for each two groups."""
    groups: list[list[tuple[Fingerprint, Runs]]] = []
    for one, runs in own:
        if not runs.traces:
            continue
        for group in groups:
            first, its = group[0]
            if first.dials == one.dials and _equal(harness, its, runs):
                group.append((one, runs))
                break
        else:
            groups.append([(one, runs)])
    lines = [
        f"- {', '.join(one.lane for one, _ in group)}: equal with the same arguments.\n"
        for group in groups
        if len(group) > 1
    ]
    for left, right in combinations(groups, 2):
        names = " and ".join(group[0][0].lane for group in (left, right))
        lines.append(f"- {names}: {_configured(harness, left[0][1], right[0][1])}.\n")
    return lines


def _equal(harness: Harness, one: Runs, other: Runs) -> bool:
    """Return whether the runs of one lane agree under the semantic dials of the other."""
    return all(
        worst((), case, trace, _as(harness, one, other, case)) <= 1 for case, trace in other.traces
    )


def _as(harness: Harness, one: Runs, other: Runs, case: Case) -> dict[str, Any]:
    """Return the semantic dials of `one`, with the precision and the model of `other`."""
    from parity.fingerprint import SEMANTIC

    rule = {d: v for d, v in harness.dials(one.lane, case).items() if d in SEMANTIC}
    rest = {d: v for d, v in harness.dials(other.lane, case).items() if d not in SEMANTIC}
    return {**rest, **rule}


def _configured(harness: Harness, one: Runs, other: Runs) -> str:
    """Return under which condition two lanes are equal, shown by a run, or how far they part."""
    if _equal(harness, one, other):
        return "equal with the same arguments"
    for count in (1, 2):
        for chosen in combinations(CONDITIONS, count):
            if _equal_where(harness, one, other, chosen):
                return f"equal where {' and '.join(chosen)}"
    far = max(
        free_distance(case, harness.dials(one.lane, case), _as(harness, other, one, case))
        for case, _ in other.traces
    )
    return f"not reachable, weights part by up to {far:.2g} of their largest change"


def _equal_where(harness: Harness, one: Runs, other: Runs, words: tuple[str, ...]) -> bool:
    """Return whether runs of `other` under some conditions agree with what `one` does."""
    cases = [case for case, _ in other.traces]
    for word in words:
        cases = [CONDITIONS[word](case) for case in cases]
    cases = [case for case in cases if other.lane.lacks(case) is None]
    results = harness.run(other.lane, cases)
    scores = [
        worst((), result.case, result.trace, _as(harness, one, other, result.case))
        for result in results
        if result.trace is not None
    ]
    return bool(scores) and max(scores) <= 1


def _given(case: Case, **changes: Any) -> Case:
    arguments = dict(case.optimizer.hyperparameters())
    known = {name: value for name, value in changes.items() if name in arguments}
    return replace(case, optimizer=replace(case.optimizer, arguments={**arguments, **known}))


def _value(value: Any) -> str:
    if value is None:
        return "?"
    return str(value) if isinstance(value, bool) else f"{value:g}"


def _short(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
