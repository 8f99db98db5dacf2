"""The same probes in two environments, side by side: what changed from one to the other."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Any

from parity.asked import matches
from parity.upgrades.change import Change, Kind
from parity.upgrades.noise import NUDGES, Parting, alike, apart, differing
from parity.upgrades.probe import Probe, Seen, Target, literal, shown
from parity.upgrades.probing import Side, probes_of
from parity.upgrades.surface import Surface, changed

SAID = "what is said"
_AT_ONCE = 24  # probes between two looks at the clock

_Place = tuple[str, frozenset[str], str]  # the target, the names of the arguments, the setting


@dataclass(frozen=True, slots=True)
class _Cause:
    """What a call shows to have changed, by name, and the calls that show no more than it."""

    touched: frozenset[str]
    others: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Found:
    """A change, the probe that shows it, and the other probes that change with it."""

    change: Change
    probe: Probe | None = None
    others: tuple[str, ...] = ()


@dataclass
class Comparison:
    """What both sides of a framework offer and do; `left` counts the probes time was too short for.

    `old` and `new` are in processes of their own, and run side by side. `match` is a part of the
    names of the targets wanted, in whatever case.
    """

    old: Side
    new: Side
    deadline: float = float("inf")
    tell: Callable[[str, int, int], None] = lambda *_: None
    match: str = ""
    tried: int = 0
    left: int = 0
    _seen: dict[str, tuple[Seen, Seen]] = field(default_factory=dict)
    _parted: dict[_Place, _Cause] = field(default_factory=dict)
    _main: dict[str, str] = field(default_factory=dict)
    _rounded: Counter[str] = field(default_factory=Counter)

    @property
    def where(self) -> str:
        """The framework's name."""
        return self.new.framework

    def changes(self) -> list[Found]:
        """Return what changed: first what is said, then what is done. Raises ProbeError."""
        with ThreadPoolExecutor(2) as pool:
            try:
                described = pool.map(lambda side: side.describe(), (self.old, self.new))
                before, after = (
                    {name: target for name, target in surface.items() if matches(self.match, name)}
                    for surface in described
                )
                found = [Found(change) for change in changed(self.where, before, after)]
                both = {name: after[name] for name in after if name in before}
                found += self._defaults(both, before, after)
                held = [_held(target, before[name]) for name, target in both.items()]
                found += self._run(pool, held, before, after)
            finally:  # Ctrl-C included, which the pool would wait out
                pool.shutdown(wait=False, cancel_futures=True)
        return found

    def _defaults(self, both: Surface, before: Surface, after: Surface) -> Iterator[Found]:
        """Yield the calls that train otherwise because a default changed."""
        for name, target in both.items():
            given = _old_defaults(target, before[name])
            if not given:
                continue
            setting = (*target.settings, "")[0]
            plain = Probe(name, {}, setting)
            new = self.new.run(plain, (0,))[0]
            held = self.new.run(Probe(name, given, setting), (0,))[0]
            if new.error or held.error or alike(new, held):
                continue
            told = ", ".join(f"{key}={shown(value)}" for key, value in given.items())
            now = ", ".join(f"{key}={after[name].arguments[key]}" for key in given)
            why = "the call without it trains otherwise"
            yield Found(Change(Kind.DEFAULT, self.where, f"{name}()", "", told, now, why), plain)

    def _run(
        self, pool: ThreadPoolExecutor, targets: list[Target], before: Surface, after: Surface
    ) -> list[Found]:
        # What is written otherwise now comes first.
        same = [target.digest == before[target.name].digest for target in targets]
        parts = [
            [t for t, alike in zip(targets, same, strict=True) if alike is wanted]
            for wanted in (False, True)
        ]
        probes = list({probe.key: probe for part in parts for probe in probes_of(part)}.values())
        given = {target.name: target.given for target in targets}
        self._main = {target.name: (*target.settings, "")[0] for target in targets}
        waiting = iter(probes)
        found = list[tuple[Change, Probe, _Cause]]()
        while batch := list(islice(waiting, _AT_ONCE)):
            if time.monotonic() > self.deadline:
                self.left = len(probes) - self.tried
                break
            full = [replace(p, arguments={**given[p.target], **p.arguments}) for p in batch]
            ran = pool.map(partial(_ran, full), (self.old, self.new))
            for probe, whole, *seen in zip(batch, full, *ran, strict=True):
                self._seen[probe.key] = (seen[0], seen[1])
                if self._follows(probe):
                    continue
                change = self._change(pool, probe, whole, before, after)
                if change is not None:
                    cause = _Cause(_touched(seen[0], seen[1]))
                    self._parted[probe.target, frozenset(probe.arguments), probe.setting] = cause
                    found.append((change, whole, cause))
            self.tried += len(batch)
            self.tell(self.where, self.tried, len(probes))
        shown = (Found(change, whole, tuple(cause.others)) for change, whole, cause in found)
        return [*shown, *self._rounding()]

    def _follows(self, probe: Probe) -> bool:
        """Return whether a simpler call has shown what this one shows, and count it there."""
        touched = _touched(*self._seen[probe.key])
        causes = [self._parted[place] for place in self._simpler(probe) if place in self._parted]
        cause = next((cause for cause in causes if touched <= cause.touched), None)
        if cause is not None and touched:
            cause.others.append(probe.key)
        return cause is not None

    def _simpler(self, probe: Probe) -> Iterator[_Place]:
        """Yield where a call with no more arguments would show the same, in the main setting too.

        Another value of an argument is not told from the first one.
        """
        names = [frozenset[str](), *(frozenset({name}) for name in probe.arguments)]
        for given in dict.fromkeys((*names, frozenset(probe.arguments))):
            for setting in dict.fromkeys((self._main[probe.target], probe.setting)):
                yield probe.target, given, setting

    def _rounding(self) -> Iterator[Found]:
        if self._rounded:
            count = sum(self._rounded.values())
            told = f"{count} calls of {len(self._rounded)} targets"
            yield Found(Change(Kind.ROUNDING, self.where, told, "", why="within the noise"))

    def _change(
        self,
        pool: ThreadPoolExecutor,
        probe: Probe,
        whole: Probe,
        before: Surface,
        after: Surface,
    ) -> Change | None:
        """Return what a probe shows to have changed."""
        old, new = self._seen[probe.key]
        if bool(old.error) != bool(new.error):
            lacking = (before if old.error else after)[probe.target].arguments
            if any(name not in lacking for name in probe.arguments):
                return None  # what the signatures say already
            return refused(self.where, probe, old, new, self._base_fails(probe))
        if not old.error and not alike(old, new):
            ran = pool.map(lambda side: side.run(whole, NUDGES), (self.old, self.new))
            further = list(ran)
            found = apart([old, *further[0]], [new, *further[1]])
            if found is not None:
                return self._semantic(probe, found)
            self._rounded[probe.target] += 1
        return said(self.where, probe, old, new)

    def _semantic(self, probe: Probe, found: Parting) -> Change:
        """Return that training differs, or that an argument is ignored on one of the sides."""
        old, new = self._effects(probe)
        # What works in the main setting is not ignored: it may have no effect here by design.
        works = self._effects(replace(probe, setting=self._main[probe.target]))
        if old != new and works != (True, True):
            before, after = ("changes training" if one else "is ignored" for one in (old, new))
            names = " and ".join(probe.arguments)
            return Change(Kind.ARGUMENT, self.where, probe.key, names, before, after, found.why)
        return semantic(self.where, probe, found)

    def _effects(self, probe: Probe) -> tuple[bool, bool]:
        """Return whether arguments change training on each side; as far as it was tried."""
        base = self._seen.get(replace(probe, arguments={}).key)
        seen = self._seen.get(probe.key)
        if base is None or seen is None:
            return True, True
        return not alike(seen[0], base[0]), not alike(seen[1], base[1])

    def _base_fails(self, probe: Probe) -> bool:
        base = self._seen.get(replace(probe, arguments={}).key)
        return base is None or bool(base[0].error or base[1].error)


