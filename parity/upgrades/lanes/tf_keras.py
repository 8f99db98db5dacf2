"""Probes of tf_keras, the Keras 2 line, on TensorFlow."""

from __future__ import annotations

import functools

import tf_keras

from parity.upgrades.lanes import (
    keras_fit,
    keras_layers,
    keras_losses,
    keras_metrics,
    keras_optimizers,
    keras_parts,
)
from parity.upgrades.lanes.keras_task import Line, Probed, Task, gathered
from parity.upgrades.probe import Arrays, Nudge, Probe, Target

_MODULES = (
    keras_optimizers,
    keras_losses,
    keras_parts,
    keras_metrics,
    keras_layers,
    keras_fit,
)
_LINE = Line(tf_keras, "tf_keras", "tensorflow")


def targets() -> list[Target]:
    """Return everything of this release that can be probed, in a fixed order."""
    return [item.target for item in _found().values()]


def run(probe: Probe, nudge: Nudge) -> Arrays:
    """Return what a probe shows. Raises KeyError for an unknown target, and what Keras raises."""
    return _task(probe).run(_LINE, nudge)


def script(probe: Probe) -> str:
    """Return a script of NumPy and Keras alone that makes the call and prints what `run` shows."""
    return _task(probe).script(_LINE, f"{probe.key}, tf_keras.")


@functools.cache
def _found() -> dict[str, Probed]:
    return gathered(_LINE, _MODULES)


def _task(probe: Probe) -> Task:
    return _found()[probe.target].of(probe)
