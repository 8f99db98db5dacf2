"""Every loss and its slope are what they are defined to be, by differences in 80 digits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import product

import numpy as np
import pytest
from exact import check, numbers, slopes
from exact import objective as exact_objective
from mpmath import mp, mpf

from parity import bounds
from parity.bounds import DOUBLE, Array, Bounded
from parity.losses import objective, penalty
from parity.parts import LOSSES, REDUCTIONS, Loss

UNITS, ROWS = 3, 4
CLASS_WEIGHTS = (0.5, 2.0, 0.75)


def every_loss() -> list[Loss]:
    """Return each loss with each kind of labels and reduction, smoothed, class-weighted or not."""
    found = []
    for name, kinds in LOSSES.items():
        plain = [Loss(name, reduction, labels) for reduction, labels in product(REDUCTIONS, kinds)]
        if name == "softmax_cross_entropy":
            plain += [replace(loss, label_smoothing=0.1) for loss in plain]
            plain += [replace(loss, class_weights=CLASS_WEIGHTS) for loss in plain]
        if name in ("huber", "smooth_l1"):
            plain += [replace(loss, delta=0.3) for loss in plain]
        found += plain
    return found


def called(loss: Loss) -> str:
    plain = Loss(loss.name, labels=loss.labels)
    turned = [
        f"{key}" if key in ("label_smoothing", "class_weights") else str(value)
        for key, value in asdict(loss).items()
        if key in ("name", "labels") or value != getattr(plain, key)
    ]
    return "-".join(turned)


losses = pytest.mark.parametrize("loss", every_loss(), ids=called)
weighted = pytest.mark.parametrize(
    "weights", [None, np.array([1.0, 0.3, 2.0, 0.0])], ids=["plain", "weighted"]
)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with np.errstate(all="ignore"):
        yield


def data(loss: Loss, seed: int = 0) -> tuple[Array, Array]:
    """Return outputs, some of them large, and labels for one step."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((ROWS, UNITS)) * np.array([[0.1, 1.0, 5.0, 30.0]]).T
    if loss.labels == "integer":
        return z, rng.integers(0, UNITS, ROWS)
    if loss.labels == "dense":
        return z, rng.dirichlet(np.ones(UNITS), ROWS)
    if loss.name == "binary_cross_entropy":
        return z, rng.integers(0, 5, (ROWS, UNITS)) / 4
    return z, rng.standard_normal((ROWS, UNITS))


def found(
    loss: Loss, z: Array, y: Array, weights: Array | None, **dials: object
) -> tuple[Bounded, Bounded]:
    """Return the oracle's loss and slope for one step, with bounds for float64."""
    rows = None if weights is None else weights[None]
    value, slope = objective(loss, bounds.exact(z[None], DOUBLE), y[None], rows, dials)
    return value[0], slope[0]


@weighted
@losses
def test_a_loss_and_its_slope_are_what_they_are_defined_to_be(
    loss: Loss, weights: Array | None
) -> None:
    z, y = data(loss)
    kept = None if weights is None else numbers(weights)
    value, slope = found(loss, z, y, weights)
    check(value, exact_objective(loss, numbers(z), numbers(y), kept))
    wanted = slopes(lambda z: exact_objective(loss, z, numbers(y), kept), numbers(z))
    check(slope, wanted)


@losses
def test_steps_do_not_mix(loss: Loss) -> None:
    (z, y), (other_z, other_y) = data(loss), data(loss, seed=1)
    together = objective(loss, np.stack([z, other_z]), np.stack([y, other_y]), None, {})
    for step, (rows, labels) in enumerate([(z, y), (other_z, other_y)]):
        alone = objective(loss, rows[None], labels[None], None, {})
        assert [part[step].tolist() for part in together] == [part[0].tolist() for part in alone]


@losses
def test_bounds_do_not_change_the_values(loss: Loss) -> None:
    z, y = data(loss)
    plain = objective(loss, z[None], y[None], None, {})
    for one, other in zip(plain, found(loss, z, y, None), strict=True):
        assert np.array_equal(one[0], other.value)


@pytest.mark.parametrize("name", ["squared_error", "huber", "softmax_cross_entropy"])
def test_one_row_and_one_unit_are_a_batch(name: str) -> None:
    loss = Loss(name, labels=LOSSES[name][0])
    z = np.array([[0.5]])
    y = np.array([0]) if loss.labels == "integer" else np.array([[2.0]])
    value, slope = found(loss, z, y, None)
    check(value, exact_objective(loss, numbers(z), numbers(y)))
    check(slope, slopes(lambda z: exact_objective(loss, z, numbers(y)), numbers(z)))


def test_where_the_error_is_zero_the_absolute_error_has_no_slope() -> None:
    z = np.array([[0.0, 1.0]])
    value, slope = found(Loss("absolute_error"), z, z, None)
    assert (value.value, slope.value.tolist()) == (0, [[0, 0]])
    assert not slope.error.any()


