"""A bound encloses what a lane gets, whatever it is given, and is not much wider than it must be.

A lane is imitated with NumPy's own arithmetic in each format (bfloat16 by way of float32), with and
without subnormals flushed to zero, and with elementary functions that are as wrong as is allowed.
What is exact is computed by mpmath.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from exact import numbers
from mpmath import mp, mpf

from parity import bounds, functions
from parity.bounds import ARITHMETICS, DOUBLE, Array, Bounded
from parity.precision import PRECISIONS, representable

DTYPES = tuple(PRECISIONS)
dtypes = pytest.mark.parametrize("dtype", DTYPES)

BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
}
# Each with what it takes, and what is exact.
ELEMENTARY: dict[str, tuple[Callable[[Any], Any], Callable[[Array], Array], Callable[..., Any]]] = {
    "exp": (functions.exp, lambda x: x, mp.exp),
    "expm1": (functions.expm1, lambda x: x, mp.expm1),
    "log": (functions.log, np.abs, lambda x: mp.log(x) if x else mpf("-inf")),
    "tanh": (functions.tanh, lambda x: x, mp.tanh),
    "sigmoid": (functions.sigmoid, lambda x: x, lambda x: 1 / (1 + mp.exp(-x))),
    "logistic": (functions.logistic, lambda x: x, lambda x: 1 / (1 + mp.exp(-x))),
    "erf": (functions.erf, lambda x: x, mp.erf),
    "cube": (
        lambda x: functions.power(x, 3),
        lambda x: np.abs(x) % 1,
        lambda x: x**3,
    ),
    **{
        f"to the {power}": (
            lambda x, power=power: functions.raised(x, power),
            np.abs,
            lambda x, power=power: x ** mpf(power),
        )
        for power in (0.5, 0.6, 1.0, 1.5)
    },
}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with np.errstate(all="ignore"):
        yield


def magnitudes(dtype: str) -> Array:
    """Return numbers of the format at which arithmetic is known to go wrong, of both signs."""
    limits = PRECISIONS[dtype]
    tiny = 2.0 ** (-14 if dtype == "float16" else round(np.log2(limits.underflow)))
    one = np.array([1 - limits.roundoff, 1, 1 + 2 * limits.roundoff])
    scales = [tiny, tiny**0.5, 1.0, limits.top**0.5 / 2]
    near = np.concatenate([scale * one for scale in scales])
    subnormal = tiny * np.array([2 * limits.roundoff, 6 * limits.roundoff, 0.5, 0.75])
    if dtype == "float64":  # the oracle computes in it, and has nothing below its normal numbers
        subnormal = subnormal[:0]
    others = [0.0, 1e-8, 0.1, 1 / 3, 0.5, 0.7, 3.0, 20.0, 88.0, 104.0, limits.top, limits.top / 3]
    found = np.unique(representable(np.concatenate([near, subnormal, others]), dtype))
    return np.concatenate([-found[::-1], found])


def flushed(x: Array, dtype: str) -> Array:
    """Return `x` with subnormals set to zero, where the format's libraries do so."""
    return x if dtype == "float16" else np.where(np.abs(x) < PRECISIONS[dtype].underflow, 0.0, x)


def native(operation: Callable[..., Any], dtype: str, flush: bool, *operands: Array) -> Array:
    """Return what a lane's own arithmetic makes of numbers of its format."""
    own = np.dtype("float32" if dtype == "bfloat16" else dtype)
    result = operation(*(np.asarray(x).astype(own) for x in operands))
    held = representable(result, dtype)
    return flushed(held, dtype) if flush else held


def as_wrong_as_allowed(
    exact: Callable[..., Any], x: Array, dtype: str, flush: bool, rng: np.random.Generator
) -> Array:
    """Return an elementary function off by up to three places after it was rounded."""
    truth = np.array([float(exact(item)) for item in numbers(x)])
    held = representable(truth, dtype)
    place = np.maximum(2.0 ** (np.floor(np.log2(np.abs(held)))), 0) * 2 * PRECISIONS[dtype].roundoff
    off = held + rng.integers(-3, 4, x.shape) * np.where(held == 0, 0, place)
    held = np.where(np.isfinite(off), representable(off, dtype), held)
    return flushed(held, dtype) if flush else held


