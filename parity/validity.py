"""Whether a case can be trained: every value is looked at before a framework starts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from reprlib import repr as shown
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
from parity.precision import PRECISIONS

if TYPE_CHECKING:
    from parity.case import Case

# Hyperparameters that are a share of the past: 0 <= value < 1.
_SHARES = ("beta1", "beta2", "rho", "momentum", "dampening")


class CaseError(ValueError):
    """A case that cannot be trained; the message shows the value and the choices."""


def check(case: Case) -> None:
    """Raise CaseError for what is out of range, of the wrong shape, unknown or not finite."""
    check_one_of("dtype", case.dtype, DTYPES)
    _check_model(case)
    _check_loss(case)
    _check_optimizer(case)
    _check_steps(case)


def check_one_of(what: str, value: object, choices: Iterable[str]) -> None:
    """Raise CaseError for a value that is none of the choices."""
    names = list(choices)
    if value not in names:
        raise CaseError(unknown(what, value, names))


def unknown(what: str, value: object, names: Sequence[str]) -> str:
    """Return the sentence about a value that none of the names stands for, with the likeliest."""
    like = get_close_matches(value, names, n=1) if isinstance(value, str) else []
    hint = f"; did you mean {like[0]}?" if like else ""
    return f"{what}: expected one of {', '.join(names)}, got {shown(value)}{hint}"


def check_names(
    what: str, given: Iterable[str], known: Iterable[str], needed: Iterable[str]
) -> None:
    """Raise CaseError for a name that is not known, or one that is needed and not given."""
    names = list(given)
    for name in names:
        check_one_of(what, name, known)
    missing = [name for name in needed if name not in names]
    if missing:
        raise CaseError(f"{what}: needs {', '.join(missing)}, got {shown(names)}")


def check_number(
    what: str, value: object, dtype: str, low: float = -math.inf, high: float = math.inf
) -> None:
    """Raise CaseError for what is no number, not low <= value < high, or too large for `dtype`."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise CaseError(f"{what}: expected a number, got {shown(value)}")
    if dtype == "int64":
        if not (-(2**63) <= value < 2**63 and value == int(value)):
            raise CaseError(f"{what}: expected a whole number of 64 bits, got {shown(value)}")
    elif not abs(value) <= (top := PRECISIONS[dtype].top):
        raise CaseError(f"{what}: expected a finite {dtype}, up to ±{top}, got {shown(value)}")
    if not low <= value < high:
        raise CaseError(f"{what}: expected {low} <= value < {high}, got {shown(value)}")


def _check_model(case: Case) -> None:
    if not case.layers:
        raise CaseError("layers: expected one or more, got none")
    for number, layer in enumerate(case.layers):
        _count(f"layers[{number}].units", layer.units)
        check_one_of(f"layers[{number}].activation", layer.activation, ACTIVATIONS)
        _flag(f"layers[{number}].bias", layer.bias)
    if case.x.ndim != 2 or 0 in case.x.shape:
        raise CaseError(f"x: expected shape (rows, features), got {case.x.shape}")
    _held("x", case.x, case.dtype)
    shapes = parameter_shapes(case.x.shape[1], case.layers)
    check_names("weights", case.weights, shapes, shapes)
    for name, shape in shapes.items():
        _shape(name, case.weights[name], shape)
        _held(name, case.weights[name], case.dtype)


def _check_loss(case: Case) -> None:
    loss, dtype, rows, units = case.loss, case.dtype, len(case.x), case.layers[-1].units
    check_one_of("loss", loss.name, LOSSES)
    check_one_of("reduction", loss.reduction, REDUCTIONS)
    check_one_of(f"labels of {loss.name}", loss.labels, LOSSES[loss.name])
    check_number("delta", loss.delta, dtype, float(np.finfo(np.float16).tiny))
    check_number("label_smoothing", loss.label_smoothing, dtype, 0, 1)
    check_number("l2", loss.l2, dtype, 0)
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
        _held("y", case.y, dtype)
        if loss.labels == "dense":
            _check_distributions(case.y, dtype)
    if loss.class_weights is not None:
        if loss.name != "softmax_cross_entropy":
            raise CaseError(f"class_weights: {loss.name} has no classes")
        if len(loss.class_weights) != units:
            raise CaseError(f"class_weights: expected {units}, got {len(loss.class_weights)}")
        for number, weight in enumerate(loss.class_weights):
            check_number(f"class_weights[{number}]", weight, dtype, 0)
    if case.sample_weights is not None:
        _shape("sample_weights", case.sample_weights, (rows,))
        _held("sample_weights", case.sample_weights, dtype)
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
        raise CaseError(f"y: expected rows that sum to 1, got {shown(y[np.argmax(off)].tolist())}")


def _check_optimizer(case: Case) -> None:
    optimizer = case.optimizer
    check_one_of("optimizer", optimizer.name, OPTIMIZERS)
    known = OPTIMIZERS[optimizer.name]
    for name, value in optimizer.arguments.items():
        check_one_of(f"argument of {optimizer.name}", name, known)
        if isinstance(known[name], bool):
            _flag(name, value)
        else:
            low = _divisor(case.dtype) if name == "clip_threshold" else 0
            check_number(name, value, case.dtype, low, 1 if name in _SHARES else math.inf)
    _flag("decay_biases", optimizer.decay_biases)
    if case.clip is not None:
        check_one_of("clip", case.clip.kind, CLIPS)
        check_number("clip.limit", case.clip.limit, case.dtype, _divisor(case.dtype))


def _check_steps(case: Case) -> None:
    if not case.batches:
        raise CaseError("batches: expected one or more, got none")
    if len(case.rates) != len(case.batches):
        raise CaseError(f"rates: expected {len(case.batches)}, got {len(case.rates)}")
    # Ftrl divides by its rate: at 0 its weights are nan in Keras and in both lines of tf_keras.
    low = _divisor(case.dtype) if case.optimizer.name == "ftrl" else 0
    for step, rate in enumerate(case.rates):
        check_number(f"rates[{step}]", rate, case.dtype, low)
    for step, rows in enumerate(case.batches):
        if not rows:
            raise CaseError(f"batches[{step}]: expected one or more rows, got none")
        for row in rows:
            if isinstance(row, bool) or not isinstance(row, int) or not 0 <= row < len(case.x):
                raise CaseError(
                    f"batches[{step}]: expected rows 0 to {len(case.x) - 1}, got {shown(row)}"
                )


def _flag(what: str, value: object) -> None:
    if not isinstance(value, bool):
        raise CaseError(f"{what}: expected true or false, got {shown(value)}")


def _count(what: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise CaseError(f"{what}: expected a whole number of 1 or more, got {shown(value)}")


def _divisor(dtype: str) -> float:
    """Return the smallest number that no lane of `dtype` takes for 0."""
    return 2 * PRECISIONS[dtype].underflow


def _held(name: str, array: NDArray[Any], dtype: str) -> None:
    beyond = ~(np.abs(array) <= PRECISIONS[dtype].top)
    for place in np.argwhere(beyond)[:1].tolist():
        check_number(f"{name}{place}", array[tuple(place)].item(), dtype)


def _shape(name: str, array: NDArray[Any], shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise CaseError(f"{name}: expected shape {shape}, got {array.shape}")
