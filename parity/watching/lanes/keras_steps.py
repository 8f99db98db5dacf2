"""The steps of a Keras loop, of either line: weights before and after, and what lay between."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity.watching.lanes.keras_family import described, target
from parity.watching.lanes.keras_library import Library
from parity.watching.recording import Header, Parameter, Recording, Step, places

Array = NDArray[Any]

# Rules that count their steps: Keras counts the optimizer's, the oracle each tensor's.
_COUNTING = ("adam", "adamw", "amsgrad", "adamax", "nadam", "lamb")
_CHUNK = 1 << 16  # elements, that fit in a cache


@dataclass(frozen=True)
class One:
    """A parameter: its name, its variable, and which of its elements are recorded."""

    name: str
    variable: Any
    places: Array | None


@dataclass(frozen=True, slots=True)
class Seen:
    """What a step was given, as arrays; `gradients` and the like hold the recorded elements."""

    gradients: Mapping[str, Array] = field(default_factory=dict)
    squares: Mapping[str, float] = field(default_factory=dict)
    own: Mapping[str, Array] = field(default_factory=dict)
    backwards: int = 1
    batch: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class State:
    """What can be read between two steps."""

    weights: Mapping[str, Array]
    iteration: int
    rate: float | None


class Steps:
    """Takes steps down in a recording."""

    def __init__(
        self, library: Library, model: Any, loss: Any, recording: Recording, asked: Any
    ) -> None:
        self.library, self.model, self.loss = library, model, loss
        self.recording, self.asked = recording, asked
        self.how = "loop"
        self.why = ""
        self.count = 0
        self.ones: dict[int, One] = {}
        self.family: Mapping[str, Any] | None = None
        self._given: set[int] = set()  # variables that the optimizer was given
        self._trained: set[str] | None = None  # names with gradients in the first step
        self._last: Mapping[str, Array] = {}
        self._pending: Step | None = None
        self._told: tuple[Any, ...] = ()  # what of the header may change

    def know(self, variables: Iterable[Any] = ()) -> None:
        """Take the model's parameters into account, and others that an optimizer is given."""
        names = {one.name for one in self.ones.values()}
        for variable in [*self.library.parameters(self.model), *variables]:
            if id(variable) not in self.ones:
                name = self.library.name(variable)
                while name in names:
                    name += "+"
                names.add(name)
                size = int(np.prod(tuple(variable.shape)))
                self.ones[id(variable)] = One(name, variable, places(size))

    def given(self, variables: Iterable[Any]) -> None:
        """Take down that an optimizer was given these variables."""
        self._given.update(id(variable) for variable in variables)

    def state(self, optimizer: Any) -> State:
        """Return weights, step number and rate as they are now."""
        library, native = self.library, self.library.native
        rate = library.rate(optimizer)
        return State(
            weights={
                one.name: wide(native.elements(library.tensor(one.variable), one.places))
                for one in self.ones.values()
            },
            iteration=int(native.array(library.iteration(optimizer))),
            rate=None if rate is None else float(native.array(rate)),
        )

    def seen(self, told: Mapping[str, Any], optimizer: Any) -> Seen:
        """Return as arrays what was seen as tensors; `told` has them by name."""
        native, by_name = self.library.native, {one.name: one for one in self.ones.values()}
        taken = {
            kind: {
                name: wide(native.elements(tensor, by_name[name].places))
                for name, tensor in told.get(kind, {}).items()
            }
            for kind in ("gradients", "own")
        }
        gradients = told.get("gradients", {})
        norms = str(self._clip(optimizer)).find("norm") >= 0
        return Seen(
            gradients=taken["gradients"],
            own={
                name: value
                for name, value in taken["own"].items()
                if not np.array_equal(value, taken["gradients"].get(name, np.empty(0)))
            },
            squares={n: square(native.array(g)) for n, g in gradients.items()} if norms else {},
            backwards=int(told.get("backwards", 1)),
            batch=self.batch(told),
        )

    def add(self, optimizer: Any, before: State, seen: Seen, after: State) -> None:
        """Take down a step."""
        self.flush()
        self._check(optimizer, before, seen, after)
        single = seen.backwards == 1
        # Of several steps in one call, the batch is the last one's and the weights are not.
        alone = after.iteration - before.iteration == 1
        self._pending = Step(
            groups=(self._group(optimizer, before),),
            gradients=seen.gradients,
            after=after.weights,
            before={n: w for n, w in before.weights.items() if not _same(w, self._last.get(n))},
            squares=seen.squares,
            raw={n: g for n, g in seen.own.items() if n in seen.gradients} if single else {},
            own=seen.own,
            unread=self.asked.unread(optimizer),
            backwards=seen.backwards,
            **(seen.batch if alone else {}),
        )
        self._last = after.weights
        self.count += 1
        header = (self._header(optimizer), self.how)
        key = (header[0].rule, header[0].why, header[0].lane, self._groups(optimizer))
        if key != self._told:
            self._told = key
            self.recording.begin(header[0])

    def batch(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """Return batch and loss of the oracle's family, where they were seen."""
        if self.family is None or not {"x", "y", "loss"} <= set(told):
            return {}
        array, units = self.library.native.array, self.family["layers"][-1]["units"]
        y = wide(np.array(array(told["y"])))
        if y.size not in (len(y), len(y) * units):
            return {}
        return {
            "x": np.array(array(told["x"]), np.float64),
            "y": target(self.library.module, self.loss, y, units),
            "loss": float(np.sum(array(told["loss"]))),
        }

    def changed(self, changed: Mapping[str, Any]) -> None:
        """Take down gradients that were changed after the step that had used them."""
        if self._pending is None:
            return
        by_name = {one.name: one for one in self.ones.values()}
        take = self.library.native.elements
        now = {name: wide(take(value, by_name[name].places)) for name, value in changed.items()}
        other = {n: g for n, g in now.items() if not _same(g, self._pending.gradients.get(n))}
        self._pending = replace(self._pending, changed={**self._pending.changed, **other})

    def flush(self) -> None:
        """Write the last step, which nothing can change any more."""
        step, self._pending = self._pending, None
        if step is not None:
            self.recording.add(step)

    def finish(self, optimizer: Any) -> None:
        """Write what is left."""
        self.flush()
        if self.recording.header is None and optimizer is not None:
            self.know()
            self.recording.begin(self._header(optimizer))

    def describe(self) -> None:
        """Look at whether model and loss are of the oracle's family."""
        names = {key: one.name for key, one in self.ones.items()}
        self.family = described(self.library.module, self.model, self.loss, names)

    def _check(self, optimizer: Any, before: State, seen: Seen, after: State) -> None:
        rule, _ = self.library.rule(optimizer)
        names = set(seen.gradients)
        if not self.count and before.iteration:
            self.why = "the optimizer had taken steps before it was watched"
        elif rule is not None and after.iteration - before.iteration != 1:
            count = after.iteration - before.iteration
            self.why = f"{count} steps were taken in one call, of which the last was seen"
        elif rule in _COUNTING and self._trained not in (None, names):
            self.why = "not every step had gradients of the same tensors, and the optimizer's "
            self.why += "step number counts them all"
        elif before.rate is None:
            self.why = "learning_rate is a function, which is not called to be asked"
        self._trained = names if self._trained is None else self._trained

    def _clip(self, optimizer: Any) -> Any:
        return self.library.told(optimizer).get("clip")

    def _group(self, optimizer: Any, before: State) -> dict[str, Any]:
        told = self.library.told(optimizer)
        told["undecayed"] = [
            one.name
            for one in self.ones.values()
            if told.get("weight_decay") and not self.library.decays(optimizer, one.variable)
        ]
        return told if before.rate is None else {**told, "lr": before.rate}

    def _groups(self, optimizer: Any) -> tuple[Any, ...]:
        inside = {id(variable) for variable in self.library.built(optimizer)} | self._given
        return tuple((one.name, key in inside) for key, one in self.ones.items())

    def _header(self, optimizer: Any) -> Header:
        rule, why = self.library.rule(optimizer)
        inside = {name for name, is_in in self._groups(optimizer) if is_in}
        free = {id(variable) for variable in self.model.trainable_variables}
        return Header(
            lane=self.library.lane(optimizer, self.how),
            versions={
                self.library.module.__name__: self.library.module.__version__,
                **self.library.native.VERSIONS,
            },
            optimizer=self.library.path(optimizer),
            parameters=tuple(
                Parameter(
                    name=one.name,
                    shape=tuple(map(int, one.variable.shape)),
                    dtype=_dtype(one.variable),
                    group=0 if one.name in inside else None,
                    trainable=key in free or one.name in inside,
                    places=one.places,
                )
                for key, one in self.ones.items()
            ),
            rule=None if self.why else rule,
            why=self.why or why,
            asked=self.asked.arguments(optimizer),
            family=self.family,
        )


def wide(array: Array) -> Array:
    """Return 16 bits, exactly, as float32; other numbers as they are."""
    return array.astype(np.float32) if array.dtype.itemsize == 2 else array


def pair(data: Any) -> dict[str, Any]:
    """Return x and y of a train step's data, where that is all there is."""
    if not isinstance(data, (tuple, list)) or not 2 <= len(data) <= 3:
        return {}
    x, y, *weights = data
    if any(weight is not None for weight in weights) or not _is_tensor(x) or not _is_tensor(y):
        return {}
    return {"x": x, "y": y}


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")


def read(arrays: Mapping[str, Any]) -> State:
    """Return what a graph told of weights, step number and rate."""
    return State(
        {name: value.copy() for name, value in arrays["weights"].items()},
        int(arrays["iteration"]),
        float(arrays["rate"]),
    )


def square(array: Array) -> float:
    """Return the sum of the squares in float64."""
    flat = array.reshape(-1)
    parts = (flat[at : at + _CHUNK].astype(np.float64) for at in range(0, flat.size, _CHUNK))
    return float(sum(float(part @ part) for part in parts))


def _same(one: Array, other: Array | None) -> bool:
    return other is not None and np.array_equal(one, other, equal_nan=True)


def _dtype(variable: Any) -> str:
    name = getattr(variable.dtype, "name", variable.dtype)
    return str(name).removeprefix("torch.")
