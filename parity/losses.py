"""Every loss: its value per row and its slope at the model's outputs, side by side.

Outputs z are (T, batch, units). A loss gives `terms`, one per element or (softmax) per row, and
`slopes`, the derivative of the terms' sum with respect to z; weighting and reduction are common.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from parity import bounds, functions
from parity.bounds import Array, Value
from parity.dials import Dials, held
from parity.parts import Loss

Terms = tuple[Value, Value]

# A lane may multiply the reduction's factors in one by one: 2, 1/2, 1/rows, 1/units.
FACTORS = 4


def objective(loss: Loss, z: Value, y: Array, weights: Array | None, dials: Dials) -> Terms:
    """Return the reduced loss, of shape (T,), and its slope at z, of z's shape.

    `y` is (T, batch, units), or (T, batch) for integer labels; `weights` is (T, batch) or None.
    """
    steps, rows, units = z.shape
    weighting = _like(z, np.ones((steps, rows)) if weights is None else weights)
    per_row = loss.name == "softmax_cross_entropy"
    divisor = np.full(steps, float(rows if per_row else rows * units))
    loss = replace(loss, delta=held(loss.delta, "delta", dials))
    if per_row:
        target, class_weights = _target(loss, z, y, dials)
        weighting, divisor = _weigh(loss, z, y, weighting, divisor, dials)
        terms, slopes = _softmax_cross_entropy(z, target, class_weights)
    else:
        terms, slopes = LOSSES[loss.name](loss, z, _like(z, y))
        at_zero = dials.get("absolute_error_at_zero")
        if loss.name == "absolute_error" and at_zero:
            slopes = functions.choose(z - _like(z, y), 1.0, -1.0, at_zero)
    whole = divisor if per_row or dials.get("sum") != "row means" else divisor / units
    scale = {"mean": 1.0, "half_mean": 0.5, "sum": whole}[loss.reduction] / divisor
    weighting = weighting.reshape(steps, rows, 1)
    value = _times(functions.total(_times(terms, weighting), axis=(1, 2)), scale)
    slope = _times(_times(slopes, weighting), scale.reshape(steps, 1, 1))
    return functions.again(value, FACTORS), functions.again(slope, FACTORS)


def penalty(loss: Loss, kernels: list[Value], dials: Dials) -> tuple[Value, list[Value]]:
    """Return l2 * sum(kernel**2) over all kernels, of shape (T,), and its slope at each kernel."""
    squares = [functions.total(kernel * kernel, axis=(1, 2)) for kernel in kernels]
    value = squares[0]
    for square in squares[1:]:
        value = value + square
    l2 = held(loss.l2, "l2", dials)
    return l2 * value, [(2 * l2) * kernel for kernel in kernels]


def _like(z: Value, array: Array) -> Value:
    """Return data that the lane has to the last bit, with bounds if z has them."""
    return bounds.exactly(array, z) if isinstance(z, bounds.Bounded) else array


def _times(x: Value, factor: Value) -> Value:
    """Return x * factor, which rounds nothing where the factor is one everywhere."""
    plain = factor.value if isinstance(factor, bounds.Bounded) else factor
    return x if np.all(plain == 1) else x * factor


def _squared_error(loss: Loss, z: Value, y: Array) -> Terms:
    e = z - y
    return e * e, 2.0 * e


def _absolute_error(loss: Loss, z: Value, y: Array) -> Terms:
    e = z - y
    return functions.absolute(e), functions.sign(e)


def _huber(loss: Loss, z: Value, y: Array) -> Terms:
    """P. J. Huber, Robust estimation of a location parameter, 1964: quadratic up to delta."""
    e = z - y
    size = functions.absolute(e)
    outer = loss.delta * size - 0.5 * loss.delta * loss.delta
    outer = functions.any_of(outer, loss.delta * (size - 0.5 * loss.delta))
    terms = functions.select(size - loss.delta, outer, 0.5 * (e * e))
    slopes = functions.maximum(functions.minimum(e, loss.delta), -loss.delta)
    # Differentiated as min(|e|, delta) and the rest, the slope is a sum in which delta cancels.
    return terms, functions.any_of(slopes, (slopes + loss.delta) - loss.delta)


def _smooth_l1(loss: Loss, z: Value, y: Array) -> Terms:
    """Huber's loss divided by delta (R. Girshick, Fast R-CNN, 2015, with delta = 1)."""
    terms, slopes = _huber(loss, z, y)
    size = functions.absolute(z - y)
    outer = functions.any_of(terms / loss.delta, size - 0.5 * loss.delta)
    return outer, slopes / loss.delta


def _binary_cross_entropy(loss: Loss, z: Value, y: Array) -> Terms:
    """-y log s(z) - (1 - y) log(1 - s(z)), from logits, in the two stable forms in use."""
    tail = functions.log(1.0 + functions.exp(-functions.absolute(z)))
    joined = functions.maximum(z, 0.0) - z * y + tail
    apart = y * (functions.maximum(-z, 0.0) + tail) + (1.0 - y) * (functions.maximum(z, 0.0) + tail)
    s, rest = functions.logistic(z), functions.logistic(-z)
    return functions.any_of(joined, apart), functions.any_of(s - y, (1.0 - y) * s - y * rest)


def _softmax_cross_entropy(z: Value, target: Value, class_weights: Any) -> Terms:
    """-sum(target * log softmax(z)) per row, of shape (T, batch, 1)."""
    top = functions.largest(z, axis=-1)
    small = functions.exp(z - top)
    mass = functions.total(small, axis=-1, keepdims=True)
    log_mass = functions.log(mass)
    shifted = functions.any_of((z - top) - log_mass, z - (top + log_mass))
    wanted = _times(target, class_weights)
    terms = -functions.total(wanted * shifted, axis=-1, keepdims=True)
    share = functions.any_of(small / mass, functions.exp(shifted))
    return terms, share * functions.total(wanted, axis=-1, keepdims=True) - wanted


def _target(loss: Loss, z: Value, y: Array, dials: Dials) -> tuple[Value, Value]:
    units = z.shape[-1]
    target = _like(z, np.eye(units)[y] if loss.labels == "integer" else y)
    if loss.label_smoothing:
        smoothing = loss.label_smoothing
        target = target * (1 - smoothing) + smoothing / units
    inside = loss.class_weights is not None and dials.get("class_weights") == "class"
    return target, _like(z, np.array(loss.class_weights)) if inside else np.ones(1)


def _weigh(
    loss: Loss, z: Value, y: Array, weighting: Value, divisor: Value, dials: Dials
) -> tuple[Value, Value]:
    if loss.class_weights is None:
        return weighting, divisor
    labels = y if loss.labels == "integer" else np.argmax(y, axis=-1)
    combined = weighting * _like(z, np.array(loss.class_weights)[labels])
    how = dials.get("class_weights_divisor")
    if how == "all weights" or (how == "weights" and loss.labels == "integer"):
        divisor = functions.total(combined, axis=1)
    return (weighting if dials.get("class_weights") == "class" else combined), divisor


LOSSES: Mapping[str, Callable[[Loss, Value, Array], Terms]] = {
    "squared_error": _squared_error,
    "absolute_error": _absolute_error,
    "huber": _huber,
    "smooth_l1": _smooth_l1,
    "binary_cross_entropy": _binary_cross_entropy,
}
