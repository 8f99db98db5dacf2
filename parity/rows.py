"""Which checks a run has: each with one row for a lane and what it is asked there."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from parity.arguments.framework import FRAMEWORKS
from parity.case import Case
from parity.datasets import REAL, article_cases
from parity.known import Claim
from parity.lanes import Lane
from parity.parts import OPTIMIZERS
from parity.profiles import Profile

PROBLEMS = ("linear", "softmax", "mlp")
# Lanes below this pace compile for each case: they leave out the articles' data, and witness only
# the claims that name them.
PROMPT = 0.1


@dataclass(frozen=True, slots=True)
class Row:
    """One parametrization of a check: its values by name, and its id, which begins with a lane."""

    values: dict[str, Any]
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The rows of a run's checks: of all of them, or of the one that runs a single case."""

    lanes: Sequence[Lane]
    claims: Sequence[Claim]
    profile: Profile
    cases: int | None  # for each lane, whatever the profile says
    single: bool
    baseline: bool

    def of(self, check: str) -> list[Row]:
        """Return the parametrization of the check named so."""
        if (check == "test_case") is not self.single:
            return []
        return [row for lane in self.lanes for row in self._finders[check](lane)]

    @property
    def checks(self) -> frozenset[str]:
        """The ids of all checks, as `test_dataset[torch-iris]`."""
        return frozenset(f"{name}[{row.id}]" for name in self._finders for row in self.of(name))

    def extent(self, lane: Lane) -> Profile:
        """Return how much is drawn for `lane`: the profile, or so as to reach `cases`."""
        if self.cases is None:
            return self.profile
        return self.profile.spread(self.cases, len(PROBLEMS) * len(lane.optimizers))

    @property
    def _finders(self) -> dict[str, Callable[[Lane], list[Row]]]:
        return {
            "test_case": self._case,
            "test_lockstep": self._lockstep,
            "test_dataset": self._dataset,
            "test_claim": self._claim,
            "test_arguments": self._arguments,
            "test_surface": self._surface,
        }

    def _case(self, lane: Lane) -> list[Row]:
        return [Row({"lane": lane}, lane.name)]

    def _lockstep(self, lane: Lane) -> list[Row]:
        pairs = [
            (problem, name)
            for name in OPTIMIZERS
            if name in lane.optimizers
            for problem in PROBLEMS
        ]
        # A lane whose share is below one case each has some of the pairs, spread evenly.
        share = min(1.0, self.extent(lane).share(lane))
        return [
            Row(
                {"lane": lane, "problem": problem, "optimizer": name},
                f"{lane.name}-{problem}-{name}",
            )
            for number, (problem, name) in enumerate(pairs, start=1)
            if math.ceil(number * share) > math.ceil((number - 1) * share)
        ]

    def _dataset(self, lane: Lane) -> list[Row]:
        tutorials = () if self.profile.brief or lane.pace < PROMPT else articles()
        return [
            Row({"lane": lane, "dataset": name}, f"{lane.name}-{name}")
            for name in (*REAL, *tutorials)
        ]

    def _claim(self, lane: Lane) -> list[Row]:
        if self.profile.brief:
            return []
        mine = [
            (claim, optimizer)
            for claim in self.claims
            if lane in self._witnesses(claim)
            for optimizer in self._apart(claim, lane)
        ]
        names = [f"{lane.name}-{claim.name}{f'-{name}' if name else ''}" for claim, name in mine]
        return [
            Row({"lane": lane, "claim": claim, "optimizer": name}, _numbered(names, number))
            for number, (claim, name) in enumerate(mine)
        ]

    def _apart(self, claim: Claim, lane: Lane) -> list[str]:
        """Return the optimizers that a claim is checked with one by one; one empty for any."""
        if not self.profile.thorough:
            return [""]
        return [
            name for name in claim.when.get("optimizer", ("",)) if name in ("", *lane.optimizers)
        ]

    def _arguments(self, lane: Lane) -> list[Row]:
        """Return the frameworks whose arguments are audited with this lane, each with one."""
        if self.profile.brief:
            return []
        return [
            Row({"lane": lane, "framework": name}, f"{lane.name}-{name}")
            for name, source in FRAMEWORKS.items()
            if source.audited_with(self.lanes) is lane
        ]

    def _surface(self, lane: Lane) -> list[Row]:
        """Return the frameworks that are asked what they offer; only for a baseline."""
        if not self.baseline:
            return []
        from parity.baseline.gather import frameworks

        return [
            Row({"lane": lane, "framework": name}, f"{lane.name}-{name}")
            for name, its in frameworks(self.lanes).items()
            if its is lane
        ]

    def _witnesses(self, claim: Claim) -> list[Lane]:
        """Return the lanes that a claim is checked on: of those it covers here, the promptest.

        With the claim, every lane is held to the bound in every check; what one lane is enough for
        is to show that the claim is still needed. A thorough run checks it on each.
        """
        names = claim.when.get("optimizer", tuple(OPTIMIZERS))
        able = [
            lane
            for lane in self.lanes
            if claim.covers(lane.name) and not lane.optimizers.keys().isdisjoint(names)
            if lane.pace >= PROMPT or lane.name in claim.lanes
        ]
        return able if self.profile.thorough else sorted(able, key=lambda lane: -lane.pace)[:1]


@cache
def articles() -> dict[str, Case]:
    """Return what the articles train, by name."""
    return article_cases()


def _numbered(names: list[str], number: int) -> str:
    """Return a name, with its number among its like where it is not the first of them."""
    before = names[:number].count(names[number])
    return names[number] + (f"-{before + 1}" if before else "")
