"""A claim that an argument is ignored, and what an audit makes of a list of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from parity.arguments.outcome import Effect, Outcome


@dataclass(frozen=True, slots=True)
class Known:
    """This argument of these targets is ignored in trials of these kinds; all are name patterns.

    `beside` matches what it stands beside: other arguments, or the setting.
    """

    target: str
    argument: str
    kind: str
    why: str
    source: str
    beside: str = "*"
    value: str = "*"

    @property
    def name(self) -> str:
        """A short name for reports."""
        beside = "" if self.beside == "*" else f" beside {self.beside}"
        return f"{self.target}: {self.kind} {self.argument}{beside}"

    def about(self, outcome: Outcome) -> bool:
        """Return whether the row speaks of this outcome's trial."""
        trial = outcome.trial
        return (
            fnmatchcase(trial.target, self.target)
            and fnmatchcase(trial.argument, self.argument)
            and fnmatchcase(trial.kind, self.kind)
            and fnmatchcase(trial.value, self.value)
            and fnmatchcase(trial.beside or trial.setting, self.beside)
        )


def unknown(outcomes: Iterable[Outcome], known: Iterable[Known]) -> list[Outcome]:
    """Return the ignored arguments that no row of `known` names."""
    rows = list(known)
    return [
        outcome
        for outcome in outcomes
        if outcome.effect is Effect.IGNORED and not any(row.about(outcome) for row in rows)
    ]


def stale(outcomes: Iterable[Outcome], known: Iterable[Known]) -> list[Known]:
    """Return the rows whose trials were all run without one that is ignored."""
    seen = list(outcomes)
    return [
        row
        for row in known
        if (about := [outcome for outcome in seen if row.about(outcome)])
        and not any(outcome.effect is Effect.IGNORED for outcome in about)
    ]
