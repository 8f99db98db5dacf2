"""Real data sets and the tutorials' data become valid, representable, reproducible cases."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from parity.case import Case
from parity.datasets import REAL, article_cases, real_case, standardised
from parity.parts import DTYPES, Optimizer
from parity.precision import representable
from parity.validity import CaseError

SGD = Optimizer("sgd")

# Rows, features and units of the output, as the data sets' descriptions give them.
SIZES = {
    "diabetes": (442, 10, 1),
    "breast_cancer": (569, 30, 1),
    "iris": (150, 4, 3),
    "wine": (178, 13, 3),
    "digits": (1797, 64, 10),
    "digits_relu": (1797, 64, 10),
    "digits_tanh": (1797, 64, 10),
}
PROBLEMS = {
    "diabetes": "linear",
    "breast_cancer": "linear",
    "iris": "softmax",
    "wine": "softmax",
    "digits": "softmax",
    "digits_relu": "mlp",
    "digits_tanh": "mlp",
}


def is_representable(case: Case) -> bool:
    floats = [case.x, *case.weights.values()]
    if case.y.dtype.kind == "f":
        floats.append(case.y)
    return all(np.array_equal(values, representable(values, case.dtype)) for values in floats)


@pytest.mark.parametrize("name", REAL)
def test_a_real_case_has_every_row_and_the_problem_it_is_known_for(name: str) -> None:
    case = real_case(name, SGD)
    assert (*case.x.shape, case.layers[-1].units) == SIZES[name]
    assert case.problem == PROBLEMS[name]


@pytest.mark.parametrize("name", REAL)
def test_every_row_is_used_exactly_once_in_each_epoch(name: str) -> None:
    case = real_case(name, SGD, epochs=2, batch_size=32)
    rows = len(case.x)
    used = [row for batch in case.batches for row in batch]
    first, second = used[:rows], used[rows:]
    assert sorted(first) == sorted(second) == list(range(rows))
    assert first != second
    assert Counter(map(len, case.batches)) == {32: 2 * (rows // 32), rows % 32: 2}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", REAL)
def test_the_dtype_can_represent_every_value(name: str, dtype: str) -> None:
    assert is_representable(real_case(name, SGD, dtype=dtype))


@pytest.mark.parametrize("name", REAL)
def test_a_real_case_is_the_same_every_time_and_survives_json(name: str) -> None:
    case = real_case(name, SGD, seed=1)
    assert case.digest == real_case(name, SGD, seed=1).digest
    assert case.digest != real_case(name, SGD, seed=2).digest
    assert case.digest == Case.from_json(case.to_json()).digest


def test_all_classes_of_a_data_set_are_there() -> None:
    assert set(real_case("digits", SGD).y) == set(range(10))
    assert np.array_equal(real_case("wine", SGD).y.sum(axis=0), [59, 71, 48])
    assert real_case("breast_cancer", SGD).y.sum() == 357


def test_standardised_columns_have_mean_zero_and_spread_one_and_a_constant_one_is_zero() -> None:
    columns = np.array([[1.0, 7.0, 1e6], [3.0, 7.0, 1e6 + 4.0]])
    assert standardised(columns).tolist() == [[-1.0, 0.0, -1.0], [1.0, 0.0, 1.0]]


def test_a_wrong_name_shows_the_choices() -> None:
    with pytest.raises(CaseError, match=r"expected one of diabetes, .* got 'boston'"):
        real_case("boston", SGD)


@pytest.mark.parametrize("arguments", [{"batch_size": 0}, {"epochs": 0}, {"lr": -1.0}])
def test_wrong_numbers_are_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(CaseError, match="expected"):
        real_case("iris", SGD, **arguments)  # type: ignore[arg-type]  # numbers of either kind


def test_importing_the_module_does_not_import_scikit_learn() -> None:
    code = "import sys, parity.datasets; print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_tutorials_are_representable_linear_regressions(dtype: str) -> None:
    for name, case in article_cases(dtype=dtype).items():
        assert case.problem == "linear", name
        assert case.optimizer.name == "sgd", name
        assert is_representable(case), name


def test_the_tutorials_data_are_theirs() -> None:
    cases = article_cases()
    plane = cases["exact_plane"]
    assert plane.x.shape == (10, 2)
    np.random.seed(5711)  # noqa: NPY002  # here and below, the tutorial's own lines
    beta = np.random.uniform(0, 1, size=(2, 1))  # noqa: NPY002
    x = np.random.normal(size=(10, 2))  # noqa: NPY002
    assert np.array_equal(plane.x, x.astype(np.float32))
    assert np.array_equal(plane.y, x.dot(beta).astype(np.float32))
    thermometer = cases["thermometer"]
    assert thermometer.x[:2, 0].tolist() == [float(np.float32(35.7)), float(np.float32(55.9))]
    assert thermometer.y[:2, 0].tolist() == [0.5, 14.0]
    assert thermometer.weights["layer0/kernel"].tolist() == [[1.0]]
    noisy = cases["noisy_line"]
    assert noisy.x[[0, -1], 0].tolist() == [-2.0, 2.0]
    assert noisy.weights["layer0/kernel"].tolist() == [[5.0]]
    synthetic = cases["synthetic"]
    assert synthetic.x.shape == (1000, 2)
    assert sorted(row for batch in synthetic.batches for row in batch) == list(range(1000))


def test_the_first_step_of_the_unscaled_thermometer_is_the_one_that_the_tutorial_prints() -> None:
    case = article_cases(dtype="float64")["thermometer_overshoots"]
    x, y, _ = case.batch(0)
    error = x * case.weights["layer0/kernel"] + case.weights["layer0/bias"] - y
    kernel = 1.0 - case.rates[0] * 2 * float((error * x).mean())
    bias = 0.0 - case.rates[0] * 2 * float(error.mean())
    assert (f"{kernel:.4f}", f"{bias:.4f}") == ("-44.1730", "-0.8260")
