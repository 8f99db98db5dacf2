"""What an upgrade changes: one difference between two environments, and its kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What a change is, the worst first.

    Semantic: training differs by more than rounding. Default: an argument's default. Argument: one
    that moved, or that is accepted, ignored, refused or warned about where it was not. Error: one
    side fails. Gone and new: on one side only. Rounding: both are within the bound.
    """

    SEMANTIC = "semantic"
    DEFAULT = "default"
    ARGUMENT = "argument"
    ERROR = "error"
    GONE = "gone"
    NEW = "new"
    ROUNDING = "rounding"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    `where` is a lane or a framework, as `keras@torch`; `subject` a check, a probe's key or a
    target's name; `what` names what differs of it (an argument, a tensor and step, a dial); `old`
    and `new` are both sides of it as text, empty where there is none. `why` is a sentence more: the
    diagnosis, or by how much the difference exceeds the noise.
    """

    kind: Kind
    where: str
    subject: str
    what: str = ""
    old: str = ""
    new: str = ""
    why: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "kind": str(self.kind)}

    @staticmethod
    def from_dict(record: Mapping[str, Any]) -> Change:
        """Return the change that `to_dict` described. Raises ValueError."""
        try:
            given = {field.name: record[field.name] for field in fields(Change)}
            return Change(**{**given, "kind": Kind(given["kind"])})
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a change: {error}") from error

    @property
    def sentence(self) -> str:
        """The change in one line."""
        parts = f"{self.old or '(absent)'} -> {self.new or '(absent)'}"
        about = f"{self.subject}: {self.what}" if self.what else self.subject
        told = f"{self.where} {about}: {parts}" if self.old or self.new else f"{self.where} {about}"
        return f"{told} ({self.why})" if self.why else told
