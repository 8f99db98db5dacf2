"""Losses, gradients and clipping that are wrong in one way each, around the control's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from parity.case import Case
from parity.lanes import numpy32
from parity.lanes.numpy32 import Batch
from parity.lanes.numpy32.activations import sigmoid
from parity.parts import Loss
from parity.precision import representable

Array = NDArray[Any]
Tensors = dict[str, Array]

# Losses.


def scaled(
    factor: Callable[[Case, Batch], float], *, value: bool = True, slope: bool = True
) -> Callable[[Any], Any]:
    """Wrap the control's loss: multiply its value, its slope or both."""

    def wrap(function: Any) -> Any:
        def loss(case: Case, batch: Batch, *others: Any) -> tuple[Any, Array]:
            seen, slopes = function(case, batch, *others)
            by = factor(case, batch)
            return (seen * by if value else seen), (slopes * by if slope else slopes)

        return loss

    return wrap


def slope_for(change: Callable[[Case], Case]) -> Callable[[Any], Any]:
    """Wrap the control's loss: its value is right, its slope is another case's."""

    def wrap(function: Any) -> Any:
        def loss(case: Case, batch: Batch, *others: Any) -> tuple[Any, Array]:
            other = change(case)
            x, y, weights = batch
            without = x, y, None if other.sample_weights is None else weights
            return function(case, batch, *others)[0], function(other, without, *others)[1]

        return loss

    return wrap


def share_of_full_batch(case: Case, batch: Batch) -> float:
    """Return what a partial batch's mean is off by when it is divided by a full batch's size."""
    if case.loss.reduction == "sum":
        return 1.0
    return len(batch[0]) / len(case.batches[0])


def gradients(change: Callable[[Case, Tensors, Tensors], Tensors]) -> Callable[[Any], Any]:
    """Wrap the control's backward pass: change its result, given case, weights and gradients."""

    def wrap(function: Any) -> Any:
        def backward(case: Case, weights: Tensors, *others: Any) -> Tensors:
            return change(case, weights, function(case, weights, *others))

        return backward

    return wrap


def each(change: Callable[[str, Array], Array]) -> Callable[[Any], Any]:
    """Wrap the control's backward pass: change each gradient, given its name."""
    return gradients(lambda case, weights, g: {name: change(name, v) for name, v in g.items()})


def at_weights(change: Callable[[Tensors], Tensors], position: int) -> Callable[[Any], Any]:
    """Wrap a pass of the control to run at other weights; `position` says which argument."""

    def wrap(function: Any) -> Any:
        def run(*others: Any) -> Any:
            before, weights, after = others[:position], others[position], others[position + 1 :]
            return function(*before, change(weights), *after)

        return run

    return wrap


def turned(weights: Tensors) -> Tensors:
    """Transpose what is square."""
    square = {name for name, w in weights.items() if w.ndim == 2 and w.shape[0] == w.shape[1]}
    return {name: w.T if name in square else w for name, w in weights.items()}


def accumulated(function: Any) -> Any:
    """Wrap the control's backward pass: add the gradients of all steps so far."""
    total: Tensors = {}

    def backward(*arguments: Any) -> Tensors:
        for name, g in function(*arguments).items():
            total[name] = total[name] + g if name in total else g
        return dict(total)

    return backward


def one_step_late(function: Any) -> Any:
    """Wrap the control's backward pass: return the last step's gradients."""
    last: list[Tensors] = []

    def backward(*arguments: Any) -> Tensors:
        last.append(function(*arguments))
        return last[max(0, len(last) - 2)]

    return backward


def stale_weights(position: int) -> Callable[[Any], Any]:
    """Wrap a pass of the control: it sees the last step's weights."""

    def wrap(function: Any) -> Any:
        seen: list[Tensors] = []

        def change(weights: Tensors) -> Tensors:
            seen.append(dict(weights))
            return seen[max(0, len(seen) - 2)]

        return at_weights(change, position)(function)

    return wrap


# Sums of losses.


def units_of_values(case: Case, batch: Batch) -> float:
    """Return what a mean over elements is off by when it is divided by the rows."""
    whole = case.loss.name == "softmax_cross_entropy" or case.loss.reduction == "sum"
    return 1.0 if whole else float(case.layers[-1].units)


