"""How much a run draws: examples for each lane, problem and optimizer, dtypes, and structures."""

from __future__ import annotations

from dataclasses import dataclass

POOL = 12


@dataclass(frozen=True, slots=True)
class Profile:
    """How much is run: examples for each lane, problem and optimizer, dtypes, and structures."""

    examples: int
    dtypes: tuple[str, ...]
    pool: int = POOL


PROFILES = {
    "quick": Profile(4, ("float32", "float64"), pool=6),
    "standard": Profile(12, ("float32", "float64")),
    "deep": Profile(200, ("float32", "float64", "bfloat16", "float16"), pool=48),
}
