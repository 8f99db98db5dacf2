"""The table at the end of a run: lanes by problem and optimizer, with counts and worst scores."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

PROBLEMS = ("linear", "softmax", "mlp")
COUNTS = ("agree", "claimed", "diverge", "abstain", "error")
# Worst first: what a cell shows where its cases differ.
MARKS = {"error": "E", "diverge": "x", "abstain": "-", "claimed": "c", "agree": "."}
LEGEND = (
    "each cell: linear, softmax, mlp   . agree   c agrees with its claims   x diverged   "
    "- abstained   E error\n"
    "worst: the largest |seen - expected| in units of the rounding bound; unjudged: the share of "
    "elements on which the bound abstains\n"
)
WIDTH = 160

Record = Mapping[str, Any]


def table(records: Sequence[Record]) -> str:
    """Return the summary of verdicts, one row a lane."""
    optimizers = list(dict.fromkeys(record["optimizer"] for record in records))
    shown = Table(box=None, pad_edge=False, header_style="", padding=(0, 1, 0, 0))
    shown.add_column("lane", no_wrap=True)
    for name in optimizers:
        shown.add_column(name, no_wrap=True)
    for name in (*COUNTS, "worst", "unjudged"):
        shown.add_column(name, justify="right", no_wrap=True)
    for lane in sorted({record["lane"] for record in records}):
        own = [record for record in records if record["lane"] == lane]
        cells = [_cell([r for r in own if r["optimizer"] == name]) for name in optimizers]
        kinds = [kind(record) for record in own]
        counts = [str(kinds.count(name) or "") for name in COUNTS]
        shown.add_row(lane, *cells, *counts, f"{_worst(own):.3g}", f"{_unjudged(own):.1%}")
    out = io.StringIO()
    Console(file=out, width=WIDTH, color_system=None, highlight=False).print(shown)
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    return "\n".join(lines) + "\n\n" + LEGEND


def kind(record: Record) -> str:
    """Return a verdict's status; `claimed` where it agrees with the help of a claim."""
    if record["status"] == "agree" and record["claims"]:
        return "claimed"
    return str(record["status"])


def _cell(records: Sequence[Record]) -> str:
    marks = ""
    for problem in PROBLEMS:
        kinds = {kind(record) for record in records if record["problem"] == problem}
        marks += next((mark for name, mark in MARKS.items() if name in kinds), " ")
    return marks


def _worst(records: Sequence[Record]) -> float:
    counts = [count for record in records for count in record["counts"].values()]
    return max((float(count["worst"]) for count in counts), default=0.0)


def _unjudged(records: Sequence[Record]) -> float:
    counts = [count for record in records for count in record["counts"].values()]
    abstained = sum(count["abstained"] for count in counts)
    judged = sum(count["judged"] for count in counts)
    return float(abstained / max(1, abstained + judged))
