"""Changes that are one: the same thing about several targets, in several frameworks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from parity.upgrades.change import Change, Kind
from parity.upgrades.compare import SAID, Found

_MANY = 6  # names that are spelled out before the rest is counted
_ASKED = (Kind.DEFAULT, Kind.ARGUMENT)


@dataclass(frozen=True, slots=True)
class Group:
    """Changes that are alike but for the target and the framework; the first stands for them."""

    found: tuple[Found, ...]

    @property
    def first(self) -> Change:
        """The change that stands for all."""
        return self.found[0].change

    @property
    def where(self) -> str:
        """The frameworks and lanes."""
        return ", ".join(dict.fromkeys(one.change.where for one in self.found))

    @property
    def subjects(self) -> str:
        """The targets or calls."""
        names = list(dict.fromkeys(one.change.subject for one in self.found))
        if len(names) <= _MANY:
            return ", ".join(names)
        return f"{', '.join(names[:_MANY])} and {len(names) - _MANY} more"

    @property
    def others(self) -> int:
        """The calls beside that change with these."""
        return sum(len(one.others) for one in self.found)


def grouped(found: Iterable[Found]) -> list[Group]:
    """Return the groups, the worst kind first, and of a kind those with numbers before others."""
    groups: dict[tuple[object, ...], list[Found]] = {}
    for one in found:
        groups.setdefault(_key(one), []).append(one)
    kinds = list(Kind)
    made = [Group(tuple(alike)) for alike in groups.values()]
    return sorted(made, key=lambda group: (kinds.index(group.first.kind), -len(group.found)))


def _key(one: Found) -> tuple[object, ...]:
    change, probe = one.change, one.probe
    if probe is None:
        # A package that is renamed brings a hundred names: each is a line of its own still.
        alone = change.kind in (Kind.GONE, Kind.NEW, Kind.ERROR, Kind.ROUNDING)
        subject = change.subject if alone else ""
        return change.kind, subject, change.what, change.old, change.new
    call = change.subject.removeprefix(probe.target)
    if change.kind in _ASKED:
        subject = "" if probe.arguments or change.what == SAID else change.subject
        return change.kind, subject, change.what, _text(change.old), _text(change.new)
    # With no argument to share, what differs is each target's own; and of one target in several
    # frameworks it is one change where it is so much in each.
    sides = (_rough(change.old), _rough(change.new))
    return (change.kind, change.subject, *sides) if call.startswith("()") else (change.kind, call)


def _rough(told: str) -> str:
    """Return a number to three digits, since frameworks round otherwise; else the first word."""
    try:
        return f"{float(told):.3g}"
    except ValueError:
        return told.partition(":")[0]


def _text(told: str) -> str:
    """Return what was said without the names in it, which differ from target to target."""
    return " ".join(word for word in told.split() if "." not in word and "`" not in word)[:80]


def lines(groups: Sequence[Group]) -> list[tuple[str, str, str, str]]:
    """Return the groups as cells: kind, where, what, and from what to what."""
    return [(str(g.first.kind), g.where, _about(g), told(g.first)) for g in groups]


def _about(group: Group) -> str:
    change = group.first
    beside = f" (and {group.others} more calls)" if group.others else ""
    return (
        f"{group.subjects}: {change.what}{beside}" if change.what else f"{group.subjects}{beside}"
    )


def told(change: Change) -> str:
    """Return both sides of a change, and why."""
    if not (change.old or change.new):
        return change.why
    sides = f"{change.old or '(absent)'} → {change.new or '(absent)'}"
    return f"{sides}; {change.why}" if change.why else sides
