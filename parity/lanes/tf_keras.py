"""Train a case with tf_keras, the Keras 2 line: its current optimizers, its legacy ones, or fit."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray

from parity.case import Case
from parity.lanes import Refused
from parity.lanes.loop import Look, Loop, trained
from parity.lanes.spelling import KERAS_CLIPS, LEGACY, TF_KERAS, Spelling
from parity.parts import LEAKY_SLOPE, Layer, Loss
from parity.trace import Trace

Array = NDArray[Any]
Variables = dict[str, Any]

ACTIVATIONS: Mapping[str, Callable[[Any], Any]] = {
    "linear": tf_keras.activations.linear,
    "relu": tf_keras.activations.relu,
    "leaky_relu": functools.partial(tf_keras.activations.relu, alpha=LEAKY_SLOPE),
    "tanh": tf_keras.activations.tanh,
    "sigmoid": tf_keras.activations.sigmoid,
    "gelu": tf_keras.activations.gelu,
    "gelu_tanh": functools.partial(tf_keras.activations.gelu, approximate=True),
    "elu": tf_keras.activations.elu,
    "softplus": tf_keras.activations.softplus,
    "silu": tf_keras.activations.swish,
}
LOSSES: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("squared_error", "values"): tf_keras.losses.MeanSquaredError,
    ("absolute_error", "values"): tf_keras.losses.MeanAbsoluteError,
    ("huber", "values"): tf_keras.losses.Huber,
    ("softmax_cross_entropy", "integer"): tf_keras.losses.SparseCategoricalCrossentropy,
    ("softmax_cross_entropy", "dense"): tf_keras.losses.CategoricalCrossentropy,
    ("binary_cross_entropy", "values"): tf_keras.losses.BinaryCrossentropy,
}
OPTIMIZERS: Mapping[str, tuple[Any, Mapping[str, Spelling]]] = {
    "current": (tf_keras.optimizers, TF_KERAS),
    "legacy": (tf_keras.optimizers.legacy, LEGACY),
}  # where each line's optimizers are, and what they are called there


def train(case: Case, mode: str) -> Trace:
    """Run `case`; `mode` is current or legacy (a loop with that line's optimizers), or fit.

    The loops trace loss and gradients and apply the optimizer eagerly; fit is `compile` and
    `train_on_batch` with a current optimizer, which shows no gradients. Raises Refused where
    tf_keras refuses an argument.
    """
    try:
        return trained(loop(case, mode), case.rates)
    except tf.errors.InvalidArgumentError as error:
        raise Refused(_reason(error.message)) from error


def loop(case: Case, mode: str) -> Loop:
    """Return the loop of `case`. Raises Refused where tf_keras refuses an argument."""
    # bfloat16 is no floatx; layers take it all the same.
    tf_keras.backend.set_floatx("float32" if case.dtype == "bfloat16" else case.dtype)
    return _compiled_loop(case) if mode == "fit" else _own_loop(case, mode)


def _own_loop(case: Case, line: str) -> Loop:
    weighted = case.sample_weights is not None or case.loss.class_weights is not None
    loss = replace(case.loss, l2=float(case.loss.l2 != 0), class_weights=None)
    model, gradient = _gradient(case.x.shape[1], case.layers, loss, weighted, case.dtype)
    variables = _start(model, case)
    optimizer = _optimizer(case, line)
    tensor = functools.partial(tf.constant, dtype=case.dtype)

    def batch(number: int) -> tuple[Any, ...]:
        x, y, weights = _batch(case, number)
        labels = tf.constant(y) if loss.labels == "integer" else tensor(y)
        extra = () if weights is None else (tensor(weights),)
        return (tensor(x), labels, *extra), tensor(case.loss.l2)

    def step(batch: tuple[Any, ...], look: Look | None) -> Any:
        value, gradients = gradient(*batch)
        optimizer.apply_gradients(zip(gradients, variables.values(), strict=True))
        if look is not None:
            look(_arrays(dict(zip(variables, gradients, strict=True))))
        return value

    return _loop(case, optimizer, variables, line, batch, step)


def _compiled_loop(case: Case) -> Loop:
    model = _model(case.x.shape[1], case.layers, case.dtype, case.loss.l2)
    variables = _start(model, case)
    share = 0.5 if case.loss.reduction == "half_mean" else None
    model.compile(_optimizer(case, "current"), loss=_objective(case.loss), loss_weights=share)
    classes = case.loss.class_weights and dict(enumerate(case.loss.class_weights))

    def step(batch: tuple[Any, ...], look: Look | None) -> Any:
        return model.train_on_batch(*batch, class_weight=classes)

    return _loop(case, model.optimizer, variables, "current", case.batch, step)


def _loop(
    case: Case,
    optimizer: Any,
    variables: Variables,
    line: str,
    batch: Callable[[int], tuple[Any, ...]],
    step: Callable[[Any, Look | None], Any],
) -> Loop:
    def rate(value: float) -> None:
        optimizer.learning_rate = value

    return Loop(
        batch=batch,
        rate=rate,
        step=step,
        weights=lambda: _arrays(variables),
        state=lambda: _state(case, optimizer, variables, line),
        wait=lambda: _fetch(variables),
    )


def _fetch(variables: Variables) -> None:
    """Wait for the last step: an element of a variable is there when its update is."""
    for variable in variables.values():
        tf.reshape(variable, [-1])[0].numpy()


def _reason(message: str) -> str:
    """Return the sentence of an error of TensorFlow that says what is wrong."""
    told = message.split("\n\t [[")[0].strip()  # the node follows
    return told.split("\n\n")[-1].splitlines()[0]


def _accepted(make: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    try:
        return make(**arguments)
    except (TypeError, ValueError) as error:
        raise Refused(str(error)) from error


def _model(inputs: int, layers: tuple[Layer, ...], dtype: str, l2: float) -> Any:
    model = tf_keras.Sequential([tf_keras.Input((inputs,), dtype=dtype)])
    for number, layer in enumerate(layers):
        dense = tf_keras.layers.Dense(
            layer.units,
            activation=ACTIVATIONS[layer.activation],
            use_bias=layer.bias,
            kernel_regularizer=tf_keras.regularizers.L2(l2) if l2 else None,
            dtype=dtype,
            name=f"layer{number}",
        )
        model.add(dense)
    return model


_kept_model = functools.lru_cache(maxsize=512)(_model)


def _objective(loss: Loss) -> Any:
    """Return the loss object; `half_mean` is for the caller to halve. Raises Refused."""
    arguments: dict[str, Any] = {}
    if loss.reduction == "sum":
        arguments["reduction"] = "sum"
    if loss.name.endswith("cross_entropy"):
        arguments["from_logits"] = True
    if loss.name == "huber":
        arguments["delta"] = loss.delta
    if loss.label_smoothing:
        arguments["label_smoothing"] = loss.label_smoothing
    return _accepted(LOSSES[loss.name, loss.labels], arguments)


@functools.lru_cache(maxsize=512)
def _gradient(
    inputs: int, layers: tuple[Layer, ...], loss: Loss, weighted: bool, dtype: str
) -> tuple[Any, Callable[..., tuple[Any, list[Any]]]]:
    """Return a model, and the function from its batch and l2 to loss and gradients."""
    model = _kept_model(inputs, layers, dtype, loss.l2)
    objective = _objective(loss)
    labels = tf.TensorSpec([None], "int64")
    if loss.labels != "integer":
        labels = tf.TensorSpec([None, layers[-1].units], dtype)
    weights = (tf.TensorSpec([None], dtype),) if weighted else ()
    batch = (tf.TensorSpec([None, inputs], dtype), labels, *weights)

    def gradient(batch: tuple[Any, ...], l2: Any) -> tuple[Any, list[Any]]:
        x, y, *weights = batch
        with tf.GradientTape() as tape:
            value = objective(y, model(x, training=True), *weights)
            if loss.reduction == "half_mean":
                value = 0.5 * value
            if loss.l2:
                # A number that is traced, so that one trace serves every penalty.
                for layer in model.layers:
                    layer.kernel_regularizer.l2 = l2
                value += tf.add_n(model.losses)
        return value, tape.gradient(value, model.trainable_variables)

    signature = (batch, tf.TensorSpec([], dtype))
    return model, tf.function(gradient, input_signature=signature, autograph=False)


def _start(model: Any, case: Case) -> Variables:
    """Set the model's variables to the starting weights and return them by the case's names."""
    variables = {}
    for layer in model.layers:
        variables[f"{layer.name}/kernel"] = layer.kernel
        if layer.use_bias:
            variables[f"{layer.name}/bias"] = layer.bias
    for name, variable in variables.items():
        variable.assign(tf.constant(case.weights[name], variable.dtype))
    return variables


def _optimizer(case: Case, line: str) -> Any:
    optimizer, clip = case.optimizer, case.clip
    module, spellings = OPTIMIZERS[line]
    spelling = spellings[optimizer.name]
    arguments = spelling.spelled(optimizer.arguments)
    if clip is not None:
        arguments[KERAS_CLIPS[clip.kind]] = clip.limit
    arguments["learning_rate"] = case.rates[0]
    made = _accepted(spelling.found_in(module), arguments)
    if line == "current" and not optimizer.decay_biases:
        made.exclude_from_weight_decay(var_names=["bias"])
    return made


def _batch(case: Case, step: int) -> tuple[Array, Array, Array | None]:
    """Return a step's x, y and sample weights, times the class weights of the rows."""
    x, y, weights = case.batch(step)
    if case.loss.class_weights is None:
        return x, y, weights
    classes = y if case.loss.labels == "integer" else np.argmax(y, axis=1)
    of_rows = np.array(case.loss.class_weights)[classes]
    return x, y, of_rows if weights is None else weights * of_rows


def _state(
    case: Case, optimizer: Any, variables: Variables, line: str
) -> dict[str, dict[str, Array]]:
    given = case.optimizer.hyperparameters()
    # The current SGD has a slot for momentum even where there is none.
    off = {"momentum": not given.get("momentum"), "mean": not given.get("centered")}
    places = {
        slot: place
        for slot, place in OPTIMIZERS[line][1][case.optimizer.name].slots.items()
        if not off.get(slot, False)
    }
    if line == "legacy":
        return {
            slot: _arrays({name: optimizer.get_slot(v, place) for name, v in variables.items()})
            for slot, place in places.items()
        }
    # A current optimizer's variable is called slot/layer/parameter, a scope before it or not.
    held = {"/".join(v.name.split("/")[-3:]): v for v in optimizer.variables}
    return {
        slot: _arrays({name: held[f"{place}/{v.name}"] for name, v in variables.items()})
        for slot, place in places.items()
    }


def _arrays(tensors: Variables) -> dict[str, Array]:
    """Return the tensors as NumPy arrays; those of 16 bits, exactly, as float32."""
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    return {
        name: array.astype(np.float32) if array.dtype.itemsize == 2 else array
        for name, array in arrays.items()
    }
