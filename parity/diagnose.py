"""Name the cause of a divergence: the changes under which the oracle agrees at every step.

Nothing is guessed: an explanation is tried like a claim, and holds only if every element that the
trace shows lies within its bound. Where several hold, a case on which they part is looked for with
the oracle alone, and the lane is run there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations, permutations, product
from typing import Any

import numpy as np

from parity.bounds import Array, Bounded, near
from parity.case import Case, CaseError
from parity.changes import CHANGES, PRECISION, SIMPLE, WHOLE, Change, Dials
from parity.compare import CLEAR, Stage, pairs, scores
from parity.oracle import Expected, passes, run_free, updates
from parity.precision import representable
from parity.trace import Trace

PARTS = {
    "model": (Stage.FORWARD, Stage.BACKWARD),
    "optimizer": (Stage.STATE, Stage.UPDATE),
}
Scored = dict[tuple[Stage, str], tuple[Array, Array]]  # each tensor's scores, and what is abstained


@dataclass(frozen=True, slots=True)
class Explanation:
    """Changes under which the oracle agrees with a whole trace; `score` is the worst that is left.

    No changes at all explain a run that agrees as it is.
    """

    changes: tuple[Change, ...]
    score: float

    @property
    def sentence(self) -> str:
        """What the lane does, for a person."""
        return " and ".join(dict.fromkeys(change.says for change in self.changes))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "changes": [change.to_dict() for change in self.changes],
            "score": self.score,
            "sentence": self.sentence,
        }


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The explanations that hold, simplest first; `case` is the one that told them from others."""

    explanations: tuple[Explanation, ...]
    tried: int
    case: Case | None = None

    @property
    def sentence(self) -> str:
        """The cause in one sentence, or that none is known."""
        if not self.explanations:
            return f"none of {self.tried} explanations fits"
        return ", or ".join(dict.fromkeys(found.sentence for found in self.explanations))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "explanations": [found.to_dict() for found in self.explanations],
            "sentence": self.sentence,
            "tried": self.tried,
            "separated_by": None if self.case is None else self.case.digest,
        }


def diagnose(case: Case, trace: Trace, dials: Dials) -> Diagnosis:
    """Return every explanation of what `trace` does otherwise than the oracle turned to `dials`.

    Those of one change come first and, only where there are none, those of two. Where the lane
    shows its gradients, model and optimizer are explained apart.
    """
    whole = _Search(case, trace, dials, "", WHOLE)
    found = list(whole.singles([]))
    if found:
        return Diagnosis(tuple(found), whole.tried)
    parts = tuple(PARTS) if trace.gradients else ("",)
    start = (ELSEWHERE,) if _elsewhere(case, trace) else ()
    by_part, tried = [[Explanation(start, 0.0)]], whole.tried
    for part in parts:
        search = _Search(case, trace, dials, part, CHANGES)
        by_part.append(search.explanations())
        tried += search.tried
    joined = [_joined(chosen) for chosen in product(*by_part)]
    return Diagnosis(tuple(joined), tried)


def confirmed(
    diagnosis: Diagnosis, runs: Iterable[tuple[Case, Trace]], dials: Callable[[Case], Dials]
) -> Diagnosis:
    """Return the explanations that hold on every one of a lane's other runs too."""
    left = list(diagnosis.explanations)
    for case, trace in runs:
        left = [found for found in left if worst(found.changes, case, trace, dials(case)) <= 1]
    return replace(diagnosis, explanations=tuple(left))


def separated(
    diagnosis: Diagnosis,
    candidates: Iterable[Case],
    dials: Callable[[Case], Dials],
    run: Callable[[Case], Trace | None],
) -> Diagnosis:
    """Return the explanations that survive on cases where they part.

    `candidates` are searched with the oracle alone; `run` trains the lane on the first that tells
    two explanations apart. An explanation that is only vaguer, so that its bound covers what
    another one says while what it says itself is not what the lane does, does not survive either.
    """
    left, witness, cases = list(diagnosis.explanations), diagnosis.case, list(candidates)
    while len(left) > 1:
        found = _parting(left, cases, dials)
        trace = None if found is None else run(found[0])
        if found is None or trace is None:
            break
        witness, told, refuted = found
        right = [one for one in left if worst(one.changes, witness, trace, dials(witness)) <= 1]
        # The lane is where `refuted` has it, not where `told` would have been.
        left = [one for one in right if one is not told or refuted not in right]
        cases.remove(witness)
    return replace(diagnosis, explanations=tuple(left), case=witness)


