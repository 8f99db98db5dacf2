"""Results as files: what `--parity-json` and pytest-benchmark wrote, read and checked.

Whatever else a file holds is refused with one sentence that names the file and what is wrong.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from parity.compare import Stage, Status
from parity.records import FORMAT, kind

WRITTEN = (
    "what `pytest parity --parity-json=FILE` or `pytest benchmarks --benchmark-json=FILE` write"
)
WRONG = (AttributeError, KeyError, TypeError, ValueError, OverflowError)


class ResultsError(ValueError):
    """A file that holds no results; the message names it and says what is wrong."""


@dataclass(frozen=True, slots=True)
class Row:
    """A verdict as the report counts it; `status` is one of those of `records.COUNTS`.

    `stage` is where the lane parted from the oracle first, or else where its score is the worst;
    empty where nothing was seen. `worst` has each stage's worst score.
    """

    check: str
    lane: str
    problem: str
    optimizer: str
    dtype: str
    case: str
    claims: tuple[str, ...]
    status: str
    stage: str
    score: float
    worst: Mapping[str, float]
    judged: int
    abstained: int
    parted: float
    divergence: Mapping[str, Any] | None
    reason: str
    cause: str
    finding: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Run:
    """One run: `at` is when it ended, in UTC, `facts` what its file says beside the verdicts."""

    name: str
    at: str
    facts: Mapping[str, Any]
    rows: Sequence[Row]
    changes: Sequence[Mapping[str, str]] = ()

    @property
    def versions(self) -> dict[str, str]:
        """The versions of what was installed, by name."""
        return {str(name): str(found) for name, found in self.facts["versions"].items()}


@dataclass(frozen=True, slots=True)
class Speed:
    """One measured step. `per_second` is steps per second, `low` to `high` its interval.

    `operations` is floating-point operations per step, `ceiling` the steps per second that the
    machine's own measured rate allows; 0 where they are not known.
    """

    lane: str
    problem: str
    size: str
    per_second: float
    low: float = 0.0
    high: float = 0.0
    samples_per_second: float = 0.0
    operations: float = 0.0
    ceiling: float = 0.0
    compile_seconds: float = 0.0
    device: str = ""


@dataclass(frozen=True, slots=True)
class Results:
    """All that was read: runs and measured steps, both in the order of the files."""

    runs: Sequence[Run] = ()
    speeds: Sequence[Speed] = ()
    machine: Mapping[str, Any] = field(default_factory=dict)


def read(paths: Sequence[Path]) -> Results:
    """Return what the files hold. Raises ResultsError for the first that holds something else."""
    runs: list[Run] = []
    speeds: list[Speed] = []
    machine: dict[str, Any] = {}
    for path in paths:
        told = _parsed(path)
        if "benchmarks" in told:
            speeds += _checked(path, "benchmark", told["benchmarks"], _speed)
            machine.update(_machine(told.get("machine_info"), path))
        else:
            runs.append(run_of(told, path))
    return Results(_renamed(runs), speeds, machine)


def run_of(told: Mapping[str, Any], path: Path) -> Run:
    """Return the run that a parsed file tells of. Raises ResultsError."""
    found = told.get("format")
    if found is None or "verdicts" not in told or "versions" not in told:
        raise ResultsError(f"{path}: holds no results; expected {WRITTEN}")
    if found != FORMAT:
        newer = isinstance(found, int) and found > FORMAT
        hint = ": a newer parity wrote it" if newer else ""
        raise ResultsError(f"{path}: expected format {FORMAT}, got {found!r}{hint}")
    facts = {name: value for name, value in told.items() if name not in _ROWS}
    for name in ("versions", "missing"):
        if not isinstance(facts.setdefault(name, {}), dict):
            raise ResultsError(f"{path}: damaged: {name} are no values by name")
    if not isinstance(facts.setdefault("exit_status", 0), int):
        raise ResultsError(f"{path}: damaged: exit_status is {facts['exit_status']!r}")
    return Run(
        name=path.stem,
        at=_when(told.get("at"), path),
        facts=facts,
        rows=_checked(path, "verdict", told["verdicts"], row_of),
        changes=_checked(path, "change", told.get("changes") or [], _change),
    )


_ROWS = ("verdicts", "changes", "lanes")


def row_of(record: Mapping[str, Any]) -> Row:
    """Return a record as a row. Raises one of WRONG where it is none."""
    divergence = record["divergence"]
    worst = {str(Stage(name)): number(c["worst"]) for name, c in record["counts"].items()}
    first = max(worst, key=lambda name: worst[name]) if worst else ""
    finding = record.get("finding")
    return Row(
        check=str(record["check"]),
        lane=str(record["lane"]),
        problem=_named("problem", record["problem"]),
        optimizer=str(record["optimizer"]),
        dtype=str(record["dtype"]),
        case=str(record["case"]),
        claims=tuple(map(str, record["claims"])),
        status=kind({**record, "status": Status(record["status"])}),
        stage=str(Stage(divergence["stage"])) if divergence else first,
        score=number(record["score"]),
        worst=worst,
        judged=sum(int(count["judged"]) for count in record["counts"].values()),
        abstained=sum(int(count["abstained"]) for count in record["counts"].values()),
        parted=number(record["parted"]),
        divergence=_divergence(divergence) if divergence else None,
        reason=str(record["reason"]),
        cause=str((record.get("diagnosis") or {}).get("sentence", "")),
        finding=_finding(finding) if finding else None,
    )


def number(value: Any) -> float:
    """Return a number; infinities are texts in a file. Raises TypeError or ValueError."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TypeError(f"expected a number, got {value!r}")
    return float(value)


