"""Numbers as text that is the same on every machine: only the digits that stand above rounding.

A number near the middle between two texts can still become either. So two texts are taken for one
where they are one unit of their last digit apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import numpy as np

from parity.baseline.content import Finding
from parity.case import Array, Case
from parity.dials import Dials
from parity.oracle import run_free
from parity.trace import Trace
from parity.upgrades import stages
from parity.upgrades.probe import Nudge, Seen

DIGITS = 6  # at most
UNSETTLED = "unsettled"  # rounding decides what it is, or whether it is a number
_NUDGES = (1, 2, 3)


def rounded(value: float, noise: float) -> str:
    """Return a number to six significant digits, or to as many as stand above `noise`."""
    if not math.isfinite(value):
        return str(float(value))
    place = math.floor(math.log10(abs(value))) - DIGITS + 1 if value else None
    if noise > 0:
        above = math.ceil(math.log10(noise)) if math.isfinite(noise) else 400
        place = above if place is None else max(place, above)
    return "0" if place is None else str(Decimal(value).quantize(Decimal(1).scaleb(place)))


def near(old: str, new: str) -> bool:
    """Return whether two texts of numbers differ by a unit of their last digits at most."""
    if UNSETTLED in (old, new):
        return True
    ours, theirs = old.split(), new.split()
    return len(ours) == len(theirs) and all(map(_near, ours, theirs))


def near_scores(old: Finding, new: Finding) -> bool:
    """Return whether two scores are one but for rounding, which moves both sides by a bound."""
    return stages.near(old.score, new.score)


def losses(case: Case, trace: Trace, dials: Dials) -> str:
    """Return the losses of a float64 run's first and last step.

    How far rounding reaches is asked of the oracle: its free runs from starting weights that are a
    unit in the last place apart. So it is a fact of the case, the same for each lane and machine.
    """
    ends = [0, -1] if case.steps > 1 else [0]
    runs = [_moved(case, seed) for seed in (0, *_NUDGES)]
    free = np.array([run_free(run, dict(dials)).losses[ends] for run in runs])
    count = case.steps * (case.x.size + sum(w.size for w in case.weights.values()))
    return " ".join(
        rounded(float(value), _noise(free[:, place], count, value))
        for place, value in enumerate(trace.losses[ends])
    )


def measures(runs: Sequence[Seen]) -> dict[str, str]:
    """Return two numbers for each array of the first run; the others are it repeated and nudged.

    They are its root mean square, which cannot cancel, and a mean in which every element has
    another weight, which sees signs and places. What an array is measured against is the largest
    number of all arrays of its sort (the first word of their names): the gradient of a bias may be
    nothing but what others cancel to.
    """
    arrays, largest = runs[0].arrays, dict[str, float]()
    for name, array in arrays.items():
        sort = name.partition(" ")[0]
        largest[sort] = max(largest.get(sort, 0.0), _largest(array))
    return {
        name: _measured(
            [run.arrays[name] for run in runs if name in run.arrays],
            largest[name.partition(" ")[0]],
        )
        for name, array in sorted(arrays.items())
        if array.size
    }


def _moved(case: Case, seed: int) -> Case:
    nudge = Nudge(seed)
    moved: Mapping[str, Array] = {name: nudge(value) for name, value in case.weights.items()}
    return replace(case, weights=moved)


@np.errstate(all="ignore")  # runs that diverge overflow
def _measured(arrays: Sequence[Array], largest: float) -> str:
    first = arrays[0]
    finite = [np.isfinite(array) for array in arrays if array.shape == first.shape]
    if any(not np.array_equal(finite[0], other) for other in finite[1:]):
        return UNSETTLED
    values = np.array([_measure(array) for array in arrays if array.shape == first.shape])
    unit = _unit_of(first)
    noise = [_noise(v, first.size, largest, unit) for v in values.T]
    if largest and noise[0] >= largest:  # no digit of the largest is known
        return UNSETTLED
    texts = [rounded(value, above) for value, above in zip(values[0], noise, strict=True)]
    lost = int(np.count_nonzero(~np.isfinite(first)))
    return " ".join([*texts, str(lost)] if lost else texts)


def _largest(array: Array) -> float:
    values = np.abs(np.asarray(array, np.float64))
    return float(values[np.isfinite(values)].max(initial=0.0))


def _unit_of(array: Array) -> float:
    """Return a unit in the last place, relative: float32's, where no number needs more.

    A framework may compute in float32 what it is given, and returns, in float64.
    """
    if array.dtype.kind != "f":
        return 0.0
    narrow = array.astype(np.float32)
    exact = np.array_equal(narrow, array, equal_nan=True)
    whole = np.array_equal(np.round(array), array, equal_nan=True)
    dtype = np.float32 if exact and not whole else np.float64
    return max(float(np.finfo(dtype).eps), 0.0 if whole else float(np.finfo(array.dtype).eps))


def _measure(array: Array) -> tuple[float, float]:
    values = np.asarray(array, np.float64).ravel()
    values = values[np.isfinite(values)]
    largest = float(np.abs(values).max(initial=0.0))
    if not largest:
        return 0.0, 0.0
    weight = 1 + np.arange(values.size) / values.size
    size = largest * math.sqrt(float(np.mean((values / largest) ** 2)))
    return size, float(np.sum(weight * values) / np.sum(weight))


def _noise(
    values: Array, count: int, largest: float, unit: float = float(np.finfo(np.float64).eps)
) -> float:
    """Return how far rounding may move the first of some values, made of so many numbers."""
    apart = float(np.max(np.abs(values - values[0])))
    noise = count * (apart + unit * abs(largest))
    return math.inf if math.isnan(noise) else noise


def _near(old: str, new: str) -> bool:
    one, other = Decimal(old), Decimal(new)
    if not (one.is_finite() and other.is_finite()):
        return old == new
    return abs(one - other) <= stages.unit(one, other)
