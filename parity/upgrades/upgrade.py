"""One upgrade: both environments, every framework that it may change, within a budget of time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from packaging.utils import canonicalize_name

from parity.asked import matches, one_of
from parity.lanes import Lane
from parity.lanes.catalog import LANES
from parity.lanes.installed import missing
from parity.upgrades.change import Change, Kind
from parity.upgrades.compare import Comparison, Found
from parity.upgrades.environment import Environment
from parity.upgrades.lockstep import Apart, Sides, checks_of
from parity.upgrades.metadata import requirements, version
from parity.upgrades.probing import FRAMEWORKS, ProbeError, Side

BUDGET = 600.0  # seconds for a pair of environments
_LANES = 0.3  # the share of the budget that is kept for cases of the oracle
_PROMPT = 0.1  # lanes below this pace compile for each case, and come last
# Distributions by the names of the modules that lanes need.
_DISTRIBUTIONS = {"tensorflow": ("tensorflow", "tensorflow-cpu"), "jax": ("jax", "jaxlib")}


class Tell(Protocol):
    """What shows the progress."""

    def __call__(self, what: str, share: float = 0.0, /) -> None:
        """Show what is done now, and the share of the budget that is gone."""


@dataclass
class Report:
    """What an upgrade changes: both sides' versions, the changes, and what was not tried.

    `tried` and `left` count a framework's calls. A lane is among `skipped` as `lane torch`: a
    framework may have its name.
    """

    old: Mapping[str, str]
    new: Mapping[str, str]
    found: list[Found] = field(default_factory=list)
    apart: list[Apart] = field(default_factory=list)
    tried: dict[str, int] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)  # the lanes
    cut: dict[str, int] = field(default_factory=dict)  # checks of lanes that were not tried
    seconds: float = 0.0

    @property
    def empty(self) -> bool:
        """Whether nothing was compared, so that no change says nothing."""
        tried = any(count or not self.left.get(name) for name, count in self.tried.items())
        return not (tried or self.ran or self.found)

    @property
    def changes(self) -> list[Change]:
        """All changes, the worst kind first."""
        kinds = list(Kind)
        every = [*(one.change for one in self.apart), *(one.change for one in self.found)]
        return sorted(every, key=lambda change: (kinds.index(change.kind), change.where))


def selected(words: str) -> list[str]:
    """Return the frameworks and lanes that a comma-separated text names. Raises ValueError."""
    names = [part.strip() for part in words.split(",") if part.strip()]
    known = dict.fromkeys((*FRAMEWORKS, *(lane.name for lane in LANES)))
    return [one_of("only", name, known) for name in names]


def compared(
    old: Environment,
    new: Environment,
    *,
    only: Sequence[str] = (),
    match: str = "",
    budget: float = BUDGET,
    seed: int = 0,
    tell: Tell = lambda *_: None,
) -> Report:
    """Return what training does otherwise in `new` than in `old`.

    `only`, if any, are the frameworks and lanes wanted, `match` a part, in whatever case, of the
    names of what is tried: what frameworks offer, a lane's optimizers and problems.
    """
    started = time.monotonic()
    before, after = _versions(old, new)
    moved = {name for name in {**before, **after} if before.get(name) != after.get(name)}
    touched = _touching(old, new, moved)
    here = [lane for lane in LANES if not lane.device or missing(lane) is None]
    lanes = [lane for lane in here if touched(_needs(lane))]
    names = [name for name, one in FRAMEWORKS.items() if touched(one.packages)]
    if only:
        names = [name for name in names if name in only]
        lanes = [lane for lane in lanes if lane.name in only]
    report = Report(before, after)

    checks = {lane.name: checks_of(lane, match) for lane in lanes}
    lanes = [lane for lane in lanes if checks[lane.name]]
    if only:
        lacking = [name for name, found in checks.items() if not found]
        report.skipped = {f"lane {name}": _unmatched(match) for name in lacking}

    def gone(what: str) -> None:
        tell(what, (time.monotonic() - started) / budget)

    end = started + budget
    for number, name in enumerate(names):
        now = time.monotonic()
        share = (end - budget * (_LANES if lanes else 0.0) - now) / (len(names) - number)
        _probed(report, name, old, new, match, now + share, gone)
    _in_lockstep(report, lanes, checks, old, new, end, seed, gone)
    report.seconds = time.monotonic() - started
    return report


def _probed(
    report: Report,
    name: str,
    old: Environment,
    new: Environment,
    match: str,
    deadline: float,
    gone: Callable[[str], None],
) -> None:
    """Add what a framework offers and does otherwise, or why it cannot be probed."""
    gone(name)
    lacks = [FRAMEWORKS[name].missing(place) for place in (old, new)]
    if all(lacks):
        report.skipped[name] = str(lacks[0])
        return
    if any(lacks):
        kind = Kind.NEW if lacks[0] else Kind.GONE
        sides = ["" if lack else "installed" for lack in lacks]
        report.found.append(Found(Change(kind, name, name, "", *sides)))
        return
    with Side(name, old) as before, Side(name, new) as after:
        pool = ThreadPoolExecutor(2)  # asking takes seconds
        try:
            told = list(pool.map(_importable, (before, after)))
        finally:  # Ctrl-C does not wait for the answers
            pool.shutdown(wait=False, cancel_futures=True)
        if any(told):
            if told[0] and told[1]:
                report.skipped[name] = told[1]
                return
            sides = [error or "imports" for error in told]
            report.found.append(Found(Change(Kind.ERROR, name, name, "import", *sides)))
            return
        if not any(matches(match, name) for side in (before, after) for name in side.describe()):
            report.skipped[name] = _unmatched(match)
            return
        comparison = Comparison(
            before,
            after,
            deadline,
            lambda where, done, of: gone(f"{where}: {done} of {of} calls"),
            match,
        )
        try:
            report.found += comparison.changes()
        except ProbeError as error:
            report.found.append(Found(Change(Kind.ERROR, name, name, "probing", "", str(error))))
        report.tried[name], report.left[name] = comparison.tried, comparison.left


def _unmatched(match: str) -> str:
    return f"nothing that it offers has {match!r} in its name (--match)"


def _importable(side: Side) -> str:
    try:
        side.describe()
    except ProbeError as error:
        return str(error)
    return ""


def _in_lockstep(
    report: Report,
    lanes: Sequence[Lane],
    checks: Mapping[str, Sequence[tuple[str, str]]],
    old: Environment,
    new: Environment,
    end: float,
    seed: int,
    gone: Callable[[str], None],
) -> None:
    """Add what the lanes do otherwise on the oracle's cases, the prompt ones first."""
    ordered = sorted(lanes, key=lambda lane: (lane.pace < _PROMPT, ":" in lane.name))
    with Sides(old, new, seed=seed) as sides:
        for number, lane in enumerate(ordered):
            now = time.monotonic()
            deadline = now + (end - now) / (len(ordered) - number)
            report.apart += sides.changes(lane, checks[lane.name], deadline, gone)
            if lane.name in sides.trained:
                report.ran.append(lane.name)
                report.cut[lane.name] = sides.left.get(lane.name, 0)
            else:
                told = sides.errors.get(lane.name, "the budget was used up (--budget)")
                report.skipped[f"lane {lane.name}"] = told


