"""What a run does with baselines: it reads them first, asks what they ask, and judges at the end.

A check that fails as it failed in the baseline is shown as xfailed: a gate says what changed, and a
finding that was accepted once would fail every later run otherwise. It is accepted only on the same
cases, at the same place, with the same stages behind it, and as far beyond its bound. What the
baseline does not know, and what was drawn otherwise, is judged as in any run.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from parity.baseline import config, gather
from parity.baseline.compare import offer_changes, row_changes, version_changes
from parity.baseline.content import FAILED, Asked, Baseline, Offer, Offers, Row, Rows
from parity.baseline.file import SUFFIX, BaselineError, load, save
from parity.upgrades.change import Change, Kind

_OWN = ("test_lockstep[", "test_dataset[")  # the checks that every lane has of its own
_NAME = re.compile(r"\w[\w.+@-]*")


@dataclass(frozen=True, slots=True)
class Place:
    """A baseline by its name, where its file is, and how messages call it."""

    name: str
    path: Path
    shown: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What a run saw: rows by lane, offers by framework; and what it could have seen.

    `rows` are the checks of the run, `chosen` those that `-k` and the like left, `missing` why a
    lane cannot run.
    """

    lanes: Mapping[str, Rows]
    frameworks: Mapping[str, Offers]
    rows: frozenset[str]
    chosen: frozenset[str]
    missing: Mapping[str, str]

    @property
    def unfinished(self) -> int:
        """How many of the chosen checks have no result: the run was stopped."""
        return len(self.chosen - {name for rows in self.lanes.values() for name in rows})


@dataclass(frozen=True, slots=True)
class Judged:
    """What a run comes to beside a baseline: changes, sentences on it, and whether it fails."""

    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()
    fails: bool = False


@dataclass
class Gate:
    """The baselines of one run: to compare with, and to save. Raises ValueError if it cannot."""

    settings: config.Settings
    compared: tuple[Place, Baseline] | None = None
    saved: Place | None = None
    known: Baseline | None = None  # what is compared with, or written over
    asked: Asked | None = field(init=False)

    def __post_init__(self) -> None:
        self.asked = self.known.asked if self.known is not None else None

    def accepts(self, lane: str, name: str, new: Row) -> str | None:
        """Return why a failing row is none of this run's failures; None if it is one."""
        old = None if self.known is None else self.known.rows.get(name)
        if old is None or old.cases != new.cases:
            return None
        kinds = {change.kind for change in row_changes(lane, name, old, new)}
        if kinds & set(self.settings.fail):
            return None
        if old.outcome == FAILED:
            return "as in the baseline"
        told = ", ".join(sorted(kinds))
        return f"{told}: not among what fails in [tool.parity]" if kinds else None

    def judged(self, asked: Asked, versions: Mapping[str, str], seen: Seen) -> Judged:
        """Return what changed, save what is to be saved, and say so."""
        now = Baseline(asked, versions, gather.machine(), seen.lanes, seen.frameworks)
        found, notes = list[Change](), list[str]()
        fails = False
        if self.compared is not None:
            place, old = self.compared
            found, notes = changes(old, now, seen)
            worst = [change for change in found if change.kind in self.settings.fail]
            fails = bool(worst)
            told = "nothing changed" if not found else f"{len(worst)} of {len(found)} changes fail"
            notes = [f"baseline {place.name}: {told} ({place.shown})", *notes]
        if self.saved is not None:
            if seen.unfinished:
                notes.append(f"{self.saved.shown}: not saved: {seen.unfinished} checks did not run")
                return Judged(tuple(found), tuple(notes), fails=True)
            more, words, rewritten = self._save(self.saved, now, seen)
            found += [change for change in more if change not in found]
            notes += words
            fails = fails or rewritten
        return Judged(tuple(found), tuple(notes), fails)

    def _save(
        self, place: Place, now: Baseline, seen: Seen
    ) -> tuple[list[Change], list[str], bool]:
        """Write the baseline, unless the one that is there says the same but for rounding.

        Where it cannot be written, the changes are told all the same, and the run fails.
        """
        failing = sum(row.outcome == FAILED for row in now.rows.values())
        also = f"; {failing} checks fail, and are part of it" if failing else ""
        head, told = f"baseline {place.name}:", f"saved, {place.shown}{also}"
        found, words = list[Change](), list[str]()
        rewritten = place.path.exists()
        try:
            if rewritten:
                old = load(place.path, place.shown)
                found, words = changes(old, now, seen)
                now = settled(old, now, seen)
                told = f"written anew, {place.shown}{also}; this run fails once"
                if replace(now, machine=old.machine) == old:
                    return found, [*words, f"{head} unchanged, {place.shown}"], False
            save(now, place.path)
        except BaselineError as error:
            return found, [*words, str(error)], True
        return found, [*words, f"{head} {told}"], rewritten


