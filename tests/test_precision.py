"""Each format rounds as IEEE 754 says, and its limits are where numbers show them to be."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from parity.precision import PRECISIONS, Precision, representable

# Significant bits, and the exponent of the smallest normal number (IEEE 754, table 3.5; bfloat16
# is the upper half of a float32).
FORMATS = {
    "float64": (53, -1022),
    "float32": (24, -126),
    "bfloat16": (8, -126),
    "float16": (11, -14),
}
doubles = st.floats(allow_nan=False)
dtypes = pytest.mark.parametrize("dtype", FORMATS)
precisions = pytest.mark.parametrize("precision", PRECISIONS.values(), ids=PRECISIONS)


def nearest_even(value: float, dtype: str) -> float:
    """Round in whole numbers: to the nearest multiple of the last place, ties to even."""
    bits, smallest = FORMATS[dtype]
    if value == 0 or math.isinf(value):
        return value
    exponent = max(math.frexp(value)[1] - 1, smallest)
    place = Fraction(2) ** (exponent - bits + 1)
    rounded = round(Fraction(value) / place) * place
    top = (2 - Fraction(2) ** (1 - bits)) * Fraction(2) ** (1 - smallest)
    return math.copysign(math.inf if abs(rounded) > top else float(abs(rounded)), value)


@dtypes
@given(value=doubles)
@example(1 + 2.0**-8)
@example(1 + 3 * 2.0**-8)
@example(1 + 2.0**-8 + 2.0**-40)
@example(1 + 2.0**-8 - 2.0**-40)
@example(2.0**-25)
@example(2.0**-134)
@example(65519.999999)
@example(65520.0)
@example(float(np.finfo(np.float64).max))
@example(-(2 - 2.0**-8) * 2.0**127)
def test_a_number_is_rounded_to_the_nearest_and_ties_to_even(dtype: str, value: float) -> None:
    assert representable(value, dtype) == nearest_even(value, dtype)


@dtypes
@given(value=doubles)
def test_a_representable_number_stays(dtype: str, value: float) -> None:
    once = representable(value, dtype)
    assert representable(once, dtype) == once


@dtypes
def test_what_is_not_a_number_stays_so(dtype: str) -> None:
    assert np.isnan(representable(math.nan, dtype))


@dtypes
def test_the_shape_stays_and_the_result_is_float64(dtype: str) -> None:
    for shape in ((), (0,), (2, 3)):
        rounded = representable(np.ones(shape), dtype)
        assert (rounded.shape, rounded.dtype) == (shape, np.float64)


@precisions
def test_the_unit_roundoff_is_half_the_gap_above_one(precision: Precision) -> None:
    assert representable(1 + 2 * precision.roundoff, precision.name) == 1 + 2 * precision.roundoff
    assert representable(1 + precision.roundoff, precision.name) == 1


@precisions
def test_the_top_is_the_largest_number(precision: Precision) -> None:
    assert representable(precision.top, precision.name) == precision.top
    beyond = precision.top * (1 + 2 * Fraction(precision.roundoff))
    if precision.name != "float64":  # where it would not be a number to begin with
        assert representable(float(beyond), precision.name) == math.inf


@precisions
@given(data=st.data())
def test_rounding_loses_no_more_than_its_limits_say(
    precision: Precision, data: st.DataObject
) -> None:
    value = data.draw(st.floats(-precision.top, precision.top))
    lost = abs(Fraction(float(representable(value, precision.name))) - Fraction(value))
    relative = Fraction(precision.roundoff) * abs(Fraction(value))
    assert lost <= max(relative, Fraction(precision.underflow))


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
def test_flushing_loses_less_than_the_underflow(dtype: str) -> None:
    # The smallest normal number is kept; the largest subnormal, which flushing loses, is below it.
    assert PRECISIONS[dtype].underflow == 2.0 ** FORMATS[dtype][1]


def test_float16_keeps_its_subnormals() -> None:
    half = PRECISIONS["float16"].underflow  # of the smallest subnormal
    assert (representable([half, 1.5 * half], "float16") / half).tolist() == [0, 2]
