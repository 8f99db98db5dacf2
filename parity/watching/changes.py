"""How gradients were changed: clipped, scaled, or otherwise."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from parity.bounds import ARITHMETICS, Array


def how(before: Mapping[str, Array], after: Mapping[str, Array]) -> str:
    """Return what turned gradients `before` into those `after`, in words that follow "were"."""
    names = [name for name in after if before[name].any()]
    if not names:
        return "changed"
    one = np.concatenate([before[name].ravel() for name in names])
    other = np.concatenate([after[name].ravel() for name in names])
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        return "changed"
    limit = np.abs(other).max()
    if np.array_equal(np.clip(one, -limit, limit), other):
        return "clipped by value"
    if _factor(one, other):
        return "scaled down as one" if limit < np.abs(one).max() else "scaled up as one"
    if all(_factor(before[name].ravel(), after[name].ravel()) for name in names):
        return "scaled tensor by tensor"
    return "changed"


def _factor(one: Array, other: Array) -> bool:
    """Return whether `other` is `one` times a number, but for rounding."""
    at = int(np.argmax(np.abs(one)))
    if not one[at]:
        return not other.any()
    dtype = "float64" if one.dtype == np.float64 else "float32"
    arithmetic = ARITHMETICS[dtype]
    expected = np.asarray(one, np.float64) * (float(other[at]) / float(one[at]))
    # The number was rounded twice in the division, the product once, and once where it was seen.
    slack = arithmetic.gamma(4) * np.abs(expected) + arithmetic.precision.underflow
    return bool((np.abs(other - expected) <= slack).all())
