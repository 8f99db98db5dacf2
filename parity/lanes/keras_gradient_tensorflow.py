"""Gradients and arrays of a Keras model on the TensorFlow backend, with a gradient tape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf
from numpy.typing import NDArray

# Small models gain nothing from threads, and lanes run side by side.
tf.config.threading.set_inter_op_parallelism_threads(1)
tf.config.threading.set_intra_op_parallelism_threads(1)

_HALVES = (tf.bfloat16, tf.float16)


def gradient(
    objective: Callable[..., Any], model: Any, batch: tuple[Any, ...], delta: float, l2: float
) -> tuple[Any, list[Any]]:
    """Return the loss of `model` on `batch` and its gradients, in the order of its variables."""
    with tf.GradientTape() as tape:
        loss = objective(model, batch, delta, l2)
    return loss, tape.gradient(loss, model.trainable_variables)


def array(tensor: Any) -> NDArray[Any]:
    """Return a tensor's values, 16 bits as float32, in memory that may be the tensor's own."""
    values: NDArray[Any] = tensor.numpy()
    return values.astype("float32") if tensor.dtype in _HALVES else values


def wait(tensors: list[Any]) -> None:
    """Return when the tensors have been computed: an element of each is fetched."""
    for tensor in tensors:
        tf.reshape(tensor, [-1])[0].numpy()