def test_within_its_error_of_zero_the_absolute_error_has_any_slope() -> None:
    z = Bounded(np.full((1, 1, 2), [1e-9, 1.0]), 1e-8, DOUBLE)
    _, slope = objective(Loss("absolute_error", "sum"), z, np.zeros((1, 1, 2)), None, {})
    assert (slope.error[0, 0] >= 2).tolist() == [True, False]


@pytest.mark.parametrize("name", ["huber", "smooth_l1"])
def test_where_the_error_is_delta_both_pieces_meet(name: str) -> None:
    loss = Loss(name, "sum", delta=0.5)
    value, slope = found(loss, np.array([[0.5, -0.5]]), np.zeros((1, 2)), None)
    check(value, exact_objective(loss, numbers([[0.5, -0.5]]), numbers(np.zeros((1, 2)))))
    assert np.abs(slope.value).tolist() == [[0.5, 0.5] if name == "huber" else [1.0, 1.0]]


def test_the_sum_of_row_means_is_the_sum_over_units() -> None:
    loss = Loss("squared_error", "sum")
    z, y = data(loss)
    whole, rows = found(loss, z, y, None), found(loss, z, y, None, sum="row means")
    for one, other in zip(whole, rows, strict=True):
        assert (np.abs(one.value - UNITS * other.value) <= one.error + UNITS * other.error).all()


@pytest.mark.parametrize("labels", ["integer", "dense"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_class_weights_inside_the_sum_weigh_each_class(labels: str, smoothing: float) -> None:
    loss = Loss("softmax_cross_entropy", "sum", labels, label_smoothing=smoothing)
    z, y = data(loss)
    inside = found(replace(loss, class_weights=CLASS_WEIGHTS), z, y, None, class_weights="class")
    one_hot = np.eye(UNITS)[y] if labels == "integer" else y
    smooth = mpf(smoothing)
    target = [[(1 - smooth) * t + smooth / UNITS for t in row] for row in numbers(one_hot)]

    def by_class(z: list[list[object]]) -> object:
        terms = []
        for row, wanted in zip(z, target, strict=True):
            mass = mp.log(mp.fsum(mp.exp(item) for item in row))
            triples = zip(row, wanted, numbers(CLASS_WEIGHTS), strict=True)
            terms += [-weight * t * (item - mass) for item, t, weight in triples]
        return mp.fsum(terms)

    check(inside[0], by_class(numbers(z)))
    check(inside[1], slopes(by_class, numbers(z)))


@weighted
def test_class_weights_may_be_the_divisor(weights: Array | None) -> None:
    loss = Loss("softmax_cross_entropy", labels="integer", class_weights=CLASS_WEIGHTS)
    z, y = data(loss)
    summed = replace(loss, reduction="sum")
    rows = numbers(np.ones(ROWS) if weights is None else weights)
    divisor = mp.fsum(w * mpf(CLASS_WEIGHTS[k]) for w, k in zip(rows, y.tolist(), strict=True))
    value, slope = found(loss, z, y, weights, class_weights_divisor="weights")
    check(value, exact_objective(summed, numbers(z), numbers(y), rows) / divisor)
    wanted = slopes(lambda z: exact_objective(summed, z, numbers(y), rows) / divisor, numbers(z))
    check(slope, wanted)


@pytest.mark.parametrize("name", ["huber", "smooth_l1"])
def test_a_delta_held_in_float32_is_that_float32(name: str) -> None:
    loss = Loss(name, delta=0.3)
    z, y = data(loss)
    held = found(loss, z, y, None, rounded=("delta",))
    wanted = found(replace(loss, delta=float(np.float32(0.3))), z, y, None)
    assert [part.value.tolist() for part in held] == [part.value.tolist() for part in wanted]


def test_the_penalty_is_over_all_kernels() -> None:
    rng = np.random.default_rng(3)
    kernels = [rng.standard_normal((1, 3, 2)), rng.standard_normal((1, 2, 4))]
    value, slopes_found = penalty(
        Loss("squared_error", l2=0.01), [bounds.exact(kernel, DOUBLE) for kernel in kernels], {}
    )
    l2 = mpf(0.01)
    check(value[0], l2 * mp.fsum(mpf(item) ** 2 for k in kernels for item in k.ravel().tolist()))
    for kernel, slope in zip(kernels, slopes_found, strict=True):
        check(slope[0], [[2 * l2 * item for item in row] for row in numbers(kernel[0])])


@pytest.mark.parametrize("loss", [loss for loss in every_loss() if loss.delta == 1], ids=called)
def test_bounds_for_float32_hold_float32_numbers(loss: Loss) -> None:
    z, y = data(loss)
    single = z.astype(np.float32)
    known = bounds.exact(single[None].astype(float), bounds.ARITHMETICS["float32"])
    value, slope = objective(loss, known, y[None], None, {})
    exact = found(loss, single.astype(float), y, None)
    for wide, narrow in zip((value[0], slope[0]), exact, strict=True):
        assert np.array_equal(wide.value, narrow.value)
        assert (wide.error >= narrow.error).all()
