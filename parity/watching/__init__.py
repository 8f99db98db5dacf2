"""Watch any training loop, and judge what was seen: `parity.watch` and `parity judge`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from parity.watching.by_hand import Hand, as_array
from parity.watching.recording import Recording, load
from parity.watching.report import Report, judge

# What watches the objects of each library, by the first part of their classes' modules.
WATCHERS = {
    "torch": "parity.watching.lanes.torch",
    "keras": "parity.watching.lanes.keras",
    "tf_keras": "parity.watching.lanes.tf_keras",
    "optax": "parity.watching.lanes.optax",
    "parity": "parity.watching.by_hand",
}


class Watched:
    """A run that is being recorded; `optimizer` is what to train with."""

    def __init__(self, recording: Recording, optimizer: Any) -> None:
        self.recording = recording
        self.optimizer = optimizer

    def judge(self) -> Report:
        """Return what the oracle says of what was recorded so far."""
        return judge(self.recording)

    def batch(self, x: Any, y: Any, loss: Any) -> None:
        """Tell of a step's batch and loss where the watch can't see them: in JAX."""
        told = {"x": as_array(x).astype(np.float64), "y": as_array(y), "loss": float(loss)}
        self.recording.batch(told)

    def step(self, gradients: Mapping[str, Any], **told: Any) -> None:
        """Take down a step of a loop that updates its own tensors: see `Hand.step`."""
        if not isinstance(self.optimizer, Hand):
            name = type(self.optimizer).__name__
            raise ValueError(f"the steps of {name} are seen by themselves: leave step() out")
        self.optimizer.step(gradients, **told)


@contextmanager
def watch(
    model: Any, optimizer: Any = None, loss: Any = None, *, file: str | Path | None = None
) -> Iterator[Watched]:
    """Record a training loop without changing its numbers; judge it by the trace's `judge()`.

    `model` is a torch module, a Keras model, or JAX parameters; `optimizer` what updates it (a
    Keras model has its own). With torch's `loss` module the loss and the gradients of a model of
    the oracle's family are judged too. Of a loop that updates its own tensors, `model` are those
    tensors by name, `optimizer` is `parity.promise("sgd", lr=0.1)`, what the loop means to do,
    `loss` a `parity.Model` if any, and the loop calls the trace's `step`. A loop in JAX with a
    `parity.Model` calls its `batch`. With a `file` every step
    is also written there at once, for `parity judge`; where the disk is full it ends, and the run
    goes on. Raises ValueError for what cannot be watched, OSError for a file that can't be opened.
    """
    library = _library(optimizer if optimizer is not None else model)
    watching = import_module(WATCHERS[library]).watching
    recording = Recording(None if file is None else open(file, "wb"))  # noqa: SIM115  # end closes
    try:
        with watching(model, optimizer, loss, recording) as trained:
            yield Watched(recording, trained)
    except BaseException as error:  # Ctrl-C too: how the loop ended is recorded
        recording.end(f"{type(error).__name__}: {error}")
        raise
    recording.end("")


def _library(subject: Any) -> str:
    for kind in type(subject).__mro__:
        name = kind.__module__.partition(".")[0]
        if name in WATCHERS:
            return name
    choices = ", ".join(name for name in WATCHERS if name != "parity")
    raise ValueError(f"expected something of {choices}, got {type(subject).__name__}: {subject!r}")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `parity judge` takes."""
    parser.add_argument("file", type=Path, help="what parity.watch(..., file=FILE) wrote")


def main(options: argparse.Namespace) -> int:
    """Print what the oracle says of a recording; return 1 if something was found."""
    report = judge(load(options.file))
    Console(soft_wrap=True).print(str(report), markup=False, highlight=False)
    return 0 if report.ok else 1
