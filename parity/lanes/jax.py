"""JAX with optax: jax.grad of a plain MLP, and the optimizers as their users chain them.

By default gradient and update are compiled once for each structure and shape, with every
hyperparameter, optax's defaults too, an argument that enters in float32. Mode `jit` compiles the
update with its hyperparameters baked in, as most users have it; mode `plain` compiles nothing.
optax has coupled weight decay for Adadelta only: other optimizers without decoupled decay get
`optax.add_decayed_weights` in front, which is how its users write it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from parity.case import Case
from parity.lanes import Refused
from parity.lanes.jax_cache import keep_compiled
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
OPTIMIZERS: Mapping[str, Callable[..., Any]] = {
    "sgd": optax.sgd,
    "adam": optax.adam,
    "adamw": optax.adamw,
    "amsgrad": optax.amsgrad,
    "adamax": optax.adamax,
    "nadam": optax.nadam,
    "radam": optax.radam,
    "rmsprop": optax.rmsprop,
    "adagrad": optax.adagrad,
    "adadelta": optax.adadelta,
    "lion": optax.lion,
    "lamb": optax.lamb,
    "adafactor": optax.adafactor,
}
# optax's own argument for the mask of its own weight decay.
MASKS: Mapping[str, str] = {
    **dict.fromkeys(("adamw", "lion", "lamb"), "mask"),
    **dict.fromkeys(("adadelta", "adafactor"), "weight_decay_mask"),
}
ARGUMENTS: Mapping[str, str] = {
    "momentum": "momentum",
    "nesterov": "nesterov",
    "centered": "centered",
    "beta1": "b1",
    "beta2": "b2",
    "eps": "eps",
    "initial_accumulator": "initial_accumulator_value",
    "weight_decay": "weight_decay",
}
# What one optimizer calls otherwise.
OWN_ARGUMENTS: Mapping[str, Mapping[str, str]] = {
    "rmsprop": {"rho": "decay"},
    "adadelta": {"rho": "rho"},
    "adafactor": {
        "beta2_decay": "decay_rate",
        "eps1": "eps",
        "clip_threshold": "clipping_threshold",
        "weight_decay": "weight_decay_rate",
    },
}
CLIPS: Mapping[str, Callable[[Any], Any]] = {
    "value": optax.clip,
    "global_norm": optax.clip_by_global_norm,
}
SLOTS: Mapping[str, str] = {
    "mu": "m",
    "nu": "v",
    "nu_max": "v_max",
    "trace": "momentum",
    "sum_of_squares": "sum",
    "e_g": "v",
    "e_x": "delta",
}
# Where one field holds another slot than its name says elsewhere.
# Adafactor's v of a matrix that is factored is of length one: below 128 rows or columns none is.
OWN_SLOTS: Mapping[str, Mapping[str, str]] = {
    "adamax": {"nu": "u"},
    "rmsprop": {"mu": "mean"},
    "adafactor": {"v": "v"},
}


keep_compiled()


@dataclass(frozen=True, slots=True)
class Call:
    """What is compiled into an update: the optimizer, its switches, and what is chained to it."""

    optimizer: str
    switches: tuple[tuple[str, bool], ...]
    decay_biases: bool
    clip: str | None


def train(case: Case, mode: str) -> Trace:
    """Train `case` with jax.value_and_grad and optax, compiled as `mode` says."""
    return trained(loop(case, mode), case.rates)


def loop(case: Case, mode: str) -> Loop:
    """Return the loop of `case`. Raises Refused for what optax has no words for."""
    slope = _plain_slope if mode == "plain" else _slope
    start, update = _MODES[mode](case)
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
            look(_recorded(gradients))
        return value

    return Loop(
        batch=lambda number: jax.device_put(_batch(case, number, dtype)),
        rate=rate,
        step=step,
        weights=lambda: _recorded(weights),
        state=lambda: _slots(case, state),
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


def _call(case: Case) -> tuple[Call, Arrays]:
    """Return the case's optimizer call, and apart from it the numbers in it."""
    optimizer, clip = case.optimizer, case.clip
    given = {_argument(optimizer.name, n): value for n, value in optimizer.arguments.items()}
    switches = {name: value for name, value in given.items() if isinstance(value, bool)}
    numbers = {n: float(value) for n, value in given.items() if n and n not in switches}
    if clip is not None:
        numbers["limit"] = float(clip.limit)
    call = Call(
        optimizer.name,
        tuple(sorted(switches.items())),
        optimizer.decay_biases,
        None if clip is None else clip.kind,
    )
    return call, numbers


