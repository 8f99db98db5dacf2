"""What a script of loops prints: of each model and loop, what the watch says."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from parity.watching import Watched


def chosen(*models: Any) -> list[Any]:
    """Return the models that the command line names, all where it names none."""
    return [model for model in models if model.__name__ in (sys.argv[2:] or model.__name__)]


def told(trace: Watched, watched: Sequence[Any], plain: Sequence[Any]) -> dict[str, Any]:
    """Return what is said of a loop, and whether it came to the weights of one not watched."""
    report = trace.judge()
    same = all(map(np.array_equal, watched, plain))
    return {**report.to_dict(), "text": str(report), "same numbers": same}
