"""Gradients and arrays of a Keras model on the JAX backend, with a compiled jax.value_and_grad."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
from numpy.typing import NDArray

from parity.lanes.jax_cache import keep_compiled

keep_compiled()

_HALVES = (jnp.bfloat16, jnp.float16)


def gradient(
    objective: Callable[..., Any], model: Any, batch: tuple[Any, ...], delta: float, l2: float
) -> tuple[Any, list[Any]]:
    """Return the loss of `model` on `batch` and its gradients, in the order of its variables."""
    weights = [variable.value for variable in model.trainable_variables]
    loss, gradients = _compiled(objective, model)(weights, batch, delta, l2)
    return loss, gradients


def array(tensor: Any) -> NDArray[Any]:
    """Return a tensor's values, 16 bits as float32, in memory that may be the tensor's own."""
    values: NDArray[Any] = np.asarray(tensor)
    return values.astype(np.float32) if tensor.dtype in _HALVES else values


def wait(tensors: list[Any]) -> None:
    """Return when the tensors have been computed."""
    jax.block_until_ready(tensors)


@functools.lru_cache(maxsize=1024)
def _compiled(objective: Callable[..., Any], model: Any) -> Callable[..., Any]:
    def loss(weights: list[Any], batch: tuple[Any, ...], delta: Any, l2: Any) -> Any:
        mapping = list(zip(model.trainable_variables, weights, strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            return objective(model, batch, delta, l2)

    compiled: Callable[..., Any] = jax.jit(jax.value_and_grad(loss))
    return compiled