def blurred(x: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return values near `x` and errors that reach from them to `x`, some of them wide."""
    width = rng.choice([0.0, 1e-15, 1e-7, 1e-3, 0.5, 1.0, 3.0], x.shape)
    value = x + width * np.abs(x) * rng.uniform(-1, 1, x.shape)
    value = np.where(np.isfinite(value), value, x)
    error = np.nextafter(np.abs(value - x), np.inf) * (value != x)
    return value, error * rng.choice([1.0, 1.0, 2.0], x.shape)


def encloses(result: Bounded, seen: Array) -> Array:
    """Return where `seen` is within the bound, or the bound makes no promise."""
    error = np.broadcast_to(result.error, result.value.shape)
    assert not (error < 0).any()
    open_ = ~np.isfinite(error) | ~np.isfinite(result.value)
    return open_ | (np.abs(seen - result.value) <= error)


def assert_encloses(result: Bounded, seen: Array, *inputs: Array) -> None:
    held = encloses(result, seen)
    if not held.all():
        where = tuple(np.argwhere(~held)[0])
        given = [float(x[where]) for x in inputs if x.shape == held.shape]
        error = np.broadcast_to(result.error, held.shape)[where]
        pytest.fail(f"{given}: {seen[where]} is not {result.value[where]} within {error}")


def assert_encloses_truth(result: Bounded, seen: Array, truth: list[Any]) -> None:
    """Compare with what is exact rather than with the oracle's float64, in mpmath."""
    smallest = PRECISIONS["float64"].underflow  # below it, the oracle has no numbers either
    for value, error, exact in zip(seen.flat, result.error.flat, truth, strict=True):
        if np.isfinite(error) and abs(exact) >= smallest:
            assert abs(mpf(float(value)) - exact) <= mpf(float(error)), (value, error, exact)


@pytest.mark.parametrize("flush", [False, True], ids=["gradual", "flushed"])
@dtypes
@pytest.mark.parametrize("name", BINARY)
def test_arithmetic_is_enclosed(name: str, dtype: str, flush: bool) -> None:
    rng = np.random.default_rng(1)
    pool = magnitudes(dtype)
    for _ in range(4):
        a, b = (axis.ravel() for axis in np.meshgrid(pool, pool))
        seen = native(BINARY[name], dtype, flush, a, b)
        (va, ea), (vb, eb) = blurred(a, rng), blurred(b, rng)
        arithmetic = ARITHMETICS[dtype]
        result = BINARY[name](Bounded(va, ea, arithmetic), Bounded(vb, eb, arithmetic))
        assert_encloses(result, seen, va, ea, vb, eb, a, b)


@pytest.mark.parametrize("flush", [False, True], ids=["gradual", "flushed"])
@dtypes
@pytest.mark.parametrize("name", BINARY)
def test_arithmetic_on_exact_numbers_is_enclosed(name: str, dtype: str, flush: bool) -> None:
    rng = np.random.default_rng(2)
    pool = magnitudes(dtype)
    a, b = rng.choice(pool, 400), rng.choice(pool, 400)
    b = np.where(rng.random(400) < 0.2, a * (1 + 2 * PRECISIONS[dtype].roundoff), b)
    b = representable(np.where(b == 0, 1.0, b), dtype)
    keep = np.isfinite(b)
    a, b = a[keep], b[keep]
    arithmetic = ARITHMETICS[dtype]
    result = BINARY[name](bounds.exact(a, arithmetic), bounds.exact(b, arithmetic))
    seen = native(BINARY[name], dtype, flush, a, b)
    assert_encloses(result, seen, a, b)
    pairs = zip(numbers(a), numbers(b), strict=True)
    assert_encloses_truth(result, seen, [BINARY[name](x, y) for x, y in pairs])


@dtypes
def test_division_through_a_reciprocal_is_enclosed(dtype: str) -> None:
    rng = np.random.default_rng(3)
    a, b = (representable(rng.standard_normal(2000), dtype) for _ in "ab")
    arithmetic = ARITHMETICS[dtype]
    result = bounds.exact(a, arithmetic) / bounds.exact(b, arithmetic)
    reciprocal = native(lambda x: np.ones((), x.dtype) / x, dtype, False, b)
    assert_encloses(result, native(operator.mul, dtype, False, a, reciprocal), a, b)


@pytest.mark.parametrize("flush", [False, True], ids=["gradual", "flushed"])
@dtypes
def test_a_root_is_enclosed(dtype: str, flush: bool) -> None:
    rng = np.random.default_rng(4)
    x = np.repeat(np.unique(np.abs(magnitudes(dtype))), 40)
    value, error = blurred(x, rng)
    seen = native(np.sqrt, dtype, flush, x)
    assert_encloses(
        functions.sqrt(Bounded(value, error, ARITHMETICS[dtype])), seen, value, error, x
    )
    known = functions.sqrt(bounds.exact(x, ARITHMETICS[dtype]))
    assert_encloses(known, seen, x)
    assert_encloses_truth(known, seen, [mp.sqrt(item) for item in numbers(x)])


@dtypes
def test_a_root_through_its_reciprocal_is_enclosed(dtype: str) -> None:
    rng = np.random.default_rng(4)
    x = representable(np.exp2(rng.uniform(-4, 4, 20_000)), dtype)
    root = native(np.sqrt, dtype, False, x)
    reciprocal = native(operator.truediv, dtype, False, np.ones(x.shape), root)
    result = functions.sqrt(bounds.exact(x, ARITHMETICS[dtype]))
    assert_encloses(result, native(operator.mul, dtype, False, x, reciprocal), x)


@pytest.mark.parametrize("flush", [False, True], ids=["gradual", "flushed"])
@dtypes
@pytest.mark.parametrize("name", ELEMENTARY)
def test_an_elementary_function_is_enclosed(name: str, dtype: str, flush: bool) -> None:
    bounded, domain, exact = ELEMENTARY[name]
    rng = np.random.default_rng(5)
    more = representable(rng.standard_normal(40) * 4, dtype)
    x = np.repeat(domain(np.concatenate([magnitudes(dtype), more])), 4)
    x = x[x > 0] if name == "log" else x
    x = x[np.abs(x) < 1e6] if name in ("exp", "expm1", "sigmoid") else x
    seen = as_wrong_as_allowed(exact, x, dtype, flush, rng)
    arithmetic = ARITHMETICS[dtype]
    assert_encloses(bounded(bounds.exact(x, arithmetic)), seen, x)
    value, error = blurred(x, rng)
    value = np.where(domain(value) == value, value, x)
    error = np.where(value == x, 0.0, error)
    assert_encloses(bounded(Bounded(value, error, arithmetic)), seen, value, error, x)


def in_any_order(terms: Array, dtype: str, flush: bool, rng: np.random.Generator) -> Array:
    """Add along the first axis, two at a time, whichever two come."""
    parts = list(terms)
    while len(parts) > 1:
        one = parts.pop(int(rng.integers(len(parts))))
        other = parts.pop(int(rng.integers(len(parts))))
        parts.append(native(operator.add, dtype, flush, one, other))
    return parts[0]


def awkward(shape: tuple[int, ...], dtype: str, rng: np.random.Generator) -> Array:
    """Return numbers over decades, half of them the other half's negatives, a few at the limits."""
    x = rng.standard_normal(shape) * 10.0 ** rng.integers(-6, 3, shape)
    half = len(x) // 2
    x[half : 2 * half] = -x[:half]
    at_limit = rng.choice(magnitudes(dtype), shape)
    return representable(np.where(rng.random(shape) < 0.1, at_limit, x), dtype)


@pytest.mark.parametrize("flush", [False, True], ids=["gradual", "flushed"])
@pytest.mark.parametrize("terms", [1, 2, 3, 17, 60])
@dtypes
def test_a_sum_in_any_order_is_enclosed(dtype: str, terms: int, flush: bool) -> None:
    rng = np.random.default_rng(terms)
    x = awkward((terms, 200), dtype, rng)
    value, error = blurred(x, rng)
    arithmetic = ARITHMETICS[dtype]
    for _ in range(3):
        seen = in_any_order(x, dtype, flush, rng)
        known = functions.total(bounds.exact(x, arithmetic), axis=0)
        assert_encloses(known, seen)
        assert_encloses_truth(known, seen, [mp.fsum(column) for column in numbers(x.T)])
        assert_encloses(functions.total(Bounded(value, error, arithmetic), axis=0), seen)


@pytest.mark.parametrize("flush", [False, True], ids=["gradual", "flushed"])
@pytest.mark.parametrize("terms", [1, 2, 9, 33])
@dtypes
def test_a_product_of_matrices_is_enclosed(dtype: str, terms: int, flush: bool) -> None:
    rng = np.random.default_rng(terms)
    a, b = awkward((terms, 12), dtype, rng).T, awkward((terms, 15), dtype, rng)
    products = native(operator.mul, dtype, flush, a.T[:, :, None], b[:, None, :])
    seen = in_any_order(products, dtype, flush, rng)
    (va, ea), (vb, eb) = blurred(a, rng), blurred(b, rng)
    arithmetic = ARITHMETICS[dtype]
    known = bounds.exact(a, arithmetic) @ bounds.exact(b, arithmetic)
    assert_encloses(known, seen)
    truth = [mp.fdot(row, column) for row in numbers(a) for column in numbers(b.T)]
    assert_encloses_truth(known, seen, truth)
    assert_encloses(Bounded(va, ea, arithmetic) @ Bounded(vb, eb, arithmetic), seen)


@pytest.mark.parametrize("flush", [False, True], ids=["gradual", "flushed"])
@pytest.mark.parametrize("terms", [1, 9, 33])
@dtypes
def test_what_is_added_to_a_product_may_come_first(dtype: str, terms: int, flush: bool) -> None:
    rng, arithmetic = np.random.default_rng(terms), ARITHMETICS[dtype]
    a, b, more = (
        representable(scale * rng.standard_normal(shape), dtype)
        for scale, shape in ((2.0**-5, (12, terms)), (2.0**-5, (terms, 15)), (1.0, (12, 15)))
    )
    products = native(operator.mul, dtype, flush, a.T[:, :, None], b[:, None, :])
    first = more
    for part in products:
        first = native(operator.add, dtype, flush, first, part)
    shuffled = in_any_order(np.concatenate([products, more[None]]), dtype, flush, rng)
    known = functions.product(*(bounds.exact(x, arithmetic) for x in (a, b, more)))
    assert_encloses(known, first)
    assert_encloses(known, shuffled)
    last = bounds.exact(a, arithmetic) @ bounds.exact(b, arithmetic) + more
    beyond = np.abs(first - last.value) > last.error
    assert beyond.any() == (terms > 1)
    (va, ea), (vb, eb), (vc, ec) = (blurred(x, rng) for x in (a, b, more))
    blurry = (Bounded(va, ea, arithmetic), Bounded(vb, eb, arithmetic), Bounded(vc, ec, arithmetic))
    assert_encloses(functions.product(*blurry), first)


@pytest.mark.parametrize("terms", [16, 128])
def test_a_sum_of_products_that_all_underflow_is_enclosed(terms: int) -> None:
    a, b = np.full((1, terms), 2.0**-63), np.full((terms, 1), 2.0**-64)
    result = bounds.exact(a, ARITHMETICS["float32"]) @ bounds.exact(b, ARITHMETICS["float32"])
    assert_encloses(result, np.zeros((1, 1)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_logistic_function_is_enclosed_as_jax_differentiates_it(dtype: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-40, 40, 2000).astype(dtype)
    softplus = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
    seen = np.exp(x - softplus).astype(np.float64)
    known = bounds.exact(x.astype(np.float64), ARITHMETICS[dtype])
    assert_encloses(functions.logistic(known), seen)
    one = functions.sigmoid(known)
    beyond = np.abs(seen - one.value) > one.error
    assert beyond.any() == (dtype == "float64")  # in float32 the tail is gone before it matters


@dtypes
def test_picking_rounds_nothing_and_is_enclosed(dtype: str) -> None:
    rng = np.random.default_rng(6)
    pool = magnitudes(dtype)
    a, b = (axis.ravel() for axis in np.meshgrid(pool, pool))
    (va, ea), (vb, eb) = blurred(a, rng), blurred(b, rng)
    x, y = Bounded(va, ea, ARITHMETICS[dtype]), Bounded(vb, eb, ARITHMETICS[dtype])
    assert_encloses(functions.maximum(x, y), np.maximum(a, b), va, ea, vb, eb)
    assert_encloses(functions.minimum(x, y), np.minimum(a, b), va, ea, vb, eb)
    assert_encloses(functions.absolute(x), np.abs(a), va, ea)
    assert_encloses(functions.sign(x), np.sign(a), va, ea, a)
    assert_encloses(functions.choose(x, 1.0, 0.25, 0.25), np.where(a > 0, 1.0, 0.25), va, ea, a)
    apart = functions.maximum(Bounded(2.0, 0.25, DOUBLE), Bounded(1.0, 0.5, DOUBLE))
    assert apart.error == 0.25
    grid = Bounded(va.reshape(-1, len(pool)), ea.reshape(-1, len(pool)), ARITHMETICS[dtype])
    top = a.reshape(-1, len(pool)).max(1, keepdims=True)
    assert_encloses(functions.largest(grid, axis=1), top)
    known = functions.maximum(
        bounds.exact(a, ARITHMETICS[dtype]), bounds.exact(b, ARITHMETICS[dtype])
    )
    assert not known.error.any()


@dtypes
def test_a_choice_of_pieces_is_enclosed_on_the_wrong_side_too(dtype: str) -> None:
    rng = np.random.default_rng(7)
    x = np.repeat(magnitudes(dtype), 30)
    x = x[np.abs(x) < PRECISIONS[dtype].top / 4]
    value, error = blurred(x, rng)
    known = Bounded(value, error, ARITHMETICS[dtype])
    result = functions.select(known, known, 0.25 * known)
    seen = np.where(x > 0, x, native(operator.mul, dtype, False, np.array(0.25), x))
    assert_encloses(result, seen, value, error, x)


@dtypes
@pytest.mark.parametrize("beta", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_an_average_is_enclosed_in_every_form_in_use(dtype: str, beta: float) -> None:
    rng = np.random.default_rng(8)
    old, new = (awkward((2000,), dtype, rng) for _ in "ab")
    new = np.where(rng.random(2000) < 0.3, old, new)
    share = Bounded(beta, 0.0, DOUBLE)
    arithmetic = ARITHMETICS[dtype]
    x, y = bounds.exact(old, arithmetic), bounds.exact(new, arithmetic)
    result = functions.mix(x, y, share, 1.0 - share)
    b, rest = (representable(number, dtype) for number in (beta, 1 - beta))

    def run(operation: Callable[..., Any], *operands: Array) -> Array:
        return native(operation, dtype, False, *operands)

    textbook = run(operator.add, run(operator.mul, b, old), run(operator.mul, rest, new))
    gap = run(operator.sub, new, old)
    from_old = run(operator.add, old, run(operator.mul, rest, gap))
    from_new = run(operator.sub, new, run(operator.mul, gap, b))
    assert_encloses(result, textbook, old, new)
    assert_encloses(result, from_old, old, new)
    if beta <= 0.5:  # as torch.lerp does where the weight of `new` is a half or more
        assert_encloses(result, from_new, old, new)


@dtypes
def test_factors_multiplied_in_one_by_one_are_enclosed(dtype: str) -> None:
    rng = np.random.default_rng(9)
    x = representable(rng.standard_normal(2000), dtype)
    known = bounds.exact(x, ARITHMETICS[dtype])
    seen = x
    for factor in (2.0, 1 / 3, 1 / 7, 0.5):
        seen = native(operator.mul, dtype, False, seen, representable(np.array(factor), dtype))
    assert_encloses(functions.again(known * (2 / 42), 6), seen, x)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_a_constant_is_rounded_to_the_lane_where_it_meets_it(dtype: str) -> None:
    known = bounds.exact(np.ones(1), ARITHMETICS[dtype])
    exact, near = bounds.constant(0.5, known), bounds.constant(0.1, known)
    assert not exact.error.any()
    assert_encloses(near, representable(0.1, dtype))
    assert near.error > abs(representable(0.1, dtype) - 0.1)
    for constant in (1e-9, 1e-50):  # below the smallest numbers
        assert_encloses(bounds.constant(constant, known), representable(constant, dtype))
    assert np.isinf(bounds.constant(1e60, known).error)


def test_constants_among_themselves_keep_double_precision() -> None:
    rest = 1.0 - Bounded(0.999, 0.0, DOUBLE)
    assert rest.arithmetic is DOUBLE
    assert rest.error < 2.0**-50
    product = rest * bounds.exact(np.ones(3), ARITHMETICS["float32"])
    assert product.arithmetic is ARITHMETICS["float32"]


def test_a_step_of_exactly_zero_rounds_nothing() -> None:
    arithmetic = ARITHMETICS["float32"]
    w = bounds.exact(np.array([0.1, 0.1]), arithmetic)
    moved = functions.move(w, bounds.exact(np.array([0.0, 0.5]), arithmetic))
    assert moved.error[0] == 0
    assert moved.error[1] > 0


def test_what_may_be_below_zero_has_an_unknown_root() -> None:
    x = Bounded(np.array([1.0, 1.0, 0.0, -1.0]), np.array([0.5, 1.5, 0.0, 0.5]), DOUBLE)
    assert np.isinf(functions.not_negative(x).error).tolist() == [False, True, False, True]


@dtypes
@pytest.mark.parametrize("error", [np.inf, np.nan])
def test_the_unknown_stays_unknown(dtype: str, error: float) -> None:
    arithmetic = ARITHMETICS[dtype]
    lost = Bounded(np.array([0.5, 0.0]), np.array([error, error]), arithmetic)
    zero = bounds.exact(np.zeros(2), arithmetic)
    one = bounds.exact(np.ones(2), arithmetic)
    for result in (
        *(operation(lost, one) for operation in BINARY.values()),
        *(operation(zero, lost) for operation in BINARY.values()),
        lost.reshape(1, 2) @ one.reshape(2, 1),
        lost.reshape(1, 2) @ zero.reshape(2, 1),
        functions.total(lost, axis=0),
        functions.sqrt(lost),
        functions.exp(lost),
        functions.log(lost),
        functions.power(lost, 2),
        functions.again(lost),
        functions.maximum(lost, lost),
        functions.largest(lost, axis=0),
        functions.any_of(one, lost),
        functions.not_negative(lost),
        functions.mix(lost, one, 0.5, 0.5),
        functions.sign(lost),
        functions.choose(lost, 1.0, 0.0, 0.0),
        functions.select(lost, one, zero),
    ):
        assert not np.isfinite(result.error).any()


def test_unknown_numbers_are_not_taken_for_known_ones() -> None:
    x = Bounded(np.array([np.nan]), np.array([0.0]), ARITHMETICS["float32"])
    assert not np.isfinite((x + 1.0).error).any()
    assert not np.isfinite(functions.total(x, axis=0).error).any()


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_overflow_is_unknown(dtype: str) -> None:
    top = bounds.exact(np.array([PRECISIONS[dtype].top]), ARITHMETICS[dtype])
    assert np.isfinite((top * 0.5).error).all()
    for beyond in (top + top, top * 2.0, top / 0.5, top.reshape(1, 1) @ np.full((1, 1), 2.0)):
        assert np.isinf(beyond.error).all()
    both = bounds.exact(np.array([top.value[0], -top.value[0], top.value[0]]), ARITHMETICS[dtype])
    assert np.isinf(functions.total(both, axis=0).error)  # two of them first, and it is infinite


def test_plain_arrays_give_the_same_values() -> None:
    rng = np.random.default_rng(10)
    x = rng.uniform(0.1, 0.9, (3, 4))
    known = bounds.exact(x, DOUBLE)
    every: list[Callable[[Any], Any]] = [
        *(bounded for bounded, _, _ in ELEMENTARY.values()),
        functions.sqrt,
        functions.absolute,
        functions.sign,
        functions.not_negative,
        functions.again,
        lambda x: functions.total(x, axis=1),
        lambda x: functions.largest(x, axis=1),
        lambda x: functions.maximum(x, 0.5),
        lambda x: functions.minimum(x, 0.5),
        lambda x: functions.choose(x - 0.5, 2.0, 3.0, 3.0),
        lambda x: functions.select(x - 0.5, x, 2.0 * x),
        lambda x: functions.mix(x, 2.0 * x, 0.25, 0.75),
        lambda x: functions.any_of(x + x, 2.0 * x),
        lambda x: functions.move(x, 0.5 * x),
        lambda x: 1.0 - x / (2.0 + x) * (1.0 / x),
    ]
    for function in every:
        assert np.array_equal(function(known).value, function(x))


def test_elements_keep_their_errors_when_they_change_places() -> None:
    value, error = np.arange(6.0).reshape(2, 3), np.arange(6.0).reshape(2, 3) / 8
    x = Bounded(value, error, DOUBLE)
    for moved in (x.swapaxes(0, 1), x.reshape(3, 2), x[1], x[:, 1:], -x):
        assert np.array_equal(np.abs(moved.value) / 8, moved.error)
    scalar = Bounded(value, 0.5, DOUBLE)
    for moved in (scalar.swapaxes(0, 1), scalar.reshape(3, 2), scalar[1]):
        assert np.array_equal(moved.error, np.full(moved.shape, 0.5))


@dtypes
@pytest.mark.parametrize("name", BINARY)
def test_one_rounding_comes_near_its_bound(name: str, dtype: str) -> None:
    rng = np.random.default_rng(11)
    a, b = (representable(rng.uniform(*ends, 2000), dtype) for ends in ((1, 2), (0.1, 0.4)))
    arithmetic = ARITHMETICS[dtype]
    result = BINARY[name](bounds.exact(a, arithmetic), bounds.exact(b, arithmetic))
    seen = native(BINARY[name], dtype, False, a, b)
    if dtype == "float64":  # the oracle's own arithmetic: only mpmath sees the difference
        triples = zip(numbers(seen), numbers(a), numbers(b), strict=True)
        distance = np.array([float(abs(s - BINARY[name](x, y))) for s, x, y in triples])
    else:
        distance = np.abs(seen - result.value)
    # A bound also holds the oracle's rounding (as much, in float64) and division's second one.
    allowed = (2 if dtype == "float64" else 1) * (2 if name == "divide" else 1)
    with np.errstate(invalid="ignore"):
        assert np.nanmax(distance / result.error) > 0.5 / allowed


def test_numbers_are_spread_over_a_vector_with_their_errors() -> None:
    parts = [Bounded(2.0, 0.5, DOUBLE), Bounded(3.0, 0.25, DOUBLE)]
    vector = functions.spread(parts, np.array([1, 0, 1]))
    assert (vector.value.tolist(), vector.error.tolist()) == ([3, 2, 3], [0.25, 0.5, 0.25])
    assert functions.spread([2.0, 3.0], np.array([1, 0, 1])).tolist() == [3, 2, 3]


def test_what_is_equal_is_near_whatever_it_is() -> None:
    value, error = np.array([math.inf, -math.inf, math.nan, 1.0]), np.array([math.inf, 0, 0, 0])
    one = Bounded(value, error, DOUBLE)
    assert bounds.near(one, one).all()
    other = Bounded(np.array([-math.inf, math.inf, 1.0, 2.0]), np.zeros(4), DOUBLE)
    assert not bounds.near(one, other)[1:].any()
