"""The floating-point formats a lane may compute in, and rounding to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Precision:
    """A format's limits.

    `roundoff` is the unit roundoff u: a rounded operation is off by at most u times its result.
    `underflow` is the most that an operation can lose near zero: the smallest normal number where
    libraries flush subnormals to zero (float32, bfloat16, float64), half the smallest subnormal
    where they cannot (float16, which CPUs compute by way of float32). `top` is the largest number.
    """

    name: str
    roundoff: float
    underflow: float
    top: float


PRECISIONS = {
    "float64": Precision("float64", 2.0**-53, 2.0**-1022, float(np.finfo(np.float64).max)),
    "float32": Precision("float32", 2.0**-24, 2.0**-126, float(np.finfo(np.float32).max)),
    "bfloat16": Precision("bfloat16", 2.0**-8, 2.0**-126, (2 - 2.0**-7) * 2.0**127),
    "float16": Precision("float16", 2.0**-11, 2.0**-25, float(np.finfo(np.float16).max)),
}


def representable(values: Any, dtype: str) -> Array:
    """Return `values` rounded to nearest-even in `dtype`, as float64 of the same shape."""
    array = np.asarray(values, np.float64)
    if dtype == "bfloat16":
        # By way of float32 with round-to-odd, so that rounding twice is rounding once.
        with np.errstate(over="ignore"):
            single = array.astype(np.float32)
        bits = single.view(np.uint32)
        low, high = single > array, single < array
        inexact = low | high
        away = np.where(array >= 0, low, high)
        bits = np.where(inexact & away, bits - 1, bits)
        bits = np.where(inexact, bits | 1, bits).astype(np.uint32)
        bits = bits + np.uint32(0x7FFF) + ((bits >> 16) & np.uint32(1))
        return (bits & np.uint32(0xFFFF0000)).astype(np.uint32).view(np.float32).astype(np.float64)
    with np.errstate(over="ignore"):
        return array.astype(dtype).astype(np.float64)
