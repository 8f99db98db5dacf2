"""Train a case with Keras 3, on the backend that the environment variable KERAS_BACKEND names."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from parity.case import Case
from parity.lanes import Refused
from parity.lanes.loop import Look, Loop, trained
from parity.lanes.spelling import KERAS, KERAS_CLIPS
from parity.parts import LEAKY_SLOPE, Layer
from parity.trace import Trace

Array = NDArray[Any]
Variables = dict[str, Any]  # layerN/kernel or layerN/bias → Keras variable
Call = tuple[str, tuple[tuple[str, float | bool], ...], bool]  # optimizer, arguments, decay_biases

_NATIVE = importlib.import_module(f"parity.lanes.keras_gradient_{keras.backend.backend()}")

ACTIVATIONS: Mapping[str, Callable[[Any], Any]] = {
    "leaky_relu": functools.partial(keras.activations.leaky_relu, negative_slope=LEAKY_SLOPE),
    "gelu_tanh": functools.partial(keras.activations.gelu, approximate=True),
}  # the others are Keras' own names
LOSSES: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("squared_error", "values"): keras.losses.MeanSquaredError,
    ("absolute_error", "values"): keras.losses.MeanAbsoluteError,
    ("huber", "values"): keras.losses.Huber,
    ("softmax_cross_entropy", "integer"): keras.losses.SparseCategoricalCrossentropy,
    ("softmax_cross_entropy", "dense"): keras.losses.CategoricalCrossentropy,
    ("binary_cross_entropy", "values"): keras.losses.BinaryCrossentropy,
}


@dataclass(frozen=True, slots=True)
class Objective:
    """What a case minimises; equal objectives are compiled once, so its numbers are passed in."""

    name: str
    labels: str
    reduction: str
    label_smoothing: float

    def loss(self, delta: Any) -> Any:
        """Return the Keras loss; `half_mean` is for the caller to halve. Raises Refused."""
        arguments: dict[str, Any] = {}
        if self.reduction == "sum":
            arguments["reduction"] = "sum"
        if self.name.endswith("cross_entropy"):
            arguments["from_logits"] = True
        if self.name == "huber":
            arguments["delta"] = delta
        if self.label_smoothing:
            arguments["label_smoothing"] = self.label_smoothing
        return _accepted(LOSSES[self.name, self.labels], arguments)

    @property
    def share(self) -> float:
        """The factor of the loss."""
        return 0.5 if self.reduction == "half_mean" else 1.0

    def __call__(self, model: Any, batch: tuple[Any, Any, Any], delta: Any, l2: Any) -> Any:
        """Return the loss of `model` on x, y and sample weights (or None), penalty included."""
        x, y, weights = batch
        loss = self.loss(delta)(y, model(x, training=True), sample_weight=weights)
        if self.share != 1:
            loss = self.share * loss
        _set_l2(model, l2)
        for penalty in model.losses:
            loss = loss + penalty
        return loss


def train(case: Case, mode: str) -> Trace:
    """Run `case`; `mode` is apply (a loop of the user's own), fit or eager (a compiled model).

    `fit` compiles as Keras does by default, `eager` with run_eagerly=True; both train with
    `train_on_batch`, which shows no gradients. Raises Refused where Keras refuses an argument.
    """
    return trained(loop(case, mode), case.rates)


def loop(case: Case, mode: str) -> Loop:
    """Return the loop of `case`. Raises Refused where Keras refuses an argument."""
    keras.config.set_floatx(case.dtype)  # of losses, metrics and learning rates
    keras.mixed_precision.set_global_policy(case.dtype)  # of models and layers; in every release
    return _own_loop(case) if mode == "apply" else _compiled_loop(case, mode == "eager")


def _own_loop(case: Case) -> Loop:
    loss = case.loss
    model = _kept_model(case.x.shape[1], case.layers, case.dtype, loss.l2 != 0)
    objective = Objective(loss.name, loss.labels, loss.reduction, loss.label_smoothing)
    optimizer = _optimizer(_call(case))
    variables = _started(case, model)
    optimizer.build(list(variables.values()))

    def batch(number: int) -> tuple[Any, ...]:
        x, y, weights = _batch(case, number)
        return _on_device(x, y, _with_class_weights(case, y, weights))

    def step(batch: tuple[Any, ...], look: Look | None) -> Any:
        value, gradients = _NATIVE.gradient(objective, model, batch, loss.delta, loss.l2)
        optimizer.apply(gradients, list(variables.values()))
        if look is not None:
            look(dict(zip(variables, map(_NATIVE.array, gradients), strict=True)))
        return value

    return _loop(case, optimizer, variables, batch, step)


def _compiled_loop(case: Case, eager: bool) -> Loop:
    loss = case.loss
    classes = None if loss.class_weights is None else dict(enumerate(loss.class_weights))
    if classes is not None and case.sample_weights is not None:
        raise Refused("train_on_batch takes sample_weight or class_weight, not both")
    objective = Objective(loss.name, loss.labels, loss.reduction, loss.label_smoothing)
    structure = (case.x.shape[1], case.layers, case.dtype)
    model, reset = _compiled(structure, objective, loss.delta, loss.l2, _call(case), eager)
    reset()
    variables = _started(case, model)

    def step(batch: tuple[Any, ...], look: Look | None) -> Any:
        x, y, weights = batch
        return model.train_on_batch(x, y, sample_weight=weights, class_weight=classes)

    return _loop(case, model.optimizer, variables, functools.partial(_batch, case), step)


def _loop(
    case: Case,
    optimizer: Any,
    variables: Variables,
    batch: Callable[[int], tuple[Any, ...]],
    step: Callable[[Any, Look | None], Any],
) -> Loop:
    slots = _slots(case, optimizer, variables)

    def rate(value: float) -> None:
        optimizer.learning_rate = value

    return Loop(
        batch=batch,
        rate=rate,
        step=step,
        weights=lambda: _arrays(variables),
        state=lambda: {slot: _arrays(held) for slot, held in slots.items()},
        wait=lambda: _NATIVE.wait([variable.value for variable in variables.values()]),
    )


def _accepted(make: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    try:
        return make(**arguments)
    except (TypeError, ValueError) as error:
        raise Refused(str(error)) from error


def _model(inputs: int, layers: tuple[Layer, ...], dtype: str, l2: float) -> Any:
    model = keras.Sequential([keras.Input((inputs,), dtype=dtype)])
    for number, layer in enumerate(layers):
        dense = keras.layers.Dense(
            layer.units,
            activation=ACTIVATIONS.get(layer.activation, layer.activation),
            use_bias=layer.bias,
            kernel_initializer="zeros",  # a case brings its weights
            kernel_regularizer=keras.regularizers.L2(l2) if l2 else None,
            dtype=dtype,
            name=f"layer{number}",
        )
        model.add(dense)
    return model


@functools.lru_cache(maxsize=512)
def _kept_model(inputs: int, layers: tuple[Layer, ...], dtype: str, penalty: bool) -> Any:
    return _model(inputs, layers, dtype, float(penalty))


def _set_l2(model: Any, l2: Any) -> None:
    """Set the factor of a kept model's penalty; compiled code passes one that it traces."""
    for layer in model.layers:
        if layer.kernel_regularizer is not None:
            layer.kernel_regularizer.l2 = l2


@functools.lru_cache(maxsize=64)
def _compiled(
    structure: tuple[int, tuple[Layer, ...], str],
    objective: Objective,
    delta: float,
    l2: float,
    call: Call,
    eager: bool,
) -> tuple[Any, Callable[[], None]]:
    """Return a compiled model and what puts its optimizer back to the beginning."""
    model = _model(*structure, l2)
    model.compile(
        optimizer=_optimizer(call),
        loss=objective.loss(delta),
        loss_weights=None if objective.share == 1 else objective.share,
        run_eagerly=eager,
    )
    model.optimizer.build(model.trainable_variables)
    held = model.optimizer.variables
    beginning = [np.array(_NATIVE.array(variable.value)) for variable in held]  # copies

    def reset() -> None:
        for variable, value in zip(held, beginning, strict=True):
            variable.assign(value)

    return model, reset


def _call(case: Case) -> Call:
    optimizer, clip = case.optimizer, case.clip
    arguments = KERAS[optimizer.name].spelled(optimizer.arguments)
    if clip is not None:
        arguments[KERAS_CLIPS[clip.kind]] = clip.limit
    return optimizer.name, tuple(arguments.items()), optimizer.decay_biases


def _optimizer(call: Call) -> Any:
    name, arguments, decay_biases = call
    optimizer = _accepted(KERAS[name].found_in(keras.optimizers), dict(arguments))
    if not decay_biases:
        optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


def _variables(model: Any) -> Variables:
    named = {}
    for layer in model.layers:
        named[f"{layer.name}/kernel"] = layer.kernel
        if layer.use_bias:
            named[f"{layer.name}/bias"] = layer.bias
    return named


def _slots(case: Case, optimizer: Any, variables: Variables) -> dict[str, Variables]:
    """Return the optimizer's variables by slot; Keras names them after the variable they serve."""
    held = {variable.name: variable for variable in optimizer.variables}
    slots: dict[str, Variables] = {}
    for slot, ending in KERAS[case.optimizer.name].slots.items():
        for name, variable in variables.items():
            place = f"{variable.path.replace('/', '_')}_{ending}"
            if place in held:
                slots.setdefault(slot, {})[name] = held[place]
    return slots


def _started(case: Case, model: Any) -> Variables:
    """Give the model the starting weights, and return its variables by the case's names."""
    variables = _variables(model)
    for name, variable in variables.items():
        variable.assign(case.weights[name].astype(case.dtype))
    return variables


def _on_device(*arrays: Array | None) -> tuple[Any, ...]:
    """Return tensors of the backend, integers in their own type."""
    return tuple(None if a is None else keras.ops.convert_to_tensor(a) for a in arrays)


def _batch(case: Case, step: int) -> tuple[Array, Array, Array | None]:
    x, y, weights = case.batch(step)
    return (
        x.astype(case.dtype),
        y if y.dtype.kind == "i" else y.astype(case.dtype),
        None if weights is None else weights.astype(case.dtype),
    )


def _with_class_weights(case: Case, y: Array, weights: Array | None) -> Array | None:
    """Return the rows' weights times those of their classes, as `class_weight` of fit has it."""
    if case.loss.class_weights is None:
        return weights
    labels = y if case.loss.labels == "integer" else y.argmax(axis=-1)
    by_row = np.array(case.loss.class_weights, case.dtype)[labels]
    return by_row if weights is None else by_row * weights


def _arrays(variables: Variables) -> dict[str, Array]:
    return {name: _NATIVE.array(variable.value) for name, variable in variables.items()}
