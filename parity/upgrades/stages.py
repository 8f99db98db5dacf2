"""The stages of a case that part from the oracle, and which of them part otherwise on two sides."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from parity.bounds import ARITHMETICS
from parity.compare import APART, Stage

# What a framework computes in float32 inside of float64 is off by float32's rounding, which is
# another one wherever sums run in another order: no digit below this place is stable.
_NARROW: Final = ARITHMETICS["float32"].roundoff / ARITHMETICS["float64"].roundoff
_PLACES: Final = {"float64": math.ceil(math.log10(_NARROW))}


def worst(counts: Mapping[str, Mapping[str, Any]], dtype: str) -> dict[str, str]:
    """Return the worst score of each stage that parts, to the digits that are stable of it."""
    return {
        str(stage): digits(counts[stage]["worst"], dtype)
        for stage in Stage
        if stage in counts and counts[stage]["diverged"]
    }


def moved(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Return the stages that part on one side alone, then those whose score is another one.

    Where a stage has begun to part, the run went elsewhere: that moves the scores of others.
    """
    alone = {*old} ^ {*new}
    other = {stage for stage in {*old} & {*new} if not near(old[stage], new[stage])}
    return [str(stage) for found in (alone, other) for stage in Stage if stage in found]


def digits(score: float, dtype: str = "") -> str:
    """Return a score to two digits; to fewer where a dtype is named of which fewer are stable."""
    text, place = f"{score:#.2g}".rstrip("."), _PLACES.get(dtype)
    if place is None or not math.isfinite(score) or Decimal(text).adjusted() > place:
        return text
    return str(Decimal(score).quantize(Decimal(1).scaleb(place)))


def near(old: str, new: str) -> bool:
    """Return whether two scores are one but for rounding, which moves both sides by a bound."""
    one, other = Decimal(old), Decimal(new)
    if not (one.is_finite() and other.is_finite()):
        return old == new
    return abs(one - other) <= Decimal(APART) + unit(one, other)


def unit(one: Decimal, other: Decimal) -> Decimal:
    """Return a unit of the last digit of the coarser of two numbers; a bare 0 is exact."""
    places = [int(n.as_tuple().exponent) for n in (one, other) if str(n) != "0"]
    return Decimal(1).scaleb(max(places)) if places else Decimal(0)


def told(stages: Mapping[str, str], stage: str) -> str:
    """Return what a stage does, in words."""
    if stage not in stages:
        return "agrees"
    score = Decimal(stages[stage])
    far = stages[stage] if score else f"less than {unit(score, score):.0e}"
    return f"diverges by {far} bounds"
