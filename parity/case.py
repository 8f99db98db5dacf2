"""What to train, in plain data: a case names no framework, is frozen, and is JSON both ways."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

FORMAT = 1
DTYPES = ("float64", "float32", "bfloat16", "float16")
ACTIVATIONS = (
    "linear",
    "relu",
    "leaky_relu",
    "tanh",
    "sigmoid",
    "gelu",
    "gelu_tanh",
    "elu",
    "softplus",
    "silu",
)
LEAKY_SLOPE = 0.01  # torch's and JAX's default; lanes with another default are told this one

# Each loss with the label kinds it takes.
LOSSES: Mapping[str, tuple[str, ...]] = {
    "squared_error": ("values",),
    "absolute_error": ("values",),
    "huber": ("values",),
    "smooth_l1": ("values",),
    "softmax_cross_entropy": ("integer", "dense"),
    "binary_cross_entropy": ("values",),
}
REDUCTIONS = ("mean", "sum", "half_mean")
CLIPS = ("value", "norm", "global_norm")

# Each optimizer with its hyperparameters and their textbook defaults; `lr` is the case's `rates`.
OPTIMIZERS: Mapping[str, Mapping[str, float | bool]] = {
    "sgd": {"momentum": 0.0, "nesterov": False, "dampening": 0.0, "weight_decay": 0.0},
    "adam": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0},
    "adamw": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.01},
    "amsgrad": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0},
    "adamax": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0},
    "nadam": {
        "beta1": 0.9,
        "beta2": 0.999,
        "eps": 1e-8,
        "momentum_decay": 0.004,
        "weight_decay": 0.0,
    },
    "radam": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0},
    "rmsprop": {
        "rho": 0.99,
        "eps": 1e-8,
        "centered": False,
        "momentum": 0.0,
        "weight_decay": 0.0,
    },
    "adagrad": {"eps": 1e-10, "initial_accumulator": 0.0, "weight_decay": 0.0},
    "adadelta": {"rho": 0.9, "eps": 1e-6, "weight_decay": 0.0},
    "lion": {"beta1": 0.9, "beta2": 0.99, "weight_decay": 0.0},
}
_LARGEST = float(np.finfo(np.float64).max)
# Hyperparameters that are a share of the past: 0 <= value < 1.
SHARES = ("beta1", "beta2", "rho", "momentum", "dampening")


class CaseError(ValueError):
    """A case that cannot be trained; the message shows the value and the choices."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A dense layer: `activation(x @ kernel + bias)`, kernel of shape (inputs, units)."""

    units: int
    activation: str = "linear"
    bias: bool = True


@dataclass(frozen=True, slots=True)
class Loss:
    """What is minimised.

    `mean` divides by the number of elements (of rows, for softmax_cross_entropy), `half_mean` is
    half of that, `sum` divides by nothing. Sample weights and class weights multiply each row's
    loss; the divisor stays the count. `l2` adds l2 * sum(kernel ** 2) over all kernels.
    """

    name: str
    reduction: str = "mean"
    labels: str = "values"
    delta: float = 1.0
    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] | None = None
    l2: float = 0.0


@dataclass(frozen=True, slots=True)
class Clip:
    """Gradient clipping: each element (`value`), each tensor's norm, or the norm of all."""

    kind: str
    limit: float