def gate(
    root: Path, folder: Path, *, compare: str | None, save: str | None, case: str | None
) -> Gate:
    """Return the gate of a run in `folder`, whose project is in `root`. Raises ValueError."""
    settings = config.settings(root)
    for option, name in (("--parity-save", save), ("--parity-compare", compare)):
        if name is not None and case is not None:
            raise ValueError(f"{option} is about drawn cases: leave out --parity-case")
    compared = known = saved = None
    if compare is not None:
        place = _place(settings, folder, compare)
        if not place.path.exists():
            raise BaselineError(_absent(settings, place))
        known = load(place.path, place.shown)
        compared = (place, known)
    if save is not None:
        saved = _place(settings, folder, save)
        _check_folder(saved)
        if saved.path.exists():
            written = load(saved.path, saved.shown)
            known = known or written
    return Gate(settings, compared, saved, known)


def changes(old: Baseline, new: Baseline, seen: Seen) -> tuple[list[Change], list[str]]:
    """Return what changed from one baseline to a run, and what could not be compared."""
    told = version_changes(old.versions, new.versions)
    notes = [f"versions: {', '.join(told)}"] if told else []
    alike = _same_draw(old.asked, new.asked)
    if not alike:
        notes.append(
            f"asked otherwise ({_words(new.asked)}) than the baseline ({_words(old.asked)}): "
            "what only one of them has is not compared"
        )
    if old.asked.lanes != new.asked.lanes:
        notes.append("other lanes were asked for: only the checks of those in both are compared")
    found = _lanes(old, new, seen) if alike else []
    for name, row in sorted(new.rows.items()):
        if name in old.rows:
            lane = next(lane for lane, rows in new.lanes.items() if name in rows)
            found += row_changes(lane, name, old.rows[name], row)
    for name, offers in sorted(new.frameworks.items()):
        if name in old.frameworks:
            found += offer_changes(name, old.frameworks[name], offers)
    others = [n for n, row in new.rows.items() if n in old.rows and row.cases != old.rows[n].cases]
    if others:
        notes.append(
            f"other cases were drawn for {len(others)} checks: only their kind is compared"
        )
    left = [name for name in old.rows if name in seen.rows and name not in new.rows]
    if left:
        notes.append(f"{len(left)} checks of the baseline did not run")
    kinds = list(Kind)
    return sorted(found, key=lambda change: kinds.index(change.kind)), notes


def settled(old: Baseline, new: Baseline, seen: Seen) -> Baseline:
    """Return what is to be written over `old`: its words wherever nothing but rounding changed.

    Checks that were left out of this run are kept as they were, if the same was asked.
    """
    if not _same_draw(old.asked, new.asked) or old.asked.lanes != new.asked.lanes:
        return new
    lanes: dict[str, dict[str, Row]] = {}
    for lane in sorted({*old.lanes, *new.lanes}):
        before, now = old.lanes.get(lane, {}), new.lanes.get(lane, {})
        kept = {name: row for name, row in before.items() if name in seen.rows}
        taken = {name: _kept_row(lane, name, before.get(name), row) for name, row in now.items()}
        if kept or taken:
            lanes[lane] = {**kept, **taken}
    frameworks = dict(old.frameworks)
    for name, offers in new.frameworks.items():
        before_ = old.frameworks.get(name, {})
        frameworks[name] = {n: _kept_offer(name, n, before_.get(n), o) for n, o in offers.items()}
    rows = [name for own in lanes.values() for name in own if name.startswith("test_surface[")]
    frameworks = {
        name: offers
        for name, offers in frameworks.items()
        if any(row.endswith(f"-{name}]") for row in rows)
    }
    whole = old.asked.whole or new.asked.whole
    return replace(new, asked=replace(new.asked, whole=whole), lanes=lanes, frameworks=frameworks)


