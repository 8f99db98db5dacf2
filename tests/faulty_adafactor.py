"""Adafactor with one part of it made wrong, in the form of the control's rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from faulty_rules import Array, Rule, State, Values, Wrong

from parity.lanes.numpy32 import updates


def estimate(rows: Array, columns: Array) -> Array:
    """Return V as it should be."""
    return np.asarray(np.outer(rows, columns) / rows.mean())


def rms(x: Array) -> Any:
    """Return the root mean square."""
    return updates.root_mean_square(x)


def adafactor(
    *,
    square: Callable[[Array, Values], Array] = lambda g, h: g * g + g.dtype.type(h["eps1"]),
    v: Callable[[Array, Array], Array] | None = estimate,
    divided: Callable[[Array, Array, Values], Array] = lambda g, v, h: g / np.sqrt(v),
    clipped: Callable[[Array, Values], Array] = (
        lambda u, h: u / max(1.0, rms(u) / h["clip_threshold"])
    ),
    size: Callable[[Array, Values, float], Any] = lambda w, h, lr: max(h["eps2"], rms(w)),
    rho: Callable[[float, int], float] = lambda lr, t: min(lr, 1 / t**0.5),
) -> Wrong:
    """Adafactor with another part: what is averaged, V of the factors (none: not factored), ...

    ... the gradient divided, its clipping, the weights' size, or the relative step.
    """

    def update(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
        keep, new = 1 - t ** -h["beta2_decay"], square(g, h)
        if w.ndim == 2 and v is not None:
            means = [(slot, new.mean(axis=axis)) for slot, axis in updates.LINES]
            rows, columns = (updates.renewed(state, slot, mean, keep) for slot, mean in means)
            state["v"] = v(rows, columns)
        else:
            state["v"] = updates.average(state["v"], new, keep)
        step = clipped(divided(g, state["v"], h), h)
        return updates.moved(updates.decayed(w, h, lr), step, size(w, h, lr) * rho(lr, t))

    def wrong(rule: Rule) -> Rule:
        return update

    return wrong


def of_decayed_weights(w: Array, h: Values, lr: float) -> Any:
    """Return the size of the weights after their decay."""
    return max(h["eps2"], rms(updates.decayed(w, h, lr)))
