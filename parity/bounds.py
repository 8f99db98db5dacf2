"""An array that carries a bound on its rounding error, and the operations the oracle is made of.

`Bounded(value, error)` says: a lane that evaluates the same expression in its own precision, with
sums in any order, gets an element within `error` of `value`. Every operation adds what it inherits
to what it rounds (running error analysis: N. J. Higham, Accuracy and Stability of Numerical
Algorithms, 2nd ed., sections 3.1 to 3.3). Each function here also takes plain arrays, so that the
oracle is written once and run with or without bounds.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity.precision import PRECISIONS, Precision, representable

Array = NDArray[Any]

# Elementary functions are not correctly rounded. The fast vector libraries that frameworks call
# document at most 4 ulp (SLEEF's "u35" functions 3.5, Intel's low-accuracy SVML 4).
ELEMENTARY_ULP = 4
_ZERO = np.zeros(())
_erf = np.vectorize(math.erf, otypes=[np.float64])


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
        a, b = _pair(self, other)
        return rounded(a.value + b.value, a.error + b.error, a.arithmetic)

    def __sub__(self, other: Any) -> Bounded:
        a, b = _pair(self, other)
        return rounded(a.value - b.value, a.error + b.error, a.arithmetic)

    def __mul__(self, other: Any) -> Bounded:
        a, b = _pair(self, other)
        error: Any = 0.0
        if not b.exact:
            error = np.abs(a.value) * b.error
        if not a.exact:
            error = error + a.error * (np.abs(b.value) + b.error)
        return rounded(a.value * b.value, error, a.arithmetic)

    def __truediv__(self, other: Any) -> Bounded:
        a, b = _pair(self, other)
        value = a.value / b.value
        room = np.maximum(np.abs(b.value) - b.error, 0.0)
        error = a.error / room + np.abs(value) * (b.error / room)
        # Two roundings: vector code may multiply by a reciprocal.
        return rounded(value, error, a.arithmetic, roundings=2)

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other: Any) -> Bounded:
        a, b = _pair(other, self)
        difference: Bounded = a - b
        return difference

    def __rtruediv__(self, other: Any) -> Bounded:
        a, b = _pair(other, self)
        quotient: Bounded = a / b
        return quotient

    def __neg__(self) -> Bounded:
        return Bounded(-self.value, self.error, self.arithmetic)

    def __matmul__(self, other: Any) -> Bounded:
        a, b = _pair(self, other)
        size_a, size_b = np.abs(a.value), np.abs(b.value)
        inherited: Any = 0.0
        if not b.exact:
            inherited = size_a @ _full(b)
        if not a.exact:
            inherited = inherited + _full(a) @ (size_b + b.error)
        terms = a.value.shape[-1]
        magnitude = size_a @ size_b + inherited
        factors, sums = a.arithmetic.factors, terms
        if factors:
            inherited = inherited + (2 * factors + factors**2) * magnitude
            sums = 2 * terms  # cut, not rounded: off by a whole unit
        return _summed(a.value @ b.value, inherited, magnitude, sums, a.arithmetic, products=terms)

    def __getitem__(self, key: Any) -> Bounded:
        error = self.error if self.exact else _full(self)[key]
        return Bounded(self.value[key], error, self.arithmetic)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of `value`."""
        return self.value.shape

    def reshape(self, *shape: int) -> Bounded:
        """Return the same elements in another shape."""
        error = self.error if self.exact else _full(self).reshape(*shape)
        return Bounded(self.value.reshape(*shape), error, self.arithmetic)

    def swapaxes(self, first: int, second: int) -> Bounded:
        """Return the same elements with two axes exchanged."""
        error = self.error if self.exact else _full(self).swapaxes(first, second)
        return Bounded(self.value.swapaxes(first, second), error, self.arithmetic)


Value = Any  # Bounded, ndarray or float: what every function below takes and returns


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


def any_of(*forms: Value) -> Value:
    """Return the first of several equal expressions, with a bound that covers each of them."""
    if not isinstance(forms[0], Bounded):
        return forms[0]
    error = forms[0].error
    for form in forms[1:]:
        error = np.maximum(error, form.error)
    return Bounded(forms[0].value, error, forms[0].arithmetic)


def again(x: Value, roundings: int = 1) -> Value:
    """Return `x` after further roundings, for factors that a lane may multiply in separately."""
    if not isinstance(x, Bounded):
        return x
    return rounded(x.value, x.error, x.arithmetic, roundings)


def exp(x: Value) -> Value:
    """Return e to the power of x."""
    if not isinstance(x, Bounded):
        return np.exp(x)
    value = np.exp(x.value)
    return _elementary(value, value * np.expm1(x.error), x.arithmetic)


def log(x: Value) -> Value:
    """Return the natural logarithm of x > 0."""
    if not isinstance(x, Bounded):
        return np.log(x)
    share = x.error / x.value
    error = np.where(share < 1, -np.log1p(-np.minimum(share, 1.0)), np.inf)
    return _elementary(np.log(x.value), error, x.arithmetic)


