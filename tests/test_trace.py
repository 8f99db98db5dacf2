"""A trace is held against its case before anything is computed from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from parity.case import Case
from parity.parts import Layer, Loss, Optimizer
from parity.trace import Recorder, Trace, TraceError, check

CASE = Case(
    layers=(Layer(2),),
    loss=Loss("squared_error"),
    optimizer=Optimizer("sgd"),
    rates=(0.5, 0.25),
    x=np.ones((4, 3)),
    y=np.ones((4, 2)),
    batches=((0, 1), (2, 3)),
    weights={"layer0/kernel": np.ones((3, 2)), "layer0/bias": np.zeros(2)},
)


@pytest.fixture
def trace() -> Trace:
    recorder = Recorder()
    recorder.start(CASE.weights)
    for _ in CASE.batches:
        recorder.step(np.inf, CASE.weights, CASE.weights, {"momentum": CASE.weights})
    return recorder.trace()


def test_a_recorded_run_fits_its_case(trace: Trace) -> None:
    check(trace, CASE)
    check(Trace.from_dict(trace.to_dict()), CASE)


def test_gradients_and_state_may_be_unknown(trace: Trace) -> None:
    check(replace(trace, gradients={}, state={}), CASE)
    check(replace(trace, state={"momentum": {}}), CASE)


def test_a_trace_holds_what_the_recorder_was_given_at_that_time() -> None:
    weights = {name: value.copy() for name, value in CASE.weights.items()}
    recorder = Recorder()
    recorder.start(weights)
    for _ in CASE.batches:
        for value in weights.values():
            value += 1
        recorder.step(0.0, weights, weights)
    assert recorder.trace().weights["layer0/bias"].tolist() == [[0, 0], [1, 1], [2, 2]]
    assert recorder.trace().gradients["layer0/bias"].tolist() == [[1, 1], [2, 2]]


KERNEL, BIAS = "layer0/kernel", "layer0/bias"
NAMES = "['layer0/bias', 'layer0/kernel']"
DAMAGE: list[tuple[Callable[[Trace], dict[str, Any]], str]] = [
    (lambda t: {"losses": t.losses[:1]}, "losses: expected shape (2,), got (1,)"),
    (lambda t: {"losses": [0.0, 0.0]}, "losses: expected an array, got list"),
    (
        lambda t: {"losses": t.losses.astype(np.float16)},
        "losses: expected float32 or float64, got float16",
    ),
    (
        lambda t: {"weights": {**t.weights, KERNEL: t.weights[KERNEL][1:]}},
        "weights 'layer0/kernel': expected shape (3, 3, 2), got (2, 3, 2)",
    ),
    (
        lambda t: {"weights": {BIAS: t.weights[BIAS]}},
        f"weights: expected {NAMES}, got ['layer0/bias']",
    ),
    (
        lambda t: {"weights": {**t.weights, "kernel": t.weights[KERNEL]}},
        f"weights: expected names among {NAMES}, got ['kernel']",
    ),
    (
        lambda t: {"gradients": {BIAS: t.gradients[BIAS]}},
        f"gradients: expected {NAMES} or none, got ['layer0/bias']",
    ),
    (
        lambda t: {"gradients": {**t.gradients, BIAS: t.weights[BIAS]}},
        "gradients 'layer0/bias': expected shape (2, 2), got (3, 2)",
    ),
    (lambda t: {"gradients": None}, "gradients: expected arrays by name, got NoneType"),
    (
        lambda t: {"state": {"m": {BIAS: t.state["momentum"][KERNEL]}}},
        "state 'm' of 'layer0/bias': expected shape (2, 2), got (2, 3, 2)",
    ),
    (
        lambda t: {"state": {"m": {"kernel": t.state["momentum"][KERNEL]}}},
        f"state 'm': expected names among {NAMES}, got ['kernel']",
    ),
    (lambda t: {"state": {"m": 3}}, "state 'm': expected arrays by name, got int"),
    (lambda t: {"masks": {"layer0": t.losses}}, "masks: expected names among [], got ['layer0']"),
    (lambda t: {"masks": 3}, "masks: expected arrays by name, got int"),
    (lambda t: {"state": []}, "state: expected slots by name, got list"),
]


@pytest.mark.parametrize(("damage", "sentence"), DAMAGE)
def test_a_trace_that_does_not_fit_is_refused_in_a_sentence(
    damage: Callable[[Trace], dict[str, Any]], sentence: str, trace: Trace
) -> None:
    with pytest.raises(TraceError) as failure:
        check(replace(trace, **damage(trace)), CASE)
    assert str(failure.value) == sentence


@pytest.mark.parametrize("record", [None, [], 3, {}, {"losses": 1}])
def test_what_is_no_trace_is_refused(record: Any) -> None:
    with pytest.raises(TraceError, match="not a trace"):
        Trace.from_dict(record)
