"""How much a run draws: examples for each lane, problem and optimizer, dtypes, and structures."""

from __future__ import annotations

from dataclasses import dataclass

POOL = 12


@dataclass(frozen=True, slots=True)
class Profile:
    """How much is run: examples for each lane, problem and optimizer, dtypes, and structures.

    A brief run leaves out the articles' data, the question whether each claim is still needed, and,
    unless they are asked for, the lanes that compile for each case.
    """

    examples: int
    dtypes: tuple[str, ...]
    pool: int = POOL
    brief: bool = False


PROFILES = {
    "quick": Profile(2, ("float32", "float64"), pool=6, brief=True),
    "standard": Profile(12, ("float32", "float64")),
    "deep": Profile(200, ("float32", "float64", "bfloat16", "float16"), pool=48),
}
