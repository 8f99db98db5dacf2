"""Tries every argument of a target in every way, and says what each one does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from parity.arguments.assigning import Absent
from parity.arguments.bench import Bench
from parity.arguments.known import KNOWN
from parity.arguments.outcome import Channel, Effect, Outcome, Trial
from parity.arguments.target import Call, Target
from parity.arguments.values import FALSY, equal, foreign_value, neutral, shown
from parity.compare import Status

Found = tuple[Effect, str, Channel, str]
_ALL = 2  # others that an argument is tried beside at most
LATE = 3  # steps before a value is set late

# Each step of the audit: what is tried, and the work of trying it. None: nothing to report.
Work = tuple[Trial, Callable[[], Found | None]]


def trials(
    target: Target, spellings: Sequence[str], kinds: Sequence[str] = (), *, brief: bool = False
) -> Iterator[Work]:
    """Yield every trial of `target`; `spellings` are the names that others give arguments.

    `kinds`, if any, are the only ones wanted. A brief audit tries one value of each argument,
    beside one other at most, trains no further than to where it matters, and does not ask the
    oracle. An argument that is known to be ignored is not tried beside others.
    """
    if brief:
        target = replace(target, brief=True, judge=None, most=min(1, target.most))
    auditor = _Auditor(Bench(target))
    for kind, make in _KINDS.items():
        if kind in _wanted(target) and (not kinds or kind in kinds):
            foreign = [name for name in spellings if name not in target.arguments]
            yield from make(auditor, kind, foreign)


def _wanted(target: Target) -> tuple[str, ...]:
    return (*target.trials, "setting") if target.strict else target.trials


@dataclass(frozen=True, slots=True)
class _Auditor:
    bench: Bench

    def trial(
        self,
        kind: str,
        name: str,
        value: Any,
        beside: Mapping[str, Any] | None = None,
        at: str = "",
    ) -> Trial:
        others = ", ".join(f"{n}={shown(v)}" for n, v in (beside or {}).items())
        return Trial(self.bench.target.name, kind, name, shown(value), others, at)

    def effect(self, name: str, call: Call, base: Call, *, most: int | None = 1) -> Found:
        """Return what the argument does that stands in `call` and not in `base`.

        Without effect, it is tried beside up to `most` other arguments; None: it worked elsewhere.
        """
        bench = self.bench
        changed = bench.changes(call, base)
        said = bench.said(call, base)
        if changed is None:
            return Effect.REFUSED, bench.seen(call).error or bench.seen(base).error, *said
        if changed:
            return *self._by_oracle(call), *said
        if most is None:
            return Effect.IGNORED, "", *said
        documented = bench.documented(name)
        if documented and bench.switch(name):
            return Effect.INERT, f"documented: {documented}", *said
        # What works alone by another value, or in the constructor, needs nothing beside it.
        works = bench.works(name)
        needs = bench.matters_beside(call, name, 0 if works else most)
        if needs:
            return Effect.INERT, f"matters beside {needs}", *said
        if works and most == _ALL and isinstance(call.arguments.get(name), (int, float)):
            return Effect.INERT, "matters with another value", *said
        if not bench.keeps(call, base):
            return Effect.INERT, "changes what is kept beside the weights only", *said
        return Effect.IGNORED, "", *said

    def _by_oracle(self, call: Call) -> tuple[Effect, str]:
        status = self.bench.judged(call)
        if status is Status.AGREE:
            return Effect.HONOURED, ""
        if status is Status.DIVERGE:
            return Effect.DIFFERS, "training changes, and not as the oracle says"
        return Effect.EFFECTIVE, ""

    # What follows yields the trials of one kind each.

    def arguments(self, kind: str, _: Sequence[str]) -> Iterator[Work]:
        for name, values in self.bench.values().items():
            for value in values:
                trial = self.trial(kind, name, value)
                yield trial, partial(self._argument, trial, name, value, _ALL)

    def _argument(self, trial: Trial, name: str, value: Any, most: int) -> Found:
        call, base = self.bench.call({name: value}), self.bench.call({})
        if not self.bench.target.brief:
            return self.effect(name, call, base, most=most)
        ignored = Outcome("", "", trial, Effect.IGNORED)
        claimed = any(row.about(ignored) for row in KNOWN)
        call = self.bench.shown(call, base)
        others = (
            () if claimed or self.bench.changes(call, base) else self.bench.every().get(name, ())
        )
        if any(self.bench.changes(self.bench.call({name: other}), base) for other in others):
            return Effect.INERT, "matters with another value", *self.bench.said(call, base)
        return self.effect(name, call, base, most=None if claimed else most - 1)

    def saturated(self, kind: str, _: Sequence[str]) -> Iterator[Work]:
        """Yield pairs of values of one argument: the second must not do what the first does."""
        for name, values in self._numbers().items():
            for one, other in combinations(values, 2):
                trial = self.trial(kind, name, other, {name: one})
                yield trial, partial(self._saturated, name, one, other)

    def _saturated(self, name: str, one: Any, other: Any) -> Found | None:
        bench = self.bench
        first, second = bench.call({name: one}), bench.call({name: other})
        base = bench.call({})
        if not bench.changes(first, base) or bench.changes(second, base) is None:
            return None
        if bench.changes(second, first):
            return Effect.EFFECTIVE, "", *bench.said(second, first)
        return Effect.IGNORED, f"{name}={shown(one)} does the same", *bench.said(second, first)

    def _numbers(self) -> dict[str, tuple[Any, ...]]:
        """Return the values of the arguments that are not switches."""
        return {n: v for n, v in self.bench.values().items() if not self.bench.switch(n)}

    def settings(self, kind: str, _: Sequence[str]) -> Iterator[Work]:
        """Yield arguments that work in one setting, in each other one."""
        for name, values in self._numbers().items():
            for setting in self.bench.target.settings:
                for value in values:
                    trial = self.trial(kind, name, value, at=setting)
                    yield trial, partial(self._setting, name, value, setting)

    def _setting(self, name: str, value: Any, setting: str) -> Found | None:
        bench = self.bench
        base = bench.call({}, setting=setting)
        if setting == bench.target.settings[0] or bench.seen(base).run is None:
            return None
        main, *others = bench.target.settings
        searched = (main, *others) if main else (main,)
        if not any(self._needed(name, value, s) for s in searched if s != setting):
            return None
        return self.effect(name, bench.call({name: value}, setting=setting), base, most=None)

    def _needed(self, name: str, value: Any, setting: str) -> bool:
        """Return whether a value does something in a setting, or is what makes it run at all."""
        call = self.bench.call({name: value}, setting=setting)
        base = self.bench.call({}, setting=setting)
        if self.bench.seen(base).run is None:
            return self.bench.seen(call).run is not None
        return bool(self.bench.changes(call, base))

    def pairs(self, kind: str, _: Sequence[str]) -> Iterator[Work]:
        for one, other in combinations(self._numbers(), 2):
            for name, beside in ((one, other), (other, one)):
                trial = Trial(self.bench.target.name, kind, name, "", beside)
                yield trial, partial(self._pair, name, beside)

    def _pair(self, name: str, other: str) -> Found | None:
        bench, probes = self.bench, self.bench.probes()
        base = bench.call({other: probes[other]})
        alone = bench.changes(bench.call({name: probes[name]}), bench.call({}))
        call = bench.shown(bench.call({name: probes[name], other: probes[other]}), base)
        if alone is False and bench.changes(call, base) is False:
            return None  # which the argument alone tells
        if bench.seen(base).run is None and bench.changes(call, bench.call({})) is not None:
            return Effect.EFFECTIVE, f"accepted beside {name}", Channel.NOTHING, ""
        return self.effect(name, call, base, most=None)

    def falsy(self, kind: str, _: Sequence[str]) -> Iterator[Work]:
        for name in self.bench.values():
            default = self.bench.target.given.get(name, self.bench.target.arguments[name])
            for value in FALSY:
                if not equal(value, default):
                    trial = self.trial(kind, name, value)
                    yield trial, partial(self._falsy, name, value, default)

    def _falsy(self, name: str, value: Any, default: Any) -> Found | None:
        call, base = self.bench.call({name: value}), self.bench.call({})
        # 0 and False do what 0.0 does, unless somebody looks at their type.
        alike = type(value) in (int, bool) and type(default) is not bool
        if alike and self.bench.changes(self.bench.call({name: 0.0}), base):
            return None
        if neutral(name, value, default) and self.bench.changes(call, base) is False:
            return Effect.NEUTRAL, "", *self.bench.said(call, base)
        if value is not None and type(default) is float and not self._near_zero(name, default):
            return Effect.NEUTRAL, "so is any small number", *self.bench.said(call, base)
        return self.effect(name, call, base)

    def _near_zero(self, name: str, default: float) -> bool:
        """Return whether a number much nearer to 0 than the default changes anything."""
        near = self.bench.call({name: 1e-3 * default})
        return self.bench.changes(near, self.bench.call({})) is not False

    def spellings(self, kind: str, foreign: Sequence[str]) -> Iterator[Work]:
        for name in foreign:
            value = foreign_value(name)
            trial = self.trial(kind, name, value)
            yield trial, partial(self._argument, trial, name, value, 1)

    def schedules(self, kind: str, _: Sequence[str]) -> Iterator[Work]:
        for name, made in self.bench.target.values.get("(schedules)", ()):
            for text, schedule, start in made:
                call, base = self.bench.call({name: schedule}), self.bench.call({name: start})
                trial = Trial(self.bench.target.name, kind, name, text)
                yield trial, partial(self._schedule, name, call, base)

    def _schedule(self, name: str, call: Call, base: Call) -> Found | None:
        if self.bench.changes(base, self.bench.call({})) is False:
            return None  # the number does nothing either
        return self.effect(name, call, base, most=None)

    def zeros(self, kind: str, _: Sequence[str]) -> Iterator[Work]:
        """Yield zeros for which a schedule stands still, where next to zero it does not."""
        for name in self.bench.values():
            call, near = self.bench.call({name: 0}), self.bench.call({name: 1e-6})
            yield self.trial(kind, name, 0), partial(self._zero, call, near)

    def _zero(self, call: Call, near: Call) -> Found | None:
        bench = self.bench
        runs = [bench.seen(each).run for each in (call, near, bench.call({}))]
        zero, around, plain = (None if run is None else run.seen["values"] for run in runs)
        if zero is None or around is None or plain is None or np.ptp(zero):
            return None
        if np.median(np.abs(zero - around)) <= np.abs(plain).max() / 4:
            return Effect.NEUTRAL, "", *bench.said(call, near)
        return Effect.IGNORED, "with 0 it stays at its start", *bench.said(call, near)

    def assigned(self, kind: str, foreign: Sequence[str]) -> Iterator[Work]:
        """Yield values set after construction: on the object, or on a parameter group."""
        place = "group" if "group" in kind else "attribute"
        after = LATE if kind.endswith("late") else 0
        unknown = kind.startswith("unknown")
        place = f"unknown {place}" if unknown else place
        place = "first group" if kind in ("group", "unknown group key") else place
        has = self.bench.target.has if "attribute" in place else None
        known = [name for name in foreign if has and has(name)]
        if unknown:
            yield from self._unknown(kind, place, [name for name in foreign if name not in known])
            return
        chosen = {**self._chosen(), **{name: foreign_value(name) for name in known}}
        for name, value in chosen.items():
            call = self.bench.call({}, place=place, late={name: value}, after=after)
            yield self.trial(kind, name, value), partial(self._assigned, name, call)

    def _chosen(self) -> dict[str, Any]:
        if "argument" in self.bench.target.trials:
            return self.bench.probes()
        return {name: values[0] for name, values in self.bench.values().items()}

    def _unknown(self, kind: str, place: str, foreign: Sequence[str]) -> Iterator[Work]:
        """Yield unknown names: if all at once do nothing, none of them does."""
        chosen = {name: foreign_value(name) for name in foreign}
        for name, value in chosen.items():
            call = self.bench.call({}, place=place, late={name: value})
            together = self.bench.call({}, place=place, late=chosen)
            yield self.trial(kind, name, value), partial(self._assigned, name, call, together)

    def _assigned(self, name: str, call: Call, together: Call | None = None) -> Found | None:
        bench, base = self.bench, self.bench.call({})
        try:
            if together and bench.changes(together, base) is False:
                return Effect.IGNORED, "", *bench.said(together, base)
            return self.effect(name, call, base)
        except Absent:
            return None


_KINDS: Mapping[str, Callable[[_Auditor, str, Sequence[str]], Iterator[Work]]] = {
    "argument": _Auditor.arguments,
    "values": _Auditor.saturated,
    "spelling": _Auditor.spellings,
    "setting": _Auditor.settings,
    "falsy": _Auditor.falsy,
    "schedule": _Auditor.schedules,
    "zero": _Auditor.zeros,
    "assigned": _Auditor.assigned,
    "assigned late": _Auditor.assigned,
    "unknown attribute": _Auditor.assigned,
    "group": _Auditor.assigned,
    "assigned group": _Auditor.assigned,
    "assigned group late": _Auditor.assigned,
    "unknown group key": _Auditor.assigned,
    "pair": _Auditor.pairs,
}
