"""Trace and oracle to verdict: every stage, step, tensor and element, in units of the bound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any

import numpy as np

from parity.bounds import ARITHMETICS, Array, Bounded
from parity.case import Case
from parity.oracle import Expected, follow, run_free
from parity.precision import representable
from parity.trace import Trace

# A divergence is clear from this many times its bound on: a case is shrunk, and explanations are
# told apart, only by what nobody could call barely over the bound.
CLEAR = 10.0
# How far the scores of two runs may lie apart that are one but for rounding: each by its bound.
APART = 2.0
# How the name of a tensor ends that is not the case's before the first step.
START = " at the start"


class Status(StrEnum):
    """How a verdict came out."""

    AGREE = "agree"
    DIVERGE = "diverge"
    ABSTAIN = "abstain"
    ERROR = "error"


class Stage(StrEnum):
    """Where in a step a tensor is made, in the order in which a step makes them."""

    FORWARD = "forward"
    BACKWARD = "backward"
    STATE = "state"
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first difference: the worst element of the first tensor that parts from the oracle."""

    step: int
    stage: Stage
    tensor: str
    index: tuple[int, ...]
    expected: float
    seen: float
    bound: float
    score: float
    elements: int
    size: int


@dataclass(frozen=True, slots=True)
class Count:
    """The elements of one stage: judged, abstained, beyond the bound, and the worst score."""

    judged: int = 0
    abstained: int = 0
    diverged: int = 0
    worst: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the oracle says of one trace.

    `counts` has the stages that the trace shows. `parted` is how far lane and free run are apart
    in the end: the largest difference of a weight, over the largest change of any weight.
    """

    status: Status
    counts: Mapping[Stage, Count] = field(default_factory=dict)
    divergence: Divergence | None = None
    parted: float = 0.0
    reason: str = ""

    @property
    def score(self) -> float:
        """The worst |seen - expected| / bound of all elements."""
        return max((count.worst for count in self.counts.values()), default=0.0)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


@np.errstate(all="ignore")  # what a lane got may be infinite or no number
def judge(case: Case, trace: Trace, dials: Mapping[str, Any]) -> Verdict:
    """Return the verdict on `trace`, the oracle turned to `dials`.

    A slot that the trace does not show is not held against it: not every API shows all of them, and
    an optimizer that lacks one moves the weights otherwise, which are always judged.
    """
    verdict = compared(case, trace, follow(case, trace, dials))
    if verdict.status is Status.ERROR:
        return verdict
    return replace(verdict, parted=_parted(case, trace, dials))


@np.errstate(all="ignore")
def compared(case: Case, trace: Trace, expected: Expected) -> Verdict:
    """Return the verdict on `trace`, given what the oracle expects of it; no run of its own."""
    unknown = sorted(set(trace.state) - set(expected.state))
    if unknown:
        return Verdict(
            Status.ERROR,
            reason=f"state: expected slots among {sorted(expected.state)}, got {unknown}",
        )
    counts: dict[Stage, Count] = {}
    start = first = _other_start(case, trace)
    for stage, tensor, seen, wanted, scale in pairs(trace, expected):
        scored, abstained = scores(seen, wanted, scale)
        counts[stage] = _counted(counts.get(stage, Count()), scored, abstained)
        found = _first(stage, tensor, seen, wanted, scored)
        if found is not None and (first is None or _order(found) < _order(first)):
            first = found
    if start is not None:  # what follows from it would agree
        counts[start.stage] = replace(
            counts[start.stage],
            diverged=counts[start.stage].diverged + start.elements,
            worst=max(counts[start.stage].worst, start.score),
        )
    if first is not None:
        status = Status.DIVERGE
    else:
        judged = any(count.judged for count in counts.values())
        status = Status.AGREE if judged else Status.ABSTAIN
    return Verdict(status, counts, first)


def _other_start(case: Case, trace: Trace) -> Divergence | None:
    """Return where the run did not start at the case's weights; all that follows would agree."""
    for name, seen in trace.weights.items():
        start = representable(case.weights[name], case.dtype)[None]
        wanted = Bounded(start, np.zeros(start.shape), ARITHMETICS[case.dtype])
        scored, _ = scores(seen[:1], wanted, np.abs(start))
        found = _first(Stage.FORWARD, f"{name}{START}", seen[:1], wanted, scored)
        if found is not None:
            return found
    return None


Pair = tuple[Stage, str, Array, Bounded, Array]


