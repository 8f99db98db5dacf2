"""A lane whose framework nobody has installed, beside one that needs nothing."""

from __future__ import annotations

from parity.case import Case
from parity.lanes import Lane, numpy32
from parity.trace import Trace

OFFERED = {"sgd": ("momentum",)}
LANES = [
    Lane("absent", __file__, packages=("parity_of_nobody",), optimizers=OFFERED),
    Lane("absent:fit", __file__, packages=("parity_of_nobody.part",), optimizers=OFFERED),
    Lane("present", __file__, optimizers=OFFERED),
]


def train(case: Case, mode: str) -> Trace:
    return numpy32.train(case, mode)
