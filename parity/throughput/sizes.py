"""The cases whose steps are timed, and what one of their steps amounts to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from parity.case import Case
from parity.oracle import run_free
from parity.parts import OPTIMIZERS, Layer, Loss, Optimizer, parameter_shapes
from parity.precision import representable
from parity.strategies import PROBLEMS

__all__ = ["PROBLEMS", "SIZES", "Work", "timed_case", "work"]

RATE: Final = 0.001
CLASSES: Final = 10


@dataclass(frozen=True, slots=True)
class Size:
    """Rows of a batch, features, and units of the hidden layer (half as many classes, in softmax).

    `steps` are those that are judged before any is timed.
    """

    rows: int
    features: int
    units: int
    steps: int


# From what is all dispatch to what is all arithmetic.
SIZES: Mapping[str, Size] = {
    "tiny": Size(32, 8, 16, 3),
    "medium": Size(256, 256, 256, 3),
    "large": Size(2048, 1024, 2048, 1),
}


@dataclass(frozen=True, slots=True)
class Work:
    """What a step amounts to: floating-point operations, and bytes that it must read and write."""

    operations: int
    bytes: int


@cache
def timed_case(problem: str, size: str, optimizer: str = "adam", dtype: str = "float32") -> Case:
    """Return a case whose steps have all rows in one batch.

    The hidden layer has tanh: no unit of it dies, so that no moment fades into the subnormal
    numbers, which cost a hundred times as much where they are not flushed to zero.
    """
    rows, features, units = SIZES[size].rows, SIZES[size].features, SIZES[size].units
    steps = SIZES[size].steps
    random = np.random.default_rng([len(problem), rows, features, units])
    layers: tuple[Layer, ...] = (Layer(1),)
    loss = Loss("squared_error")
    if problem != "linear":
        layers = (Layer(units // 2),) if problem == "softmax" else _perceptron(units)
        loss = Loss("softmax_cross_entropy", labels="integer")
    shapes = parameter_shapes(features, layers)
    weights = {
        name: representable(random.normal(0, 1 / np.sqrt(shape[0]), shape), dtype)
        for name, shape in shapes.items()
    }
    # Said, all of them: the frameworks' defaults differ. What is off is left out.
    given = {name: value for name, value in OPTIMIZERS[optimizer].items() if value}
    y: NDArray[Any] = random.integers(0, layers[-1].units, rows)
    if problem == "linear":
        y = representable(random.normal(size=(rows, 1)), dtype)
    return Case(
        layers=layers,
        loss=loss,
        optimizer=Optimizer(optimizer, given),
        rates=(RATE,) * steps,
        x=representable(random.normal(size=(rows, features)), dtype),
        y=y,
        batches=(tuple(range(rows)),) * steps,
        weights=weights,
        dtype=dtype,
    )


def _perceptron(units: int) -> tuple[Layer, ...]:
    return Layer(units, "tanh"), Layer(CLASSES)


@cache
def work(problem: str, size: str, optimizer: str = "adam", dtype: str = "float32") -> Work:
    """Return what a step of a case amounts to, as the oracle does it.

    The oracle runs a step on arrays that count: a product of matrices is two operations for each
    term, anything else one for each element. The least that moves is the batch, and each weight,
    gradient and slot, read and written once.
    """
    case = timed_case(problem, size, optimizer, dtype)
    counted = replace(case, rates=case.rates[:1], batches=case.batches[:1])
    weights = {name: value.view(_Counting) for name, value in case.weights.items()}
    object.__setattr__(counted, "weights", weights)
    _Counting.operations = 0
    trace = run_free(counted, {})
    slots = len(trace.state)
    numbers = case.x.size + case.y.size
    numbers += (2 + 1 + 2 * slots) * sum(value.size for value in weights.values())
    return Work(_Counting.operations, numbers * np.dtype(dtype).itemsize)


class _Counting(np.ndarray[Any, Any]):
    """An array that counts the floating-point operations on it."""

    operations = 0

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **given: Any) -> Any:
        """Count, and do what NumPy does."""
        plain = [np.asarray(one) if isinstance(one, np.ndarray) else one for one in inputs]
        found = getattr(ufunc, method)(*plain, **given)
        if not isinstance(found, np.ndarray) or found.dtype.kind != "f":
            return found
        if ufunc is np.matmul:
            _Counting.operations += 2 * found.size * plain[0].shape[-1]
        elif method == "__call__":
            _Counting.operations += found.size
        else:
            _Counting.operations += plain[0].size
        return found.view(_Counting)
