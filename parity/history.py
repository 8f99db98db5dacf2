"""What earlier runs found: when a lane's dials, scores, verdicts or speed last changed.

The history is an SQLite file. SQLite comes with Python, takes writers of several processes in
turn, and a run adds some hundred short rows. DuckDB would be quicker to sum millions of rows, but
lets one process write, refuses the others, and is 20 MB to install.

A history is a convenience: whatever is wrong with its file is said in one sentence, and a run goes
on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parity.cache import cache
from parity.records import COUNTS
from parity.summary import times

if TYPE_CHECKING:
    from parity.report.reading import Results, Row, Speed

VERSION = 1
PATIENCE = 30.0  # seconds that a writer waits for the others
SHOWN = 30  # runs of a lane that the report draws
WHATS = ("dials", "score", "verdicts", "speed")
SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    id INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, at TEXT NOT NULL, versions TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS facts (
    run INTEGER NOT NULL REFERENCES runs (id), lane TEXT NOT NULL, subject TEXT NOT NULL,
    what TEXT NOT NULL, value TEXT NOT NULL, cases TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS facts_of ON facts (lane, subject, what);
"""
# Lane, subject, what, value, and a digest of the cases: only what saw the same ones is compared.
# The subject of a lane's own score is empty.
Fact = tuple[str, str, str, str, str]


class HistoryError(ValueError):
    """A history that cannot be read or written; the message names the file and says why."""


@dataclass(frozen=True, slots=True)
class Changed:
    """When something last changed.

    `subject` is an optimizer or a measured step, `what` one of WHATS. `since` is when the run ended
    that first saw `now`. `before`, and `versions`, those that changed with it, are empty where it
    never was otherwise. `runs` counts the runs that saw the subject.
    """

    lane: str
    subject: str
    what: str
    now: str
    before: str
    since: str
    versions: str
    runs: int


def location() -> Path | None:
    """Return the history's file: PARITY_HISTORY (empty: none), or one in the cache."""
    asked = os.environ.get("PARITY_HISTORY")
    if asked is not None:
        return Path(asked) if asked else None
    return _own()


def _own() -> Path:
    return cache() / "history.sqlite"


def append(results: Results, path: Path | None = None) -> str | None:
    """Add runs and measured steps; return what prevented it, None where nothing did.

    What is there already is not added again. Safe beside other writers.
    """
    file = path or location()
    if file is None:
        return None
    try:
        with _opened(file, write=True) as database:
            for run in results.runs:
                _add(database, run.at, run.versions, _facts(run.rows))
            if results.speeds:
                at = results.runs[-1].at if results.runs else str(results.machine.get("at", ""))
                rates = [_rate(speed) for speed in results.speeds]
                versions = results.runs[-1].versions if results.runs else {}
                _add(database, at, versions, rates)
    except HistoryError as error:
        return str(error)
    return None


def scores(path: Path | None = None) -> dict[str, list[dict[str, Any]]]:
    """Return each lane's worst score by run, of the last runs of the cases that it ran last.

    Empty where there is no history, or none that can be read.
    """
    file = path or location()
    if file is None or not file.exists():
        return {}
    found: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    try:
        with _opened(file) as database:
            rows = database.execute(
                "SELECT lane, cases, at, value FROM facts JOIN runs ON runs.id = run"
                " WHERE subject = '' ORDER BY at, runs.id"
            ).fetchall()
            for lane, cases, at, value in rows:
                found.setdefault(lane, []).append((cases, {"at": at, "worst": float(value)}))
    except HistoryError:
        return {}
    return {
        lane: [seen for cases, seen in runs if cases == runs[-1][0]][-SHOWN:]
        for lane, runs in found.items()
    }


