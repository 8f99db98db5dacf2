"""Sums and matrix products whose terms are added in a random order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Shuffle = np.random.Generator | None


def dot(a: Array, b: Array, shuffle: Shuffle) -> Array:
    """Return a @ b: the terms split in two random parts, each permuted."""
    if a.dtype == np.float16:
        return np.asarray(total(a[:, :, None] * b, shuffle, axis=1))
    if shuffle is None or len(b) < 2:
        return np.asarray(a @ b)
    here, there = _parts(len(b), shuffle)
    return np.asarray(a[:, here] @ b[here] + a[:, there] @ b[there])


def total(values: Array, shuffle: Shuffle, *, axis: int | None = None) -> Any:
    """Return the sum over `axis`, or over everything, each partial sum in the values' dtype."""
    if axis is None:
        values, axis = values.ravel(), 0
    if shuffle is None or values.shape[axis] < 2:
        return _sum(values, axis)
    here, there = _parts(values.shape[axis], shuffle)
    return _sum(values.take(here, axis), axis) + _sum(values.take(there, axis), axis)


def _parts(terms: int, shuffle: np.random.Generator) -> tuple[Array, Array]:
    order = shuffle.permutation(terms)
    cut = order[0] % (terms - 1) + 1
    return order[:cut], order[cut:]


def _sum(values: Array, axis: int) -> Any:
    if values.dtype == np.float16:  # sum() would keep its partial sums in float32
        return np.add.accumulate(values, axis=axis).take(-1, axis)
    return values.sum(axis)
