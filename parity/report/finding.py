"""What the report shows of one finding: its sentence, its case, and the run step by step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from parity.bounds import Array
from parity.case import Case
from parity.compare import Divergence, Stage, pairs, scores
from parity.findings import describe, summary
from parity.known import dials
from parity.lockstep import Result
from parity.oracle import follow, run_free
from parity.trace import Trace

STEPS = 200  # of a longer run, about so many steps are shown
LARGEST = 50_000  # characters; a larger case is named by its file only


def finding_data(
    result: Result, *, text: str = "", again: str = "", script: str = ""
) -> dict[str, Any]:
    """Return a finding as plain values, infinities among them.

    `text` is the finding as it was printed, `again` the command that shows it again, `script` the
    text of the script that shows it. `steps` is there where the lane gave a trace and parted from
    the oracle; its lists have one item a step: `step` (from 0), `score` by stage (the worst of all
    elements), and of the element named in the sentence `seen`, `expected`, `bound`, and `free`,
    which is what the oracle's own run has there; a weight has its value at the `start`, too.
    """
    case = result.case
    told = text or describe(result, result.lane, again)
    written = case.to_json()
    data: dict[str, Any] = {
        "sentence": told.partition("\n")[0],
        "text": told,
        "again": again,
        "script": script,
        "case": {
            "digest": case.digest,
            "summary": summary(case),
            "json": written if len(written) <= LARGEST else "",
        },
        "verdict": json.loads(json.dumps(result.verdict.to_dict())),
        "score": result.verdict.score,
        "cause": "" if result.diagnosis is None else result.diagnosis.sentence,
        "claims": [claim.name for claim in result.claims],
    }
    found = result.verdict.divergence
    if result.trace is not None and found is not None:
        data["steps"] = _steps(case, result.trace, dials(result.claims), found)
    return data


@np.errstate(all="ignore")  # what a lane got may be infinite or no number
def _steps(
    case: Case, trace: Trace, turned: Mapping[str, Any], found: Divergence
) -> dict[str, Any]:
    shown = _shown(case.steps, found.step)
    worst: dict[Stage, Array] = {}
    element: dict[str, Array] = {}
    for stage, tensor, seen, wanted, scale in pairs(trace, follow(case, trace, turned)):
        scored, _ = scores(seen, wanted, scale)
        each = scored.reshape(case.steps, -1).max(axis=1, initial=0.0)
        worst[stage] = np.maximum(worst.get(stage, each), each)
        if stage is found.stage and tensor == found.tensor:
            at: Any = (slice(None), *found.index)
            error = np.broadcast_to(wanted.error, wanted.value.shape)
            element = {"seen": seen[at], "expected": wanted.value[at], "bound": error[at]}
    start = {}
    if element:
        at = (slice(None), *found.index)
        element["free"] = _values(run_free(case, turned), found)[at]
    if element and found.stage is Stage.UPDATE:
        start = {"start": float(trace.weights[found.tensor][(0, *found.index)])}
    return {
        "step": shown,
        "score": {str(stage): _floats(each[shown]) for stage, each in worst.items()},
        **{name: _floats(values[shown]) for name, values in element.items()},
        **start,
    }


def _shown(steps: int, found: int) -> list[int]:
    """Return the steps that are shown: evenly spread, and those beside the one found."""
    every = range(0, steps, max(1, -(-steps // STEPS)))
    return sorted({*every, *range(max(0, found - 2), min(steps, found + 3)), steps - 1})


def _values(trace: Trace, found: Divergence) -> Array:
    """Return the tensor that was found, of a trace, by step."""
    if found.stage is Stage.FORWARD:
        return trace.losses
    if found.stage is Stage.BACKWARD:
        return trace.gradients[found.tensor]
    if found.stage is Stage.UPDATE:
        return trace.weights[found.tensor][1:]
    slot, _, name = found.tensor.partition(" of ")
    return trace.state[slot][name]


def _floats(values: Array) -> list[float]:
    return [float(value) for value in values]
