"""Two lanes from outside that do what the control does; one of them offers SGD only."""

from __future__ import annotations

from parity.case import Case
from parity.lanes import Lane, numpy32
from parity.trace import Trace

LANES = [
    Lane("healthy", __file__, optimizers={"sgd": ("momentum",), "adam": ("beta1", "beta2", "eps")}),
    Lane("healthy@sgd", __file__, optimizers={"sgd": ("momentum",)}, pace=0.5),
]


def train(case: Case, mode: str) -> Trace:
    return numpy32.train(case, "shuffled")
