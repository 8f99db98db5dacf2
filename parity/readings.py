"""How well each of some changes would fit a trace."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from parity.case import Case
from parity.changes import CHANGES
from parity.changes.change import Change
from parity.compare import Stage, pairs
from parity.dials import Dials
from parity.expectation import alike
from parity.explanation import Search
from parity.oracle import Expected
from parity.trace import Trace


def readings(
    case: Case, trace: Trace, dials: Dials, changes: Iterable[Change]
) -> dict[Change, float]:
    """Return the worst score of state and weights under each change that expects anything else.

    What lies within the bounds of both is not anything else. Where a change expects no number and
    a number was seen, the score is infinite.
    """
    part = "optimizer" if trace.gradients else ""
    search, found = Search(case, trace, dials, part, CHANGES), {}
    for change in changes:
        expected = search.expected((change,))
        if expected is None or alike(expected, search.base):
            continue
        scored = search.scored(expected).values()
        score = max(float(score.max(initial=0.0)) for score, _ in scored)
        found[change] = math.inf if _no_number(expected, trace) else score
    return found


def _no_number(expected: Expected, trace: Trace) -> bool:
    return any(
        bool((np.isnan(wanted.value) & np.isfinite(seen)).any())
        for stage, _, seen, wanted, _ in pairs(trace, expected)
        if stage in (Stage.STATE, Stage.UPDATE)
    )
