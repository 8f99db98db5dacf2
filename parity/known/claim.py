"""A claim: where a lane differs from the textbook by design, stated as a dial and checked.

A claim is not an excuse: with its dial the oracle must agree within its bound, and without it the
lane must diverge on the claim's witness case, so that an upgrade which changes either fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from parity.case import Case


@dataclass(frozen=True, slots=True)
class Claim:
    """This lane, in these versions and on these cases, is the oracle with this dial turned.

    `lanes` are name patterns; `package` and `versions` a distribution and the specifier that was
    checked. `when` maps facts of a case (see `facts`) to the values that bring the claim about.
    """

    lanes: tuple[str, ...]
    dial: str
    value: Any
    when: Mapping[str, tuple[Any, ...]]
    why: str
    source: str
    package: str
    versions: str

    @property
    def name(self) -> str:
        """A short name for reports: the dial and its value, and what it is about."""
        about = "+".join(str(value) for values in self.when.values() for value in values)
        return f"{self.dial}={self.value}" + (f"[{about}]" if about else "")

    def covers(self, lane: str) -> bool:
        """Return whether the claim is about `lane`."""
        return any(fnmatchcase(lane, pattern) for pattern in self.lanes)

    def applies(self, lane: str, case: Case) -> bool:
        """Return whether the claim says something about `lane` on `case`."""
        if not self.covers(lane):
            return False
        seen = facts(case)
        return all(not seen[key].isdisjoint(values) for key, values in self.when.items())


def in_force(claims: Iterable[Claim], versions: Mapping[str, str]) -> tuple[Claim, ...]:
    """Return the claims about the installed versions; of what is not installed, all."""
    # Here, since claims are read where nothing but NumPy and a framework is installed.
    from packaging.specifiers import SpecifierSet

    return tuple(
        claim
        for claim in claims
        if claim.package not in versions
        or SpecifierSet(claim.versions).contains(versions[claim.package], prereleases=True)
    )


def facts(case: Case) -> dict[str, set[Any]]:
    """Return what a claim's `when` can ask of a case."""
    given = case.optimizer.hyperparameters()
    return {
        "optimizer": {case.optimizer.name},
        "argument": {name for name, value in given.items() if value},
        "given": set(case.optimizer.arguments),
        "activation": {layer.activation for layer in case.layers},
        "loss": {case.loss.name},
        "labels": {case.loss.labels},
        "l2": {case.loss.l2 != 0},
        "class_weights": {case.loss.class_weights is not None},
        "weighted": {case.sample_weights is not None},
        "reduction": {case.loss.reduction},
        "clip": {case.clip.kind if case.clip else None},
        "schedule": {len(set(case.rates)) > 1},
        "dtype": {case.dtype},
    }


def claimed(claims: Iterable[Claim], lane: str, case: Case) -> tuple[Claim, ...]:
    """Return the claims that apply to `lane` on `case`."""
    return tuple(claim for claim in claims if claim.applies(lane, case))


def dials(claims: Iterable[Claim]) -> dict[str, Any]:
    """Return the dials that `claims` turn; names add up. Raises ValueError for a contradiction."""
    turned: dict[str, Any] = {}
    for claim in claims:
        if isinstance(claim.value, tuple):
            turned[claim.dial] = (*turned.get(claim.dial, ()), *claim.value)
        elif turned.setdefault(claim.dial, claim.value) != claim.value:
            raise ValueError(f"claims contradict each other on {claim.dial}: {claim.name}")
    return turned


def stated(
    lanes: tuple[str, ...], package: str, versions: str, *rows: tuple[Any, ...]
) -> tuple[Claim, ...]:
    """Return a claim for each row: dial, value, when, why, source."""
    return tuple(
        Claim(lanes, dial, value, when, why, source, package, versions)
        for dial, value, when, why, source in rows
    )


def by(*optimizers: str, **others: tuple[Any, ...]) -> dict[str, tuple[Any, ...]]:
    """Return a `when` that asks for one of some optimizers, and more."""
    return {"optimizer": optimizers, **others}


DOUBLE = ("float64",)
FULL = ("float32", "float64")
ADAMS = ("adam", "adamw", "amsgrad")