@dataclass(frozen=True, slots=True)
class Optimizer:
    """An optimizer call: its name and the hyperparameters given; what is not given is a default.

    `decay_biases=False` puts the biases in a group of their own without weight decay.
    """

    name: str
    arguments: Mapping[str, float | bool] = field(default_factory=dict)
    decay_biases: bool = True

    def hyperparameters(self) -> dict[str, float | bool]:
        """Return every hyperparameter, the textbook default where none is given."""
        return {**OPTIMIZERS[self.name], **self.arguments}


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A training run described without a framework.

    `x` is (rows, features), `y` is (rows, units of the last layer) floats, or (rows,) integers
    where the loss's labels are `integer`. `batches` holds the row numbers of each step's batch,
    `rates` each step's learning rate. `weights` are the starting weights, `layerN/kernel` and
    `layerN/bias`. All floats are float64 that `dtype` can represent, so a lane casts exactly.

    Raises CaseError when anything is out of range, of the wrong shape or not finite.
    """

    layers: tuple[Layer, ...]
    loss: Loss
    optimizer: Optimizer
    rates: tuple[float, ...]
    x: Array
    y: Array
    batches: tuple[tuple[int, ...], ...]
    weights: Mapping[str, Array]
    sample_weights: Array | None = None
    clip: Clip | None = None
    dtype: str = "float32"

    def __post_init__(self) -> None:
        _check(self)
        for array in (self.x, self.y, self.sample_weights, *self.weights.values()):
            if array is not None:
                array.setflags(write=False)

    @property
    def problem(self) -> str:
        """`linear`, `softmax` or `mlp`: regression, classification at depth one, or deeper."""
        if len(self.layers) > 1:
            return "mlp"
        return "softmax" if self.loss.name == "softmax_cross_entropy" else "linear"

    @property
    def steps(self) -> int:
        """The number of training steps."""
        return len(self.batches)

    def batch(self, step: int) -> tuple[Array, Array, Array | None]:
        """Return `step`'s rows of x, y and sample weights."""
        rows = np.array(self.batches[step])
        weights = None if self.sample_weights is None else self.sample_weights[rows]
        return self.x[rows], self.y[rows], weights

    def to_dict(self) -> dict[str, Any]:
        """Return plain values and arrays."""
        return {
            "format": FORMAT,
            "layers": [asdict(layer) for layer in self.layers],
            "loss": asdict(self.loss),
            "optimizer": {
                "name": self.optimizer.name,
                "arguments": dict(self.optimizer.arguments),
                "decay_biases": self.optimizer.decay_biases,
            },
            "clip": None if self.clip is None else asdict(self.clip),
            "dtype": self.dtype,
            "rates": list(self.rates),
            "batches": [list(rows) for rows in self.batches],
            "x": self.x,
            "y": self.y,
            "sample_weights": self.sample_weights,
            "weights": dict(self.weights),
        }

    @staticmethod
    def from_dict(record: Mapping[str, Any]) -> Case:
        """Return the case that `to_dict` described. Raises CaseError."""
        if not isinstance(record, Mapping):
            raise CaseError(f"a case is a JSON object, got {type(record).__name__}")
        if record.get("format") != FORMAT:
            raise CaseError(f"expected a case of format {FORMAT}, got {record.get('format')!r}")
        unknown = set(record) - set(_KEYS)
        missing = set(_KEYS) - set(record)
        if unknown or missing:
            raise CaseError(f"a case has no {sorted(unknown)} and needs {sorted(missing)}")
        try:
            loss = dict(record["loss"])
            if loss.get("class_weights") is not None:
                loss["class_weights"] = tuple(loss["class_weights"])
            clip = record["clip"]
            weights = record["sample_weights"]
            kind = np.int64 if loss.get("labels") == "integer" else np.float64
            return Case(
                layers=tuple(Layer(**layer) for layer in record["layers"]),
                loss=Loss(**loss),
                optimizer=Optimizer(**record["optimizer"]),
                rates=tuple(record["rates"]),
                x=_array(record["x"], np.float64, "x"),
                y=_array(record["y"], kind, "y"),
                batches=tuple(tuple(rows) for rows in record["batches"]),
                weights={
                    name: _array(value, np.float64, name)
                    for name, value in record["weights"].items()
                },
                sample_weights=None
                if weights is None
                else _array(weights, np.float64, "sample_weights"),
                clip=None if clip is None else Clip(**clip),
                dtype=record["dtype"],
            )
        except CaseError:
            raise
        except (TypeError, AttributeError, KeyError, ValueError) as error:
            raise CaseError(f"not a case: {error}") from error

    def to_json(self) -> str:
        """Return the case as JSON that a person can read; floats survive exactly."""
        return json.dumps(self.to_dict(), default=_list, allow_nan=False)

    @staticmethod
    def from_json(text: str) -> Case:
        """Return the case that `to_json` wrote. Raises CaseError for anything else."""
        try:
            record = json.loads(text)
        except (
            ValueError,
            RecursionError,
        ) as error:  # a number of too many digits is no syntax error
            raise CaseError(f"not JSON: {error}") from error
        return Case.from_dict(record)

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that name this case."""
        return _digest(self)


_KEYS = (
    "format",
    "layers",
    "loss",
    "optimizer",
    "clip",
    "dtype",
    "rates",
    "batches",
    "x",
    "y",
    "sample_weights",
    "weights",
)


@lru_cache(maxsize=4096)  # every lane's verdict names its case
def _digest(case: Case) -> str:
    return hashlib.sha256(case.to_json().encode()).hexdigest()[:12]


def parameter_shapes(features: int, layers: tuple[Layer, ...]) -> dict[str, tuple[int, ...]]:
    """Return each parameter's shape, in the order in which lanes build them."""
    shapes: dict[str, tuple[int, ...]] = {}
    for number, layer in enumerate(layers):
        shapes[f"layer{number}/kernel"] = (features, layer.units)
        if layer.bias:
            shapes[f"layer{number}/bias"] = (layer.units,)
        features = layer.units
    return shapes


def with_arguments(case: Case, **arguments: float | bool) -> Case:
    """Return `case` with some of its optimizer's arguments replaced."""
    merged = MappingProxyType({**case.optimizer.arguments, **arguments})
    return replace(case, optimizer=replace(case.optimizer, arguments=merged))


def _list(value: object) -> object:
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"cannot write {type(value).__name__}")


def _array(value: object, dtype: type, name: str) -> Array:
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "if":
            raise ValueError(f"holds {array.dtype}")
        with np.errstate(invalid="ignore"):  # nan has no integer
            converted: Array = array.astype(dtype)
        if not np.array_equal(converted, array, equal_nan=True):
            raise ValueError(f"is not {np.dtype(dtype)}")
    except ValueError as error:
        raise CaseError(f"{name} is not an array of numbers: {error}") from error
    return converted


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


def _finite(name: str, array: Array) -> None:
    if not np.isfinite(array).all():
        where = tuple(map(int, np.argwhere(~np.isfinite(array))[0]))
        raise CaseError(f"{name}{list(where)} is {array[where]}, expected a finite number")


def _shape(name: str, array: Array, shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise CaseError(f"{name}: expected shape {shape}, got {array.shape}")


def _check(case: Case) -> None:
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


def _check_optimizer(case: Case) -> None:
    optimizer = case.optimizer
    _one_of("optimizer", optimizer.name, OPTIMIZERS)
    known = OPTIMIZERS[optimizer.name]
    for name, value in optimizer.arguments.items():
        _one_of(f"argument of {optimizer.name}", name, known)
        if isinstance(known[name], bool):
            _flag(name, value)
        else:
            _number(name, value, 0, 1 if name in SHARES else math.inf)
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
