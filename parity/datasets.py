"""Real data sets, and the data of five published tutorials, each ready to train on as a case."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.random import RandomState  # its streams, unlike Generator's, never change
from numpy.typing import NDArray

from parity.case import Case
from parity.parts import Layer, Loss, Optimizer, parameter_shapes
from parity.precision import representable
from parity.validity import CaseError

Array = NDArray[Any]
Batches = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """What to learn from a data set: scikit-learn's name for it, the loss, the hidden layers."""

    dataset: str
    loss: Loss
    hidden: tuple[Layer, ...] = ()


_BY_NUMBER = Loss("softmax_cross_entropy", labels="integer")
_ONE_HOT = Loss("softmax_cross_entropy", labels="dense")

REAL: Mapping[str, Problem] = {
    "diabetes": Problem("diabetes", Loss("squared_error")),
    "breast_cancer": Problem("breast_cancer", Loss("binary_cross_entropy")),
    "iris": Problem("iris", _BY_NUMBER),
    "wine": Problem("wine", _ONE_HOT),
    "digits": Problem("digits", _BY_NUMBER),
    "digits_relu": Problem("digits", _BY_NUMBER, (Layer(32, "relu"),)),
    "digits_tanh": Problem("digits", _ONE_HOT, (Layer(32, "tanh"),)),
}


def real_case(
    name: str,
    optimizer: Optimizer,
    *,
    lr: float = 0.01,
    epochs: int = 1,
    batch_size: int = 32,
    dtype: str = "float32",
    seed: int = 0,
) -> Case:
    """Return the case of training on the real data set `name`, one of `REAL`.

    Features are standardised, and so is a target that is a value. Each epoch shuffles the rows
    anew and uses every row once; its last batch is what is left. Starting weights are small and
    random. The same arguments give the same case on every machine. Raises CaseError.
    """
    if name not in REAL:
        raise CaseError(f"data set: expected one of {', '.join(REAL)}, got {name!r}")
    problem = REAL[name]
    features, targets = _real_data(problem.dataset)
    y, units = _labels(problem.loss, targets)
    random = RandomState(seed)
    layers = (*problem.hidden, Layer(units))
    batches = shuffled_batches(len(features), batch_size, epochs, random)
    return Case(
        layers=layers,
        loss=problem.loss,
        optimizer=optimizer,
        rates=(lr,) * len(batches),
        x=representable(features, dtype),
        y=y if problem.loss.labels == "integer" else representable(y, dtype),
        batches=batches,
        weights={
            tensor: representable(0.1 * random.standard_normal(shape), dtype)
            for tensor, shape in parameter_shapes(features.shape[1], layers).items()
        },
        dtype=dtype,
    )


def shuffled_batches(rows: int, batch_size: int, epochs: int, random: RandomState) -> Batches:
    """Return `epochs` times all row numbers in random order, cut into batches, the last partial."""
    if batch_size < 1:
        raise CaseError(f"batch_size: expected 1 or more, got {batch_size!r}")
    orders = [random.permutation(rows).tolist() for _ in range(epochs)]
    return tuple(
        tuple(order[start : start + batch_size])
        for order in orders
        for start in range(0, rows, batch_size)
    )


@lru_cache
def _real_data(dataset: str) -> tuple[Array, Array]:
    """Return scikit-learn's data set: standardised features, targets as they are."""
    from sklearn import datasets  # half a second, so only when asked for

    load: Callable[..., tuple[Array, Array]] = getattr(datasets, f"load_{dataset}")
    features, targets = load(return_X_y=True)
    return standardised(np.asarray(features, np.float64)), targets


def standardised(columns: Array) -> Array:
    """Return float64 `columns` with mean 0 and standard deviation 1; a constant one becomes 0.

    Sums are exact (`math.fsum`): no machine's vector width shows in the result.
    """
    count = len(columns)
    centred = columns - np.array([math.fsum(column) / count for column in columns.T])
    spread = np.array([math.sqrt(math.fsum(column**2) / count) for column in centred.T])
    return np.asarray(centred / np.where(spread > 0, spread, 1.0))


def _labels(loss: Loss, targets: Array) -> tuple[Array, int]:
    """Return the targets in the form that the loss takes, and how many units predict them."""
    if loss.name == "softmax_cross_entropy":
        classes = int(targets.max()) + 1
        numbers = targets.astype(np.int64)
        return (numbers if loss.labels == "integer" else np.eye(classes)[numbers]), classes
    column = targets.astype(np.float64).reshape(-1, 1)
    return (standardised(column) if loss.name == "squared_error" else column), 1


# Celsius and an unknown scale, as read off two thermometers.
_CELSIUS = (0.5, 14.0, 15.0, 28.0, 11.0, 8.0, 3.0, -4.0, 6.0, 13.0, 21.0)
_READINGS = (35.7, 55.9, 58.2, 81.9, 56.3, 48.9, 33.9, 21.8, 48.4, 60.4, 68.4)


