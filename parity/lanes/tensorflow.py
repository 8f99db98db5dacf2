"""Train a case with plain TensorFlow: variables and a gradient tape."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from parity.case import Case
from parity.lanes.loop import Look, Loop, trained
from parity.lanes.tensorflow_update import Tensors, arrays, traced, updates, variable
from parity.parts import LEAKY_SLOPE, Clip, Loss
from parity.trace import Trace

Layers = tuple[tuple[str, bool], ...]  # each layer's activation, and whether it has a bias

ACTIVATIONS: Mapping[str, Callable[[Any], Any]] = {
    "linear": tf.identity,
    "relu": tf.nn.relu,
    "leaky_relu": functools.partial(tf.nn.leaky_relu, alpha=LEAKY_SLOPE),
    "tanh": tf.nn.tanh,
    "sigmoid": tf.nn.sigmoid,
    "gelu": functools.partial(tf.nn.gelu, approximate=False),
    "gelu_tanh": functools.partial(tf.nn.gelu, approximate=True),
    "elu": tf.nn.elu,
    "softplus": tf.nn.softplus,
    "silu": tf.nn.silu,
}


def train(case: Case, mode: str) -> Trace:
    """Run `case`; `mode` is graph, eager or xla (updates by hand), or v1 (TF 1's optimizers).

    In graph and xla, loss, gradients and updates are functions that TensorFlow has traced, or
    compiled; in v1, loss and gradients are. Raises Refused where TensorFlow refuses an argument.
    """
    return trained(loop(case, mode), case.rates)


def loop(case: Case, mode: str) -> Loop:
    """Return the loop of `case`. Raises Refused where TensorFlow refuses an argument."""
    tensor = functools.partial(tf.constant, dtype=case.dtype)
    weights = {name: variable(tensor(value), mode) for name, value in case.weights.items()}
    how = "graph" if mode == "v1" else mode
    layers = tuple((layer.activation, layer.bias) for layer in case.layers)
    gradient = _gradient(layers, _structure(case.loss), _extras(case), case.dtype, how)
    optimizer = updates(case, weights, mode)

    def step(batch: tuple[Any, ...], look: Look | None) -> Any:
        values = {name: tf.convert_to_tensor(weight) for name, weight in weights.items()}
        loss, gradients = gradient(values, *batch)
        if look is not None:
            look(arrays(gradients))
        optimizer.apply(_clipped(gradients, case.clip))
        return loss

    return Loop(
        batch=lambda number: _batch(case, number),
        rate=optimizer.set_rate,
        step=step,
        weights=lambda: arrays(weights),
        state=optimizer.state,
        wait=lambda: _fetched(weights),
    )


def _batch(case: Case, step: int) -> tuple[Any, Any, Tensors]:
    """Return x, y, and what else the loss takes."""
    tensor = functools.partial(tf.constant, dtype=case.dtype)
    x, y, sample_weights = case.batch(step)
    extras = {name: tensor(value) for name, value in _fixed(case).items()}
    if sample_weights is not None:
        extras["sample_weights"] = tensor(sample_weights)
    return tensor(x), tf.constant(y) if case.loss.labels == "integer" else tensor(y), extras


def _fetched(weights: Tensors) -> None:
    """Wait for the last step: an element of a variable is there when its update is."""
    for weight in weights.values():
        tf.reshape(weight, [-1])[0].numpy()


def _structure(loss: Loss) -> tuple[str, str, str]:
    return loss.name, loss.reduction, loss.labels


def _fixed(case: Case) -> dict[str, Any]:
    """Return what the loss takes beside the batch, the same at every step."""
    loss = case.loss
    fixed: dict[str, Any] = {}
    if loss.name in ("huber", "smooth_l1"):
        fixed["delta"] = loss.delta
    if loss.l2:
        fixed["l2"] = loss.l2
    if loss.class_weights is not None:
        fixed["class_weights"] = loss.class_weights
    return fixed


def _extras(case: Case) -> tuple[str, ...]:
    weighted = ("sample_weights",) if case.sample_weights is not None else ()
    return (*_fixed(case), *weighted)


@functools.cache
def _gradient(
    layers: Layers,
    structure: tuple[str, str, str],
    extras: tuple[str, ...],
    dtype: str,
    mode: str,
) -> Callable[..., tuple[Any, Tensors]]:
    """Return the function from weights, x, y and extras to the loss and its gradients.

    Sizes are left open, so that one trace serves every width and batch.
    """

    def run(weights: Tensors, x: Any, y: Any, extras: Tensors) -> tuple[Any, Tensors]:
        with tf.GradientTape() as tape:
            tape.watch(weights)
            loss = _loss(structure, _forward(layers, weights, x), y, extras)
            if "l2" in extras:
                kernels = [value for name, value in weights.items() if name.endswith("/kernel")]
                loss += extras["l2"] * tf.add_n([tf.reduce_sum(tf.square(k)) for k in kernels])
        return loss, tape.gradient(loss, weights)

    if mode == "eager":
        return run
    labels = structure[2]
    weights = {}
    for number, (_, bias) in enumerate(layers):
        weights[f"layer{number}/kernel"] = tf.TensorSpec([None, None], dtype)
        if bias:
            weights[f"layer{number}/bias"] = tf.TensorSpec([None], dtype)
    matrix = tf.TensorSpec([None, None], dtype)
    vectors = ("sample_weights", "class_weights")
    signature = (
        weights,
        matrix,
        tf.TensorSpec([None], "int64") if labels == "integer" else matrix,
        {name: tf.TensorSpec([None] if name in vectors else [], dtype) for name in extras},
    )
    return traced(run, mode, signature)


def _forward(layers: Layers, weights: Tensors, x: Any) -> Any:
    for number, (activation, bias) in enumerate(layers):
        x = tf.matmul(x, weights[f"layer{number}/kernel"])
        if bias:
            x = tf.nn.bias_add(x, weights[f"layer{number}/bias"])
        x = ACTIVATIONS[activation](x)
    return x


def _loss(structure: tuple[str, str, str], z: Any, y: Any, extras: Tensors) -> Any:
    name, reduction, labels = structure
    terms = _terms(name, labels, z, y, extras.get("delta"))
    weights = extras.get("sample_weights")
    if "class_weights" in extras:
        classes = y if labels == "integer" else tf.argmax(y, axis=1)
        of_class = tf.gather(extras["class_weights"], classes)
        weights = of_class if weights is None else weights * of_class
    if weights is not None:
        terms *= weights if name == "softmax_cross_entropy" else weights[:, tf.newaxis]
    if reduction == "sum":
        return tf.reduce_sum(terms)
    mean = tf.reduce_mean(terms)
    return 0.5 * mean if reduction == "half_mean" else mean


def _terms(name: str, labels: str, z: Any, y: Any, delta: Any) -> Any:
    """Return the loss of each element, of each row for softmax_cross_entropy."""
    if name == "softmax_cross_entropy":
        if labels == "integer":
            return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=z)
        return tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=z)
    if name == "binary_cross_entropy":
        return tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=z)
    error = z - y
    if name == "squared_error":
        return tf.square(error)
    size = tf.abs(error)
    if name == "absolute_error":
        return size
    # tf.compat.v1.losses.huber_loss computes in float32 whatever it is given.
    huber = tf.where(size <= delta, 0.5 * tf.square(error), delta * (size - 0.5 * delta))
    return huber / delta if name == "smooth_l1" else huber


def _clipped(gradients: Tensors, clip: Clip | None) -> Tensors:
    if clip is None:
        return gradients
    limit = clip.limit
    if clip.kind == "value":
        return {name: tf.clip_by_value(g, -limit, limit) for name, g in gradients.items()}
    if clip.kind == "norm":
        return {name: tf.clip_by_norm(g, limit) for name, g in gradients.items()}
    clipped, _ = tf.clip_by_global_norm(list(gradients.values()), limit)
    return dict(zip(gradients, clipped, strict=True))