def changed(path: Path, lane: str | None = None) -> list[Changed]:
    """Return when each thing last changed, the latest change first. Raises HistoryError.

    A run is compared with those before it that saw the same cases.
    """
    with _opened(path) as database:
        rows = database.execute(
            "SELECT lane, subject, what, value, cases, at, versions FROM facts"
            " JOIN runs ON runs.id = run WHERE subject != '' AND (? IS NULL OR lane = ?)"
            " ORDER BY at, runs.id",
            (lane, lane),
        ).fetchall()
        told: dict[tuple[str, ...], list[tuple[str, str, str]]] = {}
        for of, subject, what, value, cases, at, versions in rows:
            told.setdefault((of, subject, what, cases), []).append((value, at, versions))
        latest: dict[tuple[str, ...], tuple[str, Changed]] = {}
        for (of, subject, what, _), seen in told.items():
            newest, one = seen[-1][1], _last(of, subject, what, seen)
            if (of, subject, what) not in latest or newest >= latest[of, subject, what][0]:
                latest[of, subject, what] = (newest, one)
    found = [one for _, one in latest.values()]
    return sorted(
        found, key=lambda one: (not one.before, _reversed(one.since), one.lane, one.subject)
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `parity history` takes."""
    parser.add_argument("--lane", metavar="LANE", help="this lane only")
    parser.add_argument("--file", type=Path, metavar="FILE", help="another history")


def main(options: argparse.Namespace) -> int:
    """Print when things last changed; return the exit status. Raises HistoryError."""
    if options.file is not None and not options.file.exists():
        raise HistoryError(f"{options.file}: no such file")
    file = options.file or location()
    if file is None or not file.exists():
        where = "PARITY_HISTORY is empty" if file is None else f"{file} is not there"
        sys.stdout.write(f"no run is in the history: {where}\n")
        return 0
    found = changed(file, options.lane)
    if not found and options.lane:
        raise HistoryError(f"{file}: no run of lane {options.lane!r}")
    sys.stdout.write(shown(found))
    return 0


def shown(found: Sequence[Changed]) -> str:
    """Return changes as lines of text, and of each lane without any how long it has been so."""
    lines = []
    for one in found:
        if one.before:
            why = f"  ({one.versions})" if one.versions else ""
            about = f"{one.lane}  {one.subject}  {one.what}"
            lines.append(f"{one.since}  {about}: {one.before} -> {one.now}{why}")
    moved = {one.lane for one in found if one.before}
    still: dict[str, list[Changed]] = {}
    for one in found:
        if one.lane not in moved:
            still.setdefault(one.lane, []).append(one)
    for lane, own in sorted(still.items()):
        runs = max(one.runs for one in own)
        since = min(one.since for one in own)
        lines.append(f"{since}  {lane}: nothing changed in {runs} run{'s' if runs > 1 else ''}")
    return "".join(f"{line}\n" for line in lines)


def _facts(rows: Sequence[Row]) -> list[Fact]:
    by_lane: dict[str, list[Row]] = {}
    by: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        by_lane.setdefault(row.lane, []).append(row)
        by.setdefault((row.lane, row.optimizer), []).append(row)
    facts = [(lane, "", "score", _worst(own), _cases(own)) for lane, own in by_lane.items()]
    for (lane, optimizer), own in by.items():
        kinds = [row.status for row in own]
        counts = ", ".join(f"{kinds.count(name)} {name}" for name in COUNTS if name in kinds)
        dials = sorted({name.partition("[")[0] for row in own for name in row.claims})
        cases = _cases(own)
        facts += [
            (lane, optimizer, "dials", ", ".join(dials) or "the textbook's", cases),
            (lane, optimizer, "score", _worst(own), cases),
            (lane, optimizer, "verdicts", counts, cases),
        ]
    return facts


def _worst(rows: Sequence[Row]) -> str:
    return repr(max(row.score for row in rows))


def _cases(rows: Sequence[Row]) -> str:
    """Return a digest of the checks and cases of rows."""
    told = "\n".join(sorted(f"{row.check} {row.case}" for row in rows))
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def _rate(speed: Speed) -> Fact:
    subject = f"{speed.problem} {speed.size} {speed.device}".strip()
    value = json.dumps([speed.per_second, speed.low, speed.high])
    return (speed.lane, subject, "speed", value, "")


def _last(lane: str, subject: str, what: str, seen: Sequence[tuple[str, str, str]]) -> Changed:
    """Return the last change in a sequence of values, times and versions."""
    place = len(seen) - 1
    while place and not _differ(what, seen[place - 1][0], seen[place][0]):
        place -= 1
    before = _said(what, seen[place - 1][0]) if place else ""
    versions = _moved(seen[place - 1][2], seen[place][2]) if place else ""
    now = _said(what, seen[-1][0])
    return Changed(lane, subject, what, now, before, seen[place][1], versions, len(seen))


def _differ(what: str, one: str, other: str) -> bool:
    """Return whether two values differ: rates by more than their intervals, the rest as printed."""
    if what == "speed":
        (_, low, high), (_, other_low, other_high) = json.loads(one), json.loads(other)
        return bool(high < other_low or other_high < low)
    return _said(what, one) != _said(what, other)


def _said(what: str, value: str) -> str:
    if what == "score":
        return times(float(value))
    return f"{json.loads(value)[0]:,.4g} steps/s" if what == "speed" else value


def _moved(one: str, other: str) -> str:
    """Return the versions that differ between two runs."""
    old, new = json.loads(one), json.loads(other)
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return ", ".join(f"{n} {old.get(n, 'absent')} -> {new.get(n, 'absent')}" for n in names)


def _reversed(text: str) -> tuple[int, ...]:
    return tuple(-ord(letter) for letter in text)


def _add(
    database: sqlite3.Connection,
    at: str,
    versions: dict[str, str],
    facts: Sequence[Fact],
) -> None:
    told = json.dumps([at, versions, sorted(facts)], sort_keys=True)
    key = hashlib.sha256(told.encode()).hexdigest()
    added = database.execute(
        "INSERT OR IGNORE INTO runs (key, at, versions) VALUES (?, ?, ?)",
        (key, at, json.dumps(versions)),
    )
    if added.rowcount:
        rows = [(added.lastrowid, *fact) for fact in facts]
        database.executemany("INSERT INTO facts VALUES (?, ?, ?, ?, ?, ?)", rows)


@contextmanager
def _opened(path: Path, *, write: bool = False) -> Iterator[sqlite3.Connection]:
    """Open the history in one transaction. Raises HistoryError for whatever goes wrong in it."""
    try:
        if write:
            path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)) as database:
            # A writer takes its turn at once; the tables are made in a transaction, too.
            database.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            found = database.execute("PRAGMA user_version").fetchone()[0]
            if found > VERSION:
                raise HistoryError(f"{path}: a newer parity wrote this history (version {found})")
            if write and not found:
                for statement in SCHEMA.split(";"):
                    database.execute(statement)
                database.execute(f"PRAGMA user_version = {VERSION}")
            yield database
            database.execute("COMMIT")
    except HistoryError:
        raise
    except (sqlite3.Error, OSError, ValueError, TypeError) as error:
        told = f"{path}: not a history that can be used: {error}"
        raise HistoryError(f"{told}{_hint(path, error)}") from error


def _hint(path: Path, error: Exception) -> str:
    """Return what can be done about a history; of a file that the user named, nothing is known."""
    if path != location():
        return ""
    hint = "name another file by PARITY_HISTORY"
    passing = isinstance(error, sqlite3.OperationalError | OSError)  # locked, or a full disk
    return f"; {hint}" if passing or path != _own() else f"; remove it, or {hint}"
