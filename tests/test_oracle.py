"""The oracle's losses, gradients and updates are exact, and it follows a trace, not leads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from exact import check, gradients, loss, numbers
from mpmath import mp, mpf

from parity.bounds import Bounded
from parity.case import Array, Case
from parity.compare import Status, judge
from parity.oracle import Expected, follow, run_free
from parity.parts import OPTIMIZERS, Clip, Layer, Loss, Optimizer, parameter_shapes
from parity.trace import Trace
from parity.trace import check as check_trace

BATCHES = ((0, 1, 2), (3,), (2, 0, 3), (1, 2))


def case(
    layers: tuple[Layer, ...] = (Layer(3, "tanh"), Layer(2)),
    loss: Loss = Loss("squared_error"),  # noqa: B008  # frozen
    **parts: Any,
) -> Case:
    """Return a case of four steps, the batches of which differ in size."""
    rng = np.random.default_rng(7)
    units = layers[-1].units
    y = rng.integers(0, units, 4) if loss.labels == "integer" else rng.dirichlet(np.ones(units), 4)
    shapes = parameter_shapes(2, layers)
    whole: dict[str, Any] = {
        "layers": layers,
        "loss": loss,
        "optimizer": Optimizer("sgd"),
        "rates": (0.1, 0.05, 0.2, 0.1),
        "x": rng.standard_normal((4, 2)),
        "y": y,
        "batches": BATCHES,
        "weights": {name: rng.standard_normal(shape) for name, shape in shapes.items()},
        "dtype": "float64",
    }
    return Case(**{**whole, **parts})


WEIGHTED = np.array([1.0, 0.5, 2.0, 0.25])
CROSS_ENTROPY = Loss("softmax_cross_entropy", labels="integer")
CASES: Mapping[str, Case] = {
    "linear regression": case((Layer(2),)),
    "without bias": case((Layer(2, bias=False),), Loss("huber", delta=0.3)),
    "softmax regression": case((Layer(3),), CROSS_ENTROPY),
    "perceptron": case(),
    "deep": case((Layer(2, "gelu"), Layer(3, "silu"), Layer(2, "sigmoid"))),
    "penalty": case(loss=Loss("absolute_error", "sum", l2=0.1)),
    "weighted": case(loss=Loss("smooth_l1", "half_mean"), sample_weights=WEIGHTED),
    "classes weighted": case(
        loss=replace(CROSS_ENTROPY, class_weights=(0.5, 2.0), label_smoothing=0.1, l2=0.01),
        sample_weights=WEIGHTED,
    ),
    "dense labels": case(loss=replace(CROSS_ENTROPY, labels="dense", reduction="sum")),
    "binary": case((Layer(3, "elu"), Layer(1)), Loss("binary_cross_entropy"), y=np.eye(4)[:, :1]),
}


def at(trace: Trace, step: int) -> dict[str, Any]:
    return {name: numbers(value[step]) for name, value in trace.weights.items()}


@pytest.mark.parametrize("name", CASES)
def test_loss_and_gradients_are_those_at_the_weights_of_the_trace(name: str) -> None:
    trace = run_free(CASES[name], {})
    expected = follow(CASES[name], trace, {})
    for step in range(len(BATCHES)):
        weights = at(trace, step)
        check(expected.losses[step], loss(CASES[name], step, weights))
        for key, wanted in gradients(CASES[name], step, weights).items():
            check(expected.gradients[key][step], wanted)


def clipped(kind: str, limit: Any, tensors: Mapping[str, Array]) -> dict[str, list[Any]]:
    """Return gradients after clipping, each tensor flat, in mpmath."""
    flat = {name: numbers(value.ravel()) for name, value in tensors.items()}
    if kind == "value":
        return {name: [max(min(g, limit), -limit) for g in row] for name, row in flat.items()}
    norms = {name: mp.sqrt(mp.fsum(g**2 for g in row)) for name, row in flat.items()}
    if kind == "global_norm":
        norms = dict.fromkeys(norms, mp.sqrt(mp.fsum(norm**2 for norm in norms.values())))
    return {name: [g * min(1, limit / norms[name]) for g in row] for name, row in flat.items()}


@pytest.mark.parametrize("decay_biases", [True, False])
@pytest.mark.parametrize("limit", [0.05, 100.0], ids=["small", "large"])
@pytest.mark.parametrize("kind", ["value", "norm", "global_norm"])
def test_gradients_are_clipped_before_weights_decay(
    kind: str, limit: float, decay_biases: bool
) -> None:
    optimizer = Optimizer("sgd", {"weight_decay": 0.1}, decay_biases)
    decaying = case(optimizer=optimizer, clip=Clip(kind, limit))
    trace = run_free(decaying, {})
    expected = follow(decaying, trace, {})
    for step, rate in enumerate(decaying.rates):
        seen = {name: value[step] for name, value in trace.gradients.items()}
        for name, g in clipped(kind, mpf(limit), seen).items():
            w = numbers(trace.weights[name][step].ravel())
            decay = mpf(0.1) * (decay_biases or name.endswith("/kernel"))
            wanted = [v - mpf(rate) * (d + decay * v) for v, d in zip(w, g, strict=True)]
            check(expected.weights[name][step].reshape(-1), wanted)


def test_a_norm_may_be_clipped_a_little_more() -> None:
    clipping = case(clip=Clip("global_norm", 0.05))
    trace = run_free(clipping, {})
    plain, more = follow(clipping, trace, {}), follow(clipping, trace, {"clip_eps": 1e-6})
    norm = mp.sqrt(sum(sum(v**2 for v in numbers(g[0].ravel())) for g in trace.gradients.values()))
    for name, value in trace.gradients.items():
        before, after = plain.weights[name][0], more.weights[name][0]
        moved = numbers((after.value - before.value).ravel())
        margins = numbers((after.error + before.error).ravel())
        for g, apart, margin in zip(numbers(value[0].ravel()), moved, margins, strict=True):
            shift = mpf(0.1) * g * mpf(0.05) * (1 / norm - 1 / (norm + mpf(1e-6)))
            assert abs(apart - shift) <= margin
            assert margin < abs(shift) or not g


@pytest.mark.parametrize("name", CASES)
def test_a_free_run_has_the_shapes_of_a_trace(name: str) -> None:
    check_trace(run_free(CASES[name], {}), CASES[name])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_oracle_agrees_with_its_own_free_run(optimizer: str) -> None:
    mine = case(optimizer=Optimizer(optimizer, {"weight_decay": 0.1}))
    verdict = judge(mine, run_free(mine, {}), {})
    assert verdict.status is Status.AGREE
    assert verdict.parted == 0


def arrays(expected: Expected) -> list[Any]:
    slots = [tensor for slot in expected.state.values() for tensor in slot.values()]
    return [expected.losses, *expected.gradients.values(), *expected.weights.values(), *slots]


@pytest.mark.parametrize("name", CASES)
def test_without_bounds_the_values_are_the_same(name: str) -> None:
    trace = run_free(CASES[name], {})
    plain = arrays(follow(CASES[name], trace, {}, bounded=False))
    for one, other in zip(plain, arrays(follow(CASES[name], trace, {})), strict=True):
        assert isinstance(one, np.ndarray)
        assert isinstance(other, Bounded)
        assert (np.abs(one - other.value) <= other.error).all()


def test_each_step_is_judged_from_what_the_lane_had() -> None:
    mine = case(optimizer=Optimizer("adam"))
    trace = run_free(mine, {})
    weights = {name: value.copy() for name, value in trace.weights.items()}
    weights["layer0/kernel"][2:] += 0.5  # a fault of the second update, then as it should go on
    for step in (2, 3):
        moved = follow(mine, replace(trace, weights=weights), {}, bounded=False)
        weights["layer0/kernel"][step + 1] = moved.weights["layer0/kernel"][step]
    spoiled = replace(trace, weights=weights)
    before, after = (follow(mine, t, {}, bounded=False) for t in (trace, spoiled))
    name = "layer0/kernel"
    assert np.array_equal(before.weights[name][:2], after.weights[name][:2])
    assert np.array_equal(spoiled.weights[name][3:], after.weights[name][2:])
    assert np.array_equal(before.losses[:2], after.losses[:2])
    assert not np.equal(before.losses[2:], after.losses[2:]).any()


def test_the_update_is_what_the_lane_s_own_gradients_imply() -> None:
    mine = case(optimizer=Optimizer("adam"))
    trace = run_free(mine, {})
    doubled = {name: 2 * value for name, value in trace.gradients.items()}
    before = follow(mine, trace, {})
    after = follow(mine, replace(trace, gradients=doubled), {})
    for name in doubled:
        assert np.array_equal(before.gradients[name].value, after.gradients[name].value)
        ratio = after.state["v"][name].value / before.state["v"][name].value
        assert np.array_equal(ratio, np.full(ratio.shape, 4.0))


def test_where_no_gradients_are_shown_the_oracle_s_own_stand_in() -> None:
    mine = case(optimizer=Optimizer("adam"), dtype="float32")
    mine = replace(
        mine,
        x=mine.x.astype(np.float32).astype(float),
        weights={name: w.astype(np.float32).astype(float) for name, w in mine.weights.items()},
    )
    trace = run_free(mine, {})
    shown, hidden = follow(mine, trace, {}), follow(mine, replace(trace, gradients={}), {})
    for name, value in shown.state["m"].items():
        own = hidden.state["m"][name]
        assert (np.abs(value.value - own.value) <= own.error).all()
        assert (own.error > value.error).all()


def test_batches_of_different_sizes_keep_their_places() -> None:
    mine = case()
    trace = run_free(mine, {})
    together = follow(mine, trace, {}, bounded=False)
    for step, rows in enumerate(BATCHES):
        alone = replace(mine, batches=(rows,), rates=mine.rates[step : step + 1])
        part = Trace(
            trace.losses[step : step + 1],
            {name: value[step : step + 1] for name, value in trace.gradients.items()},
            {name: value[step : step + 2] for name, value in trace.weights.items()},
        )
        single = follow(alone, part, {}, bounded=False)
        assert together.losses[step] == single.losses[0]
        for name, value in single.gradients.items():
            assert np.array_equal(together.gradients[name][step], value[0])


def test_a_dial_reaches_every_part() -> None:
    settings = {
        "sum": ("row means", case(loss=Loss("squared_error", "sum"))),
        "class_weights_divisor": (
            "weights",
            case(loss=replace(CROSS_ENTROPY, class_weights=(0.5, 2.0))),
        ),
        "softplus_threshold": (0.5, case((Layer(2, "softplus"),))),
        "weight_decay": ("decoupled", case(optimizer=Optimizer("adam", {"weight_decay": 0.5}))),
        "eps": ("inside", case(optimizer=Optimizer("adam", {"eps": 0.1}))),
    }
    for dial, (setting, mine) in settings.items():
        trace = run_free(mine, {dial: setting})
        assert judge(mine, trace, {dial: setting}).status is Status.AGREE
        assert judge(mine, trace, {}).status is Status.DIVERGE
