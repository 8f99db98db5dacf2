"""Losses of the control: per element or, for softmax_cross_entropy, per row; derivative beside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity.lanes.numpy32.activations import sigmoid, softplus
from parity.lanes.numpy32.sums import Shuffle, total
from parity.parts import Loss

Array = NDArray[Any]


def huber(z: Array, y: Array, delta: float, _: Shuffle) -> Array:
    """Return half the squared error up to delta, a line of slope delta beyond."""
    error: Array = np.abs(z - y)
    return np.where(error <= delta, 0.5 * error * error, delta * (error - 0.5 * delta))


def smooth_l1(z: Array, y: Array, delta: float, _: Shuffle) -> Array:
    """Return the huber loss over delta."""
    error: Array = np.abs(z - y)
    return np.where(error < delta, 0.5 * error * error / delta, error - 0.5 * delta)


def softmax_cross_entropy(z: Array, y: Array, _: float, shuffle: Shuffle) -> Array:
    """Return -sum(y * log softmax(z)) of each row."""
    shifted = z - z.max(1, keepdims=True)
    log_share = shifted - np.log(total(np.exp(shifted), shuffle, axis=1))[:, None]
    return np.asarray(-total(y * log_share, shuffle, axis=1))


def softmax_derivative(z: Array, y: Array, _: float, shuffle: Shuffle) -> Array:
    """Return softmax(z) * sum(y) - y."""
    power = np.exp(z - z.max(1, keepdims=True))
    share = power / total(power, shuffle, axis=1)[:, None]
    return np.asarray(share * total(y, shuffle, axis=1)[:, None] - y)


Term = Callable[[Array, Array, float, Shuffle], Array]
# Each of (prediction or logits z, labels y, delta, order of sums).
LOSSES: dict[str, tuple[Term, Term]] = {
    "squared_error": (lambda z, y, *_: (z - y) * (z - y), lambda z, y, *_: 2 * (z - y)),
    "absolute_error": (lambda z, y, *_: np.abs(z - y), lambda z, y, *_: np.sign(z - y)),
    "huber": (huber, lambda z, y, delta, _: np.clip(z - y, -delta, delta)),
    "smooth_l1": (smooth_l1, lambda z, y, delta, _: np.clip((z - y) / delta, -1.0, 1.0)),
    "softmax_cross_entropy": (softmax_cross_entropy, softmax_derivative),
    "binary_cross_entropy": (
        lambda z, y, *_: softplus(z) - y * z,
        lambda z, y, *_: sigmoid(z) - y,
    ),
}

# What the sum over all terms is multiplied by, of the number of terms.
REDUCTIONS: dict[str, Callable[[int], float]] = {
    "mean": lambda count: 1 / count,
    "sum": lambda count: 1.0,
    "half_mean": lambda count: 0.5 / count,
}


def targets(labels: Array, loss: Loss, prediction: Array) -> Array:
    """Return the labels as an array like `prediction`: one-hot where integer, and smoothed."""
    if loss.labels == "integer":
        y = np.eye(prediction.shape[1], dtype=prediction.dtype)[labels]
    else:
        y = labels.astype(prediction.dtype)
    if not loss.label_smoothing:
        return y
    classes = y.shape[1] if loss.name == "softmax_cross_entropy" else 2
    return (1 - loss.label_smoothing) * y + loss.label_smoothing / classes


def row_weights(
    labels: Array, sample_weights: Array | None, loss: Loss, dtype: np.dtype[Any]
) -> Array | None:
    """Return each row's weight: its sample's times its class's; None where all are 1."""
    weight = None if sample_weights is None else sample_weights.astype(dtype)
    if loss.class_weights is None:
        return weight
    classes = labels if labels.ndim == 1 else labels.argmax(1)
    per_class = np.array(loss.class_weights, dtype)[classes]
    return per_class if weight is None else weight * per_class
