"""The training problem of the audit: gradients that are known before anything is trained.

The loss is absolute error far from its targets, whose slope does not depend on the weights, so
that an optimizer can be given the gradients without a model, and the oracle judges it all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache

import numpy as np

from parity.arguments.target import Array, Arrays
from parity.case import Case
from parity.compare import Status, judge
from parity.known import CLAIMS, claimed, dials
from parity.oracle import run_free
from parity.parts import Clip, Layer, Loss, Optimizer
from parity.trace import Trace
from parity.validity import CaseError

STEPS = 6
EARLY = 2  # steps after which most runs that differ have differed
KERNEL, BIAS = "layer0/kernel", "layer0/bias"
_FAR = 1e9  # the targets, so far away that no prediction comes near
_ROWS = 2  # of each step's batch


@cache
def probe() -> Case:
    """Return the case: a matrix and a vector, gradients over five decades, some of them zero."""
    random = np.random.default_rng(7)
    rows = STEPS * _ROWS
    scale = 10.0 ** random.integers(-3, 2, (rows, 4))
    x = np.round(random.uniform(0.5, 2.0, (rows, 4)) * random.choice([-1, 1], (rows, 4)), 3) * scale
    x[random.random((rows, 4)) < 0.2] = 0.0
    x[4:6, 1] = 0.0  # a step in which a row of the matrix has no gradient
    weights = np.round(10.0 ** random.uniform(-3, 1.5, rows), 4)
    weights[6:8] = 0.5
    signs = random.choice([-1.0, 1.0], (rows, 3))
    signs[6], signs[7] = 1.0, -1.0  # a step in which the vector has none
    return Case(
        layers=(Layer(3),),
        loss=Loss("absolute_error", "mean"),
        optimizer=Optimizer("sgd"),
        rates=(0.1,) * STEPS,
        x=x,
        y=_FAR * signs,
        batches=tuple((2 * step, 2 * step + 1) for step in range(STEPS)),
        weights={
            KERNEL: np.round(random.normal(0, 1, (4, 3)), 2),
            BIAS: np.array([0.5, -1.25, 2.0]),
        },
        sample_weights=weights,
        dtype="float64",
    )


@cache
def gradients() -> Mapping[str, Array]:
    """Return each tensor's gradients, of shape (STEPS, *shape)."""
    return {name: np.array(value) for name, value in run_free(probe(), {}).gradients.items()}


def known_inputs() -> dict[str, Array]:
    """Return starting weights and gradients by short names, those of shape (STEPS, *shape)."""
    weights, slopes = probe().weights, gradients()
    return {
        "kernel": weights[KERNEL],
        "bias": weights[BIAS],
        "kernel gradients": slopes[KERNEL],
        "bias gradients": slopes[BIAS],
    }


def verdict(
    lane: str,
    name: str,
    arguments: Mapping[str, float | bool],
    rates: Iterable[float],
    clip: Clip | None,
    weights: Arrays,
) -> Status | None:
    """Return what the oracle says of a run of optimizer `name`; None where it says nothing."""
    steps = len(weights[KERNEL]) - 1
    try:
        optimizer = Optimizer(name, dict(arguments))
        batches, rates = probe().batches[:steps], tuple(rates)[:steps]
        case = replace(probe(), optimizer=optimizer, rates=rates, batches=batches, clip=clip)
    except CaseError:  # a value that is out of the oracle's range
        return None
    seen = {key: np.asarray(value, np.float64) for key, value in weights.items()}
    losses, far = _losses(case, seen)
    if far:
        return None
    slopes = {key: value[:steps] for key, value in gradients().items()}
    trace = Trace(losses=losses, gradients=slopes, weights=seen)
    return judge(case, trace, dials(claimed(CLAIMS, lane, case))).status


def _losses(case: Case, weights: Arrays) -> tuple[Array, bool]:
    """Return each step's loss, and whether the weights went so far that its slope changes."""
    losses = np.zeros(case.steps)
    largest = 0.0
    for step in range(case.steps):
        x, y, rows = case.batch(step)
        outputs = x @ weights[KERNEL][step] + weights[BIAS][step]
        assert rows is not None
        losses[step] = np.mean(rows[:, None] * np.abs(outputs - y))
        largest = max(largest, float(np.abs(outputs).max()))
    ends = np.concatenate([value.ravel() for value in weights.values()])
    return losses, not (largest < _FAR / 2 and bool(np.isfinite(ends).all()))
