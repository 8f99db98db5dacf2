"""What is taken of JAX arrays: the recorded elements, out of compiled code too, and as NumPy's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from parity.bounds import ARITHMETICS
from parity.watching.recording import places

Array = NDArray[Any]
# An update is fewer roundings than these away from its gradient: what lies nearer to weights plus
# update was computed by the optimizer.
_ROUNDINGS = 32


def is_float(leaf: Any) -> bool:
    """Return whether a leaf of a pytree can be trained."""
    return isinstance(leaf, (jax.Array, np.ndarray)) and jnp.issubdtype(leaf.dtype, jnp.floating)


def sampled(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Return the recorded elements, flat."""
    found = {}
    for name, tensor in tensors.items():
        where, flat = places(int(tensor.size)), jnp.reshape(tensor, -1)
        found[name] = flat if where is None else flat[where]
    return found


def veiled(arrays: dict[str, Any]) -> dict[str, Any]:
    """Return the same values by way of a choice that is always made alike, unknown to compilers."""
    leaf = next((x for x in jax.tree.leaves(arrays) if x.size and is_float(x)), None)
    if leaf is None:
        return arrays
    never = leaf[0] > jnp.inf
    veiled: dict[str, Any] = jax.tree.map(lambda x: jnp.where(never, jnp.zeros_like(x), x), arrays)
    return veiled


def squares(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Return sums of squares where some tensor is not whole, by rows: float64 adds up the rest."""
    if all(places(int(g.size)) is None for g in tensors.values()):
        return {}
    return {
        name: jnp.sum(jnp.square(g.astype(jnp.promote_types(g.dtype, jnp.float32))), axis=-1)
        for name, g in tensors.items()
    }


def held(arrays: Mapping[str, Any]) -> dict[str, Array]:
    """Return copies: the buffers of arrays in compiled code are used again."""
    return {name: np.array(array) for name, array in arrays.items()}


def wide(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Return 16 bits, exactly, as float32."""
    return {n: a.astype(np.float32) if a.itemsize == 2 else a for n, a in arrays.items()}


def slack(update: Array, after: Array) -> Array:
    """Return how far rounding can lead from `after` when the update is computed otherwise."""
    arithmetic = ARITHMETICS.get(str(after.dtype))
    if arithmetic is None:
        return np.zeros(after.shape)
    size = np.abs(update.astype(np.float64)) + np.abs(after.astype(np.float64))
    return arithmetic.gamma(_ROUNDINGS) * size + arithmetic.precision.underflow
