"""What the oracle expects of a lane that follows some changes."""

from __future__ import annotations

import math

import numpy as np

from parity.bounds import Bounded, near
from parity.case import Case
from parity.changes.change import Change, Followed
from parity.compare import pairs, scores
from parity.dials import Dials
from parity.oracle import Expected, passes, updates
from parity.trace import Trace
from parity.validity import CaseError


def expectation(
    changes: tuple[Change, ...],
    case: Case,
    trace: Trace,
    dials: Dials,
    part: str = "",
    base: Expected | None = None,
) -> Expected | None:
    """Return what is expected under `changes`; of other parts than `part`, what `base` has."""
    of_loss = turned(changes, case, dials, "loss")
    of_gradient = turned(changes, case, dials, "gradient")
    if of_loss is None or of_gradient is None:
        return None
    if base is not None and part == "optimizer":
        losses, gradients = base.losses, base.gradients
    else:
        losses, gradients = passes(of_gradient[0], trace, of_gradient[1])
        if any(change.scope for change in changes):
            losses, _ = passes(of_loss[0], trace, of_loss[1])
    if base is not None and part == "model":
        return Expected(losses, gradients, base.weights, base.state)
    weights, state = updates(of_gradient[0], trace, gradients, of_gradient[1])
    # An argument may do away with a slot that the lane has.
    if not set(trace.state) <= set(state):
        return None
    return Expected(losses, gradients, weights, state)


def worst(changes: tuple[Change, ...], case: Case, trace: Trace, dials: Dials) -> float:
    """Return the worst score under those of `changes` that the case has something for."""
    able = tuple(c for c in changes if turned((c,), case, dials, c.scope or "loss") is not None)
    expected = expectation(able, case, trace, dials)
    if expected is None:
        return math.inf
    with np.errstate(all="ignore"):
        return max(
            float(scores(seen, wanted, scale)[0].max(initial=0.0))
            for _, _, seen, wanted, scale in pairs(trace, expected)
        )


def turned(changes: tuple[Change, ...], case: Case, dials: Dials, scope: str) -> Followed | None:
    """Return the case and dials that a lane follows for its loss, or for its gradient."""
    followed: Followed | None = case, dials
    for change in changes:
        if followed is not None and change.scope in ("", scope):
            try:
                followed = change.turn(*followed)
            except CaseError:  # what the change would have the lane do cannot be done
                return None
    return followed


def same(one: Expected, other: Expected) -> bool:
    """Return whether the same numbers are expected, with the same bounds."""
    pairs_ = zip(_values(one), _values(other), strict=True)
    return all(
        np.array_equal(a.value, b.value, equal_nan=True) and np.array_equal(a.error, b.error)
        for a, b in pairs_
    )


def alike(one: Expected, other: Expected) -> bool:
    """Return whether all that is expected lies within the bounds of both."""
    pairs_ = zip(_values(one), _values(other), strict=True)
    return all(bool(near(a, b).all()) for a, b in pairs_)


def _values(expected: Expected) -> list[Bounded]:
    slots = [value for slot in sorted(expected.state) for value in expected.state[slot].values()]
    return [expected.losses, *expected.gradients.values(), *expected.weights.values(), *slots]
