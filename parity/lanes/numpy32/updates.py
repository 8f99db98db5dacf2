"""Optimizers of the control: one function each, as PyTorch's documentation states them.

Each is `function(w, g, state, h, lr, t) -> new w` for one tensor at step t = 1, 2, ...; it renews
the arrays in `state`. Constants are worked out in double precision, then meet the arrays in theirs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
State = dict[str, Array]
Values = Mapping[str, Any]
# What Adafactor keeps of a matrix; a trace has no place for what has another shape.
ROWS, COLUMNS = HIDDEN = ("rows", "columns")


def sgd(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
    """Step along g or, with momentum, along its decaying sum, which starts as the first g."""
    g = with_decay(w, g, h)
    if h["momentum"]:
        past = state.get("momentum")
        buffer = g if past is None else h["momentum"] * past + (1 - h["dampening"]) * g
        state["momentum"] = buffer
        g = g + h["momentum"] * buffer if h["nesterov"] else buffer
    return moved(w, g, lr)


def adam(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
    """Step along the mean gradient over the root of the mean square, both bias-corrected."""
    renew_moments(with_decay(w, g, h), state, h)
    mean, square = corrected(state["m"], h["beta1"], t), corrected(state["v"], h["beta2"], t)
    return moved(w, mean / (root(square) + h["eps"]), lr)


def adamw(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
    """Shrink w, then take Adam's step."""
    return adam(decayed(w, h, lr), g, state, {**h, "weight_decay": 0.0}, lr, t)


