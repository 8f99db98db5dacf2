"""Write a finding as one short script that needs the framework alone and exits 1 while it is there.

The script is the smallest of a few cuts of the finding that shows the divergence when it is run.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from parity.compare import START
from parity.lanes import Lane
from parity.lockstep import Result
from parity.repro import text, trial
from parity.repro.cuts import cuts
from parity.repro.shown import Shown

LINES = 25
TRIES = 200  # so many scripts are run at most, the shortest, which compile for some tenths a second
# A mode's scripts are tried in these modes, too, which are shorter to write or quicker to run.
SIMPLER = {
    ("parity.lanes.torch", "compile"): "loop",
    ("parity.lanes.jax", ""): "plain",
    ("parity.lanes.jax", "jit"): "plain",
    ("parity.lanes.tensorflow", "graph"): "eager",
    ("parity.lanes.tensorflow", "xla"): "eager",
}
WRITERS = {
    "parity.lanes.torch": "parity.repro.torch",
    "parity.lanes.keras": "parity.repro.keras",
    "parity.lanes.tf_keras": "parity.repro.keras",
    "parity.lanes.tensorflow": "parity.repro.tensorflow",
    "parity.lanes.jax": "parity.repro.jax",
}


class NoRepro(Exception):
    """A finding that no short script shows; the message says why."""


def script(result: Result, lane: Lane, place: trial.Place | None = None) -> str:
    """Return the smallest script that shows the divergence of `result`; it has been run.

    It exits 1 while the framework diverges and 0 when it agrees within the bound of the oracle as
    the result's claims turn it. It is run in `place`, by default where this is. Raises NoRepro.
    """
    place = place or trial.Place()
    found: dict[int, list[str]] = {}
    for depth, written in _written(result, lane):
        found.setdefault(depth, []).append(written)
    if not found:
        raise NoRepro(f"the smallest part of the case does not fit {LINES} lines")
    # Of each depth: the scripts of the first layers are the shorter ones, and have another loss.
    tries = [
        trial.first(sorted(texts, key=len)[: TRIES // len(found)], place)
        for texts in found.values()
    ]
    shown = [text for text in tries if text is not None]
    if not shown:
        raise NoRepro("no part of the case shows the divergence outside the lane")
    return min(shown, key=len)


def scripts(result: Result, lane: Lane) -> Iterator[str]:
    """Yield the scripts that may show the divergence, in no order. Raises NoRepro."""
    return (written for _, written in _written(result, lane))


def _written(result: Result, lane: Lane) -> Iterator[tuple[int, str]]:
    """Yield scripts, each with the number of layers of its model."""
    if lane.module not in WRITERS:
        raise NoRepro(f"no writer of scripts knows the lane {lane.name}")
    if result.verdict.divergence is None or result.trace is None:
        raise NoRepro(f"{lane.name} did not diverge: {result.verdict.status}")
    if result.verdict.divergence.tensor.endswith(START):
        raise NoRepro(f"{lane.name} did not start at the case's weights")
    told: set[str] = set()
    simpler = SIMPLER.get((lane.module, lane.mode), lane.mode)
    for shown, mode in product(cuts(result, fits=_fits(lane)), dict.fromkeys((simpler, lane.mode))):
        written = _script(shown, replace(lane, mode=mode), result)
        if written.count("\n") <= LINES and written not in told:
            told.add(written)
            yield len(shown.case.layers), written


def _fits(lane: Lane) -> bool:
    return lane.module.endswith("keras") and lane.mode in ("fit", "eager")


def _script(shown: Shown, lane: Lane, result: Result) -> str:
    found, trace = result.verdict.divergence, result.trace
    assert found is not None
    assert trace is not None
    needed = sorted(trace.versions.items() - {("parity", trace.versions.get("parity"))})
    pins = " ".join(f"{name}=={version}" for name, version in needed)
    who = f'{lane.name}: stage {found.stage}, "{found.tensor}"{list(found.index) or ""}'
    head = [*text.comment(pins), *text.comment(f"{who} at step {found.step + 1}")]
    body = importlib.import_module(WRITERS[lane.module]).lines(shown, lane)
    return "\n".join([*head, *text.wrapped([*body, *text.ending(shown)])]) + "\n"