def _named(what: str, value: Any) -> str:
    """Return a text that is not empty. Raises ValueError."""
    if value == "":
        raise ValueError(f"{what} is {value!r}")
    return str(value)


def _machine(told: Any, path: Path) -> Mapping[str, Any]:
    """Return what a file says of the machine; nothing where it does not. Raises ResultsError."""
    if told is not None and not isinstance(told, dict):
        raise ResultsError(f"{path}: damaged: machine_info is {told!r}")
    return told or {}


def _parsed(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ResultsError(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ResultsError(f"{path}: damaged, or no JSON: {error}") from error
    if not isinstance(told, dict):
        raise ResultsError(f"{path}: holds no results; expected {WRITTEN}")
    return told


def _checked(path: Path, what: str, records: Any, convert: Any) -> list[Any]:
    if not isinstance(records, list):
        raise ResultsError(f"{path}: damaged: expected a list of each {what}")
    found = []
    for place, record in enumerate(records, start=1):
        try:
            found.append(convert(record))
        except WRONG as error:
            why = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise ResultsError(f"{path}: damaged: {what} {place}: {why}") from error
    return found


def _divergence(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "step": int(found["step"]),
        "stage": str(Stage(found["stage"])),
        "tensor": str(found["tensor"]),
        "index": [int(i) for i in found["index"]],
        **{name: number(found[name]) for name in ("expected", "seen", "bound", "score")},
        "elements": int(found["elements"]),
        "size": int(found["size"]),
    }


def _finding(found: Mapping[str, Any]) -> dict[str, Any]:
    verdict, case = found["verdict"], found["case"]
    steps = found.get("steps")
    return {
        **{name: str(found[name]) for name in ("sentence", "text", "again", "script", "cause")},
        "case": {name: str(case[name]) for name in ("digest", "summary", "json")},
        "status": str(Status(verdict["status"])),
        "divergence": _divergence(verdict["divergence"]) if verdict["divergence"] else None,
        "score": number(found["score"]),
        "claims": [str(name) for name in found["claims"]],
        "steps": _steps(steps) if steps else None,
    }


def _steps(steps: Mapping[str, Any]) -> dict[str, Any]:
    shown = [int(step) for step in steps["step"]]
    lists = {name: steps[name] for name in ("seen", "expected", "bound", "free") if name in steps}
    by_stage = {str(Stage(name)): list(map(number, of)) for name, of in steps["score"].items()}
    found = {name: list(map(number, values)) for name, values in lists.items()}
    if any(len(values) != len(shown) for values in (*by_stage.values(), *found.values())):
        raise ValueError("expected as many numbers as steps")
    start = {"start": number(steps["start"])} if "start" in steps else {}
    return {"step": shown, "score": by_stage, **found, **start}


def _change(record: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(record[name]) for name in CHANGE}


CHANGE = ("kind", "where", "subject", "what", "old", "new", "why")


def _speed(record: Mapping[str, Any]) -> Speed:
    told = record["extra_info"]
    # Without an interval of its own, what lies between the quartiles of pytest-benchmark.
    stats = record["stats"]
    return Speed(
        lane=str(told["lane"]),
        problem=str(told["problem"]),
        size=str(told["size"]),
        per_second=_positive(told["steps_per_second"]),
        low=number(told.get("low", 1 / _positive(stats["q3"]))),
        high=number(told.get("high", 1 / _positive(stats["q1"]))),
        samples_per_second=number(told.get("samples_per_second", 0)),
        operations=number(told.get("operations", 0)),
        ceiling=number(told.get("ceiling", 0)),
        compile_seconds=number(told.get("compile_seconds", 0)),
        device=str(told.get("device", "")),
    )


def _positive(value: Any) -> float:
    found = number(value)
    if not 0 < found < math.inf:
        raise ValueError(f"expected a number above 0, got {value!r}")
    return found


def _when(told: Any, path: Path) -> str:
    """Return when a run ended, to the second; where it does not say, when its file was written.

    Raises ResultsError for a time that is out of the calendar in UTC.
    """
    try:
        when = datetime.fromisoformat(told)
    except (TypeError, ValueError):
        written = path.stat().st_mtime if path.exists() else 0.0
        when = datetime.fromtimestamp(written, UTC)
    try:
        return when.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "seconds")
    except (OverflowError, ValueError) as error:
        raise ResultsError(f"{path}: damaged: at is {told!r}") from error


def _renamed(runs: Sequence[Run]) -> list[Run]:
    """Return the runs, those with the name of one before them with a number behind it."""
    names = [run.name for run in runs]
    return [
        replace(run, name=f"{run.name}-{names[:n].count(run.name) + 1}")
        if run.name in names[:n]
        else run
        for n, run in enumerate(runs)
    ]
