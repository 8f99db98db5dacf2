"""What the oracle is made of beside arithmetic: elementary functions, choices, sums.

Each function takes plain arrays too, so that the oracle is written once and run with or without
bounds. `x` is Bounded, an array or a number; what is returned has a bound where `x` has one.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from parity import bounds
from parity.bounds import Arithmetic, Array, Bounded, Value, exact, full, pair, rounded, summed

# Elementary functions are not correctly rounded. The fast vector libraries that frameworks call
# document at most 4 ulp (SLEEF's "u35" functions 3.5, Intel's low-accuracy SVML 4).
ELEMENTARY_ULP = 4
_erf = np.vectorize(math.erf, otypes=[np.float64])


def product(a: Value, b: Value, more: Value = None) -> Value:
    """Return a @ b, and `more` added to it before, after or between the products."""
    if isinstance(a, Bounded) or isinstance(b, Bounded):
        return bounds.product(a, b, more)
    return a @ b if more is None else a @ b + more


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


def expm1(x: Value) -> Value:
    """Return e to the power of x, less one."""
    if not isinstance(x, Bounded):
        return np.expm1(x)
    return _elementary(np.expm1(x.value), np.exp(x.value) * np.expm1(x.error), x.arithmetic)


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
    # Three roundings, a root, its reciprocal and a product: vector code may return x * rsqrt(x)
    # (Eigen, MathFunctionsImpl.h, generic_sqrt_newton_step).
    return rounded(value, error, x.arithmetic, roundings=3)


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


def softplus(x: Value) -> Value:
    """Return log(1 + e**x)."""
    return maximum(x, 0.0) + log(1.0 + exp(-absolute(x)))


def logistic(x: Value) -> Value:
    """Return the slope of softplus at x: the logistic function, in the two forms in use.

    As e**(x - softplus(x)), which is how JAX differentiates logaddexp, it is off by a unit of x:
    far out the difference is small, and x is not.
    """
    return any_of(sigmoid(x), exp(x - softplus(x)))


def erf(x: Value) -> Value:
    """Return the error function of x."""
    if not isinstance(x, Bounded):
        return _erf(x)
    value = _erf(x.value)
    near = np.maximum(np.abs(x.value) - x.error, 0.0)
    slope = 2 / math.sqrt(math.pi) * np.exp(-near * near)
    return _elementary(value, x.error * slope, x.arithmetic)


def power(base: Value, exponent: int) -> Value:
    """Return base >= 0 to a whole power, computed at once or as a running product."""
    if not isinstance(base, Bounded):
        return base**exponent
    value = base.value**exponent
    inherited = (base.value + base.error) ** exponent - value
    roundings = 2 * ELEMENTARY_ULP + exponent
    return rounded(value, inherited, base.arithmetic, roundings)


def raised(x: Value, exponent: Value) -> Value:
    """Return x >= 0 to the power of a number that is 0 or more."""
    if not isinstance(x, Bounded):
        return x**exponent
    _, number = pair(x, exponent)
    p, off = float(number.value), float(number.error)
    value = np.maximum(x.value, 0.0) ** p
    low, high = np.maximum(x.value - x.error, 0.0), x.value + x.error
    # By the mean value theorem, at the end where the power is steeper. Up to 1 it nowhere rises by
    # more than that of the error.
    steep = p * x.error * (low if p < 1 else high) ** (p - 1)
    inherited = np.where(x.error > 0, np.fmin(steep, x.error**p) if p <= 1 else steep, 0.0)
    size = value + inherited
    # x**(p + off) is x**p times e**(off log x).
    farthest = np.maximum(np.abs(np.log(low)), np.abs(np.log(high)))
    share = np.expm1(off * farthest) if off else 0.0
    inherited = inherited + np.where(high > 0, size * share, 0.0)
    return _elementary(value, inherited, x.arithmetic)


def absolute(x: Value) -> Value:
    """Return |x|."""
    if not isinstance(x, Bounded):
        return np.abs(x)
    return Bounded(np.abs(x.value), x.error, x.arithmetic)


def maximum(a: Value, b: Value) -> Value:
    """Return the larger of a and b, which rounds nothing."""
    if not isinstance(a, Bounded) and not isinstance(b, Bounded):
        return np.maximum(a, b)
    x, y = pair(a, b)
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
    a, b = pair(above, below)
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
    x, y = pair(a, b)
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


def joined(parts: list[Value], order: Array | None = None, axis: int = 0) -> Value:
    """Return arrays laid end to end along `axis`, rows put in `order`."""
    where = slice(None) if order is None else order
    if not isinstance(parts[0], Bounded):
        return np.concatenate(parts, axis)[where]
    value = np.concatenate([part.value for part in parts], axis)
    if all(part.exact for part in parts):
        return exact(value[where], parts[0].arithmetic)
    error = np.concatenate([np.broadcast_to(p.error, p.value.shape) for p in parts], axis)
    return Bounded(value[where], error[where], parts[0].arithmetic)


def total(x: Value, axis: int | tuple[int, ...], *, keepdims: bool = False) -> Value:
    """Return the sum over `axis`, added up in any order."""
    if not isinstance(x, Bounded):
        return np.sum(x, axis=axis, keepdims=keepdims)
    value = np.sum(x.value, axis=axis, keepdims=keepdims)
    inherited: Any = 0.0
    if not x.exact:
        inherited = np.sum(full(x), axis=axis, keepdims=keepdims)
    magnitude = np.sum(np.abs(x.value), axis=axis, keepdims=keepdims) + inherited
    terms = x.value.size // max(value.size, 1)
    return summed(value, inherited, magnitude, terms, x.arithmetic)


def largest(x: Value, axis: int) -> Value:
    """Return the maximum along `axis`, kept as a dimension of one."""
    if not isinstance(x, Bounded):
        return np.max(x, axis=axis, keepdims=True)
    error = np.max(full(x), axis=axis, keepdims=True)
    return Bounded(np.max(x.value, axis=axis, keepdims=True), error, x.arithmetic)


def move(weights: Value, step: Value) -> Value:
    """Return weights - step, which rounds nothing where the step is exactly zero."""
    moved = weights - step
    if not isinstance(moved, Bounded):
        return moved
    error = np.where(is_zero(step), _error(weights), moved.error)
    return Bounded(moved.value, error, moved.arithmetic)


def is_zero(x: Value) -> Array:
    """Return where x is zero and can be nothing else."""
    zero: Array = (_plain(x) == 0) & (_error(x) == 0)
    return zero


def surely_positive(x: Value) -> bool:
    """Return whether a number is above zero and can be nothing else."""
    return bool(np.all(_plain(x) > _error(x)))


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


def _plain(x: Value) -> Any:
    return x.value if isinstance(x, Bounded) else np.asarray(x)


def _error(x: Value) -> Any:
    return x.error if isinstance(x, Bounded) else 0.0
