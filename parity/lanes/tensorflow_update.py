"""How a plain TensorFlow loop updates its variables: by hand, or with TF 1's optimizers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from parity.case import Case
from parity.lanes import Refused
from parity.lanes.spelling import GRADIENT_DESCENT, VERSION_1

Array = NDArray[Any]
Tensors = dict[str, Any]  # tensors or variables by parameter name


class Updates(Protocol):
    """What a loop asks of an optimizer; gradients are clipped."""

    def set_rate(self, rate: float) -> None:
        """Set the learning rate of the steps that follow."""

    def apply(self, gradients: Tensors) -> None:
        """Update the variables."""

    def state(self) -> dict[str, dict[str, Array]]:
        """Return the slots, by the names that the case's optimizer has for them."""


def updates(case: Case, weights: Tensors, mode: str) -> Updates:
    """Return the optimizer of `case` over the variables `weights`. Raises Refused."""
    return _Version1(case, weights) if mode == "v1" else _ByHand(case, weights, mode)


def traced(function: Callable[..., Any], mode: str, signature: Any = None) -> Callable[..., Any]:
    """Return `function` as a graph, compiled where `mode` is xla."""
    graph: Callable[..., Any] = tf.function(
        # A partial: of plain functions TensorFlow counts the traces over all that share their code.
        functools.partial(function),
        input_signature=signature,
        autograph=False,
        jit_compile=True if mode == "xla" else None,
        reduce_retracing=True if mode == "graph" and signature is None else None,
    )
    return graph


def variable(value: Any, mode: str) -> Any:
    """Return a variable; its sizes are left open in a graph, so that one trace serves them all."""
    return tf.Variable(value, shape=[None] * value.ndim if mode == "graph" else None)


def arrays(tensors: Tensors) -> dict[str, Array]:
    """Return the tensors as NumPy arrays; those of 16 bits, exactly, as float32."""
    values = {name: tensor.numpy() for name, tensor in tensors.items()}
    return {
        name: value.astype(np.float32) if value.dtype.itemsize == 2 else value
        for name, value in values.items()
    }


class _ByHand:
    """The updates as a training loop of one's own has them, constants computed in Python."""

    def __init__(self, case: Case, weights: Tensors, mode: str) -> None:
        self.name = case.optimizer.name
        self.given = case.optimizer.hyperparameters()
        self.decay_biases = case.optimizer.decay_biases
        self.weights = weights
        self.mode = mode
        self.dtype = case.dtype
        self.rate, self.steps = case.rates[0], 0
        slots = ["m", "v"]
        if self.name == "sgd":
            slots = ["momentum"] if self.given["momentum"] else []
        self.slots = {
            name: {slot: variable(tf.zeros_like(weight), mode) for slot in slots}
            for name, weight in weights.items()
        }

    def set_rate(self, rate: float) -> None:
        self.rate = rate

    def apply(self, gradients: Tensors) -> None:
        nesterov = bool(self.given.get("nesterov"))
        self.steps += 1
        constants = _constants(self.name, self.given, self.steps, self.rate)
        kept = {name: value for name, value in constants.items() if name not in ("decay", "keep")}
        if self.mode != "eager":
            constants = {name: tf.constant(c, self.dtype) for name, c in constants.items()}
            kept = {name: constants[name] for name in kept}
        for name, weight in self.weights.items():
            update = _update(self.name, nesterov, self.mode, (self.dtype, weight.shape))
            decays = self.decay_biases or name.endswith("/kernel")
            update(weight, gradients[name], self.slots[name], constants if decays else kept)

    def state(self) -> dict[str, dict[str, Array]]:
        return {
            slot: arrays({name: slots[slot] for name, slots in self.slots.items()})
            for slot in next(iter(self.slots.values()))
        }


def _constants(
    name: str, given: Mapping[str, float | bool], step: int, rate: float
) -> dict[str, Any]:
    constants: dict[str, Any] = {"lr": rate}
    if given["weight_decay"]:
        if name == "adamw":
            constants["keep"] = 1 - rate * given["weight_decay"]
        else:
            constants["decay"] = float(given["weight_decay"])
    if name == "sgd":
        return {**constants, "momentum": float(given["momentum"])}
    for number in ("1", "2"):
        beta = given["beta" + number]
        constants["beta" + number] = beta
        constants["rest" + number] = 1 - beta
        constants["correction" + number] = 1 - beta**step
    return {**constants, "eps": given["eps"]}


@functools.cache
def _update(
    name: str, nesterov: bool, mode: str, kind: tuple[str, tuple[int, ...]]
) -> Callable[..., None]:
    """Return the update of variables of one `kind`: TensorFlow warns of functions traced anew."""
    update = functools.partial(_sgd, nesterov=nesterov) if name == "sgd" else _adam
    return update if mode == "eager" else traced(update, mode)


def _sgd(weight: Any, gradient: Any, slots: Tensors, c: Tensors, *, nesterov: bool) -> None:
    if "decay" in c:
        gradient += c["decay"] * weight
    if "momentum" in slots:
        momentum = slots["momentum"]
        momentum.assign(c["momentum"] * momentum + gradient)
        gradient = gradient + c["momentum"] * momentum if nesterov else momentum
    weight.assign_sub(c["lr"] * gradient)


def _adam(weight: Any, gradient: Any, slots: Tensors, c: Tensors) -> None:
    if "keep" in c:
        weight.assign(c["keep"] * weight)
    if "decay" in c:
        gradient += c["decay"] * weight
    m, v = slots["m"], slots["v"]
    m.assign(c["beta1"] * m + c["rest1"] * gradient)
    v.assign(c["beta2"] * v + c["rest2"] * tf.square(gradient))
    root = tf.sqrt(v / c["correction2"])
    weight.assign_sub(c["lr"] * (m / c["correction1"]) / (root + c["eps"]))


class _Version1:
    """An optimizer of tf.compat.v1.train, used eagerly; its learning rate is a callable."""

    def __init__(self, case: Case, weights: Tensors) -> None:
        self.weights = weights
        self.rate = case.rates[0]
        spelling, given = VERSION_1[case.optimizer.name], case.optimizer.arguments
        if case.optimizer.name == "sgd" and not given.get("momentum"):
            spelling, given = GRADIENT_DESCENT, {}
        build = spelling.found_in(tf.compat.v1.train)
        # FtrlOptimizer calls nothing; a variable is what changes under it.
        self.variable = tf.Variable(self.rate) if case.optimizer.name == "ftrl" else None
        rate = (lambda: self.rate) if self.variable is None else self.variable
        try:
            self.optimizer = build(learning_rate=rate, **spelling.spelled(given))
        except ValueError as error:
            raise Refused(str(error)) from error
        # RMSPropOptimizer has a slot for momentum even where there is none.
        off = {"momentum": not given.get("momentum"), "mean": not given.get("centered")}
        self.slots = {slot: name for slot, name in spelling.slots.items() if not off.get(slot)}

    def set_rate(self, rate: float) -> None:
        self.rate = rate
        if self.variable is not None:
            self.variable.assign(rate)

    def apply(self, gradients: Tensors) -> None:
        self.optimizer.apply_gradients([(gradients[name], w) for name, w in self.weights.items()])

    def state(self) -> dict[str, dict[str, Array]]:
        return {
            slot: arrays({of: self.optimizer.get_slot(w, name) for of, w in self.weights.items()})
            for slot, name in self.slots.items()
        }
