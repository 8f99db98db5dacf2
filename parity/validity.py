"""Whether a case can be trained: every value is looked at before a framework starts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from parity.bounds import ARITHMETICS
from parity.parts import (
    ACTIVATIONS,
    CLIPS,
    DTYPES,
    LOSSES,
    OPTIMIZERS,
    REDUCTIONS,
    parameter_shapes,
)

if TYPE_CHECKING:
    from parity.case import Case

_LARGEST = float(np.finfo(np.float64).max)
# Hyperparameters that are a share of the past: 0 <= value < 1.
_SHARES = ("beta1", "beta2", "rho", "momentum", "dampening")


class CaseError(ValueError):
    """A case that cannot be trained; the message shows the value and the choices."""


def check(case: Case) -> None:
    """Raise CaseError for what is out of range, of the wrong shape, unknown or not finite."""
    _one_of("dtype", case.dtype, DTYPES)
    _check_model(case)
    _check_loss(case)
    _check_optimizer(case)
    _check_steps(case)


def _check_model(case: Case) -> None:
    if not case.layers:
        raise CaseError("layers: expected one or more, got none")
    for number, layer in enumerate(case.layers):
        _count(f"layers[{number}].units", layer.units)
        _one_of(f"layers[{number}].activation", layer.activation, ACTIVATIONS)
        _flag(f"layers[{number}].bias", layer.bias)
    if case.x.ndim != 2 or 0 in case.x.shape:
        raise CaseError(f"x: expected shape (rows, features), got {case.x.shape}")
    _finite("x", case.x)
    shapes = parameter_shapes(case.x.shape[1], case.layers)
    if set(case.weights) != set(shapes):
        raise CaseError(f"weights: expected {sorted(shapes)}, got {sorted(case.weights)}")
    for name, shape in shapes.items():
        _shape(name, case.weights[name], shape)
        _finite(name, case.weights[name])


def _check_loss(case: Case) -> None:
    loss, rows, units = case.loss, len(case.x), case.layers[-1].units
    _one_of("loss", loss.name, LOSSES)
    _one_of("reduction", loss.reduction, REDUCTIONS)
    _one_of(f"labels of {loss.name}", loss.labels, LOSSES[loss.name])
    _number("delta", loss.delta, float(np.finfo(np.float16).tiny))
    _number("label_smoothing", loss.label_smoothing, 0, 1)
    _number("l2", loss.l2, 0)
    if loss.label_smoothing and loss.name != "softmax_cross_entropy":
        raise CaseError(f"label_smoothing: {loss.name} has no classes")
    if loss.labels == "integer":
        _shape("y", case.y, (rows,))
        if case.y.dtype.kind != "i":
            raise CaseError(f"y: expected integer labels, got {case.y.dtype}")
        out = case.y[(case.y < 0) | (case.y >= units)]
        if out.size:
            raise CaseError(f"y: expected labels 0 <= y < {units}, got {int(out[0])}")
    else:
        _shape("y", case.y, (rows, units))
        _finite("y", case.y)
        if loss.labels == "dense":
            _check_distributions(case.y, case.dtype)
    if loss.class_weights is not None:
        if loss.name != "softmax_cross_entropy":
            raise CaseError(f"class_weights: {loss.name} has no classes")
        if len(loss.class_weights) != units:
            raise CaseError(f"class_weights: expected {units}, got {len(loss.class_weights)}")
        for weight in loss.class_weights:
            _number("class_weights", weight, 0)
    if case.sample_weights is not None:
        _shape("sample_weights", case.sample_weights, (rows,))
        _finite("sample_weights", case.sample_weights)
        if (case.sample_weights < 0).any():
            raise CaseError(f"sample_weights: expected 0 or more, got {case.sample_weights.min()}")


def _check_distributions(y: NDArray[Any], dtype: str) -> None:
    """Raise CaseError for a row that is no distribution: frameworks differ on what it means.

    A row may be off as far as a softmax in the dtype is: n terms added up, then each one multiplied
    by a reciprocal.
    """
    if (y < 0).any():
        raise CaseError(f"y: expected shares of 0 or more, got {y.min()}")
    off = np.abs(y.sum(axis=1) - 1)
    if (off > ARITHMETICS[dtype].gamma(y.shape[1] + 1)).any():
        raise CaseError(f"y: expected rows that sum to 1, got {y[np.argmax(off)].tolist()}")


def _check_optimizer(case: Case) -> None:
    optimizer = case.optimizer
    _one_of("optimizer", optimizer.name, OPTIMIZERS)
    known = OPTIMIZERS[optimizer.name]
    for name, value in optimizer.arguments.items():
        _one_of(f"argument of {optimizer.name}", name, known)
        if isinstance(known[name], bool):
            _flag(name, value)
        else:
            _number(name, value, 0, 1 if name in _SHARES else math.inf)
    _flag("decay_biases", optimizer.decay_biases)
    if case.clip is not None:
        _one_of("clip", case.clip.kind, CLIPS)
        _number("clip.limit", case.clip.limit, float(np.finfo(np.float64).tiny))


def _check_steps(case: Case) -> None:
    if not case.batches:
        raise CaseError("batches: expected one or more, got none")
    if len(case.rates) != len(case.batches):
        raise CaseError(f"rates: expected {len(case.batches)}, got {len(case.rates)}")
    for rate in case.rates:
        _number("rates", rate, 0)
    for step, rows in enumerate(case.batches):
        if not rows:
            raise CaseError(f"batches[{step}]: expected one or more rows, got none")
        for row in rows:
            if isinstance(row, bool) or not isinstance(row, int) or not 0 <= row < len(case.x):
                raise CaseError(
                    f"batches[{step}]: expected rows 0 to {len(case.x) - 1}, got {row!r}"
                )


def _one_of(what: str, value: object, choices: object) -> None:
    names = list(choices)  # type: ignore[call-overload]  # any iterable of names
    if value not in names:
        raise CaseError(f"{what}: expected one of {', '.join(map(str, names))}, got {value!r}")


def _number(what: str, value: object, low: float, high: float = math.inf) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise CaseError(f"{what}: expected a number, got {value!r}")
    if not (low <= value < high and value <= _LARGEST):
        raise CaseError(f"{what}: expected {low} <= value < {high}, got {value!r}")


def _flag(what: str, value: object) -> None:
    if not isinstance(value, bool):
        raise CaseError(f"{what}: expected true or false, got {value!r}")


def _count(what: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise CaseError(f"{what}: expected a whole number of 1 or more, got {value!r}")


def _finite(name: str, array: NDArray[Any]) -> None:
    if not np.isfinite(array).all():
        where = tuple(map(int, np.argwhere(~np.isfinite(array))[0]))
        raise CaseError(f"{name}{list(where)} is {array[where]}, expected a finite number")


def _shape(name: str, array: NDArray[Any], shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise CaseError(f"{name}: expected shape {shape}, got {array.shape}")
