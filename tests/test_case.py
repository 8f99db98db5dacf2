"""A case is plain data: JSON both ways, and refused with the value shown when it is impossible."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from functools import reduce
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parity.case import FORMAT, Case, with_arguments
from parity.oracle import run_free
from parity.parts import (
    ACTIVATIONS,
    CLIPS,
    DTYPES,
    LOSSES,
    OPTIMIZERS,
    REDUCTIONS,
    Clip,
    Layer,
    Loss,
    Optimizer,
    parameter_shapes,
)
from parity.precision import PRECISIONS
from parity.strategies import PROBLEMS, cases
from parity.validity import CaseError

any_case = st.tuples(st.sampled_from(PROBLEMS), st.sampled_from(tuple(OPTIMIZERS))).flatmap(
    lambda drawn: cases(*drawn, dtypes=DTYPES)
)
few = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])


def small() -> Case:
    return Case(
        layers=(Layer(2, "tanh"), Layer(3)),
        loss=Loss("softmax_cross_entropy", labels="integer"),
        optimizer=Optimizer("adam", {"beta1": 0.8}),
        rates=(0.1, 0.05),
        x=np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]),
        y=np.array([0, 2, 1]),
        batches=((0, 1), (2,)),
        weights={
            "layer0/kernel": np.ones((2, 2)),
            "layer0/bias": np.zeros(2),
            "layer1/kernel": np.ones((2, 3)),
            "layer1/bias": np.zeros(3),
        },
        clip=Clip("norm", 1.0),
    )


def soft(y: Any) -> Case:
    loss = Loss("softmax_cross_entropy", labels="dense")
    return replace(small(), loss=loss, y=np.array(y, np.float64))


def regression(**parts: Any) -> Case:
    layers = (Layer(1),)
    whole: dict[str, Any] = {
        "layers": layers,
        "loss": Loss("squared_error"),
        "optimizer": Optimizer("sgd"),
        "rates": (0.1,),
        "x": np.ones((2, 1)),
        "y": np.ones((2, 1)),
        "batches": ((0, 1),),
        "weights": {"layer0/kernel": np.ones((1, 1)), "layer0/bias": np.ones(1)},
    }
    return Case(**{**whole, **parts})


def same(one: Case, other: Case) -> bool:
    """Compare field by field; arrays by type, shape and bytes."""

    def plain(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return value.dtype.str, value.shape, value.tobytes()
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        return value

    return bool(plain(one.to_dict()) == plain(other.to_dict()))


@few
@given(any_case)
def test_a_case_comes_back_from_json_as_it_was(case: Case) -> None:
    again = Case.from_json(case.to_json())
    assert same(case, again)
    assert again.digest == case.digest
    assert again.to_json() == case.to_json()


@few
@given(any_case)
def test_a_case_comes_back_from_plain_values_as_it_was(case: Case) -> None:
    assert same(case, Case.from_dict(case.to_dict()))


@few
@given(any_case, st.data())
def test_a_case_that_ends_early_is_refused(case: Case, data: st.DataObject) -> None:
    text = case.to_json()
    with pytest.raises(CaseError, match="not JSON"):
        Case.from_json(text[: data.draw(st.integers(0, len(text) - 1))])


@few
@given(any_case, st.data())
def test_a_damaged_case_is_read_or_refused(case: Case, data: st.DataObject) -> None:
    text = list(case.to_json())
    for _ in range(data.draw(st.integers(1, 4))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.characters())
    with contextlib.suppress(CaseError):  # to be refused is right too
        Case.from_json("".join(text))


plain_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@given(st.sampled_from(sorted(small().to_dict())), plain_values)
def test_a_part_replaced_by_anything_is_read_or_refused(key: str, value: Any) -> None:
    record = {**json.loads(small().to_json()), key: value}
    with contextlib.suppress(CaseError):  # to be refused is right too
        Case.from_json(json.dumps(record))


@given(plain_values)
def test_anything_else_is_no_case(value: Any) -> None:
    with pytest.raises(CaseError):
        Case.from_dict(value)


def deep(path: tuple[Any, ...], value: Any, case: Case | None = None) -> Case:
    """Return a case (the small one) read from JSON in which one value is replaced."""
    return Case.from_json(edited(path, value, case or small()))


def edited(path: tuple[Any, ...], value: Any, case: Case) -> str:
    record = json.loads(case.to_json())
    holder = reduce(lambda part, key: part[key], path[:-1], record)
    holder[path[-1]] = value
    return json.dumps(record)


def numbered(path: tuple[Any, ...], value: float, dtype: str) -> Case:
    """Return a case with numbers in every place of which one is replaced."""
    loss = replace(small().loss, class_weights=(1.0, 1.0, 1.0))
    return deep(path, value, replace(small(), loss=loss, sample_weights=np.ones(3), dtype=dtype))


def without(key: str) -> Case:
    record = small().to_dict()
    del record[key]
    return Case.from_dict(record)


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "no JSON": (lambda: Case.from_json("layers: 3"), "not JSON: Expecting value"),
    "nothing": (lambda: Case.from_json(""), "not JSON"),
    "too deep": (lambda: Case.from_json("[" * 100_000), "not JSON"),
    "a list": (lambda: Case.from_json("[1]"), r"case: expected a JSON object, got \[1\]"),
    "another format": (
        lambda: deep(("format",), 99),
        f"expected a case of format {FORMAT}, got 99",
    ),
    "no format": (lambda: Case.from_json("{}"), f"expected a case of format {FORMAT}, got None"),
    "a missing part": (lambda: without("rates"), r"case: needs rates, got \['format', "),
    "an unknown part": (lambda: deep(("lr",), 0.1), "case: expected one of format.*got 'lr'"),
    "an unknown field": (
        lambda: deep(("loss", "smooth"), 1),
        "loss: expected one of name.*got 'smooth'",
    ),
    "text for a number": (
        lambda: deep(("rates", 0), "0.1"),
        r"rates\[0\]: expected a number, got '0.1'",
    ),
    "text in x": (lambda: deep(("x", 0, 0), "a"), r"x\[0, 0\]: expected a number, got 'a'"),
    "rows of two lengths": (
        lambda: deep(("x", 0), [1.0]),
        r"x: expected numbers or rows of one length, got \[\[1.0\], \[3.0, 4.0\]",
    ),
    "a label between classes": (
        lambda: deep(("y", 2), 1.5),
        r"y\[2\]: expected a whole number of 64 bits, got 1.5",
    ),
    "true in x": (lambda: deep(("x", 1, 0), True), r"x\[1, 0\]: expected a number, got True"),
    "true in y": (lambda: deep(("y",), [True, False, True]), r"y\[0\]: .*number, got True"),
    "true in a weight": (
        lambda: deep(("weights", "layer0/bias", 1), True),
        r"layer0/bias\[1\]: expected a number, got True",
    ),
    "a list in x": (lambda: deep(("x", 0, 0), [1.0]), r"x\[0, 0\]: .*number, got \[1.0\]"),
    "a number for x": (lambda: deep(("x",), 3.0), "x: expected a list, got 3.0"),
    "true for the format": (lambda: deep(("format",), True), "of format 1, got True"),
    "a name twice": (
        lambda: Case.from_json(small().to_json().replace('"limit"', '"kind": "value", "limit"')),
        "'kind' stands twice in one JSON object",
    ),
    "a number for layers": (lambda: deep(("layers",), 3), "layers: expected a list, got 3"),
    "a number for a layer": (
        lambda: deep(("layers",), [3]),
        r"layers\[0\]: expected a JSON object, got 3",
    ),
    "a layer without units": (
        lambda: deep(("layers", 0), {"bias": True}),
        r"layers\[0\]: needs units, got \['bias'\]",
    ),
    "a number for a batch": (
        lambda: deep(("batches", 1), 3),
        r"batches\[1\]: expected a list, got 3",
    ),
    "a number for rates": (lambda: deep(("rates",), 0.1), "rates: expected a list, got 0.1"),
    "weights in a list": (
        lambda: deep(("weights",), [1]),
        r"weights: expected a JSON object, got \[1\]",
    ),
    "a long text": (lambda: deep(("dtype",), "a" * 10_000), r"dtype: .{,80}got 'a+\.\.\.a+'$"),
    "units of -1": (lambda: deep(("layers", 0, "units"), -1), r"layers\[0\].units.*got -1"),
    "units of 0": (lambda: deep(("layers", 0, "units"), 0), r"layers\[0\].units.*got 0"),
    "units of 2.0": (lambda: deep(("layers", 0, "units"), 2.0), "units: expected a whole.*got 2.0"),
    "units of true": (lambda: deep(("layers", 0, "units"), True), "units.*got True"),
    "no layers": (lambda: deep(("layers",), []), "layers: expected one or more, got none"),
    "an unknown activation": (
        lambda: deep(("layers", 1, "activation"), "swish"),
        r"layers\[1\].activation: expected one of linear, relu.*silu, got 'swish'",
    ),
    "an unhashable activation": (lambda: deep(("layers", 1, "activation"), []), r"got \[\]"),
    "an unknown dtype": (lambda: deep(("dtype",), "float8"), "dtype.*float64, float32.*'float8'"),
    "an unknown loss": (lambda: deep(("loss", "name"), "mse"), "loss.*squared_error.*'mse'"),
    "an unknown reduction": (
        lambda: deep(("loss", "reduction"), "none"),
        "reduction: expected one of mean, sum, half_mean, got 'none'",
    ),
    "labels of another loss": (
        lambda: deep(("loss", "labels"), "values"),
        "labels of softmax_cross_entropy: expected one of integer, dense, got 'values'",
    ),
    "a delta of 0": (lambda: deep(("loss", "delta"), 0.0), "delta: .*got 0.0"),
    "smoothing of 1": (
        lambda: deep(("loss", "label_smoothing"), 1.0),
        "label_smoothing: expected 0 <= value < 1, got 1.0",
    ),
    "smoothing of values": (
        lambda: regression(loss=Loss("binary_cross_entropy", label_smoothing=0.1)),
        "label_smoothing: binary_cross_entropy has no classes",
    ),
    "a negative share of a class": (
        lambda: soft([[0.5, 0.5, 0.0], [2.0, -1.0, 0.0], [0.0, 0.0, 1.0]]),
        "y: expected shares of 0 or more, got -1.0",
    ),
    "shares that sum to less than one": (
        lambda: soft([[0.5, 0.5, 0.0], [0.25, 0.25, 0.25], [0.0, 0.0, 1.0]]),
        r"y: expected rows that sum to 1, got \[0.25, 0.25, 0.25\]",
    ),
    "shares off by more than their rounding": (
        lambda: soft([[1.0, 0.0, 0.0], [0.5, 0.5 + 2.0**-20, 0.0], [0.0, 0.0, 1.0]]),
        r"y: expected rows that sum to 1, got \[0.5, 0.50000095",
    ),
    "a negative l2": (lambda: deep(("loss", "l2"), -0.5), "l2.*got -0.5"),
    "an unknown optimizer": (
        lambda: deep(("optimizer", "name"), "adamm"),
        r"optimizer: expected one of sgd, adam, .*, got 'adamm'; did you mean adam\?",
    ),
    "an unknown argument": (
        lambda: deep(("optimizer", "arguments"), {"beta_1": 0.9}),
        r"argument of adam: expected one of beta1, .*, got 'beta_1'; did you mean beta1\?",
    ),
    "a beta of 1": (lambda: deep(("optimizer", "arguments", "beta1"), 1.0), "beta1.*< 1, got 1.0"),
    "true for a number": (
        lambda: deep(("optimizer", "arguments", "beta1"), True),
        "beta1: expected a number, got True",
    ),
    "an infinite eps": (
        lambda: replace(small(), optimizer=Optimizer("adam", {"eps": math.inf})),
        "eps.*got inf",
    ),
    "a negative eps": (lambda: deep(("optimizer", "arguments"), {"eps": -1e-8}), "eps.*got -1e-08"),
    "a number for true": (
        lambda: regression(optimizer=Optimizer("sgd", {"nesterov": 1})),
        "nesterov: expected true or false, got 1",
    ),
    "arguments in a list": (
        lambda: deep(("optimizer", "arguments"), [0.9]),
        r"optimizer.arguments: expected a JSON object, got \[0.9\]",
    ),
    "no arguments": (
        lambda: deep(("optimizer", "arguments"), None),
        "optimizer.arguments: expected a JSON object, got None",
    ),
    "a threshold of 0": (
        lambda: regression(optimizer=Optimizer("adafactor", {"clip_threshold": 0.0})),
        "clip_threshold: .*got 0.0",
    ),
    "decay_biases of 1": (
        lambda: deep(("optimizer", "decay_biases"), 1),
        "decay_biases: expected true or false, got 1",
    ),
    "a bias of 0": (
        lambda: deep(("layers", 0, "bias"), 0),
        r"layers\[0\].bias: expected true or false, got 0",
    ),
    "an unknown clip": (lambda: deep(("clip", "kind"), "l1"), "clip: .*global_norm, got 'l1'"),
    "a clip at 0": (lambda: deep(("clip", "limit"), 0.0), "clip.limit.*got 0.0"),
    "no steps": (lambda: replace(small(), batches=(), rates=()), "batches: .*got none"),
    "a rate too few": (lambda: deep(("rates",), [0.1]), "rates: expected 2, got 1"),
    "a negative rate": (lambda: deep(("rates", 1), -0.1), "rates.*got -0.1"),
    "a rate of true": (
        lambda: deep(("rates", 1), True),
        r"rates\[1\]: expected a number, got True",
    ),
    "a rate of 0, by which Ftrl divides": (
        lambda: regression(optimizer=Optimizer("ftrl"), rates=(0.0,)),
        r"rates\[0\]: .*got 0.0",
    ),
    "an empty batch": (lambda: deep(("batches", 1), []), r"batches\[1\].*got none"),
    "a row too many": (lambda: deep(("batches", 1), [3]), r"batches\[1\]: .*0 to 2, got 3"),
    "a negative row": (lambda: deep(("batches", 1), [-1]), r"batches\[1\].*got -1"),
    "a row of true": (lambda: deep(("batches", 1), [True]), r"batches\[1\].*got True"),
    "a row of 1.0": (lambda: deep(("batches", 1), [1.0]), r"batches\[1\].*got 1.0"),
    "no rows": (lambda: replace(small(), x=np.ones((0, 2))), r"x: expected .*got \(0, 2\)"),
    "no features": (lambda: replace(small(), x=np.ones((3, 0))), r"x: expected .*got \(3, 0\)"),
    "x of one dimension": (lambda: deep(("x",), [1.0, 2.0]), r"x: expected .*got \(2,\)"),
    "NaN in x": (
        lambda: replace(small(), x=np.array([[1, 2], [3, np.nan], [5, 6]])),
        r"x\[1, 1\]: expected a finite float32, .*got nan",
    ),
    "NaN in the JSON": (lambda: deep(("x", 2, 0), math.nan), r"x\[2, 0\]: .*got nan"),
    "infinity in a weight": (
        lambda: deep(("weights", "layer1/bias", 1), -math.inf),
        r"layer1/bias\[1\]: .*got -inf",
    ),
    "NaN in y": (lambda: regression(y=np.array([[1.0], [np.nan]])), r"y\[1, 0\]: .*got nan"),
    "a label too large": (lambda: deep(("y", 1), 3), "y: expected labels 0 <= y < 3, got 3"),
    "a negative label": (lambda: deep(("y", 1), -1), "labels 0 <= y < 3, got -1"),
    "labels as floats": (
        lambda: replace(small(), y=np.array([0.0, 1.0, 2.0])),
        "y: expected integer labels, got float64",
    ),
    "labels of another shape": (
        lambda: deep(("y",), [[0], [1], [2]]),
        r"y: expected shape \(3,\), got \(3, 1\)",
    ),
    "values of another shape": (
        lambda: regression(y=np.ones((2, 2))),
        r"y: expected shape \(2, 1\), got \(2, 2\)",
    ),
    "a missing weight": (
        lambda: deep(("weights",), {}),
        r"weights: needs layer0/kernel, layer0/bias, layer1/kernel, layer1/bias, got \[\]",
    ),
    "an unknown weight": (
        lambda: deep(("weights", "layer2/kernel"), [1.0]),
        "weights: expected one of layer0/kernel, .*got 'layer2/kernel'",
    ),
    "a weight of another shape": (
        lambda: deep(("weights", "layer0/bias"), [0.0]),
        r"layer0/bias: expected shape \(2,\), got \(1,\)",
    ),
    "class weights without classes": (
        lambda: regression(loss=Loss("huber", class_weights=(1.0,))),
        "class_weights: huber has no classes",
    ),
    "a class weight too few": (
        lambda: deep(("loss", "class_weights"), [1.0, 2.0]),
        "class_weights: expected 3, got 2",
    ),
    "a negative class weight": (
        lambda: deep(("loss", "class_weights"), [1.0, -2.0, 1.0]),
        r"class_weights\[1\].*got -2.0",
    ),
    "a sample weight too few": (
        lambda: deep(("sample_weights",), [1.0, 1.0]),
        r"sample_weights: expected shape \(3,\), got \(2,\)",
    ),
    "a negative sample weight": (
        lambda: deep(("sample_weights",), [1.0, -1.0, 1.0]),
        "sample_weights: expected 0 or more, got -1.0",
    ),
    "NaN in the sample weights": (
        lambda: deep(("sample_weights",), [1.0, math.nan, 1.0]),
        r"sample_weights\[1\]: .*got nan",
    ),
    "text for a case": (
        lambda: Case.from_json('"case"'),
        "case: expected a JSON object, got 'case'",
    ),
    "a number that no float holds": (lambda: deep(("rates", 0), 10**400), r"rates\[0\]: .*got inf"),
    "a number of too many digits": (lambda: Case.from_json("1" * 5000), "not JSON.*digits"),
    "text for a loss": (lambda: deep(("loss",), "abc"), "loss: expected a JSON object, got 'abc'"),
    "a label that no integer holds": (lambda: deep(("y", 0), 10**30), r"y\[0\]: .*got 1e\+30"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_an_impossible_case_is_refused_and_the_value_shown(what: str) -> None:
    build, message = REFUSED[what]
    with pytest.raises(CaseError, match=message):
        build()


@pytest.mark.parametrize("path", [("dtype",), ("layers", 0, "units"), ("loss", "delta"), ("x", 0)])
def test_lists_in_lists_are_refused_however_deep(path: tuple[Any, ...]) -> None:
    text = edited(path, "deep", small())
    for depth in range(800, 1000):  # around the recursion limit
        with pytest.raises(CaseError, match=r"got \[\[|not JSON"):
            Case.from_json(text.replace('"deep"', "[" * depth + "]" * depth))


NUMBERS = [
    ("x", 2, 0),
    ("weights", "layer1/bias", 1),
    ("sample_weights", 1),
    ("loss", "class_weights", 2),
    ("loss", "l2"),
    ("loss", "delta"),
    ("rates", 1),
    ("optimizer", "arguments", "eps"),
    ("clip", "limit"),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("path", NUMBERS, ids=str)
def test_a_number_is_refused_beyond_the_largest_of_its_dtype(
    path: tuple[Any, ...], dtype: str
) -> None:
    top = PRECISIONS[dtype].top
    assert numbered(path, top, dtype).dtype == dtype
    beyond = math.nextafter(top, math.inf)
    with pytest.raises(CaseError) as caught:
        numbered(path, beyond, dtype)
    assert str(caught.value).endswith(f"expected a finite {dtype}, up to ±{top}, got {beyond}")


def test_a_target_is_refused_beyond_the_largest_of_its_dtype() -> None:
    with pytest.raises(CaseError, match=r"y\[1, 0\]: expected a finite float32.*got -1e\+300"):
        regression(y=np.array([[1.0], [-1e300]]))


def test_whole_numbers_of_any_size_are_floats_to_the_oracle() -> None:
    case = numbered(("loss", "class_weights", 0), 10**30, "float64")
    assert case.loss.class_weights == (1e30, 1.0, 1.0)
    case = numbered(("optimizer", "arguments", "eps"), 10**30, "float64")
    assert np.isfinite(run_free(case, {}).losses).all()


def test_what_the_tests_start_from_is_a_case() -> None:
    assert same(small(), deep(("dtype",), "float32"))
    assert regression().steps == 1


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_can_be_asked_for(activation: str) -> None:
    assert regression(layers=(Layer(1, activation),)).layers[0].activation == activation


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("units", [2, 3, 10, 64])
def test_the_softmax_of_another_model_may_be_the_labels(units: int, dtype: str) -> None:
    rng = np.random.default_rng(units)
    z = (4 * rng.standard_normal((500, units))).astype(dtype)
    mass = np.exp(z - z.max(axis=1, keepdims=True))
    shares = mass * (np.ones((), dtype) / mass.sum(axis=1, keepdims=True))
    y = shares.astype(np.float64)
    assert (y.sum(axis=1) != 1).any()
    case = regression(
        layers=(Layer(units),),
        loss=Loss("softmax_cross_entropy", labels="dense"),
        x=np.ones((500, 1)),
        y=y,
        weights={"layer0/kernel": np.ones((1, units)), "layer0/bias": np.ones(units)},
        dtype=dtype,
    )
    assert np.array_equal(case.y, y)


@pytest.mark.parametrize("kind", CLIPS)
def test_every_clip_can_be_asked_for(kind: str) -> None:
    assert regression(clip=Clip(kind, 0.5)).clip == Clip(kind, 0.5)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_has_its_defaults_and_what_is_given(name: str) -> None:
    known = OPTIMIZERS[name]
    given = {"weight_decay": 0.125}
    assert Optimizer(name, given).hyperparameters() == {**known, **given}
    assert (
        with_arguments(regression(optimizer=Optimizer(name)), **given).optimizer.arguments == given
    )


@pytest.mark.parametrize(
    ("loss", "labels"), [(name, kind) for name, kinds in LOSSES.items() for kind in kinds]
)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_every_loss_survives_json(loss: str, labels: str, reduction: str) -> None:
    y = np.array([0, 0]) if labels == "integer" else np.ones((2, 1))
    case = regression(loss=Loss(loss, reduction, labels), y=y)
    assert Case.from_json(case.to_json()).loss == case.loss


def test_floats_survive_json_exactly() -> None:
    awkward = [0.1, 5e-324, -0.0, 1.7976931348623157e308, 1 / 3]
    x, batches = np.array(awkward)[:, None], ((0, 1, 2, 3, 4),)
    case = regression(x=x, y=np.ones((5, 1)), batches=batches, dtype="float64")
    assert Case.from_json(case.to_json()).x.tobytes() == case.x.tobytes()


def test_a_case_and_its_arrays_cannot_be_changed() -> None:
    case = small()
    with pytest.raises(FrozenInstanceError):
        case.dtype = "float64"  # type: ignore[misc]  # which is what is tested
    for array in (case.x, case.y, *case.weights.values()):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_a_batch_is_its_rows() -> None:
    case = replace(small(), sample_weights=np.array([1.0, 2.0, 3.0]), batches=((2, 0), (1,)))
    x, y, weights = case.batch(0)
    assert (x.tolist(), y.tolist()) == ([[5.0, 6.0], [1.0, 2.0]], [1, 0])
    assert weights is not None
    assert weights.tolist() == [3.0, 1.0]
    assert small().batch(1)[2] is None


def test_the_problem_is_named_by_depth_and_loss() -> None:
    softmax = replace(
        regression(),
        loss=Loss("softmax_cross_entropy", labels="dense"),
    )
    assert (regression().problem, softmax.problem, small().problem) == ("linear", "softmax", "mlp")


def test_parameters_are_named_and_shaped_layer_by_layer() -> None:
    layers = (Layer(4), Layer(2, bias=False), Layer(3))
    assert list(parameter_shapes(5, layers).items()) == [
        ("layer0/kernel", (5, 4)),
        ("layer0/bias", (4,)),
        ("layer1/kernel", (4, 2)),
        ("layer2/kernel", (2, 3)),
        ("layer2/bias", (3,)),
    ]


def test_the_digest_tells_cases_apart() -> None:
    assert small().digest == small().digest
    assert small().digest != replace(small(), rates=(0.1, 0.06)).digest
    assert len(small().digest) == 12