def _versions(old: Environment, new: Environment) -> Iterator[dict[str, str]]:
    """Yield each side's versions of what differs."""
    names = {*old.pins, *new.pins}
    if old.python != new.python:  # whatever they have installed may differ
        names |= {"numpy", *(name for one in FRAMEWORKS.values() for name in one.packages)}
    for place in (old, new):
        found = {name: version(place, name) for name in sorted(names)}
        yield {name: told for name, told in found.items() if told is not None}


def _touching(
    old: Environment, new: Environment, moved: Iterable[str]
) -> Callable[[Sequence[str]], bool]:
    """Return what says whether an upgrade may change what needs some packages.

    A framework's package may change what is made of it; any other, such as chex, what requires it.
    NumPy, and what no framework requires, may change all.
    """
    moved = {str(canonicalize_name(name)) for name in moved}
    named = {str(canonicalize_name(p)) for one in FRAMEWORKS.values() for p in one.packages}
    asks = [requirements(place) for place in (old, new)]

    def behind(packages: Iterable[str]) -> set[str]:
        """Return packages and what they require, and this in turn, short of other frameworks."""
        found, left = set[str](), [str(canonicalize_name(name)) for name in packages]
        while left:
            if (name := left.pop()) not in found:
                found.add(name)
                left += {one for side in asks for one in side.get(name, ())} - named
        return found

    common = moved - (behind(named) - {"numpy"})
    return lambda packages: bool(common or moved & behind(packages))


def _needs(lane: Lane) -> tuple[str, ...]:
    tops = [package.partition(".")[0] for package in lane.packages]
    return tuple(name for top in tops for name in _DISTRIBUTIONS.get(top, (top,)))
