"""The search for what explains a trace: changes tried one by one, then two at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np

from parity.bounds import Array
from parity.case import Case
from parity.changes import SIMPLE
from parity.changes.change import Change
from parity.changes.precision import PRECISION
from parity.compare import Stage, pairs, scores
from parity.dials import Dials
from parity.expectation import alike, expectation, same
from parity.oracle import Expected
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


class Search:
    """The changes of one part (all, where it is empty) tried on one trace."""

    def __init__(
        self, case: Case, trace: Trace, dials: Dials, part: str, changes: tuple[Change, ...]
    ) -> None:
        self.case, self.trace, self.dials, self.part = case, trace, dials, part
        self.changes = changes
        self.stages = PARTS.get(part, tuple(Stage))
        self.tried = 0
        base = expectation((), case, trace, dials)
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
            if expected is None or same(expected, self.base):
                continue
            if change in SIMPLE:
                relevant.append(change)
            if change.name not in PRECISION and alike(expected, self.base):
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
        return expectation(changes, self.case, self.trace, self.dials, self.part, self.base)
