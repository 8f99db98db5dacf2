"""All verdicts as columns: names coded by number, scores to three digits, packed for the page.

A verdict costs about 20 bytes of the page this way, and a filter looks at whole numbers only.
"""

from __future__ import annotations

import base64
import gzip
import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

from parity.compare import Stage
from parity.records import COUNTS
from parity.report.reading import Row

NAMED = (
    "run",
    "lane",
    "problem",
    "optimizer",
    "dtype",
    "status",
    "stage",
    "check",
    "claims",
    "case",
)
NUMBERS = ("score", "parted", "unjudged", *(str(stage) for stage in Stage))


def columns(rows: Iterable[tuple[str, str, Row]]) -> dict[str, Any]:
    """Return each verdict's run, lane as it is shown, and row as columns of plain values.

    `names` holds each column's names, `codes` a number of one of them for each verdict, `numbers`
    the scores; None where a stage was not seen, and text where one is infinite.
    """
    places: dict[str, dict[str, int]] = {name: {} for name in NAMED}
    places["status"] = {name: place for place, name in enumerate(COUNTS)}
    codes: dict[str, list[int]] = {name: [] for name in NAMED}
    numbers: dict[str, list[Any]] = {name: [] for name in NUMBERS}
    for run, lane, row in rows:
        values = (
            run, lane, row.problem, row.optimizer, row.dtype, row.status, row.stage,
            row.check.partition("[")[0].removeprefix("test_"), "; ".join(row.claims), row.case,
        )  # fmt: skip
        for name, value in zip(NAMED, values, strict=True):
            known = places[name]
            codes[name].append(known.setdefault(value, len(known)))
        numbers["score"].append(rounded(row.score))
        numbers["parted"].append(rounded(row.parted))
        numbers["unjudged"].append(rounded(row.abstained / max(1, row.judged + row.abstained)))
        for stage in map(str, Stage):
            numbers[stage].append(rounded(row.worst[stage]) if stage in row.worst else None)
    return {
        "names": {name: list(known) for name, known in places.items()},
        "codes": codes,
        "numbers": numbers,
    }


def rounded(value: float) -> float | str:
    """Return three digits of a number, on the same side of 1; text where it is not finite."""
    if not math.isfinite(value):
        return str(value)
    short = float(f"{value:.3g}")
    return 1.01 if short <= 1 < value else short


def packed(value: Any) -> str:
    """Return plain values as JSON, compressed, in characters that HTML leaves alone."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    # No time in it: the same results give the same page.
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode("ascii")


def finite(value: Any) -> Any:
    """Return plain values with text for what JSON has no number for."""
    if isinstance(value, dict):
        return {name: finite(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [finite(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
