"""A change: one thing that a lane may do other than it was asked to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from parity.case import Case
from parity.dials import Dials

Followed = tuple[Case, Dials]  # what a lane may have followed
Turn = Callable[[Case, Dials], Followed | None]  # None: the case has nothing to change


@dataclass(frozen=True, slots=True)
class Change:
    """One thing done otherwise: `name`, the `value` it was done with, and a sentence for a person.

    A change of the `part` model is about loss and gradients, of the part optimizer about state and
    weights, of no part about both. With a `scope`, only the loss or only the gradient follows it.
    """

    part: str
    name: str
    value: Any
    says: str
    turn: Turn = field(compare=False, repr=False)
    scope: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"name": self.name, "value": self.value, "scope": self.scope, "says": self.says}


def of_case(change: Callable[[Case], Case | None]) -> Turn:
    """Return the turn of a change that leaves the dials as they are."""

    def turn(case: Case, dials: Dials) -> Followed | None:
        changed = change(case)
        return None if changed is None else (changed, dials)

    return turn