def article_cases(*, dtype: str = "float32") -> dict[str, Case]:
    """Return what five tutorials train, by name: their data, starting weights, SGD calls and rates.

    Each is linear regression that readers are told to reproduce in another framework. Where a
    tutorial draws without a seed, the seed is 0; where it trains for thousands of steps, the case
    stops after 50, or before it overflows.
    """
    at_once, row_by_row = _full_batches(50, 50), shuffled_batches(50, 1, 1, RandomState(1))
    decay = Optimizer("sgd", {"weight_decay": 3.0}, decay_biases=False)
    penalty = Loss("squared_error", "half_mean", l2=1.5)
    return {
        "exact_plane": _exact_plane(dtype),
        "thermometer": _thermometer(1.0, 1e-4, 50, dtype),
        "thermometer_tenth": _thermometer(0.1, 1e-2, 50, dtype),
        "thermometer_overshoots": _thermometer(1.0, 1e-2, 5, dtype),
        "noisy_line": _noisy_line(dtype),
        "exact_line": _exact_line(0.1, at_once, dtype),
        "exact_line_default_lr": _exact_line(0.01, at_once, dtype),
        "exact_line_row_by_row": _exact_line(0.01, row_by_row, dtype),
        "synthetic": _synthetic(Loss("squared_error"), dtype),
        "synthetic_half": _synthetic(Loss("squared_error", "half_mean"), dtype),
        "weight_decay": _wide(Loss("squared_error"), decay, dtype),
        "l2_penalty": _wide(penalty, Optimizer("sgd"), dtype),
    }


def _linear(
    data: tuple[Array, Array],
    start: tuple[Sequence[float] | Array, float],
    lr: float,
    batches: Batches,
    dtype: str,
    *,
    loss: Loss | None = None,
    optimizer: Optimizer | None = None,
) -> Case:
    """Return linear regression with SGD on (x, y), from the starting (kernel, bias)."""
    x, y = data
    kernel, bias = start
    return Case(
        layers=(Layer(1),),
        loss=loss or Loss("squared_error"),
        optimizer=optimizer or Optimizer("sgd"),
        rates=(lr,) * len(batches),
        x=representable(x.reshape(len(x), -1), dtype),
        y=representable(y.reshape(-1, 1), dtype),
        batches=batches,
        weights={
            "layer0/kernel": representable(np.reshape(kernel, (-1, 1)), dtype),
            "layer0/bias": representable([bias], dtype),
        },
        dtype=dtype,
    )


def _full_batches(rows: int, steps: int) -> Batches:
    return (tuple(range(rows)),) * steps


def _small_kernel(random: RandomState, features: int) -> Array:
    return 0.01 * random.standard_normal(features)


def _exact_plane(dtype: str) -> Case:
    """Fit ten rows of y = x @ beta, without noise or intercept; SGD(lr=0.1), 50 full batches."""
    random = RandomState(5711)
    beta = random.uniform(0, 1, size=(2, 1))
    x = random.normal(size=(10, 2))
    y = x[:, :1] * beta[0] + x[:, 1:] * beta[1]
    start = _small_kernel(RandomState(0), 2)
    # The tutorial rounds to float32 whatever is trained then.
    data = representable(x, "float32"), representable(y, "float32")
    return _linear(data, (start, 0.0), 0.1, _full_batches(10, 50), dtype)


def _thermometer(scale: float, lr: float, steps: int, dtype: str) -> Case:
    """Fit Celsius to the other thermometer's readings times `scale`, from w = 1 and b = 0."""
    data = scale * np.array(_READINGS), np.array(_CELSIUS)
    return _linear(data, ((1.0,), 0.0), lr, _full_batches(len(_CELSIUS), steps), dtype)


def _noisy_line(dtype: str) -> Case:
    """Fit y = 3 x + 2 plus standard normal noise on 201 points in [-2, 2], from w = 5 and b = 0."""
    x = np.linspace(-2, 2, 201)
    y = 3.0 * x + 2.0 + RandomState(0).standard_normal(201)
    return _linear((x, y), ((5.0,), 0.0), 0.1, _full_batches(201, 10), dtype)


def _exact_line(lr: float, batches: Batches, dtype: str) -> Case:
    """Fit y = 0.6 x + 0.8 on 50 uniform points, from zero."""
    x = RandomState(0).uniform(size=50)
    return _linear((x, 0.6 * x + 0.8), ((0.0,), 0.0), lr, batches, dtype)


def _synthetic(loss: Loss, dtype: str) -> Case:
    """Fit 1,000 rows of y = x @ [2, -3.4] + 4.2 with noise of 0.01; one epoch, batches of 10."""
    random = RandomState(0)
    x = random.standard_normal((1000, 2))
    y = 2.0 * x[:, 0] - 3.4 * x[:, 1] + 4.2 + 0.01 * random.standard_normal(1000)
    start = _small_kernel(random, 2)
    batches = shuffled_batches(1000, 10, 1, random)
    return _linear((x, y), (start, 0.0), 0.03, batches, dtype, loss=loss)


def _wide(loss: Loss, optimizer: Optimizer, dtype: str) -> Case:
    """Fit 20 rows of 200 features, more weights than rows, so that only decay keeps them small."""
    random = RandomState(0)
    x = random.standard_normal((20, 200))
    y = np.array([math.fsum(0.01 * row) for row in x]) + 0.05 + 0.01 * random.standard_normal(20)
    start = random.standard_normal(200)
    batches = shuffled_batches(20, 5, 3, random)
    return _linear((x, y), (start, 0.0), 0.003, batches, dtype, loss=loss, optimizer=optimizer)
