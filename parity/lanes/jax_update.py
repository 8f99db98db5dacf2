"""How optax updates weights: the optimizers as their users chain them, compiled or not.

By default an update is compiled once for each structure and shape, with every hyperparameter,
optax's defaults too, an argument that enters in float32. Mode `jit` compiles it with its
hyperparameters baked in, as most users have it; mode `plain` compiles nothing. optax has coupled
weight decay for Adadelta only: other optimizers without decoupled decay get
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
from parity.lanes.spelling import OPTAX, OPTAX_MASKS

Arrays = dict[str, Any]

CLIPS: Mapping[str, Callable[[Any], Any]] = {
    "value": optax.clip,
    "global_norm": optax.clip_by_global_norm,
}


@dataclass(frozen=True, slots=True)
class Call:
    """What is compiled into an update: the optimizer, its switches, and what is chained to it."""

    optimizer: str
    switches: tuple[tuple[str, bool], ...]
    decay_biases: bool
    clip: str | None


Start = Callable[[Arrays], Any]
Update = Callable[[Arrays, Any, Arrays, float], Any]


def updates(case: Case, mode: str) -> tuple[Start, Update]:
    """Return what makes the state of weights, and what updates both."""
    return _MODES[mode](case)


def recorded(arrays: Arrays) -> dict[str, np.ndarray[Any, Any]]:
    """Return NumPy arrays, the narrow formats as float32, exactly."""
    return {
        name: np.asarray(value, np.float64 if value.dtype == jnp.float64 else np.float32)
        for name, value in arrays.items()
    }


def slots(case: Case, state: Any) -> dict[str, dict[str, np.ndarray[Any, Any]]]:
    """Return what the states of a chain hold, by the case's names of slots and parameters."""
    names = {field: slot for slot, field in OPTAX[case.optimizer.name].slots.items()}
    if not case.optimizer.arguments.get("momentum"):
        names.pop("trace", None)  # with momentum=0.0 optax keeps the last gradient there
    found: dict[str, dict[str, np.ndarray[Any, Any]]] = {}
    for field, held in _fields(state):
        if field in names and isinstance(held, dict):
            # Of a matrix that Adafactor factors, v is no array of the matrix's shape.
            whole = {n: array for n, array in held.items() if array.shape == case.weights[n].shape}
            found |= {names[field]: recorded(whole)} if whole else {}
    return found


def _fields(state: Any) -> list[tuple[str, Any]]:
    """Return the named fields of all the states in a chain."""
    found = list(zip(getattr(state, "_fields", ()), state, strict=False))
    return found + [pair for part in state if isinstance(part, tuple) for pair in _fields(part)]


def _call(case: Case) -> tuple[Call, Arrays]:
    """Return the case's optimizer call, and apart from it the numbers in it."""
    optimizer, clip = case.optimizer, case.clip
    given = OPTAX[optimizer.name].spelled(optimizer.arguments)
    switches = {name: value for name, value in given.items() if isinstance(value, bool)}
    numbers = {n: float(value) for n, value in given.items() if n not in switches}
    if clip is not None:
        numbers["limit"] = float(clip.limit)
    call = Call(
        optimizer.name,
        tuple(sorted(switches.items())),
        optimizer.decay_biases,
        None if clip is None else clip.kind,
    )
    return call, numbers


def _transformation(call: Call, lr: Any, numbers: Arrays) -> Any:
    """Return clipping, decay and optimizer as users chain them."""
    given = {**numbers, **dict(call.switches)}
    mask = None if call.decay_biases else _kernels
    chain = []
    if call.clip is not None:
        chain.append(CLIPS[call.clip](given.pop("limit")))
    if call.optimizer in OPTAX_MASKS:
        given[OPTAX_MASKS[call.optimizer]] = mask
    elif "weight_decay" in given:
        chain.append(optax.add_decayed_weights(given.pop("weight_decay"), mask))
    return optax.chain(*chain, OPTAX[call.optimizer].found_in(optax)(lr, **given))


def _kernels(weights: Arrays) -> dict[str, bool]:
    return {name: name.endswith("/kernel") for name in weights}


def _updated(transformation: Any, gradients: Arrays, state: Any, weights: Arrays) -> Any:
    change, state = transformation.update(gradients, state, weights)
    return optax.apply_updates(weights, change), state


@functools.partial(jax.jit, static_argnums=5)
def _traced_update(
    gradients: Arrays, state: Any, weights: Arrays, lr: Any, numbers: Arrays, call: Call
) -> Any:
    return _updated(_transformation(call, lr, numbers), gradients, state, weights)


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
    parameters = inspect.signature(OPTAX[optimizer].found_in(optax)).parameters
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
