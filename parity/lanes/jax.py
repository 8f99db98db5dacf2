"""JAX with optax: jax.grad of a plain MLP, compiled once for each structure and shape.

Mode `plain` compiles nothing; what the modes do with the optimizers is in `jax_update`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from parity.case import Case
from parity.lanes import Refused
from parity.lanes.jax_cache import keep_compiled
from parity.lanes.jax_update import recorded, slots, updates
from parity.lanes.loop import Look, Loop, trained
from parity.parts import LEAKY_SLOPE, Layer, Loss
from parity.trace import Trace

Arrays = dict[str, Any]

ACTIVATIONS: Mapping[str, Callable[[Any], Any]] = {
    "linear": lambda z: z,
    "relu": jax.nn.relu,
    "leaky_relu": functools.partial(jax.nn.leaky_relu, negative_slope=LEAKY_SLOPE),
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "gelu": functools.partial(jax.nn.gelu, approximate=False),
    "gelu_tanh": functools.partial(jax.nn.gelu, approximate=True),
    "elu": jax.nn.elu,
    "softplus": jax.nn.softplus,
    "silu": jax.nn.silu,
}

keep_compiled()


def train(case: Case, mode: str) -> Trace:
    """Train `case` with jax.value_and_grad and optax, compiled as `mode` says."""
    return trained(loop(case, mode), case.rates)


def loop(case: Case, mode: str) -> Loop:
    """Return the loop of `case`. Raises Refused for what optax has no words for."""
    slope = _plain_slope if mode == "plain" else _slope
    start, update = updates(case, mode)
    dtype = jnp.dtype(case.dtype)
    weights = {name: jnp.asarray(value.astype(dtype)) for name, value in case.weights.items()}
    formula, numbers = _formula(case.loss), _loss_numbers(case.loss, dtype)
    state, lr = start(weights), 0.0

    def rate(value: float) -> None:
        nonlocal lr
        lr = value

    def step(batch: Arrays, look: Look | None) -> Any:
        nonlocal weights, state
        value, gradients = slope(weights, batch, numbers, case.layers, formula)
        weights, state = update(gradients, state, weights, lr)
        if look is not None:
            look(recorded(gradients))
        return value

    return Loop(
        batch=lambda number: jax.device_put(_batch(case, number, dtype)),
        rate=rate,
        step=step,
        weights=lambda: recorded(weights),
        state=lambda: slots(case, state),
        wait=lambda: jax.block_until_ready((weights, state)) and None,
    )


def _batch(case: Case, step: int, dtype: Any) -> Arrays:
    x, y, sample_weights = case.batch(step)
    batch = {"x": x.astype(dtype), "y": y.astype(np.int32 if y.ndim == 1 else dtype)}
    if sample_weights is not None:
        batch["weights"] = sample_weights.astype(dtype)
    return batch


def _formula(loss: Loss) -> tuple[str, str]:
    if loss.label_smoothing and loss.name != "softmax_cross_entropy":
        raise Refused("optax.smooth_labels spreads over classes, not over independent labels")
    return loss.name, loss.reduction


def _loss_numbers(loss: Loss, dtype: Any) -> Arrays:
    """Return the loss's numbers, those that are used: which they are is compiled in."""
    numbers: Arrays = {
        name: float(value)
        for name, value in (("l2", loss.l2), ("label_smoothing", loss.label_smoothing))
        if value
    }
    if loss.class_weights is not None:
        numbers["class_weights"] = np.array(loss.class_weights, dtype)
    if loss.name in ("huber", "smooth_l1"):
        numbers["delta"] = float(loss.delta)
    return numbers


def _objective(
    weights: Arrays,
    batch: Arrays,
    numbers: Arrays,
    layers: tuple[Layer, ...],
    formula: tuple[str, str],
) -> Any:
    x = batch["x"]
    for number, layer in enumerate(layers):
        x = x @ weights[f"layer{number}/kernel"]
        if layer.bias:
            x = x + weights[f"layer{number}/bias"]
        x = ACTIVATIONS[layer.activation](x)
    name, reduction = formula
    losses = _losses(x, batch["y"], numbers, name)
    if "weights" in batch:
        losses = losses * batch["weights"].reshape(-1, *[1] * (losses.ndim - 1))
    value = jnp.sum(losses) if reduction == "sum" else jnp.mean(losses)
    if reduction == "half_mean":
        value = 0.5 * value
    if "l2" in numbers:
        kernels = [w for name, w in weights.items() if name.endswith("/kernel")]
        value = value + numbers["l2"] * sum(jnp.sum(w**2) for w in kernels)
    return value


def _losses(x: Any, y: Any, numbers: Arrays, name: str) -> Any:
    """Return the losses of all elements, or of all rows."""
    if name == "squared_error":
        return optax.losses.squared_error(x, y)
    if name == "absolute_error":
        return jnp.abs(x - y)  # optax has none
    if name == "huber":
        return optax.losses.huber_loss(x, y, delta=numbers["delta"])
    if name == "smooth_l1":
        return optax.losses.huber_loss(x, y, delta=numbers["delta"]) / numbers["delta"]
    if name == "binary_cross_entropy":
        return optax.losses.sigmoid_binary_cross_entropy(x, y)
    losses = _cross_entropy(x, y, numbers)
    if "class_weights" in numbers:
        losses = losses * numbers["class_weights"][y if y.ndim == 1 else jnp.argmax(y, 1)]
    return losses


def _cross_entropy(x: Any, y: Any, numbers: Arrays) -> Any:
    if "label_smoothing" in numbers:
        dense = jax.nn.one_hot(y, x.shape[1], dtype=x.dtype) if y.ndim == 1 else y
        y = optax.losses.smooth_labels(dense, numbers["label_smoothing"])
    if y.ndim == 1:
        return optax.losses.softmax_cross_entropy_with_integer_labels(x, y)
    return optax.losses.softmax_cross_entropy(x, y)


_plain_slope = jax.value_and_grad(_objective)
_slope = jax.jit(_plain_slope, static_argnums=(3, 4))
