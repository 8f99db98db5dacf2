"""Lanes that must not be timed: a wrong step, and one that is another when nobody looks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from parity.case import Case
from parity.lanes import Lane, numpy32
from parity.lanes.loop import Look, Loop, trained
from parity.parts import OPTIMIZERS
from parity.trace import Trace

_EVERY = {name: tuple(arguments) for name, arguments in OPTIMIZERS.items()}
LANES = [
    Lane(mode, __file__, mode=mode, packages=("numpy",), optimizers=_EVERY)
    for mode in ("wrong", "unseen")
]


def train(case: Case, mode: str) -> Trace:
    return trained(loop(case, mode), case.rates)


def loop(case: Case, mode: str) -> Loop:
    whole = numpy32.loop(case, "")
    if mode == "wrong":
        return replace(whole, rate=lambda lr: whole.rate(1.125 * lr))
    done = 0

    def step(batch: Any, look: Look | None) -> Any:
        nonlocal done
        done += 1
        return 0.0 if look is None and done == 2 else whole.step(batch, look)

    return replace(whole, step=step)
