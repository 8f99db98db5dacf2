"""A lane whose steps are all an eighth too long."""

from __future__ import annotations

from dataclasses import replace

from parity.case import Case
from parity.lanes import Lane, numpy32
from parity.trace import Trace

LANES = [Lane("faulty", __file__, packages=("numpy",), optimizers={"sgd": ("momentum",)})]


def train(case: Case, mode: str) -> Trace:
    return numpy32.train(replace(case, rates=tuple(1.125 * rate for rate in case.rates)), mode)
