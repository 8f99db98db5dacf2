"""Probes of Keras 3, on the backend that the environment variable KERAS_BACKEND names."""

from __future__ import annotations

import functools
import os

os.environ.setdefault("JAX_ENABLE_X64", "1")  # before Keras imports jax

import keras

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

_MODULES = (keras_optimizers, keras_losses, keras_parts, keras_metrics, keras_layers, keras_fit)
_LINE = Line(keras, "keras", keras.backend.backend())
if _LINE.backend == "jax":
    from parity.lanes.jax_cache import keep_compiled

    keep_compiled()  # a release compiles what the other one has compiled


def targets() -> list[Target]:
    """Return everything of this release that can be probed, in a fixed order."""
    return [item.target for item in _found().values()]


def run(probe: Probe, nudge: Nudge) -> Arrays:
    """Return what a probe shows. Raises KeyError for an unknown target, and what Keras raises."""
    return _task(probe).run(_LINE, nudge)


def script(probe: Probe) -> str:
    """Return a script of NumPy and Keras alone that makes the call and prints what `run` shows."""
    return _task(probe).script(_LINE, f"{probe.key}, Keras 3 on {_LINE.backend}.")


@functools.cache
def _found() -> dict[str, Probed]:
    return gathered(_LINE, _MODULES)


def _task(probe: Probe) -> Task:
    return _found()[probe.target].of(probe)
