"""What to train, in plain data: a case names no framework, is frozen, and is JSON both ways."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields, replace
from functools import lru_cache
from reprlib import repr as shown
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from parity.parts import DTYPES, Clip, Layer, Loss, Optimizer
from parity.validity import CaseError, check, check_names, check_number, check_one_of

Array = NDArray[Any]
Part = TypeVar("Part", Layer, Loss, Clip, Optimizer)

FORMAT = 1


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A training run described without a framework.

    `x` is (rows, features), `y` is (rows, units of the last layer) floats, or (rows,) integers
    where the loss's labels are `integer`. `batches` holds the row numbers of each step's batch,
    `rates` each step's learning rate. `weights` are the starting weights, `layerN/kernel` and
    `layerN/bias`. All floats are float64 in the range of `dtype`, to which a lane casts them.

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
        given = _object("case", record)
        form = given.get("format")
        if isinstance(form, bool) or form != FORMAT:
            raise CaseError(f"expected a case of format {FORMAT}, got {shown(form)}")
        check_names("case", given, _KEYS, _KEYS)
        dtype, clip, weights = given["dtype"], given["clip"], given["sample_weights"]
        check_one_of("dtype", dtype, DTYPES)
        loss = _part("loss", Loss, given["loss"])
        if loss.class_weights is not None:
            loss = replace(loss, class_weights=_floats("class_weights", loss.class_weights, dtype))
        optimizer = _part("optimizer", Optimizer, given["optimizer"])
        arguments = _object("optimizer.arguments", optimizer.arguments)
        return Case(
            layers=tuple(
                _part(f"layers[{number}]", Layer, layer)
                for number, layer in enumerate(_items("layers", given["layers"]))
            ),
            loss=loss,
            optimizer=replace(optimizer, arguments=dict(arguments)),
            rates=_floats("rates", given["rates"], dtype),
            x=_array("x", given["x"], dtype),
            y=_array("y", given["y"], "int64" if loss.labels == "integer" else dtype),
            batches=tuple(
                tuple(_items(f"batches[{step}]", rows))
                for step, rows in enumerate(_items("batches", given["batches"]))
            ),
            weights={
                name: _array(name, value, dtype)
                for name, value in _object("weights", given["weights"]).items()
            },
            sample_weights=None if weights is None else _array("sample_weights", weights, dtype),
            clip=None if clip is None else _part("clip", Clip, clip),
            dtype=dtype,
        )

    def to_json(self) -> str:
        """Return the case as JSON that a person can read; floats survive exactly."""
        return json.dumps(self.to_dict(), default=_list, allow_nan=False)

    @staticmethod
    def from_json(text: str) -> Case:
        """Return the case that `to_json` wrote. Raises CaseError for anything else."""
        try:
            record = json.loads(text, object_pairs_hook=_unique, parse_int=_integer)
        except CaseError:
            raise
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


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object. Raises CaseError for a name that stands in it twice."""
    record: dict[str, Any] = {}
    for name, value in pairs:
        if name in record:
            raise CaseError(f"{shown(name)} stands twice in one JSON object")
        record[name] = value
    return record


def _integer(digits: str) -> float:
    """Return a whole number; a float beyond 64 bits, where the integers of frameworks end."""
    number = int(digits)
    return number if abs(number) < 2**63 else float(digits)


def _object(what: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise CaseError(f"{what}: expected a JSON object, got {shown(value)}")
    return value


def _items(what: str, value: object) -> Sequence[Any]:
    if not isinstance(value, (list, tuple)):
        raise CaseError(f"{what}: expected a list, got {shown(value)}")
    return value


def _part(what: str, kind: type[Part], value: object) -> Part:
    record, known = _object(what, value), fields(kind)
    needed = [f.name for f in known if f.default is MISSING and f.default_factory is MISSING]
    check_names(what, record, [f.name for f in known], needed)
    return kind(**record)


def _floats(what: str, value: object, dtype: str) -> tuple[float, ...]:
    return tuple(_array(what, value, dtype).tolist())


def _array(what: str, value: object, dtype: str) -> Array:
    """Return int64, or float64 in the range of another dtype, from nested lists or an array."""
    own = np.dtype(np.int64 if dtype == "int64" else np.float64)
    if isinstance(value, np.ndarray):
        if value.dtype == own:
            return value.copy()
        value = value.tolist()
    for place, number in _numbers(what, value):
        check_number(place, number, dtype)
    try:
        return np.array(value, own)
    except ValueError as error:
        raise CaseError(
            f"{what}: expected numbers or rows of one length, got {shown(value)}"
        ) from error


def _numbers(what: str, value: object) -> Iterator[tuple[str, object]]:
    for row, item in enumerate(_items(what, value)):
        if isinstance(item, (list, tuple)):
            yield from ((f"{what}[{row}, {column}]", each) for column, each in enumerate(item))
        else:
            yield f"{what}[{row}]", item