def share_of_classes(case: Case, batch: Batch) -> float:
    """Return what a mean over rows is off by when it is divided by the elements."""
    rows = case.loss.name == "softmax_cross_entropy" and case.loss.reduction != "sum"
    return 1.0 / case.layers[-1].units if rows else 1.0


def rows_over_sample_weights(case: Case, batch: Batch) -> float:
    """Return what a mean is off by when it is divided by the sum of the sample weights."""
    weights = batch[2]
    if weights is None or case.loss.reduction == "sum":
        return 1.0
    return len(weights) / float(weights.sum())


def rows_over_class_weights(case: Case, batch: Batch) -> float:
    """Return what a mean is off by when it is divided by the sum of the class weights."""
    labels = batch[1]
    weights = numpy32.row_weights(labels, None, case.loss, np.dtype(case.dtype))
    if weights is None or case.loss.reduction == "sum":
        return 1.0
    return len(weights) / float(weights.sum())


def smoothed_over_others(function: Any) -> Any:
    """Wrap the control's targets: smoothing is shared by the other classes only."""

    def targets(labels: Array, loss: Loss, prediction: Array) -> Array:
        y: Array = function(labels, loss, prediction)
        if not loss.label_smoothing or loss.name != "softmax_cross_entropy":
            return y
        hard = (y - loss.label_smoothing / y.shape[1]) / (1 - loss.label_smoothing)
        share = loss.label_smoothing / (y.shape[1] - 1)
        return (1 - loss.label_smoothing) * hard + share * (1 - hard)

    return targets


def softmax(z: Array) -> Array:
    """Return each row's shares."""
    power = np.exp(z - z.max(1, keepdims=True))
    return power / power.sum(1, keepdims=True)


def clipped_entropy(z: Array, y: Array) -> Array:
    """Return binary cross-entropy by way of probabilities that keep away from 0 and 1."""
    share = np.clip(sigmoid(z), 1e-7, 1 - 1e-7)
    return -(y * np.log(share) + (1 - y) * np.log(1 - share))


def penalty_of_all(function: Any) -> Any:
    """Wrap the control's penalty: biases are penalised too."""

    def penalty(case: Case, weights: Tensors, shuffle: Any) -> Any:
        biases = [w for w in weights.values() if w.ndim == 1]
        return function(case, weights, shuffle) + case.loss.l2 * sum((w * w).sum() for w in biases)

    return penalty


# Clipping.


def normalised(gradients: Tensors, limit: float, _: Any) -> Tensors:
    """Scale each tensor to the limit, whatever its norm."""
    return {name: g * (limit / np.sqrt((g * g).sum())) for name, g in gradients.items()}


def clip_by_square(gradients: Tensors, limit: float, _: Any) -> Tensors:
    """Take the square of the norm of all tensors for the norm."""
    squares = sum((g * g).sum() for g in gradients.values())
    return {name: g * np.minimum(1.0, limit / squares) for name, g in gradients.items()}


def clip_kernels(gradients: Tensors, limit: float, _: Any) -> Tensors:
    """Leave the biases out of the norm of all tensors."""
    squares = sum((g * g).sum() for g in gradients.values() if g.ndim == 2)
    return {name: g * np.minimum(1.0, limit / np.sqrt(squares)) for name, g in gradients.items()}


# Precision.


def products_in(dtype: str) -> Callable[[Any], Any]:
    """Wrap a pass of the control: the factors of its products are rounded first."""

    def dot(a: Array, b: Array, shuffle: Any) -> Array:
        return exact(a.astype(dtype).astype(a.dtype), b.astype(dtype).astype(b.dtype), shuffle)

    def wrap(function: Any) -> Any:
        def run(*arguments: Any) -> Any:
            with patch.object(numpy32, "dot", dot):
                return function(*arguments)

        return run

    exact = numpy32.dot
    return wrap


def halved(values: Array) -> Array:
    """Round to float16."""
    return values.astype(np.float16).astype(values.dtype)


def shortened(weights: Tensors) -> Tensors:
    """Round to bfloat16."""
    return {name: representable(w, "bfloat16").astype(w.dtype) for name, w in weights.items()}


def sums_in(dtype: str) -> Callable[[Any], Any]:
    """Wrap the control's sum: it is rounded at the end."""

    def wrap(function: Any) -> Any:
        def total(values: Array, *others: Any, **options: Any) -> Any:
            return function(values, *others, **options).astype(dtype).astype(values.dtype)

        return total

    return wrap
