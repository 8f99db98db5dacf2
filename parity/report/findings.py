"""What a report shows of each check that found something, the worst first."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from parity.report.reading import Row, Run
from parity.summary import times

TABLE = 16  # steps in the table of scores; the charts show all
_WORST = {"error": 1}  # a lane that gave no trace comes before any score


def findings(told: Sequence[tuple[Run, str, Row]]) -> list[dict[str, Any]]:
    """Return one finding for each check that has a divergence or an error, the worst first.

    It is the case to which the check shrank what it found, where the results have it, or else the
    worst of the check's verdicts.
    """
    checks: dict[tuple[str, str, str], list[Row]] = {}
    for run, lane, row in told:
        checks.setdefault((run.name, lane, row.check), []).append(row)
    found = []
    for (run_name, lane, check), rows in checks.items():
        bad = [row for row in rows if row.status in ("diverge", "error")]
        kept = next((row for row in rows if row.finding is not None), None)
        if bad or kept is not None:
            worst = max(bad or rows, key=lambda row: (_WORST.get(row.status, 0), row.score))
            found.append(
                {
                    "run": run_name,
                    "check": check,
                    "of": len(rows),
                    **_finding(lane, worst, kept, len(bad)),
                }
            )
    found.sort(key=lambda one: (-_WORST.get(one["status"], 0), -one["score"], one["lane"]))
    names: dict[str, int] = {}
    for one in found:
        name = _name(f"{one['lane']}-{one['case']['digest']}")
        names[name] = names.get(name, 0) + 1
        one["id"] = f"finding-{name}" + (f"-{names[name]}" if names[name] > 1 else "")
    return found


def _finding(lane: str, worst: Row, kept: Row | None, bad: int) -> dict[str, Any]:
    shown: Mapping[str, Any] = _told(lane, worst)
    if kept is not None and kept.finding is not None:
        shown = kept.finding
    divergence = shown["divergence"]
    score = divergence["score"] if divergence else 0.0
    return {
        "lane": lane,
        "problem": worst.problem,
        "optimizer": worst.optimizer,
        "dtype": worst.dtype,
        "stage": divergence["stage"] if divergence else "",
        "dataset": _dataset(worst),
        "bad": bad,
        "claims": list(worst.claims),
        **shown,
        "cause": shown["cause"] or (kept or worst).cause,
        "score": score,
        "near": _near(shown["steps"], divergence) if shown["steps"] and divergence else 0,
        "times": times(score) if score else "",
    }


def _told(lane: str, row: Row) -> dict[str, Any]:
    """Return what a verdict alone says, of results that tell no more."""
    return {
        "sentence": _sentence(lane, row),
        "text": "",
        "again": "",
        "script": "",
        "cause": row.cause,
        "case": {
            "digest": row.case,
            "summary": f"{row.dtype} {row.problem}, {row.optimizer}",
            "json": "",
        },
        "status": "error" if row.status == "error" else "diverge",
        "divergence": row.divergence,
        "claims": list(row.claims),
        "steps": None,
    }


def _sentence(lane: str, row: Row) -> str:
    found = row.divergence
    if found is None:
        return f"{lane} gave no trace: {row.reason}"
    index = str(found["index"]) if found["index"] else ""
    return (
        f"{lane} parts from the oracle at step {found['step'] + 1}, stage {found['stage']}: "
        f'"{found["tensor"]}"{index}, {found["elements"]} of {found["size"]} elements'
    )


def _near(steps: Mapping[str, Any], divergence: Mapping[str, Any]) -> int:
    """Return the place of the step with which the table of scores begins: some before the first."""
    shown: list[int] = steps["step"]
    found: int = divergence["step"]
    before = sum(step < found for step in shown)
    return max(0, min(before - 3, len(shown) - TABLE))


def _dataset(row: Row) -> str:
    """Return the data set of a check's id: test_dataset[lane-name]."""
    check, _, rest = row.check.partition("[")
    return rest.rstrip("]").removeprefix(f"{row.lane}-") if check == "test_dataset" else ""


def _name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-").lower()
