"""A lane whose process ends in the middle of a case."""

from __future__ import annotations

import os

from parity.case import Case
from parity.lanes import Lane
from parity.trace import Trace

LANES = [Lane("crashing", __file__, optimizers={"sgd": ("momentum",)})]


def train(case: Case, mode: str) -> Trace:
    os._exit(3)
