"""The gradients written by hand are those of the model, by differences in 80 digits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from exact import ACTIVATIONS as EXACT
from exact import check, numbers, outputs, slope, slopes
from mpmath import mp, mpf

from parity import bounds, functions, model
from parity.bounds import ARITHMETICS, DOUBLE, Array, Bounded
from parity.parts import ACTIVATIONS, LEAKY_SLOPE, Layer, parameter_shapes
from parity.precision import PRECISIONS

activations = pytest.mark.parametrize("name", ACTIVATIONS)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with np.errstate(all="ignore"):
        yield


def points() -> Array:
    """Return sums near zero, far from it, and between, of both signs."""
    size = np.concatenate([10.0 ** np.arange(-12, 2), np.linspace(0.1, 9.7, 33), [30.0, 45.0]])
    return np.concatenate([-size, size])


def at(name: str, z: Array, dials: Mapping[str, Any]) -> tuple[Bounded, Bounded]:
    """Return an activation and its derivative at z, with bounds for float64."""
    known = bounds.exact(z, DOUBLE)
    activation = model.ACTIVATIONS[name]
    value = activation.value(known, dials)
    derivative = activation.derivative(known, value, dials)
    return value, derivative if isinstance(derivative, Bounded) else bounds.exact(
        np.full(z.shape, derivative), DOUBLE
    )


@activations
def test_an_activation_and_its_derivative_are_what_they_are_defined_to_be(name: str) -> None:
    value, derivative = at(name, points(), {})
    exact = [EXACT[name](z) for z in numbers(points())]
    check(value, exact)
    check(derivative, [slope(EXACT[name], z) for z in numbers(points())])


@pytest.mark.parametrize(("name", "expected"), [("relu", 0.0), ("leaky_relu", LEAKY_SLOPE)])
def test_at_its_kink_an_activation_has_the_slope_below(name: str, expected: float) -> None:
    assert at(name, np.zeros(1), {})[1].value == expected


def test_elu_has_no_kink_at_zero() -> None:
    assert at("elu", np.zeros(1), {})[1].value == 1


def test_elu_by_expm1_may_be_as_wrong_as_an_elementary_function() -> None:
    z = np.linspace(-16, -0.01, 500).astype(np.float32)
    allowed = np.expm1(z.astype(np.float64)).astype(np.float32)
    for _ in range(functions.ELEMENTARY_ULP):
        allowed = np.nextafter(allowed, np.float32(-2))
    value = model.ACTIVATIONS["elu"].value(bounds.exact(z, ARITHMETICS["float32"]), {})
    assert (np.abs(allowed - value.value) <= value.error).all()


def test_within_its_error_of_a_kink_either_slope_is_allowed() -> None:
    z = Bounded(np.array([-1e-9, 1e-9, -1.0, 1.0]), np.full(4, 1e-8), DOUBLE)
    for name, step in (("relu", 1.0), ("leaky_relu", 1 - LEAKY_SLOPE)):
        activation = model.ACTIVATIONS[name]
        derivative = activation.derivative(z, activation.value(z, {}), {})
        assert (derivative.error[:2] >= step).all()
        assert (derivative.error[2:] <= np.spacing(1.0)).all()


def test_each_dial_of_an_activation_does_what_it_says() -> None:
    kink = at("leaky_relu", np.zeros(1), {"leaky_relu_at_zero": "one"})
    assert kink[1].value == 1
    z = np.array([-3.0, 19.5, 20.5, 30.0])
    value, derivative = at("softplus", z, {"softplus_threshold": 20.0})
    assert value.value[2:].tolist() == z[2:].tolist()
    assert derivative.value[2:].tolist() == [1, 1]
    plain = at("softplus", z, {})
    assert value.value[:2].tolist() == plain[0].value[:2].tolist()
    assert derivative.value[:2].tolist() == plain[1].value[:2].tolist()


@pytest.mark.parametrize(
    ("constant", "name"), [("leaky_slope", "leaky_relu"), ("gelu", "gelu"), ("gelu", "gelu_tanh")]
)
def test_a_constant_held_in_float32_is_off_by_no_more_than_float32_is(
    constant: str, name: str
) -> None:
    z = np.array([-1.5])
    exact, held = at(name, z, {}), at(name, z, {"rounded": (constant,)})
    for before, after in zip(exact, held, strict=True):
        moved = abs(after.value - before.value)
        assert before.error + after.error < moved
        assert moved < 4 * PRECISIONS["float32"].roundoff


def built(layers: tuple[Layer, ...], seed: int) -> tuple[Array, dict[str, Array], Array]:
    """Return data of three rows, weights for one step, and a factor for each output."""
    rng = np.random.default_rng(seed)
    shapes = parameter_shapes(2, layers)
    weights = {name: rng.standard_normal((1, *shape)) for name, shape in shapes.items()}
    factors = rng.standard_normal((1, 3, layers[-1].units))
    return rng.standard_normal((1, 3, 2)), weights, factors


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@activations
def test_the_gradients_of_every_layer_are_those_of_differences(name: str, bias: bool) -> None:
    layers = (Layer(3, name, bias), Layer(2, "tanh", bias), Layer(2, name, bias))
    x, weights, factors = built(layers, seed=len(name))
    known = {key: bounds.exact(value, DOUBLE) for key, value in weights.items()}
    seen = model.forward(bounds.exact(x, DOUBLE), known, layers, {})
    found = model.backward(seen, bounds.exact(factors, DOUBLE), known, layers, {})

    rows, scale = numbers(x[0]), numbers(factors[0])
    exact = {key: numbers(value[0]) for key, value in weights.items()}

    def weighted(kept: Mapping[str, Any]) -> Any:
        pairs = zip(outputs(rows, kept, layers), scale, strict=True)
        return mp.fsum(mp.fdot(row, factor) for row, factor in pairs)

    check(seen.outputs[-1][0], outputs(rows, exact, layers))
    assert set(found) == set(weights)
    for key, value in exact.items():
        if key.endswith("/bias"):
            wanted = slopes(lambda m, key=key: weighted({**exact, key: m[0]}), [value])[0]
        else:
            wanted = slopes(lambda m, key=key: weighted({**exact, key: m}), value)
        check(found[key][0], wanted)


def test_each_step_has_its_own_weights_and_rows() -> None:
    layers = (Layer(3, "tanh"), Layer(2))
    runs = [built(layers, seed) for seed in (1, 2)]
    x, factors = (np.concatenate([run[k] for run in runs]) for k in (0, 2))
    weights = {key: np.concatenate([run[1][key] for run in runs]) for key in runs[0][1]}
    together = model.forward(x, weights, layers, {})
    gradients = model.backward(together, factors, weights, layers, {})
    for step, (rows, own, factor) in enumerate(runs):
        alone = model.forward(rows, own, layers, {})
        assert np.array_equal(together.outputs[-1][step], alone.outputs[-1][0])
        for key, value in model.backward(alone, factor, own, layers, {}).items():
            assert np.array_equal(gradients[key][step], value[0])


def test_differences_are_exact_enough_to_judge_by() -> None:
    assert abs(slope(mp.exp, mpf(1)) - mp.e) < mpf(10) ** -38