def sqrt(x: Value) -> Value:
    """Return the square root of x >= 0."""
    if not isinstance(x, Bounded):
        return np.sqrt(x)
    value = np.sqrt(np.maximum(x.value, 0.0))
    low = np.sqrt(np.maximum(x.value - x.error, 0.0))
    # sqrt(x) - sqrt(x - e) is e / (sqrt(x) + sqrt(x - e)), and the root is steeper below x than
    # above. Nowhere does it rise by more than sqrt(e), which also is the smaller where x < e.
    error = np.fmin(x.error / (value + low), np.sqrt(x.error))
    # Two roundings: vector code may multiply by a reciprocal square root.
    return rounded(value, error, x.arithmetic, roundings=2)


def tanh(x: Value) -> Value:
    """Return the hyperbolic tangent of x."""
    if not isinstance(x, Bounded):
        return np.tanh(x)
    near = np.tanh(np.maximum(np.abs(x.value) - x.error, 0.0))
    return _elementary(np.tanh(x.value), x.error * (1 - near * near), x.arithmetic)


def sigmoid(x: Value) -> Value:
    """Return the logistic function of x."""
    if not isinstance(x, Bounded):
        return _logistic(x)
    value = _logistic(x.value)
    near = _logistic(np.maximum(np.abs(x.value) - x.error, 0.0))
    inherited = x.error * near * (1 - near)
    # Also in use: 1/2 + 1/2 tanh(x/2), whose error is relative to 1/2.
    return _elementary(value, inherited, x.arithmetic, size=np.maximum(value, 0.5))


def erf(x: Value) -> Value:
    """Return the error function of x."""
    if not isinstance(x, Bounded):
        return _erf(x)
    value = _erf(x.value)
    near = np.maximum(np.abs(x.value) - x.error, 0.0)
    slope = 2 / math.sqrt(math.pi) * np.exp(-near * near)
    return _elementary(value, x.error * slope, x.arithmetic)


def power(base: Value, exponent: int) -> Value:
    """Return 0 <= base < 1 to a whole power, computed at once or as a running product."""
    if not isinstance(base, Bounded):
        return base**exponent
    value = base.value**exponent
    inherited = (base.value + base.error) ** exponent - value
    roundings = 2 * ELEMENTARY_ULP + exponent
    return rounded(value, inherited, base.arithmetic, roundings)


def absolute(x: Value) -> Value:
    """Return |x|."""
    if not isinstance(x, Bounded):
        return np.abs(x)
    return Bounded(np.abs(x.value), x.error, x.arithmetic)


def maximum(a: Value, b: Value) -> Value:
    """Return the larger of a and b, which rounds nothing."""
    if not isinstance(a, Bounded) and not isinstance(b, Bounded):
        return np.maximum(a, b)
    x, y = _pair(a, b)
    gap = x.value - y.value
    own = np.where(gap > 0, x.error, y.error)
    near = ~(np.abs(gap) > x.error + y.error)
    error = np.where(near, np.maximum(x.error, y.error), own)
    return Bounded(np.maximum(x.value, y.value), error, x.arithmetic)


def minimum(a: Value, b: Value) -> Value:
    """Return the smaller of a and b."""
    return -maximum(-a, -b)


def sign(x: Value) -> Value:
    """Return -1, 0 or 1; where x is within its error of zero, all three are allowed."""
    if not isinstance(x, Bounded):
        return np.sign(x)
    return Bounded(np.sign(x.value), _either(x, 2.0), x.arithmetic)


def not_negative(x: Value) -> Value:
    """Return x, unknown where it may be below zero: its root would be a number or NaN."""
    if not isinstance(x, Bounded):
        return x
    return Bounded(x.value, np.where(x.value >= x.error, x.error, np.inf), x.arithmetic)


def choose(x: Value, above: float, below: float, at_zero: float) -> Value:
    """Return `above` where x > 0, `below` where x < 0; either, where x is within its error of 0."""
    value = np.where(_plain(x) > 0, above, np.where(_plain(x) < 0, below, at_zero))
    if not isinstance(x, Bounded):
        return value
    return _constant(value, _either(x, abs(above - below)), x)


def select(x: Value, above: Value, below: Value) -> Value:
    """Return `above` where x > 0 and `below` elsewhere, for two pieces that meet at x = 0."""
    mask = _plain(x) > 0
    if not isinstance(x, Bounded):
        return np.where(mask, above, below)
    a, b = _pair(above, below)
    near = ~(np.abs(x.value) > x.error)
    error = np.where(mask, a.error, b.error)
    # Pieces that meet: within its error of zero, x may follow either.
    either = np.maximum(a.error, b.error) + np.abs(a.value - b.value)
    either = np.where(np.isfinite(x.error), either, np.inf)
    return Bounded(np.where(mask, a.value, b.value), np.where(near, either, error), a.arithmetic)


