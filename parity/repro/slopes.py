"""Cut a loss or gradient to one step, and that to a few rows, features and units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from parity.bounds import Array
from parity.case import Case
from parity.compare import Divergence, Stage
from parity.oracle import follow
from parity.parts import Loss, parameter_shapes
from parity.repro.shown import (
    Part,
    Shown,
    kept_of,
    layer_of,
    name_of,
    named,
    narrowed,
    unjudged,
    value_at,
)
from parity.trace import Trace

# How many features and units of each layer a cut of a model keeps, and from how many on it tries.
SIZES = ((1, 16), (2, 4), (4, 1), (None, 1))
ROWS = 4  # of the smallest inputs, where kinks are, and of the largest, where thresholds are


def slopes(
    case: Case, trace: Trace, found: Divergence, turned: Mapping[str, Any]
) -> Iterator[Shown]:
    """Yield the one step's loss or gradient, of few rows and units up to all of them.

    Then come those of the first layers alone, where a deep model is too large to be shown.
    """
    rows = sorted(case.batches[found.step], key=lambda row: float(np.abs(case.x[row]).sum()))
    some = dict.fromkeys((*rows[:ROWS], *rows[-ROWS:]))
    chosen_rows = [[row] for row in some] + [rows][: len(rows) - 1]
    for piece, place in _pieces(case, found):
        weights = {
            name: np.asarray(trace.weights[name][found.step : found.step + 2])
            for name in parameter_shapes(piece.x.shape[1], piece.layers)
        }
        for kept, chosen in product(_keeping(piece, place), chosen_rows):
            cut = _cut_model(piece, kept, chosen, narrowed(weights, kept))
            yield _slope(cut, place, _place(place.tensor, place.index, kept), turned)


def _pieces(case: Case, found: Divergence) -> Iterator[tuple[Case, Divergence]]:
    """Yield the case, then its first layers alone with a plain loss; each with what is shown."""
    yield case, found
    loss = replace(found, stage=Stage.FORWARD, tensor="loss", index=())
    for depth in range(1, len(case.layers)):
        layers = case.layers[:depth]
        names = parameter_shapes(case.x.shape[1], layers)
        piece = replace(
            case,
            layers=layers,
            loss=Loss("squared_error"),
            y=np.ones((len(case.x), layers[-1].units)),
            sample_weights=None,
            weights={name: case.weights[name] for name in names},
        )
        yield piece, found if found.tensor in names else loss


def _slope(
    cut: Case, found: Divergence, index: tuple[int, ...], turned: Mapping[str, Any]
) -> Shown:
    seen = unjudged({name: np.stack([w, w]) for name, w in cut.weights.items()}, {}, 1)
    expected = follow(cut, seen, turned)
    loss = found.tensor == "loss"
    value = expected.losses if loss else expected.gradients[found.tensor]
    return Shown(
        Part.SLOPE,
        cut,
        named(cut.weights),
        {},
        found.stage,
        "loss" if loss else name_of(found.tensor, False),
        index,
        "",
        *value_at(value[0], index),
    )


def _keeping(case: Case, found: Divergence) -> Iterator[list[list[int]]]:
    """Yield what to keep of the features and of each layer's units.

    With all the features, the first layer's units see what they saw, which kinks depend on.
    """
    features = list(range(case.x.shape[1]))
    told: list[list[list[int]]] = []
    for size, first in ((size, first) for size, tries in SIZES for first in range(tries)):
        kept = kept_of(case, found.tensor, found.index, size, first)
        for choice in (kept, [features, *kept[1:]]):
            if choice not in told:
                told.append(choice)
                yield choice


def _cut_model(
    case: Case, kept: list[list[int]], rows: list[int], weights: Mapping[str, Array]
) -> Case:
    """Return one step of `case` on these rows, features and units."""
    loss, y = case.loss, case.y[rows]
    if loss.labels == "integer":
        y = y % len(kept[-1])
    elif loss.labels == "dense" and len(kept[-1]) < case.layers[-1].units:
        y = np.eye(len(kept[-1]))[y[:, kept[-1]].argmax(axis=1)]
    else:
        y = y[:, kept[-1]]
    if loss.class_weights is not None:
        loss = replace(loss, class_weights=tuple(loss.class_weights[unit] for unit in kept[-1]))
    units = [len(indices) for indices in kept[1:]]
    return replace(
        case,
        layers=tuple(replace(one, units=n) for one, n in zip(case.layers, units, strict=True)),
        loss=loss,
        x=case.x[np.ix_(rows, kept[0])],
        y=y,
        batches=(tuple(range(len(rows))),),
        rates=case.rates[:1],
        weights={name: np.asarray(value[0], np.float64) for name, value in weights.items()},
        sample_weights=None if case.sample_weights is None else case.sample_weights[rows],
    )


def _place(tensor: str, index: tuple[int, ...], kept: list[list[int]]) -> tuple[int, ...]:
    """Return where an element is found among what is kept."""
    if tensor == "loss":
        return ()
    layer = layer_of(tensor)
    places = kept[layer : layer + 2] if tensor.endswith("/kernel") else [kept[layer + 1]]
    return tuple(units.index(i) for units, i in zip(places, index, strict=True))
