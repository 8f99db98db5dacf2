"""The lanes whose steps are timed, and the processes that they share."""

from __future__ import annotations

from dataclasses import replace

from parity.lanes import Lane
from parity.lanes.catalog import LANES

# NumPy's own step, its sums in NumPy's order, in both precisions.
NUMPY = next(lane for lane in LANES if lane.name == "numpy32")
TIMED: tuple[Lane, ...] = (
    replace(NUMPY, mode="plain"),
    replace(NUMPY, name="numpy64", mode="plain", dtypes=("float64",)),
    *(lane for lane in LANES if lane is not NUMPY),
)


def dtype_of(lane: Lane) -> str:
    """Return the precision in which a lane is timed: float32 where it has that."""
    return "float32" if "float32" in lane.dtypes else lane.dtypes[0]


def place(lane: Lane) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return what lanes have in common that can share a process, and so an import."""
    return lane.module, tuple(sorted(lane.environment.items()))
