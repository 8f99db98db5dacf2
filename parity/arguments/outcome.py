"""What came of one trial of one argument, as data and as a line of JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any


class Effect(StrEnum):
    """What an argument does to training; the worst come first.

    Ignored: accepted, and training is bit for bit the same wherever it was tried. Differs: the
    oracle says something else. Inert: no effect alone, but beside another, or documented to have
    none. Effective: it changes training, and there is no oracle for it. Honoured: as the oracle
    says. Neutral: it says what the default says.
    """

    IGNORED = "ignored"
    DIFFERS = "differs"
    CRASHED = "crashed"
    INERT = "inert"
    EFFECTIVE = "effective"
    HONOURED = "honoured"
    REFUSED = "refused"
    NEUTRAL = "neutral"


class Channel(StrEnum):
    """How the framework said something about it."""

    WARNING = "warning"
    LOG = "log"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Trial:
    """One thing to try: an argument with a value, beside others, in a setting of its target."""

    target: str
    kind: str
    argument: str
    value: str
    beside: str = ""
    setting: str = ""

    @property
    def key(self) -> str:
        """What names this trial in a file of outcomes."""
        parts = (self.target, self.kind, self.argument, self.value, self.beside, self.setting)
        return "|".join(parts)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The effect of a trial, why (an error, a reason, what it needs beside it), and what was said.

    `versions` are those of the framework: after an upgrade every trial is a new one.
    """

    framework: str
    versions: str
    trial: Trial
    effect: Effect
    why: str = ""
    channel: Channel = Channel.NOTHING
    said: str = ""

    @property
    def silent(self) -> bool:
        """Whether nothing was said."""
        return self.channel is Channel.NOTHING

    @property
    def key(self) -> str:
        """What names this outcome's trial in a file of outcomes."""
        return f"{self.framework}|{self.versions}|{self.trial.key}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    def to_json(self) -> str:
        """Return one line of JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

    @staticmethod
    def from_dict(record: Mapping[str, Any]) -> Outcome:
        """Return the outcome that `to_dict` described. Raises ValueError."""
        try:
            given = {field.name: record[field.name] for field in fields(Outcome)}
            return Outcome(
                **{
                    **given,
                    "trial": Trial(**given["trial"]),
                    "effect": Effect(given["effect"]),
                    "channel": Channel(given["channel"]),
                }
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"not an outcome: {error}") from error
