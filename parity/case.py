"""What to train, in plain data: a case names no framework, is frozen, and is JSON both ways."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity.parts import Clip, Layer, Loss, Optimizer
from parity.validity import CaseError, check

Array = NDArray[Any]

FORMAT = 1


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
        check(self)
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