def _ran(probes: Sequence[Probe], side: Side) -> list[Seen]:
    return [side.run(probe)[0] for probe in probes]


def unlike(where: str, probe: Probe, old: Sequence[Seen], new: Sequence[Seen]) -> Change | None:
    """Return what one probe does otherwise; each side's run comes first, then its further ones."""
    if bool(old[0].error) != bool(new[0].error):
        return refused(where, probe, old[0], new[0], not probe.arguments)
    if not old[0].error and not alike(old[0], new[0]):
        found = apart(old, new)
        if found is not None:
            return semantic(where, probe, found)
    return said(where, probe, old[0], new[0])


def semantic(where: str, probe: Probe, found: Parting) -> Change:
    """Return that training differs."""
    values = (f"{found.old:.10g}", f"{found.new:.10g}")
    return Change(Kind.SEMANTIC, where, probe.key, found.what, *values, found.why)


def refused(where: str, probe: Probe, old: Seen, new: Seen, without: bool) -> Change:
    """Return that one side refuses a call; `without` says that it fails without arguments too."""
    ended = (old.error or new.error).startswith(("crashed:", "hung:"))
    kind = Kind.ERROR if ended or without or not probe.arguments else Kind.ARGUMENT
    told = [f"refused: {seen.error}" if seen.error else "accepted" for seen in (old, new)]
    return Change(kind, where, probe.key, " and ".join(probe.arguments), *told)


def said(where: str, probe: Probe, old: Seen, new: Seen) -> Change | None:
    """Return that one side says what the other does not."""
    gone = [m for m in old.messages if m not in new.messages]
    come = [m for m in new.messages if m not in old.messages]
    if old.error or not (gone or come):
        return None
    told = ["; ".join(messages) or "nothing said" for messages in (gone, come)]
    return Change(Kind.ARGUMENT, where, probe.key, SAID, *told)


def _touched(old: Seen, new: Seen) -> frozenset[str]:
    """Return what two runs differ in: arrays by their names, failing, and what is said."""
    if bool(old.error) != bool(new.error):
        return frozenset({"(fails)"})
    said = {SAID} if old.messages != new.messages and not old.error else set()
    return differing(old, new) | said


def _held(target: Target, before: Target) -> Target:
    """Return a target that every call gives the old defaults of what has others now."""
    return replace(target, given={**_old_defaults(target, before), **target.given})


def _old_defaults(target: Target, before: Target) -> dict[str, Any]:
    """Return the old defaults that changed, of those that can be given as plain values."""
    return {
        name: literal(default)
        for name, default in before.arguments.items()
        if target.arguments.get(name, default) != default
        and name not in target.given
        and shown(literal(default)) == default
        and literal(default) != default
    }