def pairs(trace: Trace, expected: Expected) -> Iterator[Pair]:
    """Yield each tensor of each stage: seen, expected, and what it is measured against."""
    losses = expected.losses
    yield Stage.FORWARD, "loss", np.asarray(trace.losses), losses, np.abs(losses.value)
    for name, seen in trace.gradients.items():
        gradient = expected.gradients[name]
        yield Stage.BACKWARD, name, seen, gradient, np.abs(gradient.value)
    for slot, tensors in trace.state.items():
        for name, seen in tensors.items():
            value = expected.state[slot][name]
            yield Stage.STATE, f"{slot} of {name}", seen, value, np.abs(value.value)
    for name, seen in trace.weights.items():
        after = expected.weights[name]
        change = np.abs(after.value - seen[:-1])
        yield Stage.UPDATE, name, seen[1:], after, change


@np.errstate(all="ignore")
def scores(seen: Array, wanted: Bounded, scale: Array) -> tuple[Array, Array]:
    """Return each element's score, and which of them the bound cannot judge.

    An element is abstained on where its bound is not finite, or is larger than what it measures:
    the element itself, or the mean of its tensor at that step, whichever is larger.
    """
    value = np.asarray(seen, np.float64)
    bound = np.broadcast_to(wanted.error, wanted.value.shape)
    open_ = ~np.isfinite(bound) | ~np.isfinite(wanted.value)
    distance = np.abs(value - wanted.value)
    scored = np.where(distance == 0, 0.0, distance / bound)
    scored = np.where(np.isfinite(value), scored, np.inf)
    scored = np.where(open_, 0.0, scored)
    axes = tuple(range(1, scale.ndim))
    typical = np.mean(scale, axis=axes, keepdims=True) if axes else scale
    coarse = bound > np.maximum(scale, typical)
    return scored, open_ | (coarse & (scored <= 1))


def _counted(count: Count, scores: Array, abstained: Array) -> Count:
    waived = int(np.count_nonzero(abstained))
    return Count(
        judged=count.judged + scores.size - waived,
        abstained=count.abstained + waived,
        diverged=count.diverged + int(np.count_nonzero(scores > 1)),
        worst=max(count.worst, float(np.max(scores, initial=0.0))),
    )


def _first(
    stage: Stage, tensor: str, seen: Array, wanted: Bounded, scores: Array
) -> Divergence | None:
    beyond = scores > 1
    if not beyond.any():
        return None
    flat = beyond.reshape(len(scores), -1)
    step = int(np.argmax(flat.any(axis=1)))
    at = np.unravel_index(int(np.argmax(scores[step])), scores[step].shape)
    index = tuple(map(int, at))
    bound = np.broadcast_to(wanted.error, wanted.value.shape)
    return Divergence(
        step=step,
        stage=stage,
        tensor=tensor,
        index=index,
        expected=float(wanted.value[(step, *index)]),
        seen=float(seen[(step, *index)]),
        bound=float(bound[(step, *index)]),
        score=float(scores[(step, *index)]),
        elements=int(np.count_nonzero(flat[step])),
        size=int(flat.shape[1]),
    )


def _order(found: Divergence) -> tuple[int, int, float]:
    return found.step, list(Stage).index(found.stage), -found.score


def _parted(case: Case, trace: Trace, dials: Mapping[str, Any]) -> float:
    end, moved = _free_end(case, tuple(dials.items()))
    gap = _farthest([trace.weights[name][-1] - last for name, last in end.items()])
    return gap / moved if 0 < moved < np.inf else gap


def free_distance(case: Case, one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """Return how far two free runs part: the largest difference over the largest change."""
    end, moved = _free_end(case, tuple(one.items()))
    others, _ = _free_end(case, tuple(other.items()))
    gap = _farthest([others[name] - last for name, last in end.items()])
    return gap / moved if 0 < moved < np.inf else gap


@lru_cache(maxsize=1024)  # lanes are judged on the same cases, most of them with the same dials
def _free_end(case: Case, dials: tuple[tuple[str, Any], ...]) -> tuple[dict[str, Array], float]:
    """Return the free run's last weights, and the largest change of any weight."""
    free = run_free(case, dict(dials)).weights
    moved = _farthest([weights[-1] - weights[0] for weights in free.values()])
    return {name: weights[-1] for name, weights in free.items()}, moved


def _farthest(differences: list[Array]) -> float:
    """Return the largest size; infinity where one is not a number."""
    sizes = np.abs(np.concatenate([array.ravel() for array in differences]))
    return float(np.max(np.where(np.isfinite(sizes), sizes, np.inf)))
