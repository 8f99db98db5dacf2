"""A claim that an argument is ignored, and what an audit makes of a list of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import translate
from functools import cache

from parity.arguments.outcome import Effect, Outcome


@dataclass(frozen=True, slots=True)
class Known:
    """This argument of these targets is ignored in trials of these kinds.

    All are patterns of names, or several of them with `|` between. `beside` matches what it stands
    beside: other arguments, or the setting. `but` are arguments of which it says nothing.
    `expected` is what somebody who gives the argument counts on, where its loss costs training.
    """

    target: str
    argument: str
    kind: str
    why: str
    source: str
    beside: str = "*"
    value: str = "*"
    but: str = ""
    expected: str = ""

    @property
    def name(self) -> str:
        """A short name for reports."""
        beside = "" if self.beside == "*" else f" beside {self.beside}"
        return f"{self.target}: {self.kind} {self.argument}{beside}"

    def about(self, outcome: Outcome) -> bool:
        """Return whether the row speaks of this outcome's trial."""
        trial = outcome.trial
        return (
            _matches(trial.target, self.target)
            and _matches(trial.argument, self.argument)
            and not _matches(trial.argument, self.but)
            and _matches(trial.kind, self.kind)
            and _matches(trial.value, self.value)
            and _matches(trial.beside or trial.setting, self.beside)
        )


def _matches(text: str, patterns: str) -> bool:
    return _pattern(patterns).fullmatch(text) is not None


@cache
def _pattern(patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(translate(pattern) for pattern in patterns.split("|")))


def both(name: str) -> str:
    """Return the pattern of what has one name in Keras 3 and in tf_keras."""
    return f"keras.{name}|tf_keras.{name}"


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
