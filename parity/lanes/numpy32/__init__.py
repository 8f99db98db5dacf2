"""The control: a plain NumPy training step in the case's precision, its sums in random order.

It is written from the frameworks' documentation and shares nothing with the oracle, so that the
oracle is judged by something that no framework's quirks reach.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity.case import Case
from parity.lanes.loop import Look, Loop, trained
from parity.lanes.numpy32.activations import ACTIVATIONS
from parity.lanes.numpy32.losses import LOSSES, REDUCTIONS, row_weights, targets
from parity.lanes.numpy32.sums import Shuffle, dot, total
from parity.lanes.numpy32.updates import HIDDEN, UPDATES, starting_state
from parity.trace import Trace

Array = NDArray[Any]
Tensors = dict[str, Array]
Batch = tuple[Array, Array, Array | None]


def train(case: Case, mode: str) -> Trace:
    """Train `case` in its dtype; in mode `shuffled` each sum runs in an order of its own."""
    return trained(loop(case, mode), case.rates)


def loop(case: Case, mode: str) -> Loop:
    """Return the loop of `case`."""
    seed = [case.steps, *case.x.ravel()[:4].view(np.uint32).tolist()]
    shuffle = np.random.default_rng(seed) if mode == "shuffled" else None
    name_of_optimizer = case.optimizer.name
    weights = {name: value.astype(case.dtype) for name, value in case.weights.items()}
    h = {name: hyperparameters(case, name) for name in weights}
    states = {name: starting_state(name_of_optimizer, w, h[name]) for name, w in weights.items()}
    lr, count = 0.0, 0

    def rate(value: float) -> None:
        nonlocal lr
        lr = value

    def step(batch: Batch, look: Look | None) -> float:
        nonlocal count
        count += 1
        with np.errstate(all="ignore"):  # overflow is a result here, and the oracle judges it
            inputs, outputs, prediction = forward(case, batch, weights, shuffle)
            value, slope = loss(case, batch, prediction, shuffle)
            value = value + penalty(case, weights, shuffle)
            gradients = backward(case, weights, inputs, outputs, slope, shuffle)
            if look is not None:
                look(_recorded(gradients))
            for name, g in clip(case, gradients, shuffle).items():
                update = UPDATES[name_of_optimizer]
                weights[name] = update(weights[name], g, states[name], h[name], lr, count)
        return float(value)

    return Loop(
        batch=lambda number: _batch(case, number),
        rate=rate,
        step=step,
        weights=lambda: _recorded(weights),
        state=lambda: _slots(states),
    )


def _batch(case: Case, step: int) -> Batch:
    x, y, sample_weights = case.batch(step)
    return x.astype(case.dtype), y, sample_weights


def forward(
    case: Case, batch: Batch, weights: Tensors, shuffle: Shuffle
) -> tuple[list[Array], list[Array], Array]:
    """Return each layer's input, its output before the activation, and the prediction."""
    x = batch[0]
    inputs, outputs = [], []
    for number, layer in enumerate(case.layers):
        inputs.append(x)
        z = dot(x, weights[f"layer{number}/kernel"], shuffle)
        if layer.bias:
            z = z + weights[f"layer{number}/bias"]
        outputs.append(z)
        x = ACTIVATIONS[layer.activation][0](z)
    return inputs, outputs, x


def loss(case: Case, batch: Batch, prediction: Array, shuffle: Shuffle) -> tuple[Any, Array]:
    """Return the batch's loss and its derivative by `prediction`."""
    _, labels, sample_weights = batch
    y = targets(labels, case.loss, prediction)
    value, derivative = LOSSES[case.loss.name]
    values = value(prediction, y, case.loss.delta, shuffle)
    slope = derivative(prediction, y, case.loss.delta, shuffle)
    weight = row_weights(labels, sample_weights, case.loss, prediction.dtype)
    if weight is not None:
        values = values * (weight if values.ndim == 1 else weight[:, None])
        slope = slope * weight[:, None]
    scale = REDUCTIONS[case.loss.reduction](values.size)
    return total(values, shuffle) * scale, slope * scale


def penalty(case: Case, weights: Tensors, shuffle: Shuffle) -> Any:
    """Return the l2 penalty, zero where the case has none."""
    if not case.loss.l2:
        return 0.0
    kernels = [w for name, w in weights.items() if name.endswith("/kernel")]
    return case.loss.l2 * sum(total(w * w, shuffle) for w in kernels)


def backward(
    case: Case,
    weights: Tensors,
    inputs: list[Array],
    outputs: list[Array],
    slope: Array,
    shuffle: Shuffle,
) -> Tensors:
    """Return the gradients of the loss and its penalty, the last layer's first."""
    gradients: Tensors = {}
    for number in reversed(range(len(case.layers))):
        layer, kernel = case.layers[number], weights[f"layer{number}/kernel"]
        slope = slope * ACTIVATIONS[layer.activation][1](outputs[number])
        gradient = dot(inputs[number].T, slope, shuffle)
        if case.loss.l2:
            gradient = gradient + (2 * case.loss.l2) * kernel
        gradients[f"layer{number}/kernel"] = gradient
        if layer.bias:
            gradients[f"layer{number}/bias"] = total(slope, shuffle, axis=0)
        if number:
            slope = dot(slope, kernel.T, shuffle)
    return gradients


def clip(case: Case, gradients: Tensors, shuffle: Shuffle) -> Tensors:
    """Return the gradients that the optimizer gets."""
    if case.clip is None:
        return gradients
    return CLIPS[case.clip.kind](gradients, case.clip.limit, shuffle)


def clip_value(gradients: Tensors, limit: float, shuffle: Shuffle) -> Tensors:
    """Bound each element by `limit`."""
    return {name: np.clip(g, -limit, limit) for name, g in gradients.items()}


def clip_norm(gradients: Tensors, limit: float, shuffle: Shuffle) -> Tensors:
    """Scale each tensor whose norm exceeds `limit` down to it."""
    return {
        name: clip_global_norm({name: g}, limit, shuffle)[name] for name, g in gradients.items()
    }


def clip_global_norm(gradients: Tensors, limit: float, shuffle: Shuffle) -> Tensors:
    """Scale all tensors by one factor where the norm of all exceeds `limit`."""
    squares: Any = sum(total(g * g, shuffle) for g in gradients.values())
    factor = np.minimum(1.0, limit / np.sqrt(squares))
    return {name: g * factor for name, g in gradients.items()}


CLIPS: dict[str, Callable[[Tensors, float, Shuffle], Tensors]] = {
    "value": clip_value,
    "norm": clip_norm,
    "global_norm": clip_global_norm,
}


def hyperparameters(case: Case, name: str) -> dict[str, Any]:
    """Return the optimizer's hyperparameters for one tensor: biases may have no decay."""
    given: dict[str, Any] = case.optimizer.hyperparameters()
    if not case.optimizer.decay_biases and name.endswith("/bias"):
        given["weight_decay"] = 0.0
    return given


def _recorded(tensors: Tensors) -> Tensors:
    """Return float16 as float32, exactly: a trace holds nothing narrower."""
    return {
        name: value.astype(np.float32) if value.dtype == np.float16 else value
        for name, value in tensors.items()
    }


def _slots(states: dict[str, Tensors]) -> dict[str, Tensors]:
    slots: dict[str, Tensors] = {}
    for name, state in states.items():
        for slot, value in _recorded(state).items():
            if slot not in HIDDEN:
                slots.setdefault(slot, {})[name] = value
    return slots
