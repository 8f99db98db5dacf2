"""An array that carries a bound on its rounding error, and its arithmetic.

`Bounded(value, error)` says: a lane that evaluates the same expression in its own precision, with
sums in any order, gets an element within `error` of `value`. Every operation adds what it inherits
to what it rounds (running error analysis: N. J. Higham, Accuracy and Stability of Numerical
Algorithms, 2nd ed., sections 3.1 to 3.3).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity.precision import PRECISIONS, Precision, representable

Array = NDArray[Any]

_ZERO = np.zeros(())


class Arithmetic:
    """The arithmetic that a bound is for: the lane's rounding plus the oracle's own float64."""

    __slots__ = ("_gammas", "factors", "precision", "roundoff", "top")

    def __init__(self, precision: Precision, factors: float = 0.0) -> None:
        self.precision = precision
        self.factors = factors  # the relative error of the factors of a product of matrices
        self.roundoff = precision.roundoff + PRECISIONS["float64"].roundoff
        # Overflow begins where sizes, which are rounded themselves, come within a few ulp of it.
        self.top = precision.top * (1 - 8 * PRECISIONS["float64"].roundoff)
        self._gammas: dict[int, float] = {}

    def gamma(self, count: int) -> float:
        """Return Higham's gamma_n, the relative error of n roundings; inf where n u >= 1."""
        if count not in self._gammas:
            product = count * self.roundoff
            self._gammas[count] = product / (1 - product) if product < 1 else math.inf
        return self._gammas[count]


# TF32: factors are cut to 10 bits behind the point, and sums to float32 where it would round
# (NVIDIA, PTX ISA, mma: the lower 13 bits are ignored).
TF32 = "tf32"
ARITHMETICS = {
    **{name: Arithmetic(precision) for name, precision in PRECISIONS.items()},
    TF32: Arithmetic(PRECISIONS["float32"], factors=2.0**-10),
}
DOUBLE = ARITHMETICS["float64"]


class Bounded:
    """Float64 `value` with `error` >= 0 of the same shape (or the scalar 0: known exactly)."""

    __array_ufunc__ = None  # let ndarray operators defer to the ones below
    __slots__ = ("arithmetic", "error", "value")

    def __init__(self, value: Any, error: Any, arithmetic: Arithmetic) -> None:
        self.value: Array = np.asarray(value, np.float64)
        self.error: Array = _ZERO if error is _ZERO else np.asarray(error, np.float64)
        self.arithmetic = arithmetic

    @property
    def exact(self) -> bool:
        """Whether the whole array is known to be without error."""
        return self.error is _ZERO

    def __add__(self, other: Any) -> Bounded:
        a, b = pair(self, other)
        return rounded(a.value + b.value, a.error + b.error, a.arithmetic)

    def __sub__(self, other: Any) -> Bounded:
        a, b = pair(self, other)
        return rounded(a.value - b.value, a.error + b.error, a.arithmetic)

    def __mul__(self, other: Any) -> Bounded:
        a, b = pair(self, other)
        error: Any = 0.0
        if not b.exact:
            error = np.abs(a.value) * b.error
        if not a.exact:
            error = error + a.error * (np.abs(b.value) + b.error)
        return rounded(a.value * b.value, error, a.arithmetic)

    def __truediv__(self, other: Any) -> Bounded:
        a, b = pair(self, other)
        value = a.value / b.value
        room = np.maximum(np.abs(b.value) - b.error, 0.0)
        error = a.error / room + np.abs(value) * (b.error / room)
        # Two roundings: vector code may multiply by a reciprocal.
        return rounded(value, error, a.arithmetic, roundings=2)

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other: Any) -> Bounded:
        a, b = pair(other, self)
        difference: Bounded = a - b
        return difference

    def __rtruediv__(self, other: Any) -> Bounded:
        a, b = pair(other, self)
        quotient: Bounded = a / b
        return quotient

    def __neg__(self) -> Bounded:
        return Bounded(-self.value, self.error, self.arithmetic)

    def __matmul__(self, other: Any) -> Bounded:
        return product(self, other)

    def __getitem__(self, key: Any) -> Bounded:
        error = self.error if self.exact else full(self)[key]
        return Bounded(self.value[key], error, self.arithmetic)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of `value`."""
        return self.value.shape

    def reshape(self, *shape: int) -> Bounded:
        """Return the same elements in another shape."""
        error = self.error if self.exact else full(self).reshape(*shape)
        return Bounded(self.value.reshape(*shape), error, self.arithmetic)

    def swapaxes(self, first: int, second: int) -> Bounded:
        """Return the same elements with two axes exchanged."""
        error = self.error if self.exact else full(self).swapaxes(first, second)
        return Bounded(self.value.swapaxes(first, second), error, self.arithmetic)


Value = Any  # Bounded, ndarray or float: what the oracle computes with, with bounds or without


def rounded(value: Array, error: Any, arithmetic: Arithmetic, roundings: int = 1) -> Bounded:
    """Return `value`, inherited `error` included, after so many roundings and one underflow."""
    size = np.abs(value) + error
    lost = np.minimum(size, arithmetic.precision.underflow)
    grown = error + arithmetic.gamma(roundings) * size + lost
    return Bounded(value, _within(arithmetic.top, size, grown), arithmetic)


def exactly(value: Any, like: Bounded) -> Bounded:
    """Return `value` as one that the lane has to the last bit."""
    return exact(value, like.arithmetic)


def exact(value: Any, arithmetic: Arithmetic) -> Bounded:
    """Return `value` as one that a lane of this arithmetic has to the last bit."""
    return Bounded(value, _ZERO, arithmetic)


def constant(value: Any, like: Bounded) -> Bounded:
    """Return `value` as the lane's precision has it, rounded where it cannot be represented."""
    return _cast(np.asarray(value, np.float64), like.arithmetic)


