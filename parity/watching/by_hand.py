"""Watch a loop that updates its own tensors: it says after each step what its gradients were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from parity.asked import one_of
from parity.bounds import Array
from parity.parts import OPTIMIZERS, Layer, Loss
from parity.watching.recording import Header, Parameter, Recording, Step, places


@dataclass(frozen=True, slots=True)
class Promise:
    """What a loop's own update is meant to be: an optimizer of the oracle, and its arguments."""

    name: str
    arguments: Mapping[str, float | bool]


def promise(name: str, **arguments: float | bool) -> Promise:
    """Return what a loop promises: `promise("sgd", lr=0.1)`. Raises ValueError."""
    known = ("lr", *OPTIMIZERS[one_of("optimizer", name, OPTIMIZERS)])
    for argument in arguments:
        if argument not in known:
            raise ValueError(f"{name}: expected arguments of {', '.join(known)}, got {argument!r}")
    if "lr" not in arguments:
        raise ValueError(f"{name}: lr is missing")
    return Promise(name, arguments)


@dataclass(frozen=True, slots=True)
class Model:
    """A model of the oracle's family, so that loss and gradients can be judged too.

    The watched tensors are its kernels, of shape (inputs, units), and its biases, (units,).
    """

    layers: tuple[Layer, ...]
    loss: Loss


class Hand:
    """What a loop calls after each of its steps."""

    def __init__(
        self,
        tensors: Mapping[str, Any],
        promised: Promise,
        model: Model | None,
        recording: Recording,
        lane: str = "numpy",
    ) -> None:
        self.tensors, self.promised, self.recording = dict(tensors), promised, recording
        self.places = {name: places(as_array(value).size) for name, value in tensors.items()}
        self.last = {name: self._recorded(name, value) for name, value in tensors.items()}
        self.first = True
        recording.begin(self._header(model, lane))

    def step(
        self,
        gradients: Mapping[str, Any],
        *,
        weights: Mapping[str, Any] | None = None,
        lr: float | None = None,
        loss: float | None = None,
        x: Any = None,
        y: Any = None,
        masks: Mapping[str, Any] | None = None,
    ) -> None:
        """Take down a step that was just made.

        `gradients` are by the tensors' names. `weights` are needed where a step makes new tensors
        and leaves the watched ones as they were; `lr` where it is not the promised one; `loss`,
        `x` and `y`, those of the batch, for the loss and gradients to be judged; `masks["layerN"]`,
        of shape (rows, units), is what dropout multiplied that layer's output by.

        Raises ValueError.
        """
        unknown = sorted(set(gradients) - set(self.tensors))
        if unknown:
            raise ValueError(f"gradients: expected some of {sorted(self.tensors)}, got {unknown}")
        for name in weights or {}:
            one_of("weights", name, self.tensors)
        self.tensors |= weights or {}
        after = {name: self._recorded(name, value) for name, value in self.tensors.items()}
        told = {**self.promised.arguments, **({} if lr is None else {"lr": float(lr)})}
        self.recording.add(
            Step(
                groups=(told,),
                gradients={n: self._recorded(n, value) for n, value in gradients.items()},
                after=after,
                before=self.last if self.first else {},
                squares={n: float(np.sum(np.abs(as_array(v)) ** 2)) for n, v in gradients.items()},
                loss=None if loss is None else float(loss),
                x=None if x is None else np.asarray(as_array(x), np.float64),
                y=None if y is None else as_array(y),
                masks={name: as_array(mask) for name, mask in (masks or {}).items()},
            )
        )
        self.first, self.last = False, after

    def _recorded(self, name: str, value: Any) -> Array:
        flat = as_array(value).reshape(-1)
        where = self.places[name]
        return np.array(flat if where is None else flat[where])

    def _header(self, model: Model | None, lane: str) -> Header:
        return Header(
            lane=lane,
            versions={},
            optimizer=f"{self.promised.name} by hand",
            parameters=tuple(
                Parameter(
                    name, as_array(v).shape, str(as_array(v).dtype), 0, True, self.places[name]
                )
                for name, v in self.tensors.items()
            ),
            rule=self.promised.name,
            family=None
            if model is None
            else family(model, {n: as_array(v).shape for n, v in self.tensors.items()}),
        )


@contextmanager
def watching(
    tensors: Mapping[str, Any], promised: Promise, model: Model | None, recording: Recording
) -> Iterator[Hand]:
    """Record the steps that the loop tells of."""
    if not isinstance(promised, Promise):
        raise ValueError(f'expected parity.promise("sgd", lr=...) beside tensors, got {promised!r}')
    yield Hand(tensors, promised, model, recording)


def family(model: Model, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Return a header's family: which tensor is which of the model's, told by their shapes.

    Of tensors alike the first belongs to the first layer. Raises ValueError where one is missing,
    or left over.
    """
    left, names, inputs = dict(shapes), {}, 0
    for number, layer in enumerate(model.layers):
        kernels = [n for n, s in left.items() if s[1:] == (layer.units,) and inputs in (0, s[0])]
        biases = [n for n, s in left.items() if s == (layer.units,)] if layer.bias else []
        if not kernels or len(biases) < layer.bias:
            raise ValueError(f"no tensors for layer {number} of {layer.units} units in {left}")
        inputs = layer.units
        names[f"layer{number}/kernel"] = [kernels[0], False]
        if layer.bias:
            names[f"layer{number}/bias"] = [biases[0], False]
        for name in (*kernels[:1], *biases[:1]):
            del left[name]
    if left:
        raise ValueError(f"the model's {len(model.layers)} layers leave over {left}")
    loss = asdict(model.loss)
    del loss["labels"]
    return {"layers": [asdict(layer) for layer in model.layers], "loss": loss, "names": names}


def as_array(value: Any) -> Array:
    """Return a tensor of any library as an array."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    return np.asarray(value.numpy() if hasattr(value, "numpy") else value)
