"""What one script shows: a part of a finding, with what the oracle expects of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from parity.bounds import Array, Bounded
from parity.case import Case
from parity.compare import Stage
from parity.trace import Trace


class Part(StrEnum):
    """What a script runs: optimizer steps, one loss with its gradient, or a model's own fit."""

    UPDATE = "update"
    SLOPE = "slope"
    TRAINING = "training"


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What one script shows.

    `weights` are the starting weights by the names that they have in the script; `gradients` have
    the same names and a first axis for the steps. `slot` is the optimizer's, for stage state. Of
    `case`, the layers, loss and data count only where the part has a model.
    """

    part: Part
    case: Case
    weights: Mapping[str, Array]
    gradients: Mapping[str, Array]
    stage: Stage
    tensor: str
    index: tuple[int, ...]
    slot: str
    expected: float
    bound: float

    @property
    def scheduled(self) -> bool:
        """Whether the learning rate changes."""
        return len(set(self.case.rates)) > 1


def kept_of(
    case: Case, tensor: str, index: tuple[int, ...], size: int | None, first: int = 0
) -> list[list[int]]:
    """Return the features, then each layer's units, that are kept: `size` of each, with `index`."""
    sizes = [case.x.shape[1], *(layer.units for layer in case.layers)]
    wanted: dict[int, int] = {}
    if tensor != "loss":
        layer = layer_of(tensor)
        places = (layer, layer + 1) if tensor.endswith("/kernel") else (layer + 1,)
        wanted = dict(zip(places, index, strict=True))
    kept = []
    for place, full in enumerate(sizes):
        at_least = 2 if place == len(case.layers) and case.loss.labels != "values" else 1
        number = full if size is None else min(full, max(size, at_least))
        needed = [wanted[place]] if place in wanted else []
        units = [(first + unit) % full for unit in range(full)]
        others = [unit for unit in units if unit not in needed]
        kept.append(sorted((needed + others)[:number]))
    return kept


def narrowed(tensors: Mapping[str, Array], kept: list[list[int]]) -> dict[str, Array]:
    """Return the tensors, which have a first axis for the steps, at what is kept."""
    narrow = {}
    for name, value in tensors.items():
        layer = layer_of(name)
        places = kept[layer : layer + 2] if name.endswith("/kernel") else [kept[layer + 1]]
        narrow[name] = value[np.ix_(range(len(value)), *places)]
    return narrow


def unjudged(weights: Mapping[str, Array], gradients: Mapping[str, Array], steps: int) -> Trace:
    """Return a trace for the oracle to follow, whose losses are not looked at."""
    return Trace(np.zeros(steps), gradients, weights)


def value_at(wanted: Bounded, index: tuple[int, ...]) -> tuple[float, float]:
    """Return an element's expected value and its bound."""
    error = np.broadcast_to(wanted.error, wanted.value.shape)
    return float(wanted.value[index]), float(error[index])


def layer_of(name: str) -> int:
    """Return the number of a tensor's layer."""
    return int(name.partition("/")[0].removeprefix("layer"))


def name_of(tensor: str, alone: bool) -> str:
    """Return a tensor's name in the script."""
    return "w" if alone else f"{tensor.partition('/')[2]}{layer_of(tensor)}"


def named(tensors: Mapping[str, Array], alone: tuple[int, ...] | None = None) -> dict[str, Array]:
    """Return tensors by their names in the script; one that is alone has the shape given."""
    if alone is not None:
        (value,) = tensors.values()
        return {"w": value.reshape(alone)}
    return {name_of(name, False): value for name, value in tensors.items()}
