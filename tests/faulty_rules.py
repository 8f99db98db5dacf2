"""Optimizer rules that are wrong in one way each, in the form of the control's own rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from parity.lanes.numpy32 import updates

Array = NDArray[Any]
State = dict[str, Array]
Values = Mapping[str, Any]
Rule = Callable[[Array, Array, State, Values, float, int], Array]
Wrong = Callable[[Rule], Rule]


def with_arguments(**changes: Callable[[Values], Any]) -> Wrong:
    """Hyperparameters that the rule is given: each worked out from all."""

    def wrong(rule: Rule) -> Rule:
        def update(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
            changed = {name: change(h) for name, change in changes.items()}
            return rule(w, g, state, {**h, **changed}, lr, t)

        return update

    return wrong


def divisor(divide_by: Callable[[Array, float, float], Array]) -> Wrong:
    """Another divisor than root(v) + eps, of (v, eps, root of v's bias correction)."""

    def wrong(rule: Rule) -> Rule:
        def update(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
            correction = float(np.sqrt(1 - h.get("beta2", 0.0) ** t))
            with patch.object(updates, "root", lambda v: divide_by(v, h["eps"], correction)):
                return rule(w, g, state, {**h, "eps": 0.0}, lr, t)

        return update

    return wrong


def step_number(change: Callable[[int], int]) -> Wrong:
    """Another step number than the step's."""
    return lambda rule: lambda w, g, state, h, lr, t: rule(w, g, state, h, lr, change(t))


def counted_per_tensor(rule: Rule) -> Rule:
    """Count a step for each tensor that is updated."""
    calls = 0

    def update(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
        nonlocal calls
        calls += 1
        return rule(w, g, state, h, lr, calls)

    return update


def tensor_rate(factor: Callable[[Array], float]) -> Wrong:
    """Another learning rate for some tensors."""
    return lambda rule: lambda w, g, state, h, lr, t: rule(w, g, state, h, lr * factor(w), t)


def left_alone(where: Callable[[int], slice]) -> Wrong:
    """Don't update the elements that `where` takes out of so many."""

    def wrong(rule: Rule) -> Rule:
        def update(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
            after = rule(w, g, state, h, lr, t).copy()
            after.ravel()[where(w.size)] = w.ravel()[where(w.size)]
            return after

        return update

    return wrong


def tensor_left_alone(which: Callable[[Array], bool]) -> Wrong:
    """Renew the state of some tensors, but not their weights."""

    def wrong(rule: Rule) -> Rule:
        def update(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
            after = rule(w, g, state, h, lr, t)
            return w if which(w) else after

        return update

    return wrong


def repeated(rule: Rule) -> Rule:
    """Apply the update twice."""

    def update(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
        return rule(rule(w, g, state, h, lr, t), g, state, h, lr, t)

    return update


def state_by_shape(rule: Rule) -> Rule:
    """Keep one state for all tensors of a shape."""
    shared: dict[tuple[int, ...], State] = {}

    def update(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
        return rule(w, g, shared.setdefault(w.shape, state), h, lr, t)

    return update


def state_zeroed(when: Callable[[float, float], bool], slots: tuple[str, ...] = ()) -> Wrong:
    """Zero slots (all where none are named) when the last and this learning rate say so."""

    def wrong(rule: Rule) -> Rule:
        last: dict[int, float] = {}

        def update(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
            if when(last.get(id(state), lr), lr):
                for slot in slots or tuple(state):
                    state[slot] = np.zeros_like(w)
            last[id(state)] = lr
            return rule(w, g, state, h, lr, t)

        return update

    return wrong


def state_rounded(dtype: str) -> Wrong:
    """Keep the state in another precision."""

    def wrong(rule: Rule) -> Rule:
        def update(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
            after = rule(w, g, state, h, lr, t)
            state.update({slot: a.astype(dtype).astype(w.dtype) for slot, a in state.items()})
            return after

        return update

    return wrong


def gradient(change: Callable[[Array, Array, Values, float], Array], **given: Any) -> Wrong:
    """Another gradient, of (w, g, hyperparameters, lr); and fixed hyperparameters."""

    def wrong(rule: Rule) -> Rule:
        def update(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
            return rule(w, change(w, g, h, lr), state, {**h, **given}, lr, t)

        return update

    return wrong


def decay(
    before: Callable[[float, float], float] | None = None,
    after: Callable[[float, float], float] | None = None,
    **given: Any,
) -> Wrong:
    """Shrink the weights before or after the step by a factor of (lr, weight_decay)."""

    def wrong(rule: Rule) -> Rule:
        def update(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
            start = w * before(lr, h["weight_decay"]) if before else w
            end = rule(start, g, state, {**h, **given}, lr, t)
            return end * after(lr, h["weight_decay"]) if after else end

        return update

    return wrong


def adam(direction: Callable[[State, Array, Values, int], Array]) -> Wrong:
    """Adam with another direction, of (state, gradient, hyperparameters, step)."""

    def update(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
        g = updates.with_decay(w, g, h)
        updates.renew_moments(g, state, h)
        return updates.moved(w, direction(state, g, h, t), lr)

    return lambda rule: update


def adam_with_eps_in_v(rule: Rule) -> Rule:
    """Add eps to the mean square that is kept."""

    def update(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
        updates.renew_moments(updates.with_decay(w, g, h), state, h)
        state["v"] = state["v"] + h["eps"]
        mean = updates.corrected(state["m"], h["beta1"], t)
        return updates.moved(w, mean / np.sqrt(updates.corrected(state["v"], h["beta2"], t)), lr)

    return update


def adamax(
    largest: Callable[[Array, Array, Values], Array], beside: Callable[[Values], float]
) -> Wrong:
    """Adamax with another u, of (last u, size of g, hyperparameters); and eps beside it."""

    def update(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
        g = updates.with_decay(w, g, h)
        state["m"] = updates.average(state["m"], g, h["beta1"])
        state["u"] = largest(state["u"], np.abs(g), h)
        mean = updates.corrected(state["m"], h["beta1"], t)
        return updates.moved(w, mean / (state["u"] + beside(h)), lr)

    return lambda rule: update


def amsgrad_of_corrected(rule: Rule) -> Rule:
    """AMSGrad with the greatest corrected mean square, not the greatest corrected last."""

    def update(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
        updates.renew_moments(updates.with_decay(w, g, h), state, h)
        square = updates.corrected(state["v"], h["beta2"], t)
        state["v_max"] = np.maximum(state["v_max"], square)
        mean = updates.corrected(state["m"], h["beta1"], t)
        return updates.moved(w, mean / (updates.root(state["v_max"]) + h["eps"]), lr)

    return update


def sgd_dampened_at_once(rule: Rule) -> Rule:
    """Dampen the first gradient too: the buffer starts as zeros."""

    def update(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
        if h["momentum"]:
            state.setdefault("momentum", np.zeros_like(w))
        return rule(w, g, state, h, lr, t)

    return update


def sgd(direction: Callable[[Array, Array, Array, Values], Array]) -> Wrong:
    """SGD whose momentum step is another, of (g, last buffer, buffer, hyperparameters)."""

    def wrong(rule: Rule) -> Rule:
        def update(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
            past = state.get("momentum", np.zeros_like(w))
            healthy = rule(w, g, state, h, lr, t)
            if not h["momentum"]:
                return healthy
            g = updates.with_decay(w, g, h)
            return updates.moved(w, direction(g, past, state["momentum"], h), lr)

        return update

    return wrong


def rate_inside_momentum(rule: Rule) -> Rule:
    """SGD that keeps its momentum in units of the weights."""

    def update(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
        scaled = lr * updates.with_decay(w, g, h)
        return rule(w, scaled, state, {**h, "weight_decay": 0.0}, 1.0, t)

    return update


def rmsprop(
    variance: Callable[[Array, Array], Array] = lambda v, mean: v - mean * mean,
    *,
    rate_inside: bool = False,
    late: bool = False,
) -> Wrong:
    """RMSprop with another variance, lr inside its momentum, or last step's mean square."""

    def update(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
        g = updates.with_decay(w, g, h)
        before = state["v"]
        state["v"] = updates.average(before, g * g, h["rho"])
        square = before if late else state["v"]
        if h["centered"]:
            state["mean"] = updates.average(state["mean"], g, h["rho"])
            square = variance(square, state["mean"])
        step = g / (updates.root(square) + h["eps"]) * (lr if rate_inside else 1.0)
        if h["momentum"]:
            step = state["momentum"] = h["momentum"] * state["momentum"] + step
        return updates.moved(w, step, 1.0 if rate_inside else lr)

    return lambda rule: update


def adagrad(
    renewed: Callable[[Array, Array], Array], divide_by: Callable[[Array, Array], Array]
) -> Wrong:
    """Adagrad with another sum, of (last sum, g), or root, of (last sum, sum)."""

    def update(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
        g = updates.with_decay(w, g, h)
        before = state["sum"]
        state["sum"] = renewed(before, g)
        return updates.moved(w, g / (divide_by(before, state["sum"]) + h["eps"]), lr)

    return lambda rule: update


def adadelta(
    step: Callable[[Array, Array, Values], Array],
    kept: Callable[[Array, Array, float], Array] = lambda step, g, lr: step,
    *,
    late: bool = False,
) -> Wrong:
    """Adadelta with another step per gradient, of (delta, v, h), or another step kept."""

    def update(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
        g = updates.with_decay(w, g, h)
        before = state["v"]
        state["v"] = updates.average(before, g * g, h["rho"])
        taken = step(state["delta"], before if late else state["v"], h) * g
        moved = kept(taken, g, lr)
        state["delta"] = updates.average(state["delta"], moved * moved, h["rho"])
        return updates.moved(w, taken, lr)

    return lambda rule: update


def unsquared(g: Array, state: State, h: Values) -> None:
    """Renew Adam's moments, its v by the size of the gradient."""
    state["m"] = updates.average(state["m"], g, h["beta1"])
    state["v"] = updates.average(state["v"], np.abs(g), h["beta2"])


def zeiler(delta: Array, v: Array, h: Values) -> Array:
    """Return Adadelta's step per gradient as it should be."""
    return updates.root(delta + h["eps"]) / updates.root(v + h["eps"])


def lion(direction: Callable[[Array, Array, Array, Values], Array]) -> Wrong:
    """Lion with another direction, of (last m, m, g, hyperparameters)."""

    def update(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
        before = state["m"]
        state["m"] = updates.average(before, g, h["beta2"])
        taken = direction(before, state["m"], g, h)
        return updates.moved(updates.decayed(w, h, lr), taken, lr)

    return lambda rule: update


def lamb(
    ratio: Callable[[Array, Array, Array], Any] = lambda w, g, step: updates.trust_ratio(w, step),
    *,
    decay_outside: bool = False,
) -> Wrong:
    """Lamb with another trust ratio, of (w, g, step), or with decay beside what it scales."""

    def update(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
        step = updates.adam_direction(g, state, h, t)
        if decay_outside:
            return updates.moved(w, updates.with_decay(w, ratio(w, g, step) * step, h), lr)
        step = updates.with_decay(w, step, h)
        return updates.moved(w, ratio(w, g, step) * step, lr)

    return lambda rule: update


def ftrl(
    *,
    square: Callable[[Array, Array, Values], Array] = lambda w, g, h: g * g,
    pull: Callable[[Array, Array, Values], Array] = lambda w, g, h: g + 2 * h["shrinkage"] * w,
    strength: Callable[[Array, Array, Values, float], Array] = lambda past, now, h, lr: (
        (updates.raised(now, h) - updates.raised(past, h)) / lr
    ),
    favoured: Callable[[Array, Array, Values, float], Array] = lambda z, square, h, lr: (
        updates.favoured(z, square, h, lr)
    ),
) -> Wrong:
    """Ftrl with other sums, of (w, g, h) or (last sum, sum, h, lr), or other weights of them."""

    def update(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
        g = updates.with_decay(w, g, h)
        past, state["sum"] = state["sum"], state["sum"] + square(w, g, h)
        pulled = strength(past, state["sum"], h, lr) * w
        state["z"] = state["z"] + pull(w, g, h) - pulled
        return favoured(state["z"], state["sum"], h, lr)

    return lambda rule: update


def ftrl_weights(
    *,
    within: Callable[[Array, Values, float], Array] = lambda z, h, lr: np.abs(z) <= h["lambda1"],
    top: Callable[[Array, Values], Array] = lambda z, h: np.sign(z) * h["lambda1"] - z,
    low: Callable[[Array, Values, float], Array] = lambda grown, h, lr: (
        (h["beta"] + grown) / lr + h["lambda2"]
    ),
) -> Wrong:
    """Ftrl whose sums have other weights."""

    def favoured(z: Array, square: Array, h: Values, lr: float) -> Array:
        found = top(z, h) / low(updates.raised(square, h), h, lr)
        return np.where(within(z, h, lr), 0, found).astype(z.dtype)

    return ftrl(favoured=favoured)
