"""Cut an update to the element that diverges, its tensor, or one element of each tensor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from parity.bounds import Array
from parity.case import Case, with_arguments
from parity.compare import Divergence, Stage
from parity.oracle import Expected, follow
from parity.parts import Layer, Loss, parameter_shapes
from parity.precision import representable
from parity.repro.shown import Part, Shown, kept_of, name_of, named, narrowed, unjudged, value_at
from parity.trace import Trace


def updates(
    case: Case, trace: Trace, found: Divergence, turned: Mapping[str, Any]
) -> Iterator[Shown]:
    """Yield the element alone, one element of each tensor, the tensor alone, and all tensors."""
    steps = found.step + 1
    case = replace(case, batches=case.batches[:steps], rates=case.rates[:steps])
    shapes = parameter_shapes(case.x.shape[1], case.layers)
    weights = {name: trace.weights[name][: steps + 1] for name in shapes}
    gradients = {name: trace.gradients[name][:steps] for name in shapes if trace.gradients}
    if not gradients:
        # The lane does not show its own; any will do, since these are what the script is fed.
        own = follow(case, unjudged(weights, {}, steps), turned).gradients
        gradients = {name: representable(own[name].value, case.dtype) for name in shapes}
    name = found.tensor.rpartition(" of ")[2]

    def shown(cut: _Cut) -> Shown:
        expected = follow(cut.case, unjudged(cut.weights, cut.gradients, steps), turned)
        return cut.shown(found, expected)

    yield shown(_alone(case, name, weights, gradients, found.index))
    if len(shapes) > 1:
        kept = kept_of(case, name, found.index, 1)
        narrow = narrowed(weights, kept), narrowed(gradients, kept)
        yield shown(_whole(case, *narrow, name, (0, 0)))
    yield shown(_alone(case, name, weights, gradients, None, found.index))
    if len(shapes) > 1:
        yield shown(_whole(case, weights, gradients, name, found.index))


@dataclass(frozen=True, slots=True, eq=False)
class _Cut:
    """A cut of an update: a case of which the optimizer's part counts, with weights and gradients.

    `shape` is that of its tensor in the script, where it is alone.
    """

    case: Case
    weights: Mapping[str, Array]
    gradients: Mapping[str, Array]
    tensor: str
    index: tuple[int, ...]
    shape: tuple[int, ...] | None = None

    def shown(self, found: Divergence, expected: Expected) -> Shown:
        slot, _, _ = found.tensor.rpartition(" of ")
        slots = expected.state[slot] if found.stage is Stage.STATE else expected.weights
        wanted = slots[self.tensor][-1]
        index, shape = self.index, wanted.value.shape
        if self.shape is not None:
            place = int(np.ravel_multi_index(index, self.shape))
            index = tuple(map(int, np.unravel_index(place, shape)))
        alone = None if self.shape is None else (-1, *self.shape)
        return Shown(
            Part.UPDATE,
            self.case,
            named({name: w[0] for name, w in self.weights.items()}, alone and alone[1:]),
            named(self.gradients, alone),
            found.stage,
            name_of(self.tensor, self.shape is not None),
            self.index,
            slot,
            *value_at(wanted, index),
        )


def _alone(
    case: Case,
    name: str,
    weights: Mapping[str, Array],
    gradients: Mapping[str, Array],
    element: tuple[int, ...] | None,
    index: tuple[int, ...] = (0,),
) -> _Cut:
    """Return one tensor, or one element of it, as the only parameter."""
    parts = [weights[name], gradients[name]]
    if element is not None:
        at: Any = (slice(None), *element)
        parts = [part[at][:, None] for part in parts]
    shape = parts[0].shape[1:]
    if name.endswith("/bias") and not case.optimizer.decay_biases:
        case = with_arguments(case, weight_decay=0.0)
    case = replace(case, optimizer=replace(case.optimizer, decay_biases=True))
    w, g = ({"layer0/kernel": part.reshape(len(part), -1, shape[-1])} for part in parts)
    return _Cut(_hollow(case, w, biased=(False,)), w, g, "layer0/kernel", index, shape)


def _whole(
    case: Case,
    weights: Mapping[str, Array],
    gradients: Mapping[str, Array],
    name: str,
    index: tuple[int, ...],
) -> _Cut:
    hollow = _hollow(case, weights, biased=tuple(layer.bias for layer in case.layers))
    return _Cut(hollow, weights, gradients, name, index[: weights[name].ndim - 1])


def _hollow(case: Case, weights: Mapping[str, Array], biased: tuple[bool, ...]) -> Case:
    """Return a case with these tensors, whose optimizer call is all that matters."""
    kernels = [weights[f"layer{number}/kernel"] for number in range(len(biased))]
    rows = len(case.x)
    return replace(
        case,
        layers=tuple(
            Layer(kernel.shape[-1], bias=bias) for kernel, bias in zip(kernels, biased, strict=True)
        ),
        loss=Loss("squared_error"),
        x=np.zeros((rows, kernels[0].shape[1])),
        y=np.zeros((rows, kernels[-1].shape[-1])),
        weights={name: np.asarray(value[0], np.float64) for name, value in weights.items()},
        sample_weights=None,
    )