def where(mask: Array, a: Value, b: Value) -> Value:
    """Return `a` where the mask is true and `b` elsewhere."""
    if not isinstance(a, Bounded) and not isinstance(b, Bounded):
        return np.where(mask, a, b)
    x, y = _pair(a, b)
    error = np.where(mask, x.error, y.error)
    return Bounded(np.where(mask, x.value, y.value), error, x.arithmetic)


def mix(old: Value, new: Value, beta: Value, rest: Value) -> Value:
    """Return beta * old + rest * new, where rest is 1 - beta.

    Also in use: old + rest * (new - old) (torch's lerp, Keras), whose roundings are relative to
    old and new rather than to what is left of them.
    """
    plain = beta * old + rest * new
    if not isinstance(plain, Bounded):
        return plain
    return any_of(plain, old + rest * (new - old))


def spread(parts: list[Value], where: Array) -> Value:
    """Return a vector whose element i is the number `parts[where[i]]`."""
    if not isinstance(parts[0], Bounded):
        return np.array(parts)[where]
    values = np.array([part.value for part in parts])
    errors = np.array([part.error for part in parts])
    return Bounded(values[where], errors[where], parts[0].arithmetic)


def total(x: Value, axis: int | tuple[int, ...], *, keepdims: bool = False) -> Value:
    """Return the sum over `axis`, added up in any order."""
    if not isinstance(x, Bounded):
        return np.sum(x, axis=axis, keepdims=keepdims)
    value = np.sum(x.value, axis=axis, keepdims=keepdims)
    inherited: Any = 0.0
    if not x.exact:
        inherited = np.sum(_full(x), axis=axis, keepdims=keepdims)
    magnitude = np.sum(np.abs(x.value), axis=axis, keepdims=keepdims) + inherited
    terms = x.value.size // max(value.size, 1)
    return _summed(value, inherited, magnitude, terms, x.arithmetic)


def largest(x: Value, axis: int) -> Value:
    """Return the maximum along `axis`, kept as a dimension of one."""
    if not isinstance(x, Bounded):
        return np.max(x, axis=axis, keepdims=True)
    error = np.max(_full(x), axis=axis, keepdims=True)
    return Bounded(np.max(x.value, axis=axis, keepdims=True), error, x.arithmetic)


def move(weights: Value, step: Value) -> Value:
    """Return weights - step, which rounds nothing where the step is exactly zero."""
    moved = weights - step
    if not isinstance(moved, Bounded):
        return moved
    still = (_plain(step) == 0) & (_error(step) == 0)
    return Bounded(moved.value, np.where(still, _error(weights), moved.error), moved.arithmetic)


def near(one: Bounded, other: Bounded) -> Array:
    """Return where no observation can refute one of two expectations and not the other."""
    with np.errstate(all="ignore"):
        close = np.abs(one.value - other.value) <= one.error + other.error
        both: Array = close | (np.isnan(one.value) & np.isnan(other.value))
    return both


def _either(x: Bounded, apart: float) -> Array:
    """Return how far two results lie apart, where x decides between them within its error."""
    near = ~(np.abs(x.value) > x.error) & (x.error != 0)
    # An unknown x may be no number, and what it decides neither.
    return np.where(near, np.where(np.isfinite(x.error), apart, np.inf), 0.0)


def _constant(value: Array, error: Array, like: Bounded) -> Bounded:
    unit = like.arithmetic.roundoff * np.abs(value) * (np.abs(value) != 1)
    return Bounded(value, error + unit, like.arithmetic)


def _logistic(x: Any) -> Any:
    small = np.exp(-np.abs(x))
    return np.where(np.asarray(x) >= 0, 1.0, small) / (1 + small)


def _elementary(value: Array, error: Any, arithmetic: Arithmetic, size: Any = None) -> Bounded:
    size = np.abs(value) if size is None else size
    extra = arithmetic.gamma(2 * ELEMENTARY_ULP) * (size + error)
    return rounded(value, error + extra, arithmetic)


def _summed(
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


def _within(top: float, size: Array, error: Array) -> Array:
    """Return `error`, infinite where `size` is beyond the largest number or unknown."""
    if not np.maximum.reduce(size, axis=None, initial=0.0) <= top:
        return np.where(size <= top, error, np.inf)
    return error


def _plain(x: Value) -> Any:
    return x.value if isinstance(x, Bounded) else np.asarray(x)


def _error(x: Value) -> Any:
    return x.error if isinstance(x, Bounded) else 0.0


def _full(x: Bounded) -> Array:
    if x.error.shape == x.value.shape:
        return x.error
    return np.broadcast_to(x.error, x.value.shape)


def _pair(a: Value, b: Value) -> tuple[Bounded, Bounded]:
    """Return both in one arithmetic: a constant is rounded to the lane's precision when used."""
    left = a.arithmetic if isinstance(a, Bounded) else DOUBLE
    right = b.arithmetic if isinstance(b, Bounded) else DOUBLE
    common = left if left.roundoff >= right.roundoff else right
    return _cast(a, common), _cast(b, common)


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
