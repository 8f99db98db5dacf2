"""An update is within its bound in the very order of operations in which a framework has it.

Each formula is written out in NumPy as the framework's source has it: in float16, where the order
decides what underflows, or in float64 with numbers of its own that are made in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from parity.bounds import ARITHMETICS, Array, Bounded
from parity.functions import ELEMENTARY_ULP
from parity.parts import OPTIMIZERS, Clip
from parity.precision import PRECISIONS
from parity.updates import Training, exactly, updated

HALF, SINGLE = np.float16, np.float32
Hyper = Mapping[str, Any]
DRAWS = 120
ELEMENTS = 32
LIMIT = 2.0**-9


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with np.errstate(all="ignore"):
        yield


def expected(
    name: str,
    given: Hyper,
    before: Array,
    gradients: Array,
    dials: Mapping[str, Any],
    dtype: str,
    **parts: Any,
) -> Bounded:
    """Return the weights after each step; weights before and gradients are (T, elements)."""
    steps = len(gradients)
    h = {**OPTIMIZERS[name], **{key: value for key, value in given.items() if key != "lr"}}
    of = Training(
        optimizer=name,
        shapes={"w": gradients.shape[1:]},
        hyperparameters=[h] * steps,
        rates=[given["lr"]] * steps,
        partial=[False] * steps,
        **parts,
    )
    arithmetic = ARITHMETICS[dtype]
    weights, _ = updated(
        of, {"w": before}, {"w": exactly(gradients, arithmetic)}, dials, arithmetic
    )
    after: Bounded = weights["w"]
    return after


def beyond(wanted: Bounded, seen: Array) -> Array:
    """Return where `seen` is beyond a bound that promises something."""
    known = np.isfinite(wanted.error) & np.isfinite(wanted.value)
    return known & ~(np.abs(seen - wanted.value) <= wanted.error)


# In float16, one step from weights of zero; m and v are zero before it.


def clip_by_norm(g: Any, h: Hyper) -> Any:
    """tensorflow/python/ops/clip_ops.py, clip_by_norm; then a step of gradient descent."""
    limit = HALF(LIMIT)
    norm = np.sqrt(np.sum(g * g, dtype=HALF))
    return HALF(h["lr"]) * ((g * limit) / np.maximum(norm, limit))


def keras_adam(g: Any, h: Hyper) -> Any:
    """keras/src/optimizers/adam.py, update_step; tf_keras has the same, both with amsgrad too."""
    m, v = g * HALF(1 - h["beta1"]), (g * g) * HALF(1 - h["beta2"])
    first, second = HALF(1) - HALF(h["beta1"]), HALF(1) - HALF(h["beta2"])
    alpha = HALF(h["lr"]) * np.sqrt(second) / first
    return (m * alpha) / (np.sqrt(v) + HALF(h["eps"]))


def keras_adam_in_double(g: Any, h: Hyper) -> Any:
    """The same, where alpha is one number made in double."""
    m, v = g * HALF(1 - h["beta1"]), (g * g) * HALF(1 - h["beta2"])
    alpha = HALF(h["lr"] * np.sqrt(1 - h["beta2"]) / (1 - h["beta1"]))
    return (m * alpha) / (np.sqrt(v) + HALF(h["eps"]))


def keras_adamax(g: Any, h: Hyper) -> Any:
    """keras/src/optimizers/adamax.py, update_step."""
    m, u = g * HALF(1 - h["beta1"]), np.abs(g)
    first = HALF(1) - HALF(h["beta1"])
    return (HALF(h["lr"]) * m) / (first * (u + HALF(h["eps"])))


def keras_nadam(g: Any, h: Hyper) -> Any:
    """keras/src/optimizers/nadam.py, update_step."""
    now, then = (h["beta1"] * (1 - 0.5 * 0.96**t) for t in (1, 2))
    m, v = g * HALF(1 - h["beta1"]), (g * g) * HALF(1 - h["beta2"])
    ahead = (HALF(then) * m) / HALF(1 - now * then)
    fresh = (HALF(1 - now) * g) / HALF(1 - now)
    root = np.sqrt(v / HALF(1 - h["beta2"])) + HALF(h["eps"])
    return ((ahead + fresh) * HALF(h["lr"])) / root


def keras_adadelta(g: Any, h: Hyper) -> Any:
    """keras/src/optimizers/adadelta.py, update_step."""
    v = HALF(1 - h["rho"]) * (g * g)
    top, low = np.sqrt(HALF(h["eps"])), np.sqrt(v + HALF(h["eps"]))
    return HALF(h["lr"]) * ((top * g) / low)


Formula = Callable[[Any, Hyper], Any]
KERAS = {"eps": "hat", "correction": "working"}
IN_HALF: Mapping[str, tuple[str, Mapping[str, Any], Formula]] = {
    "clip_by_norm": ("sgd", {}, clip_by_norm),
    "adam": ("adam", KERAS, keras_adam),
    "adam in double": ("adam", {"eps": "hat"}, keras_adam_in_double),
    "amsgrad": ("amsgrad", KERAS, keras_adam),
    "adamax": ("adamax", KERAS, keras_adamax),
    "nadam": ("nadam", {"momentum_decay": 1.0}, keras_nadam),
    "adadelta": ("adadelta", {}, keras_adadelta),
}


def drawn(name: str, rng: np.random.Generator) -> dict[str, float]:
    choices = {
        "lr": (0.3, 0.125, 0.05, 0.01),
        "eps": (1e-7, 1e-5, 1e-3, 1e-2),
        "beta1": (0.95, 0.9, 0.85, 0.5),
        "beta2": (0.999, 0.99, 0.98, 0.9),
        "rho": (0.99, 0.95, 0.9, 0.5),
    }
    known = ("lr", *OPTIMIZERS[name])
    return {key: float(rng.choice(values)) for key, values in choices.items() if key in known}


@pytest.mark.parametrize("formula", IN_HALF)
def test_no_order_of_operations_is_beyond_the_bound_in_float16(formula: str) -> None:
    name, dials, change = IN_HALF[formula]
    rng = np.random.default_rng(3)
    clip = Clip("norm", LIMIT) if change is clip_by_norm else None
    judged = 0
    for _ in range(DRAWS):
        h = drawn(name, rng)
        sizes = 2.0 ** (rng.uniform(-20, -6) + rng.uniform(-2, 2, ELEMENTS))
        g = (sizes * rng.choice([-1, 1], ELEMENTS)).astype(HALF)
        zero = np.zeros((1, ELEMENTS))
        wanted = expected(name, h, zero, g[None].astype(float), dials, "float16", clip=clip)
        seen = (HALF(0) - change(g, h)).astype(float)[None]
        wrong = beyond(wanted, seen)
        assert not wrong.any(), (h, g[wrong[0]], seen[wrong], wanted.value[wrong])
        judged += int(np.count_nonzero(wanted.error < np.abs(wanted.value)))
    assert judged > DRAWS


# In float64, with a step counter in float32 and what torch makes of it (where it is compiled).


def power(base: float, exponent: Any) -> Any:
    """Return a power in float32, as wrong as an elementary function may be."""
    wrong = 1 + (ELEMENTARY_ULP - 0.5) * 2 * PRECISIONS["float32"].roundoff
    return SINGLE(float(SINGLE(base)) ** float(exponent) * wrong)


def ratio(number: float, tensor: Any) -> Any:
    """torch/_tensor.py, __rdiv__: the number times the reciprocal."""
    return SINGLE(number) * (SINGLE(1) / tensor)


def torch_adam(state: dict[str, Any], g: Array, h: Hyper, t: int) -> Array:
    """torch/optim/adam.py, _single_tensor_adam, the branch for capturable."""
    m, v = averages(state, g, h)
    size = ratio(h["lr"], SINGLE(1) - power(h["beta1"], t))
    root = np.sqrt(SINGLE(1) - power(h["beta2"], t))
    return m / (np.sqrt(v) / float(root * -size) + float(ratio(h["eps"], -size)))


def torch_adamax(state: dict[str, Any], g: Array, h: Hyper, t: int) -> Array:
    """torch/optim/adamax.py, _single_tensor_adamax, the branch for capturable."""
    m, _ = averages(state, g, h)
    state["u"] = u = np.maximum(h["beta2"] * state.get("u", 0.0), np.abs(g) + h["eps"])
    return m / (u * float((power(h["beta1"], t) - SINGLE(1)) / SINGLE(h["lr"])))


def torch_nadam(state: dict[str, Any], g: Array, h: Hyper, t: int) -> Array:
    """torch/optim/nadam.py, _single_tensor_nadam, the branch for capturable."""
    m, v = averages(state, g, h)
    one, beta1, lr = SINGLE(1), SINGLE(h["beta1"]), SINGLE(h["lr"])
    now, then = (
        beta1 * (one - SINGLE(0.5) * power(0.96, SINGLE(step) * SINGLE(h["momentum_decay"])))
        for step in (t, t + 1)
    )
    state["product"] = product = state.get("product", one) * now
    root = np.sqrt(v / float(one - power(h["beta2"], t))) + h["eps"]
    fresh = g * float(-lr * (one - now) / (one - product))
    return fresh / root + m * float(-lr * then / (one - product * then)) / root


def torch_radam(state: dict[str, Any], g: Array, h: Hyper, t: int) -> Array:
    """torch/optim/radam.py, _single_tensor_radam, the branch for capturable."""
    m, v = averages(state, g, h)
    one, grown = SINGLE(1), power(h["beta2"], t)
    limit = 2 / (1 - h["beta2"]) - 1
    rho = SINGLE(limit) - SINGLE(2) * SINGLE(t) * grown / (one - grown)
    low = SINGLE((limit - 4) * (limit - 2)) * rho
    rectified = np.sqrt((rho - SINGLE(4)) * (rho - SINGLE(2)) * SINGLE(limit) / low)
    change = float(np.sqrt(one - grown)) / (np.sqrt(v) + h["eps"]) * float(rectified)
    mean = m / float(one - power(h["beta1"], t))
    return -mean * h["lr"] * (change if rho > 5 else 1.0)


def averages(state: dict[str, Any], g: Array, h: Hyper) -> tuple[Array, Array]:
    for slot, new, beta in (("m", g, h["beta1"]), ("v", g * g, h["beta2"])):
        state[slot] = beta * state.get(slot, 0.0) + (1 - beta) * new
    return state["m"], state["v"]


COMPILED = {
    "adam": torch_adam,
    "adamw": torch_adam,
    "amsgrad": torch_adam,
    "adamax": torch_adamax,
    "nadam": torch_nadam,
    "radam": torch_radam,
}
CLAIMED = {"correction": "float32", "mu_product": "float32"}


def compiled_run(
    name: str, rng: np.random.Generator, scale: float
) -> tuple[Bounded, Array, dict[str, float]]:
    """Return the weights that the oracle expects after each step, those of torch, and arguments."""
    steps = 8
    h = {**drawn(name, rng), "weight_decay": 0.0}
    # Beside a large eps, a root is no excuse for what else is wrong.
    h["eps"] *= float(rng.choice([1.0, 1e9]))
    h |= {"momentum_decay": 0.004} if name == "nadam" else {}
    # For amsgrad's sake, the gradients grow: the largest v is the last.
    size = np.sort(10.0 ** rng.uniform(-3, 1, (steps, ELEMENTS)), axis=0)
    g = size * rng.choice([-1, 1], (steps, ELEMENTS)) * 4.0 ** np.arange(steps)[:, None]
    before = scale * rng.standard_normal((steps, ELEMENTS))
    state: dict[str, Any] = {}
    changes = [COMPILED[name](state, g[t], h, t + 1) for t in range(steps)]
    return expected(name, h, before, g, CLAIMED, "float64"), before + np.stack(changes), h


@pytest.mark.parametrize("name", COMPILED)
def test_numbers_in_float32_beside_arrays_in_float64_are_enclosed(name: str) -> None:
    rng = np.random.default_rng(5)
    for _ in range(DRAWS // 2):
        wanted, seen, h = compiled_run(name, rng, 1.0)
        wrong = beyond(wanted, seen)
        assert not wrong.any(), (h, np.argwhere(wrong)[0], seen[wrong], wanted.value[wrong])


@pytest.mark.parametrize("name", COMPILED)
def test_numbers_in_float32_leave_the_weights_in_float64(name: str) -> None:
    # So large that a float32 would not show the step at all.
    wanted, _, h = compiled_run(name, np.random.default_rng(6), 1e12)
    assert (wanted.error < PRECISIONS["float32"].roundoff * np.abs(wanted.value)).mean() > 0.99
    assert wanted.arithmetic is ARITHMETICS["float64"], h


def with_squares(size: float, limit: float, *, whole: bool) -> Bounded:
    """Return weights of zero after one step along a clipped gradient of two equal elements."""
    known = {} if whole else {"squares": {"w": np.array([2 * size * size])}, "sizes": {"w": 2}}
    g = np.full((1, 2), size)
    clip = Clip("norm", limit)
    given = {"lr": 1.0}
    return expected("sgd", given, np.zeros((1, 2)), g, {}, "float32", clip=clip, **known)


@pytest.mark.parametrize(
    ("size", "limit"), [(5e20, 1.0), (1e-25, 1e-30)], ids=["overflow", "underflow"]
)
def test_the_squares_of_a_tensor_shown_in_part_may_overflow_or_underflow(
    size: float, limit: float
) -> None:
    part, whole = (with_squares(size, limit, whole=whole) for whole in (False, True))
    g = np.full(2, size, SINGLE)
    norm = np.sqrt(np.sum(g * g))
    seen = -(g * (SINGLE(limit) / np.maximum(norm, SINGLE(limit)))).astype(float)[None]
    assert (seen != part.value).all()
    assert not beyond(whole, seen).any()
    assert not beyond(part, seen).any()


def test_the_squares_of_a_tensor_shown_in_part_are_judged_as_those_of_the_whole() -> None:
    part, whole = (with_squares(3.0, 1.0, whole=whole) for whole in (False, True))
    assert np.array_equal(part.value, whole.value)
    assert (whole.error <= part.error).all()
    assert (part.error < 2 * whole.error).all()