ELSEWHERE = Change(
    "model", "start", None, "the run started from other weights", lambda case, dials: (case, dials)
)


def _elsewhere(case: Case, trace: Trace) -> bool:
    return any(
        not any(
            np.array_equal(seen[0], representable(case.weights[name], dtype))
            for dtype in (case.dtype, "float32")  # less precise, but not elsewhere
        )
        for name, seen in trace.weights.items()
    )


class _Search:
    """The changes of one part (all, where it is empty) tried on one trace."""

    def __init__(
        self, case: Case, trace: Trace, dials: Dials, part: str, changes: tuple[Change, ...]
    ) -> None:
        self.case, self.trace, self.dials, self.part = case, trace, dials, part
        self.changes = changes
        self.stages = PARTS.get(part, tuple(Stage))
        self.tried = 0
        base = _expected((), case, trace, dials)
        assert base is not None
        self.base = base
        self.beyond = {key: scored > 1 for key, (scored, _) in self.scored(base).items()}

    def explanations(self) -> list[Explanation]:
        """Return what explains this part: nothing, where it agrees."""
        if not any(beyond.any() for beyond in self.beyond.values()):
            return [Explanation((), 0.0)]
        relevant: list[Change] = []
        found = list(self.singles(relevant))
        return found or list(self.twos(relevant))

    def singles(self, relevant: list[Change]) -> Iterator[Explanation]:
        """Yield the changes that explain alone, and collect those that do anything here."""
        for change in self.changes:
            if self.part and change.part != self.part:
                continue
            expected = self.expected((change,))
            if expected is None or _same(expected, self.base):
                continue
            if change in SIMPLE:
                relevant.append(change)
            if change.name not in PRECISION and _alike(expected, self.base):
                continue
            yield from self.fitting((change,), expected)

    def twos(self, relevant: list[Change]) -> Iterator[Explanation]:
        """Yield the pairs that explain together."""
        for one, other in combinations(relevant, 2):
            if (one.name, one.scope) == (other.name, other.scope):
                continue
            expected = self.expected((one, other))
            if expected is not None:
                yield from self.fitting((one, other), expected)

    def fitting(self, changes: tuple[Change, ...], expected: Expected) -> Iterator[Explanation]:
        """Yield the explanation, unless an element is beyond its bound or no longer judged."""
        self.tried += 1
        score, judged, wanted = 0.0, 0, 0
        for key, (scored, abstained) in self.scored(expected).items():
            beyond = self.beyond[key]
            score = max(score, float(scored.max(initial=0.0)))
            judged += int(np.count_nonzero(beyond & ~abstained))
            wanted += int(np.count_nonzero(beyond))
        # What is not in float32 was not computed in it, however wide float32's bounds are.
        if any(change.name == "dtype" for change in changes) and not self.in_float32:
            return
        # A bound so wide that most of what differed is abstained on explains nothing.
        if score <= 1 and 2 * judged > wanted:
            yield Explanation(changes, score)

    @cached_property
    def in_float32(self) -> bool:
        """Whether all that the lane shows of this part are float32 numbers."""
        shown = [
            seen for stage, _, seen, _, _ in pairs(self.trace, self.base) if stage in self.stages
        ]
        return all(
            np.array_equal(seen, representable(seen, "float32"), equal_nan=True) for seen in shown
        )

    def scored(self, expected: Expected) -> Scored:
        """Return the scores of every tensor of this part's stages."""
        found: Scored = {}
        with np.errstate(all="ignore"):
            for stage, tensor, seen, wanted, scale in pairs(self.trace, expected):
                if stage in self.stages:
                    found[stage, tensor] = scores(seen, wanted, scale)
        return found

    def expected(self, changes: tuple[Change, ...]) -> Expected | None:
        """Return what the oracle expects of a lane that follows `changes`; None: there is none."""
        return _expected(changes, self.case, self.trace, self.dials, self.part, self.base)


