"""The control, and the same with a quarter more work in each step."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from typing import Any

from parity.case import Case
from parity.lanes import Lane, numpy32
from parity.lanes.loop import Look, Loop, trained
from parity.parts import OPTIMIZERS
from parity.trace import Trace

MORE = 0.25
_EVERY = {name: tuple(arguments) for name, arguments in OPTIMIZERS.items()}
LANES = [Lane("slower", __file__, packages=("numpy",), optimizers=_EVERY)]


def train(case: Case, mode: str) -> Trace:
    return trained(loop(case, mode), case.rates)


def loop(case: Case, mode: str) -> Loop:
    whole = numpy32.loop(case, "shuffled")

    def step(batch: Any, look: Look | None) -> Any:
        start = perf_counter()
        loss = whole.step(batch, look)
        end = perf_counter()
        until = end + MORE * (end - start)
        while perf_counter() < until:
            pass
        return loss

    return replace(whole, step=step)
