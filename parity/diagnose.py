"""Name the cause of a divergence: the changes under which the oracle agrees at every step.

Nothing is guessed: an explanation is tried like a claim, and holds only if every element that the
trace shows lies within its bound. Where several hold, a case on which they part is looked for with
the oracle alone, and the lane is run there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import permutations, product
from typing import Any

import numpy as np

from parity.case import Case
from parity.changes import CHANGES
from parity.changes.change import Change
from parity.changes.precision import WHOLE
from parity.compare import CLEAR
from parity.dials import Dials
from parity.expectation import turned, worst
from parity.explanation import PARTS, Explanation, Search
from parity.oracle import passes, run_free
from parity.precision import representable
from parity.trace import Trace


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The explanations that hold, simplest first; `case` is the one that told them from others.

    Where none holds on all of the lane's runs, `alone` has those of one change that hold on this
    one: its cause may be one of them, where the lane does more things otherwise elsewhere.
    """

    explanations: tuple[Explanation, ...]
    tried: int
    case: Case | None = None
    alone: tuple[Explanation, ...] = ()

    @property
    def sentence(self) -> str:
        """The cause in one sentence, or that none is known."""
        if self.explanations:
            return _either(self.explanations)
        none = f"none of {self.tried} explanations fits"
        return f"{none} all runs; this one alone: {_either(self.alone)}" if self.alone else none

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "explanations": [found.to_dict() for found in self.explanations],
            "alone": [found.to_dict() for found in self.alone],
            "sentence": self.sentence,
            "tried": self.tried,
            "separated_by": None if self.case is None else self.case.digest,
        }


def _either(explanations: Iterable[Explanation]) -> str:
    return ", or ".join(dict.fromkeys(found.sentence for found in explanations))


def diagnose(case: Case, trace: Trace, dials: Dials) -> Diagnosis:
    """Return every explanation of what `trace` does otherwise than the oracle turned to `dials`.

    Those of one change come first and, only where there are none, those of two. Where the lane
    shows its gradients, model and optimizer are explained apart.
    """
    whole = Search(case, trace, dials, "", WHOLE)
    found = list(whole.singles([]))
    if found:
        return Diagnosis(tuple(found), whole.tried)
    parts = tuple(PARTS) if trace.gradients else ("",)
    start = (ELSEWHERE,) if _elsewhere(case, trace) else ()
    by_part, tried = [[Explanation(start, 0.0)]], whole.tried
    for part in parts:
        search = Search(case, trace, dials, part, CHANGES)
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
    alone = () if left else [found for found in diagnosis.explanations if len(found.changes) == 1]
    return replace(diagnosis, explanations=tuple(left), alone=tuple(alone))


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


def _joined(parts: tuple[Explanation, ...]) -> Explanation:
    changes = tuple(change for part in parts for change in part.changes)
    return Explanation(changes, max(part.score for part in parts))


def _simulated(changes: tuple[Change, ...], case: Case, dials: Dials) -> Trace | None:
    """Return the oracle's own run under `changes`; None where one of them cannot be done."""
    of_gradient = turned(changes, case, dials, "gradient")
    of_loss = turned(changes, case, dials, "loss")
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
