"""A lane from outside with two modes, of which one is slow."""

from __future__ import annotations

from faults import untrained

from parity.case import Case
from parity.lanes import Lane
from parity.trace import Trace

OFFERED = {"sgd": ("momentum", "nesterov"), "adam": ()}
LANES = [
    Lane("mine", __file__, optimizers=OFFERED, packages=("numpy",)),
    Lane("mine:slow", __file__, "slow", optimizers=OFFERED, pace=0.25, environment={"A": "1"}),
]


def train(case: Case, mode: str) -> Trace:
    return untrained(case)