def near(one: Bounded, other: Bounded) -> Array:
    """Return where no observation can refute one of two expectations and not the other."""
    with np.errstate(all="ignore"):
        close = np.abs(one.value - other.value) <= one.error + other.error
    # Infinities have no distance.
    same = (one.value == other.value) | (np.isnan(one.value) & np.isnan(other.value))
    both: Array = close | same
    return both


def product(a: Value, b: Value, more: Value = None) -> Bounded:
    """Return a @ b and, where there is `more`, a @ b + more.

    It is one more term of the sum: compilers turn such an addition into the start of the product.
    """
    a, b = pair(a, b)
    size_a, size_b = np.abs(a.value), np.abs(b.value)
    inherited: Any = 0.0
    if not b.exact:
        inherited = size_a @ full(b)
    if not a.exact:
        inherited = inherited + full(a) @ (size_b + b.error)
    products = terms = a.value.shape[-1]
    value, magnitude = a.value @ b.value, size_a @ size_b + inherited
    factors = a.arithmetic.factors
    if factors:
        inherited = inherited + (2 * factors + factors**2) * magnitude
        terms = 2 * terms  # cut, not rounded: off by a whole unit
    if more is not None:
        more, _ = pair(more, a)
        value, terms = value + more.value, terms + 1
        inherited = inherited + more.error
        magnitude = magnitude + np.abs(more.value) + more.error
    return summed(value, inherited, magnitude, terms, a.arithmetic, products=products)


def summed(
    value: Array,
    inherited: Any,
    magnitude: Array,
    terms: int,
    arithmetic: Arithmetic,
    products: int = 0,
) -> Bounded:
    """Return a sum; `magnitude` is that of its terms' sizes, errors included."""
    rounding = arithmetic.gamma(terms) * magnitude
    # Each product may underflow and, where subnormals are flushed, each partial sum.
    lost = (terms - 1 + products) * arithmetic.precision.underflow
    error = inherited + rounding + lost * (magnitude > 0)
    # A partial sum may be as large as all terms together, each rounding upwards.
    return Bounded(value, _within(arithmetic.top, magnitude + rounding, error), arithmetic)


def full(x: Bounded) -> Array:
    """Return the error of every element."""
    if x.error.shape == x.value.shape:
        return x.error
    return np.broadcast_to(x.error, x.value.shape)


def pair(a: Value, b: Value) -> tuple[Bounded, Bounded]:
    """Return both in one arithmetic: a constant is rounded to the lane's precision when used."""
    left = a.arithmetic if isinstance(a, Bounded) else DOUBLE
    right = b.arithmetic if isinstance(b, Bounded) else DOUBLE
    common = left if left.roundoff >= right.roundoff else right
    return _cast(a, common), _cast(b, common)


def _within(top: float, size: Array, error: Array) -> Array:
    """Return `error`, infinite where `size` is beyond the largest number or unknown."""
    if not np.maximum.reduce(size, axis=None, initial=0.0) <= top:
        return np.where(size <= top, error, np.inf)
    return error


def _cast(x: Value, arithmetic: Arithmetic) -> Bounded:
    bounded = x if isinstance(x, Bounded) else exact(x, DOUBLE)
    if bounded.arithmetic is arithmetic:
        return bounded
    if not bounded.value.ndim:
        return _cast_number(float(bounded.value), float(bounded.error), arithmetic)
    return _converted(bounded.value, bounded.error, arithmetic)


@lru_cache(maxsize=4096)
def _cast_number(value: float, error: float, arithmetic: Arithmetic) -> Bounded:
    return _converted(np.array(value), np.array(error), arithmetic)


def _converted(value: Array, error: Array, arithmetic: Arithmetic) -> Bounded:
    held = representable(value, arithmetic.precision.name)
    if not error.any() and np.array_equal(held, value):
        return exact(value, arithmetic)
    return rounded(value, error, arithmetic)