def _kept_row(lane: str, name: str, old: Row | None, new: Row) -> Row:
    same = old is not None and old.cases == new.cases
    return (
        old
        if same and old is not None and _only_rounding(row_changes(lane, name, old, new))
        else new
    )


def _kept_offer(framework: str, name: str, old: Offer | None, new: Offer) -> Offer:
    if old is None or set(old.calls) != set(new.calls):
        return new
    found = offer_changes(framework, {name: old}, {name: new})
    return old if _only_rounding(found) else new


def _only_rounding(found: Iterable[Change]) -> bool:
    return all(change.kind is Kind.ROUNDING for change in found)


def _lanes(old: Baseline, new: Baseline, seen: Seen) -> list[Change]:
    """Return the lanes, and the checks of lanes, that only one side has."""
    narrowed = old.asked.lanes != new.asked.lanes
    found = []
    for lane in sorted({*old.lanes, *new.lanes}):
        before, now = old.lanes.get(lane, {}), new.lanes.get(lane, {})
        gone = sorted(name for name in before if name not in seen.rows)
        come = sorted(name for name in now if name not in before) if old.asked.whole else []
        if narrowed and (not before or not now):
            continue
        if narrowed:  # which lane stands for others depends on which there are
            gone, come = ([n for n in names if n.startswith(_OWN)] for names in (gone, come))
        if before and len(gone) == len(before):
            found.append(Change(Kind.GONE, lane, "the lane", why=seen.missing.get(lane, "")))
        elif now and len(come) == len(now):
            found.append(Change(Kind.NEW, lane, "the lane"))
        else:
            found += [Change(Kind.GONE, lane, name) for name in gone]
            found += [Change(Kind.NEW, lane, name) for name in come]
    return found


def _same_draw(one: Asked, other: Asked) -> bool:
    return (one.profile, one.seed, one.cases) == (other.profile, other.seed, other.cases)


def _words(asked: Asked) -> str:
    cases = "" if asked.cases is None else f", {asked.cases} cases"
    return f"profile {asked.profile}, seed {asked.seed}{cases}"


def _place(settings: config.Settings, folder: Path, name: str) -> Place:
    """Return where a baseline is: a name in the folder of baselines, or a path."""
    if name.endswith(SUFFIX) or "/" in name or "\\" in name:
        path = folder / name
        if not path.parent.is_dir():
            raise BaselineError(f"{name}: no folder {Path(name).parent}")
        if path.is_dir():
            raise BaselineError(f"{name}: is a folder")
        return Place(name, path, name)
    if not _NAME.fullmatch(name):
        raise BaselineError(f"baseline: expected a name or the path of a file, got {name!r}")
    shown = settings.baselines / f"{name}{SUFFIX}"
    return Place(name, settings.root / shown, str(shown))


def _check_folder(place: Place) -> None:
    """Refuse a folder in which no file can be made, before anything runs."""
    folder = next(parent for parent in place.path.parents if os.path.exists(parent))
    if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        raise BaselineError(f"{place.shown}: {folder} is no folder that can be written to")


def _absent(settings: config.Settings, place: Place) -> str:
    folder = settings.root / settings.baselines
    names = sorted(path.stem for path in folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []
    there = f"there are {', '.join(names)}" if names else "there is none"
    return f"{place.shown}: no such baseline; in {settings.baselines} {there}"
