"""What a lane did, step by step, and what it said while doing so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity.case import Case

Array = NDArray[Any]


class TraceError(ValueError):
    """A trace that does not fit its case; the message names the tensor and the shapes."""


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """A recorded run of T steps; arrays are float32 or float64 and hold the lane's values exactly.

    `losses` is (T,): each step's loss, before its update, the l2 penalty included.
    `gradients[name]` is (T, *shape): of that loss, before clipping and decay; empty where the
    lane's API does not show them. `weights[name]` is (T + 1, *shape): the starting weights, then
    those after each step. `state[slot][name]` is (T, *shape), after each step, for the slots that
    can be read (the slot names are those of the oracle's optimizers). `masks["layerN"]` is
    (rows, units): what dropout multiplied that layer's output by, for each row of the case's x.
    """

    losses: Array
    gradients: Mapping[str, Array]
    weights: Mapping[str, Array]
    state: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
    messages: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    masks: Mapping[str, Array] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values and arrays."""
        return {
            "losses": self.losses,
            "gradients": dict(self.gradients),
            "weights": dict(self.weights),
            "state": {slot: dict(tensors) for slot, tensors in self.state.items()},
            "messages": list(self.messages),
            "versions": dict(self.versions),
            "masks": dict(self.masks),
        }

    @staticmethod
    def from_dict(record: Mapping[str, Any]) -> Trace:
        """Return the trace that `to_dict` described. Raises TraceError."""
        try:
            return Trace(
                losses=record["losses"],
                gradients=record["gradients"],
                weights=record["weights"],
                state=record["state"],
                messages=tuple(record["messages"]),
                versions=record["versions"],
                masks=record["masks"],
            )
        except (TypeError, KeyError) as error:
            raise TraceError(f"not a trace: {error}") from error


class Recorder:
    """Collect a run's values as it goes; `trace()` stacks them.

    A lane calls `start` once, then `step` after each update, with NumPy arrays named and shaped as
    in the case; it need not copy them.
    """

    def __init__(self) -> None:
        self._losses: list[float] = []
        self._gradients: dict[str, list[Array]] = {}
        self._weights: dict[str, list[Array]] = {}
        self._state: dict[str, dict[str, list[Array]]] = {}

    def start(self, weights: Mapping[str, Array]) -> None:
        """Record the starting weights."""
        for name, value in weights.items():
            self._weights[name] = [np.array(value)]

    def step(
        self,
        loss: float,
        gradients: Mapping[str, Array],
        weights: Mapping[str, Array],
        state: Mapping[str, Mapping[str, Array]] | None = None,
    ) -> None:
        """Record one step: its loss and gradients, and the weights and state after it."""
        self._losses.append(float(loss))
        for name, value in gradients.items():
            self._gradients.setdefault(name, []).append(np.array(value))
        for name, value in weights.items():
            self._weights[name].append(np.array(value))
        for slot, tensors in (state or {}).items():
            for name, value in tensors.items():
                self._state.setdefault(slot, {}).setdefault(name, []).append(np.array(value))

    def trace(self) -> Trace:
        """Return what was recorded."""
        return Trace(
            losses=np.array(self._losses, np.float64),
            gradients={name: np.stack(rows) for name, rows in self._gradients.items()},
            weights={name: np.stack(rows) for name, rows in self._weights.items()},
            state={
                slot: {name: np.stack(rows) for name, rows in tensors.items()}
                for slot, tensors in self._state.items()
            },
        )


def check(trace: Trace, case: Case) -> None:
    """Raise TraceError unless `trace` has the steps, names, shapes and float types of `case`.

    Values are not looked at: a run that went to infinity is a valid trace.
    """
    steps = case.steps
    shapes = {name: array.shape for name, array in case.weights.items()}
    _check_array("losses", trace.losses, (steps,))
    weights = _tensors("weights", trace.weights, shapes)
    if len(weights) < len(shapes):
        raise TraceError(f"weights: expected {sorted(shapes)}, got {sorted(weights)}")
    for name, array in weights.items():
        _check_array(f"weights {name!r}", array, (steps + 1, *shapes[name]))
    gradients = _tensors("gradients", trace.gradients, shapes)
    if gradients and len(gradients) < len(shapes):
        raise TraceError(f"gradients: expected {sorted(shapes)} or none, got {sorted(gradients)}")
    for name, array in gradients.items():
        _check_array(f"gradients {name!r}", array, (steps, *shapes[name]))
    # Cases have no dropout: a lane's masks would only excuse a wrong forward pass.
    _tensors("masks", trace.masks, {})
    if not isinstance(trace.state, Mapping):
        raise TraceError(f"state: expected slots by name, got {type(trace.state).__name__}")
    for slot, tensors in trace.state.items():
        for name, array in _tensors(f"state {slot!r}", tensors, shapes).items():
            _check_array(f"state {slot!r} of {name!r}", array, (steps, *shapes[name]))


def _tensors(what: str, tensors: object, shapes: Mapping[str, object]) -> Mapping[str, object]:
    if not isinstance(tensors, Mapping):
        raise TraceError(f"{what}: expected arrays by name, got {type(tensors).__name__}")
    unknown = sorted(set(tensors) - set(shapes))
    if unknown:
        raise TraceError(f"{what}: expected names among {sorted(shapes)}, got {unknown}")
    return tensors


def _check_array(what: str, array: object, shape: tuple[int, ...]) -> None:
    if not isinstance(array, np.ndarray):
        raise TraceError(f"{what}: expected an array, got {type(array).__name__}")
    if array.dtype not in (np.float32, np.float64):
        raise TraceError(f"{what}: expected float32 or float64, got {array.dtype}")
    if array.shape != shape:
        raise TraceError(f"{what}: expected shape {shape}, got {array.shape}")
