"""A training loop that can be taken step by step: judged with its gradients, or timed without."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from parity.trace import Recorder, Trace

Arrays = Mapping[str, NDArray[Any]]
Look = Callable[[Arrays], None]


def done() -> None:
    """Wait for nothing: what has returned has been computed."""


@dataclass(frozen=True, slots=True)
class Loop:
    """A case ready to train: the functions that a lane makes of it.

    `batch(n)` gives the data of step n, converted and where the framework computes. `rate(lr)` sets
    the learning rate of the steps after it. `step(batch, look)` trains one step and gives its loss,
    a number or what `float` takes; `look`, where there is one, is shown the gradients as they are
    before clipping, by lanes that have them. `weights()` and `state()` read what there is now, as
    in a Trace. `wait()` returns when a device has done all that it was asked.
    """

    batch: Callable[[int], Any]
    rate: Callable[[float], None]
    step: Callable[[Any, Look | None], Any]
    weights: Callable[[], Arrays]
    state: Callable[[], Mapping[str, Arrays]]
    wait: Callable[[], None] = done


def trained(loop: Loop, rates: Sequence[float]) -> Trace:
    """Run a loop to its end, one step for each learning rate, and return all that was seen."""
    recorder = Recorder()
    recorder.start(loop.weights())
    for step, rate in enumerate(rates):
        gradients: dict[str, NDArray[Any]] = {}
        loop.rate(rate)
        loss = loop.step(loop.batch(step), gradients.update)
        recorder.step(float(loss), gradients, loop.weights(), loop.state())
    return recorder.trace()
