"""A value and its gradients by each backend's own differentiation; each stands in scripts too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from parity.upgrades.probe import Array

Derive = Callable[..., tuple[Array, list[Array]]]


def torch_gradients(function: Any, inputs: Any) -> tuple[Array, list[Array]]:
    """Return a function's value, and its gradients, each element weighted by its position."""
    import torch

    given = [torch.tensor(value, requires_grad=True) for value in inputs]
    value = function(*given)
    ramp = torch.linspace(1, 2, value.numel(), dtype=value.dtype).reshape(value.shape)
    total = (value * ramp).sum()
    if not total.requires_grad:  # a constant
        return value.numpy().copy(), [np.zeros_like(one) for one in inputs]
    slopes = torch.autograd.grad(total, given, allow_unused=True, materialize_grads=True)
    return value.detach().numpy().copy(), [slope.numpy().copy() for slope in slopes]


def jax_gradients(function: Any, inputs: Any) -> tuple[Array, list[Array]]:
    """Return a function's value, and its gradients, each element weighted by its position."""
    import jax

    value, back = jax.vjp(function, *map(jax.numpy.asarray, inputs))
    ramp = jax.numpy.linspace(1, 2, value.size, dtype=value.dtype).reshape(value.shape)
    return np.array(value), [np.array(slope) for slope in back(ramp)]


def tensorflow_gradients(function: Any, inputs: Any) -> tuple[Array, list[Array]]:
    """Return a function's value, and its gradients, each element weighted by its position."""
    import tensorflow as tf

    given = [tf.constant(value) for value in inputs]
    with tf.GradientTape() as tape:
        tape.watch(given)
        value = tf.convert_to_tensor(function(*given))
        ramp = np.linspace(1, 2, int(tf.size(value))).reshape(value.shape)
        total = tf.reduce_sum(value * tf.cast(ramp, value.dtype))
    slopes = tape.gradient(total, given, unconnected_gradients="zero")
    return np.array(value), [np.array(tf.convert_to_tensor(slope)) for slope in slopes]


GRADIENTS: Final[Mapping[str, Derive]] = {
    "torch": torch_gradients,
    "jax": jax_gradients,
    "tensorflow": tensorflow_gradients,
}