def amsgrad(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
    """Take Adam's step over the greatest mean square so far, corrected after the maximum."""
    renew_moments(with_decay(w, g, h), state, h)
    state["v_max"] = np.maximum(state["v_max"], state["v"])
    mean, square = corrected(state["m"], h["beta1"], t), corrected(state["v_max"], h["beta2"], t)
    return moved(w, mean / (root(square) + h["eps"]), lr)


def adamax(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
    """Step along the mean gradient over its greatest size, which fades by beta2."""
    g = with_decay(w, g, h)
    state["m"] = average(state["m"], g, h["beta1"])
    state["u"] = np.maximum(h["beta2"] * state["u"], np.abs(g) + h["eps"])
    return moved(w, corrected(state["m"], h["beta1"], t) / state["u"], lr)


def nadam(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
    """Take Adam's step along the next step's mean gradient, with a schedule of momenta."""
    g = with_decay(w, g, h)
    renew_moments(g, state, h)
    momenta = [nadam_momentum(h, step) for step in range(1, t + 2)]
    ahead = momenta[t] / (1 - math.prod(momenta))
    now = (1 - momenta[t - 1]) / (1 - math.prod(momenta[:t]))
    square = corrected(state["v"], h["beta2"], t)
    return moved(w, (ahead * state["m"] + now * g) / (root(square) + h["eps"]), lr)


def nadam_momentum(h: Values, t: int) -> float:
    """Return step t's momentum."""
    return float(h["beta1"] * (1 - 0.5 * 0.96 ** (t * h["momentum_decay"])))


def radam(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
    """Take Adam's step, rectified, once the mean square's variance is tractable."""
    renew_moments(with_decay(w, g, h), state, h)
    mean = corrected(state["m"], h["beta1"], t)
    rectified = rectification(h["beta2"], t)
    if rectified is None:
        return moved(w, mean, lr)
    share = math.sqrt(1 - h["beta2"] ** t) / (root(state["v"]) + h["eps"])
    return moved(w, mean * rectified * share, lr)


def rectification(beta2: float, t: int) -> float | None:
    """Return step t's factor; None while the average is over too few steps."""
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * t * beta2**t / (1 - beta2**t)
    if length <= 5:
        return None
    above = (length - 4) * (length - 2) * longest
    return math.sqrt(above / ((longest - 4) * (longest - 2) * length))


def rmsprop(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
    """Step along g over the root of its mean square, or over its deviation, with momentum."""
    g = with_decay(w, g, h)
    square = state["v"] = average(state["v"], g * g, h["rho"])
    if h["centered"]:
        state["mean"] = average(state["mean"], g, h["rho"])
        square = square - state["mean"] * state["mean"]
    step = g / (root(square) + h["eps"])
    if h["momentum"]:
        step = state["momentum"] = h["momentum"] * state["momentum"] + step
    return moved(w, step, lr)


def adagrad(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
    """Step along g over the root of its sum of squares."""
    g = with_decay(w, g, h)
    state["sum"] = state["sum"] + g * g
    return moved(w, g / (root(state["sum"]) + h["eps"]), lr)


def adadelta(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
    """Step along g, scaled by the root mean square of past steps over that of gradients."""
    g = with_decay(w, g, h)
    state["v"] = average(state["v"], g * g, h["rho"])
    step = root(state["delta"] + h["eps"]) / root(state["v"] + h["eps"]) * g
    state["delta"] = average(state["delta"], step * step, h["rho"])
    return moved(w, step, lr)


def lion(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
    """Shrink w, then step by the sign of an average that weighs the new gradient more."""
    direction = average(state["m"], g, h["beta1"])
    state["m"] = average(state["m"], g, h["beta2"])
    return moved(decayed(w, h, lr), np.sign(direction), lr)


def lamb(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
    """Take Adam's step, decay in it, at a length that is a share of the tensor's own."""
    step = with_decay(w, adam_direction(g, state, h, t), h)
    return moved(w, trust_ratio(w, step) * step, lr)


def adam_direction(g: Array, state: State, h: Values, t: int) -> Array:
    """Renew the moments; return the mean gradient over the root of the mean square."""
    renew_moments(g, state, h)
    mean, square = corrected(state["m"], h["beta1"], t), corrected(state["v"], h["beta2"], t)
    return np.asarray(mean / (root(square) + h["eps"]))


def trust_ratio(w: Array, step: Array) -> Any:
    """Return the length of w in units of the step's; 1 where one of them has none."""
    of_weights, of_step = length(w), length(step)
    return of_weights / of_step if of_weights and of_step else w.dtype.type(1)


def length(values: Array) -> Any:
    """Return the Euclidean norm of all elements."""
    return np.sqrt(np.sum(values * values))


def ftrl(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
    """Follow the regularized leader: add to the sums, then choose the weights that they favour."""
    g = with_decay(w, g, h)
    past, state["sum"] = state["sum"], state["sum"] + g * g
    strength = (raised(state["sum"], h) - raised(past, h)) / lr
    state["z"] = state["z"] + g + 2 * h["shrinkage"] * w - strength * w
    return favoured(state["z"], state["sum"], h, lr)


def favoured(z: Array, square: Array, h: Values, lr: float) -> Array:
    """Return the weights that FTRL-Proximal has for its sums: zero where z is small."""
    curvature = (h["beta"] + raised(square, h)) / lr + h["lambda2"]
    within = np.abs(z) <= h["lambda1"]
    return np.where(within, 0, -(z - h["lambda1"] * np.sign(z)) / curvature).astype(z.dtype)


def raised(square: Array, h: Values) -> Array:
    """Return a sum of squares to Ftrl's power."""
    return np.asarray(square ** h["power"])


def adafactor(w: Array, g: Array, state: State, h: Values, lr: float, t: int) -> Array:
    """Step along g over its root mean square, kept for rows and columns, as a share of w."""
    keep = 1 - t ** -h["beta2_decay"]
    size = max(h["eps2"], root_mean_square(w))
    w = decayed(w, h, lr)
    square = g * g + g.dtype.type(h["eps1"])
    if w.ndim == 2:
        means = [(slot, square.mean(axis=axis, dtype=w.dtype)) for slot, axis in LINES]
        rows, columns = (renewed(state, slot, mean, keep) for slot, mean in means)
        state["v"] = np.outer(rows, columns) / rows.mean(dtype=w.dtype)
    else:
        state["v"] = average(state["v"], square, keep)
    direction = g / root(state["v"])
    direction = direction / max(1.0, root_mean_square(direction) / h["clip_threshold"])
    return moved(w, direction, size * min(lr, 1 / math.sqrt(t)))


LINES = ((ROWS, 1), (COLUMNS, 0))


def renewed(state: State, slot: str, new: Array, share: float) -> Array:
    """Renew the average in a slot that the case's parameters have not the shape of."""
    state[slot] = average(state.get(slot, np.zeros_like(new)), new, share)
    return state[slot]


def root_mean_square(values: Array) -> float:
    """Return the root mean square of all elements."""
    return float(np.sqrt(np.mean(values * values, dtype=values.dtype)))


Update = Callable[[Array, Array, State, Values, float, int], Array]
OPTIMIZERS = (
    *(sgd, adam, adamw, amsgrad, adamax, nadam, radam, rmsprop, adagrad, adadelta, lion),
    *(lamb, ftrl, adafactor),
)
UPDATES: dict[str, Update] = {update.__name__: update for update in OPTIMIZERS}
# The slots before the first step; rmsprop's last two only where they are used.
SLOTS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(UPDATES, ("m", "v")),
    "sgd": (),
    "amsgrad": ("m", "v", "v_max"),
    "adamax": ("m", "u"),
    "rmsprop": ("v", "mean", "momentum"),
    "adagrad": ("sum",),
    "adadelta": ("v", "delta"),
    "lion": ("m",),
    "ftrl": ("sum", "z"),
    "adafactor": ("v",),
}


def starting_state(optimizer: str, w: Array, h: Values) -> State:
    """Return the state before the first step: zeros, but for the initial sum of squares."""
    used = {"mean": h.get("centered"), "momentum": h.get("momentum")}
    start = {"sum": h.get("initial_accumulator", 0.0)}
    return {
        slot: np.full_like(w, start.get(slot, 0.0))
        for slot in SLOTS[optimizer]
        if used.get(slot, True)
    }


def with_decay(w: Array, g: Array, h: Values) -> Array:
    """Return g + weight_decay * w: decay coupled to the gradient."""
    return g + h["weight_decay"] * w if h["weight_decay"] else g


def moved(w: Array, direction: Array, lr: float) -> Array:
    """Return w - lr * direction."""
    return np.asarray(w - lr * direction)


def decayed(w: Array, h: Values, lr: float) -> Array:
    """Return w * (1 - lr * weight_decay): decoupled decay."""
    return w * (1 - lr * h["weight_decay"]) if h["weight_decay"] else w


def average(past: Array, new: Array, share: float) -> Array:
    """Return share * past + (1 - share) * new."""
    return share * past + (1 - share) * new


def renew_moments(g: Array, state: State, h: Values) -> None:
    """Average g into `m` and its square into `v`."""
    state["m"] = average(state["m"], g, h["beta1"])
    state["v"] = average(state["v"], g * g, h["beta2"])


def corrected(moment: Array, beta: float, t: int) -> Array:
    """Return a moment without the bias of its start at zero."""
    return moment / (1 - beta**t)


def root(values: Array) -> Array:
    """Return the square root."""
    return np.asarray(np.sqrt(values))
