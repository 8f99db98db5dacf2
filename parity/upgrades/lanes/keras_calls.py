"""A call of a Keras layer: what comes out, and its gradients; each function stands in scripts."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from parity.upgrades.probe import Array, Arrays


def call_layer(
    keras: Any, layer: Any, inputs: Arrays, derive: Any, passed: str = "one"
) -> dict[str, Array]:
    """See a layer's outputs, losses and state in inference and training, and its gradients."""
    array = keras.ops.convert_to_numpy
    tensors = [keras.ops.convert_to_tensor(inputs[n]) for n in ("x", "another") if n in inputs]
    known = inspect.signature(layer.call).parameters
    mask: dict[str, Any] = {}
    if "mask" in inputs:
        mask["mask"] = keras.ops.convert_to_tensor(inputs["mask"])
        if passed == "a list":
            mask["mask"] = [mask["mask"]] * 2

    def parts(outputs: Any) -> list[Any]:
        return list(outputs) if isinstance(outputs, list | tuple) else [outputs]

    def given(values: Any, training: bool) -> tuple[Any, Any]:
        named = {**mask, "training": training} if "training" in known else mask
        values = list(values)
        return {"a list": [values], "several": values}.get(passed, values[:1]), named

    seen: dict[str, Array] = {}
    positional, named = given(tensors, False)
    layer(*positional, **named)
    for number, weight in enumerate(layer.get_weights()):
        seen[f"initial weight {number}"] = np.array(weight)
    new = [np.resize(inputs["weights"], weight.shape) for weight in layer.get_weights()]
    layer.set_weights(new)
    for mode, training in (("inference", False), ("training", True)):
        positional, named = given(tensors, training)
        for number, part in enumerate(parts(layer(*positional, **named))):
            seen[f"output {number} in {mode}"] = np.array(array(part))
        for number, loss in enumerate(layer.losses):
            seen[f"loss {number} in {mode}"] = np.array(array(loss))
    for number, variable in enumerate(layer.non_trainable_weights):
        seen[f"state {number} in the end"] = np.array(array(variable))

    floats = [n for n in ("x", "another") if n in inputs and inputs[n].dtype.kind == "f"]
    trained = [np.array(array(variable)) for variable in layer.trainable_variables]
    state = [keras.ops.convert_to_tensor(array(v)) for v in layer.non_trainable_variables]

    def total(*values: Any) -> Any:
        positional, named = given(values[: len(floats)] if floats else tensors, True)
        outputs, _, losses = layer.stateless_call(
            list(values[len(floats) :]), state, *positional, return_losses=True, **named
        )
        flat = [keras.ops.reshape(part, (-1,)) for part in [*parts(outputs), *losses]]
        return keras.ops.concatenate(
            [keras.ops.cast(part, keras.backend.floatx()) for part in flat]
        )

    _, slopes = derive(total, [*(inputs[name] for name in floats), *trained])
    for name, slope in zip(floats, slopes, strict=False):
        seen[f"gradient of {name}"] = slope
    for number, slope in enumerate(slopes[len(floats) :]):
        seen[f"gradient of weight {number}"] = slope
    return seen


def call_tensorflow_layer(
    keras: Any, layer: Any, inputs: Arrays, derive: Any, passed: str = "one"
) -> dict[str, Array]:
    """See a layer's outputs, losses and state in inference and training, and its gradients."""
    import tensorflow as tf

    names = [n for n in ("x", "another") if n in inputs]
    tensors = [tf.constant(inputs[name]) for name in names]
    positional = {"a list": [tensors], "several": tensors}.get(passed, tensors[:1])
    known = inspect.signature(layer.call).parameters
    mask: dict[str, Any] = {}
    if "mask" in inputs:
        one = tf.constant(inputs["mask"])
        mask["mask"] = [one] * 2 if passed == "a list" else one
    modes = {"inference": False, "training": True} if "training" in known else {"inference": None}
    seen: dict[str, Array] = {}
    layer(*positional, **mask)
    for number, weight in enumerate(layer.get_weights()):
        seen[f"initial weight {number}"] = np.array(weight)
    new = [np.resize(inputs["weights"], weight.shape) for weight in layer.get_weights()]
    layer.set_weights(new)
    for mode, training in modes.items():
        named = mask if training is None else {**mask, "training": training}
        with tf.GradientTape() as tape:
            tape.watch([tensor for tensor in tensors if tensor.dtype.is_floating])
            outputs = layer(*positional, **named)
            parts = list(outputs) if isinstance(outputs, list | tuple) else [outputs]
            total = tf.add_n([tf.reduce_sum(part * part) for part in parts])
            total = tf.add_n([total, *(tf.cast(loss, total.dtype) for loss in layer.losses)])
        slopes = tape.gradient(total, [*tensors, *layer.trainable_weights])
        for number, part in enumerate(parts):
            seen[f"output {number} in {mode}"] = np.array(part)
        for number, loss in enumerate(layer.losses):
            seen[f"loss {number} in {mode}"] = np.array(loss)
        for number, slope in enumerate(slopes):
            if slope is not None:
                seen[f"gradient {number} in {mode}"] = np.array(tf.convert_to_tensor(slope))
    for number, variable in enumerate(layer.non_trainable_weights):
        seen[f"state {number} in the end"] = np.array(variable)
    return seen


CALLS: Final[Mapping[str, Callable[..., dict[str, Array]]]] = {
    "keras": call_layer,
    "tf_keras": call_tensorflow_layer,
}
