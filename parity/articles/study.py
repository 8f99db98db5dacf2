"""A case study: a system of an article, and what a run of it gave; plain data both."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import ModuleType
from typing import Any

from parity.watching import Watched


@dataclass(frozen=True, slots=True)
class System:
    """What an article trains, and what it says of it.

    `lane` is the framework in whose process `name` runs. `prints` are the numbers that the article
    prints, digit by digit, by their labels; a run shows its own under the same ones. `found` are
    the kinds of what the harness finds, in its order. `why` explains it; numbers of the run stand
    in it as `{label}`. `mended` says what had to be, for it to run.
    """

    name: str
    article: int
    lane: str
    what: str
    says: str
    why: str
    found: tuple[str, ...] = ()
    prints: Mapping[str, str] = field(default_factory=dict)
    mended: str = ""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a system's function returns: what was watched, and the numbers that it shows."""

    traces: Sequence[Watched]
    shown: Mapping[str, float]


Study = Callable[[], Ran]


@dataclass(frozen=True, slots=True)
class Found:
    """A finding: its kind and sentence."""

    kind: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What came out of a system: findings, notes, elements judged, the worst score, numbers.

    `judged` maps a stage to how many elements were judged and the worst of their scores. `heard`
    are warnings and log records. A system that its framework refuses has the finding "refused".
    """

    findings: tuple[Found, ...] = ()
    notes: tuple[str, ...] = ()
    judged: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    shown: Mapping[str, float] = field(default_factory=dict)
    heard: tuple[str, ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of what was found."""
        return tuple(found.kind for found in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @staticmethod
    def from_dict(record: Mapping[str, Any]) -> Answer:
        """Return the answer that `to_dict` described. Raises TypeError, KeyError."""
        return Answer(
            findings=tuple(Found(**found) for found in record["findings"]),
            notes=tuple(record["notes"]),
            judged={stage: (int(n), float(s)) for stage, (n, s) in record["judged"].items()},
            shown=dict(record["shown"]),
            heard=tuple(record["heard"]),
        )


def answer(ran: Ran, heard: Sequence[str]) -> Answer:
    """Return what the oracle says of a system; of several runs, each finding once."""
    reports = [trace.judge().to_dict() for trace in ran.traces]
    findings: dict[str, Found] = {}
    judged: dict[str, tuple[int, float]] = {}
    for report in reports:
        for found in report["findings"]:
            findings.setdefault(found["kind"], Found(found["kind"], found["sentence"]))
        for stage, counts in report["stages"].items():
            known = judged.get(stage, (0, 0.0))
            judged[stage] = known[0] + counts["judged"], max(known[1], counts["worst"])
    return Answer(
        findings=tuple(findings.values()),
        notes=tuple(dict.fromkeys(note for report in reports for note in report["notes"])),
        judged=judged,
        shown=_plain(ran.shown),
        heard=tuple(dict.fromkeys(heard)),
    )


def studies(*modules: ModuleType) -> dict[str, Study]:
    """Return the public functions of modules that take nothing and return a `Ran`, by name."""
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if inspect.isfunction(value)
        and value.__module__ == module.__name__
        and not name.startswith("_")
        and value.__annotations__ == {"return": Ran.__name__}
    }


def _plain(shown: Mapping[str, float]) -> dict[str, float]:
    return {label: float(value) for label, value in shown.items()}
