"""A verdict as plain values: it crosses xdist, is counted in the table, stands in the JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from parity.lockstep import Result

FORMAT = 1
COUNTS = ("agree", "claimed", "diverge", "abstain", "error")

Record = Mapping[str, Any]


def record(check: str, result: Result) -> dict[str, Any]:
    """Return `result`, found by the check named so, as plain values."""
    case = result.case
    plain: dict[str, Any] = _plain(
        {
            "check": check,
            "lane": result.lane,
            "problem": case.problem,
            "optimizer": case.optimizer.name,
            "dtype": case.dtype,
            "case": case.digest,
            "claims": [claim.name for claim in result.claims],
            "dials": _dials(result),
            "score": result.verdict.score,
            **result.verdict.to_dict(),
        }
    )
    return plain


def kind(record: Record) -> str:
    """Return a verdict's status; `claimed` where it agrees with the help of a claim."""
    if record["status"] == "agree" and record["claims"]:
        return "claimed"
    return str(record["status"])


def tally(records: Sequence[Record]) -> dict[str, Any]:
    """Return how many verdicts came out how, the worst score, and what each stage adds up to."""
    kinds = [kind(record) for record in records]
    names = dict.fromkeys(stage for record in records for stage in record["counts"])
    stages = {
        name: _total([r["counts"][name] for r in records if name in r["counts"]]) for name in names
    }
    return {
        **{name: kinds.count(name) for name in COUNTS},
        "worst": max((stage["worst"] for stage in stages.values()), default=None),
        "stages": stages,
    }


def by_lane(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Return the verdicts of each lane, the lanes by name."""
    lanes: dict[str, list[Record]] = {}
    for record in records:
        lanes.setdefault(record["lane"], []).append(record)
    return dict(sorted(lanes.items()))


def write(path: Path, facts: Mapping[str, Any], records: Sequence[Record]) -> list[str]:
    """Write all verdicts, and what is known of the run; inf and nan stand there as strings.

    Return what a person should read: where they are. Raises OSError.
    """
    report = {
        "format": FORMAT,
        **facts,
        "lanes": {lane: tally(own) for lane, own in by_lane(records).items()},
        "verdicts": records,
    }
    text = json.dumps(_finite(report), indent=1, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
    return [f"verdicts: {path}"]


def _dials(result: Result) -> dict[str, list[str]]:
    """Return the values of the dials that the claims turn, as text; of a list of names, each."""
    turned: dict[str, list[str]] = {}
    for claim in result.claims:
        values = claim.value if isinstance(claim.value, tuple) else (claim.value,)
        turned.setdefault(claim.dial, []).extend(map(str, values))
    return {dial: sorted(set(values)) for dial, values in turned.items()}


def _total(counts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    judged = sum(count["judged"] for count in counts)
    abstained = sum(count["abstained"] for count in counts)
    return {
        "judged": judged,
        "abstained": abstained,
        "diverged": sum(count["diverged"] for count in counts),
        "worst": max(count["worst"] for count in counts),
        "unjudged": abstained / max(1, judged + abstained),
    }


def _plain(value: Any) -> Any:
    """Return `value` without enumerations, tuples and NumPy's scalars."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return str(value)
    return value.item() if hasattr(value, "item") else value


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