def _argument(optimizer: str, name: str) -> str:
    """Return optax's name for a hyperparameter; none for one that the catalog leaves out."""
    return OWN_ARGUMENTS.get(optimizer, {}).get(name, ARGUMENTS.get(name, ""))


def _transformation(call: Call, lr: Any, numbers: Arrays) -> Any:
    """Return clipping, decay and optimizer as users chain them."""
    given = {**numbers, **dict(call.switches)}
    mask = None if call.decay_biases else _kernels
    chain = []
    if call.clip is not None:
        chain.append(CLIPS[call.clip](given.pop("limit")))
    if call.optimizer in MASKS:
        given[MASKS[call.optimizer]] = mask
    elif "weight_decay" in given:
        chain.append(optax.add_decayed_weights(given.pop("weight_decay"), mask))
    return optax.chain(*chain, OPTIMIZERS[call.optimizer](lr, **given))


def _kernels(weights: Arrays) -> dict[str, bool]:
    return {name: name.endswith("/kernel") for name in weights}


def _updated(transformation: Any, gradients: Arrays, state: Any, weights: Arrays) -> Any:
    updates, state = transformation.update(gradients, state, weights)
    return optax.apply_updates(weights, updates), state


@functools.partial(jax.jit, static_argnums=5)
def _traced_update(
    gradients: Arrays, state: Any, weights: Arrays, lr: Any, numbers: Arrays, call: Call
) -> Any:
    return _updated(_transformation(call, lr, numbers), gradients, state, weights)


Start = Callable[[Arrays], Any]
Update = Callable[[Arrays, Any, Arrays, float], Any]


def _traced(case: Case) -> tuple[Start, Update]:
    call, given = _call(case)
    numbers = {**_defaults(case.optimizer.name), **given}
    return (
        _transformation(call, 0.0, numbers).init,
        lambda gradients, state, weights, lr: _traced_update(
            gradients, state, weights, float(lr), numbers, call
        ),
    )


@functools.cache
def _defaults(optimizer: str) -> Arrays:
    parameters = inspect.signature(OPTIMIZERS[optimizer]).parameters
    return {n: item.default for n, item in parameters.items() if isinstance(item.default, float)}


def _plain(case: Case, compiled: Callable[[Any], Any] = lambda function: function) -> Any:
    """Return start and update of one optimizer object, its hyperparameters Python floats."""
    transformation = _transformation(_call(case)[0], _rate(case), _call(case)[1])
    update = compiled(functools.partial(_updated, transformation))
    return transformation.init, lambda gradients, state, weights, lr: update(
        gradients, state, weights
    )


def _rate(case: Case) -> Any:
    """Return the learning rate, or a schedule where it changes."""
    if len(set(case.rates)) == 1:
        return float(case.rates[0])
    rates = np.array(case.rates)
    return lambda count: jnp.asarray(rates)[count]


_MODES: Mapping[str, Callable[[Case], tuple[Start, Update]]] = {
    "": _traced,
    "plain": _plain,
    "jit": functools.partial(_plain, compiled=jax.jit),
}


def _recorded(arrays: Arrays) -> dict[str, np.ndarray[Any, Any]]:
    """Return NumPy arrays, the narrow formats as float32, exactly."""
    return {
        name: np.asarray(value, np.float64 if value.dtype == jnp.float64 else np.float32)
        for name, value in arrays.items()
    }


def _slots(case: Case, state: Any) -> dict[str, dict[str, np.ndarray[Any, Any]]]:
    names = {**SLOTS, **OWN_SLOTS.get(case.optimizer.name, {})}
    if not case.optimizer.arguments.get("momentum"):
        del names["trace"]  # with momentum=0.0 optax keeps the last gradient there
    return {
        names[field]: _recorded(arrays)
        for field, arrays in _fields(state)
        if field in names and isinstance(arrays, dict)
    }


def _fields(state: Any) -> list[tuple[str, Any]]:
    """Return the named fields of all the states in a chain."""
    found = list(zip(getattr(state, "_fields", ()), state, strict=False))
    return found + [pair for part in state if isinstance(part, tuple) for pair in _fields(part)]