def _expected(
    changes: tuple[Change, ...],
    case: Case,
    trace: Trace,
    dials: Dials,
    part: str = "",
    base: Expected | None = None,
) -> Expected | None:
    """Return what is expected under `changes`; of other parts than `part`, what `base` has."""
    of_loss = _turned(changes, case, dials, "loss")
    of_gradient = _turned(changes, case, dials, "gradient")
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


def _turned(
    changes: tuple[Change, ...], case: Case, dials: Dials, scope: str
) -> tuple[Case, Dials] | None:
    """Return the case and dials that a lane follows for its loss, or for its gradient."""
    turned: tuple[Case, Dials] | None = case, dials
    for change in changes:
        if turned is not None and change.scope in ("", scope):
            try:
                turned = change.turn(*turned)
            except CaseError:  # what the change would have the lane do cannot be done
                return None
    return turned


def _same(one: Expected, other: Expected) -> bool:
    pairs_ = zip(_values(one), _values(other), strict=True)
    return all(
        np.array_equal(a.value, b.value, equal_nan=True) and np.array_equal(a.error, b.error)
        for a, b in pairs_
    )


def _values(expected: Expected) -> list[Bounded]:
    slots = [value for slot in sorted(expected.state) for value in expected.state[slot].values()]
    return [expected.losses, *expected.gradients.values(), *expected.weights.values(), *slots]


def _joined(parts: tuple[Explanation, ...]) -> Explanation:
    changes = tuple(change for part in parts for change in part.changes)
    return Explanation(changes, max(part.score for part in parts))


def worst(changes: tuple[Change, ...], case: Case, trace: Trace, dials: Dials) -> float:
    """Return the worst score under those of `changes` that the case has something for."""
    able = tuple(c for c in changes if _turned((c,), case, dials, c.scope or "loss") is not None)
    expected = _expected(able, case, trace, dials)
    if expected is None:
        return math.inf
    with np.errstate(all="ignore"):
        return max(
            float(scores(seen, wanted, scale)[0].max(initial=0.0))
            for _, _, seen, wanted, scale in pairs(trace, expected)
        )


def readings(
    case: Case, trace: Trace, dials: Dials, changes: Iterable[Change]
) -> dict[Change, float]:
    """Return the worst score of state and weights under each change that expects anything else.

    What lies within the bounds of both is not anything else. Where a change expects no number and
    a number was seen, the score is infinite.
    """
    part = "optimizer" if trace.gradients else ""
    search, found = _Search(case, trace, dials, part, CHANGES), {}
    for change in changes:
        expected = search.expected((change,))
        if expected is None or _alike(expected, search.base):
            continue
        scored = search.scored(expected).values()
        score = max(float(score.max(initial=0.0)) for score, _ in scored)
        found[change] = math.inf if _no_number(expected, trace) else score
    return found


def _alike(one: Expected, other: Expected) -> bool:
    pairs_ = zip(_values(one), _values(other), strict=True)
    return all(bool(near(a, b).all()) for a, b in pairs_)


def _no_number(expected: Expected, trace: Trace) -> bool:
    return any(
        bool((np.isnan(wanted.value) & np.isfinite(seen)).any())
        for stage, _, seen, wanted, _ in pairs(trace, expected)
        if stage in (Stage.STATE, Stage.UPDATE)
    )


def _simulated(changes: tuple[Change, ...], case: Case, dials: Dials) -> Trace | None:
    """Return the oracle's own run under `changes`; None where one of them cannot be done."""
    of_gradient = _turned(changes, case, dials, "gradient")
    of_loss = _turned(changes, case, dials, "loss")
    if of_gradient is None or of_loss is None:
        return None
    trace = run_free(*of_gradient)
    if any(change.scope for change in changes):
        losses, _ = passes(of_loss[0], trace, of_loss[1], bounded=False)
        trace = replace(trace, losses=losses)
    return trace


def _parting(
    explanations: list[Explanation], cases: list[Case], dials: Callable[[Case], Dials]
) -> tuple[Case, Explanation, Explanation] | None:
    """Return the first case on which a run that follows one explanation clearly refutes another."""
    for case in cases:
        for one, other in permutations(explanations, 2):
            trace = _simulated(one.changes, case, dials(case))
            if trace is not None and worst(other.changes, case, trace, dials(case)) >= CLEAR:
                return case, one, other
    return None
