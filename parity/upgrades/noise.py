"""Whether two runs of a probe differ by more than rounding, where no oracle knows the rule.

The noise is what a run does when it is repeated, and when every input is moved by one unit in the
last place. Another release may round each of the numbers of a run anew, so the floor is the noise,
and one unit in the last place of the largest number, times the count of the numbers up to there.
Where a move of that size is lost in a framework that computes in float32, units of float32 count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from parity.upgrades.probe import Array, Seen

# The seeds of each release's further runs: a repetition, two moves, one by a unit of float32.
NUDGES = (0, 1, 2, -1)
BY_STEP = " by step"
_BRIEF = 2.0**-7  # a unit in the last place of bfloat16, relative


@dataclass(frozen=True, slots=True)
class Parting:
    """Where two runs part first: array, step (None where it has none), element, both values.

    `floor` is what rounding may explain of their difference.
    """

    array: str
    step: int | None
    index: tuple[int, ...]
    old: float
    new: float
    floor: float

    @property
    def what(self) -> str:
        """The place in words."""
        name = self.array.removesuffix(BY_STEP)
        place = f"{name}{list(self.index)}" if self.index else name
        return place if self.step is None else f"{place} after step {self.step}"

    @property
    def why(self) -> str:
        """How far it is beyond rounding."""
        apart = abs(self.new - self.old)
        if not np.isfinite(apart):
            return "finite on one side only"
        return f"{apart:.2g} apart, where rounding explains {self.floor:.2g}"


def differing(old: Seen, new: Seen) -> frozenset[str]:
    """Return the arrays, of those that both have, that are not bit for bit the same."""
    return frozenset(
        name
        for name in _common(old, new)
        if old.arrays[name].shape != new.arrays[name].shape
        or not np.array_equal(old.arrays[name], new.arrays[name], equal_nan=True)
    )


def alike(old: Seen, new: Seen) -> bool:
    """Return whether two runs are bit for bit the same in every array that both have."""
    return not differing(old, new)


def apart(old: Sequence[Seen], new: Sequence[Seen]) -> Parting | None:
    """Return where two releases part, each with its run and its further runs, in that order."""
    (one, *moved, coarse), (other, *after, rough) = old, new
    # What the new release's own runs differ by, as it lies around the old one's run.
    around = [_around(run, other, one) for run in (*after, rough)]
    return parting(one, other, [*moved, *around[:-1]], [coarse, around[-1]])


def _around(moved: Seen, own: Seen, other: Seen) -> Seen:
    """Return a moved run of one release as it lies around the other's run."""
    arrays = {
        name: other.arrays[name] + _moved(value, own.arrays[name])
        for name, value in moved.arrays.items()
        if name in own.arrays
        and name in other.arrays
        and value.dtype.kind == "f"
        and value.shape == own.arrays[name].shape == other.arrays[name].shape
    }
    return Seen(arrays)


@np.errstate(all="ignore")  # of infinities
def _moved(value: Array, own: Array) -> Array:
    """Return by how much a run moved: by 0 where it is the same infinity or no number still."""
    same = (value == own) | (np.isnan(value) & np.isnan(own))
    return np.where(same, value.dtype.type(0), value - own)


def parting(
    old: Seen, new: Seen, moved: Sequence[Seen], coarse: Sequence[Seen] = ()
) -> Parting | None:
    """Return where two runs part by more than rounding, the first step and then the worst element.

    `moved` are further runs of either release, repeated or with moved inputs, `coarse` those with
    inputs moved by units of float32. Arrays that only one of the runs has are no evidence. What
    comes after a step that is not finite is not compared.
    """
    found = [
        one
        for name in _common(old, new)
        if (one := _parting(name, old, new, moved, coarse)) is not None
    ]
    return min(found, key=_order, default=None)


def _order(found: Parting) -> tuple[float, float]:
    """Return what puts the earliest first, and what has no steps behind what has."""
    apart = abs(found.new - found.old)
    worse = apart / found.floor if found.floor and np.isfinite(apart) else np.inf
    return (np.inf if found.step is None else found.step, -worse)


def _common(old: Seen, new: Seen) -> list[str]:
    return [name for name in old.arrays if name in new.arrays]


@np.errstate(all="ignore")  # runs that diverge overflow
def _parting(
    name: str, old: Seen, new: Seen, moved: Sequence[Seen], coarse: Sequence[Seen]
) -> Parting | None:
    one, other = old.arrays[name], new.arrays[name]
    if one.shape != other.shape:
        return Parting(
            f"shape of {name.removesuffix(BY_STEP)}", None, (), one.size, other.size, 0.0
        )
    if not one.size:
        return None
    steps = name.endswith(BY_STEP) and one.ndim > 0
    brief = _brief(one) and _brief(other)
    unit = _BRIEF if brief else max(_unit(one), _unit(other))
    a, b = (np.asarray(values, np.float64) for values in (one, other))
    runs, rough = _shaped(name, a, moved), _shaped(name, a, coarse)
    if all(not _apart(run, a).any() for run in runs) and any(_apart(r, a).any() for r in rough):
        runs, unit = rough, max(unit, float(np.finfo(np.float32).eps))
    if not steps:
        a, b, runs = a[None], b[None], [run[None] for run in runs]
    noise, seen = 0.0, 0
    largest = 0.0
    for step, (before, after) in enumerate(zip(a, b, strict=True)):
        seen += before.size
        finite = np.abs(before[np.isfinite(before)])
        largest = max(largest, finite.max(initial=0.0))
        noise = max([noise, *(_apart(run[step], before).max(initial=0.0) for run in runs)])
        if not np.isfinite(noise):
            return None  # rounding alone makes it infinite
        floor = seen * (noise + unit * largest)
        apart = _apart(after, before)
        if apart.max(initial=0.0) > floor:
            where = np.unravel_index(int(np.argmax(apart)), apart.shape)
            index = tuple(int(i) for i in where)
            place = (step if steps else None, index, float(before[where]), float(after[where]))
            return Parting(name, *place, float(floor))
        if not np.isfinite(before).all():
            return None
    return None


def _shaped(name: str, like: Array, moved: Sequence[Seen]) -> list[Array]:
    """Return an array of each run that has it in the same shape."""
    found = [np.asarray(m.arrays[name], np.float64) for m in moved if name in m.arrays]
    return [values for values in found if values.shape == like.shape]


def _unit(values: Array) -> float:
    """Return a unit in the last place, relative; 0 where values are counted, not rounded."""
    return float(np.finfo(values.dtype).eps) if values.dtype.kind == "f" else 0.0


def _brief(values: Array) -> bool:
    """Return whether float32 values were made in bfloat16, which crosses as float32."""
    if values.dtype != np.float32:
        return False
    bits = np.ascontiguousarray(values).view(np.uint32)
    return bool(values.any() and not (bits & 0xFFFF).any())


def _apart(one: Array, other: Array) -> Array:
    """Return |one - other|: 0 where both are the same infinity or no number, else infinite."""
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    apart = np.abs(one - other)
    apart = np.where(np.isfinite(one) & np.isfinite(other), apart, np.inf)
    return np.where(same, 0.0, apart)
