"""The parts of a finding that may show its divergence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from parity.case import Case
from parity.compare import Divergence, Stage
from parity.known import dials
from parity.lockstep import Result
from parity.parts import parameter_shapes
from parity.repro.shown import Part, Shown, name_of, named
from parity.repro.slopes import slopes
from parity.repro.updates import updates


def cuts(result: Result, *, fits: bool) -> Iterator[Shown]:
    """Yield what shows the divergence of `result`, the smallest first.

    `fits` says that the lane trains a compiled model: what its parts do not show, the whole may.
    """
    found, trace = result.verdict.divergence, result.trace
    assert found is not None
    assert trace is not None
    turned = dials(result.claims)
    if found.stage in (Stage.FORWARD, Stage.BACKWARD):
        candidates = slopes(result.case, trace, found, turned)
    else:
        candidates = updates(result.case, trace, found, turned)
    yield from filter(_judgeable, candidates)
    if fits:
        yield _training(result.case, found)


def _judgeable(shown: Shown) -> bool:
    return bool(np.isfinite([shown.expected, shown.bound]).all())


def _training(case: Case, found: Divergence) -> Shown:
    steps = found.step + 1
    slot, _, name = found.tensor.rpartition(" of ")
    return Shown(
        Part.TRAINING,
        replace(case, batches=case.batches[:steps], rates=case.rates[:steps]),
        named(
            {name: case.weights[name] for name in parameter_shapes(case.x.shape[1], case.layers)}
        ),
        {},
        found.stage,
        name if name == "loss" else name_of(name, False),
        found.index,
        slot,
        found.expected,
        found.bound,
    )
