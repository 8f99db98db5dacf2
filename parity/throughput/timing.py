"""Seconds of repeated calls, with as little around them as there can be."""

from __future__ import annotations

import gc
from collections.abc import Callable
from time import perf_counter


def seconds(step: Callable[[], object], wait: Callable[[], None], count: int) -> float:
    """Return the seconds that `count` steps take, what a device has to finish included.

    No garbage is collected in between. The clock is read twice, whatever the count.
    """
    wait()
    collecting = gc.isenabled()
    gc.disable()
    try:
        start = perf_counter()
        for _ in range(count):
            step()
        wait()
        return perf_counter() - start
    finally:
        if collecting:
            gc.enable()
