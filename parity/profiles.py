"""How much a run draws: examples for each lane, problem and optimizer, dtypes, and structures."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from parity.lanes import Lane

POOL = 12


@dataclass(frozen=True, slots=True)
class Profile:
    """How much is run: examples for each lane, problem and optimizer, dtypes, and structures.

    A paced run gives a slow lane its share of the examples only. A brief run leaves out the
    articles' data, the question whether each claim is still needed, and, unless they are asked for,
    the lanes that compile for each case. A thorough run asks that question of every lane and
    optimizer that a claim covers, where others ask it once.
    """

    examples: int
    dtypes: tuple[str, ...]
    pool: int = POOL
    brief: bool = False
    thorough: bool = False
    paced: bool = True

    def share(self, lane: Lane) -> float:
        """Return the examples for each of `lane`'s problems and optimizers; below 1 for some."""
        return self.examples * lane.pace if self.paced else self.examples

    def spread(self, cases: int, pairs: int) -> Profile:
        """Return the profile with at least `cases` for a lane that has so many pairs."""
        return replace(self, examples=math.ceil(cases / pairs), paced=False)


PROFILES = {
    "quick": Profile(2, ("float32", "float64"), pool=6, brief=True),
    "standard": Profile(12, ("float32", "float64")),
    "deep": Profile(200, ("float32", "float64", "bfloat16", "float16"), pool=48, thorough=True),
}
