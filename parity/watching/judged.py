"""What came out of judging one stage of a recording: counts, the worst score, the first parting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from parity.bounds import Array
from parity.watching.recording import Parameter


@dataclass(frozen=True, slots=True)
class Parting:
    """The first element that is not what the oracle expects; `place` is that in the flat tensor."""

    stage: str
    step: int
    tensor: str
    place: int
    expected: float
    seen: float
    score: float
    causes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """Elements judged and abstained on, the worst score, and why parts were not judged."""

    elements: int = 0
    abstained: int = 0
    worst: float = 0.0
    parting: Parting | None = None
    unjudged: tuple[str, ...] = ()


def added(one: Judged, other: Judged) -> Judged:
    """Return what came out of both; the first parting is kept, the worst of a step."""
    partings = [each.parting for each in (one, other) if each.parting is not None]
    return Judged(
        one.elements + other.elements,
        one.abstained + other.abstained,
        max(one.worst, other.worst),
        min(partings, key=lambda parting: (parting.step, -parting.score), default=None),
        tuple(dict.fromkeys(one.unjudged + other.unjudged)),
    )


def seen(
    stage: str,
    parameter: Parameter,
    steps: Sequence[int],
    values: Array,
    expected: Array,
    scored: Array,
    waived: Array,
) -> Judged:
    """Return what came out of one tensor; arrays are (T, elements), `steps` their numbers."""
    count = int(np.count_nonzero(waived))
    worst = float(np.max(scored, initial=0.0))
    beyond = scored > 1
    if not beyond.any():
        return Judged(scored.size - count, count, worst)
    at = int(np.argmax(beyond.any(axis=1)))
    place = int(np.argmax(scored[at]))
    parting = Parting(
        stage=stage,
        step=steps[at],
        tensor=parameter.name,
        place=place if parameter.places is None else int(parameter.places[place]),
        expected=float(expected[at, place]),
        seen=float(values[at, place]),
        score=float(scored[at, place]),
    )
    return Judged(scored.size - count, count, worst, parting)
