"""The table at the end of a run: lanes by problem and optimizer, with counts and worst scores.

`python -m parity.summary FILE` prints this table, and that of whole epochs on real data, of the
verdicts that `--parity-json=FILE` wrote.
"""

from __future__ import annotations

import io
import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from parity.datasets import REAL
from parity.parts import OPTIMIZERS
from parity.records import COUNTS, Record, by_lane, kind, tally

PROBLEMS = ("linear", "softmax", "mlp")
# What a cell shows where its cases differ: the first of these.
MARKS = {"error": "E", "diverge": "x", "claimed": "c", "agree": ".", "abstain": "-"}
HEADINGS = ("agree", "claimed", "diverged", "abstained", "error", "worst", "unjudged")
LEGEND = (
    "each optimizer: linear, softmax, mlp   . agrees   c agrees with its claims   x diverged   "
    "- abstained   E error\n"
    "worst: the largest |seen - expected| in units of the rounding bound   "
    "unjudged: the share of elements\n"
    "on which the bound cannot decide, in the stage where it is largest\n"
)


def table(records: Sequence[Record]) -> str:
    """Return the summary of verdicts, one row a lane."""
    used = {record["optimizer"] for record in records}
    # In the catalog's order: workers side by side finish in another one each time.
    optimizers = [name for name in (*OPTIMIZERS, *sorted(used - {*OPTIMIZERS})) if name in used]
    shown = Table(box=None, pad_edge=False, header_style="", padding=(0, 1, 0, 0))
    for name in ("lane", *optimizers):
        shown.add_column(name, no_wrap=True)
    for name in HEADINGS:
        shown.add_column(name, justify="right", no_wrap=True)
    for lane, own in by_lane(records).items():
        cells = [_cell([r for r in own if r["optimizer"] == name]) for name in optimizers]
        total = tally(own)
        counts = [str(total[name] or "") for name in COUNTS]
        shown.add_row(lane, *cells, *counts, _worst(total["worst"]), _unjudged(total["stages"]))
    out = io.StringIO()
    # As wide as it needs to be: a log has no width, and a terminal wraps.
    console = Console(file=out, width=10_000, color_system=None, highlight=False, markup=False)
    console.print(shown)
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    return "\n".join(lines) + "\n\n" + LEGEND


def epochs(records: Sequence[Record]) -> str:
    """Return a Markdown table of the worst score of each whole epoch on real data."""
    names = [name for name in REAL if any(_dataset(record) == name for record in records)]
    lines = [f"| lane | {' | '.join(names)} |", "| --- |" + " ---: |" * len(names)]
    for lane, own in by_lane(records).items():
        scores = {_dataset(record): times(float(record["score"])) for record in own}
        lines.append(f"| `{lane}` | {' | '.join(scores.get(name, '') for name in names)} |")
    return "\n".join(lines)


def _dataset(record: Record) -> str:
    """Return the data set of a check's id: test_dataset[lane-name]."""
    check, _, rest = str(record["check"]).partition("[")
    return rest.rstrip("]").removeprefix(f"{record['lane']}-") if check == "test_dataset" else ""


def rounded(number: float) -> str:
    """Return a number above 0 with three digits that count, thousands apart."""
    if number >= 1000:
        return f"{round(number, 2 - math.floor(math.log10(number))):,.0f}"
    return f"{number:.3g}"


def times(score: float) -> str:
    """Return a score as a person reads it; rounding never takes it to the other side of 1."""
    if 100 <= score < 1e6:
        return f"{score:,.0f}"
    if not 0.01 <= score < 100:
        return f"{score:.3g}"
    return f"{min(score, 0.999) if score <= 1 else max(score, 1.001):.3f}"


def _cell(records: Sequence[Record]) -> str:
    marks = ""
    for problem in PROBLEMS:
        kinds = {kind(record) for record in records if record["problem"] == problem}
        marks += next((mark for name, mark in MARKS.items() if name in kinds), " ")
    return marks


def _worst(score: float | None) -> str:
    return "" if score is None else times(score)


def _unjudged(stages: Mapping[str, Mapping[str, Any]]) -> str:
    if not stages:
        return ""
    stage = max(stages, key=lambda name: stages[name]["unjudged"])
    share = stages[stage]["unjudged"]
    return f"{share:.2%} {stage}" if share else "0%"


if __name__ == "__main__":
    verdicts = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["verdicts"]
    sys.stdout.write(f"{table(verdicts)}\n{epochs(verdicts)}\n")
