"""The audit of frameworks, each in a process of its own; outcomes go to a file as they come."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from parity.arguments.outcome import Effect, Outcome, Trial
from parity.arguments.values import OLD_SPELLINGS
from parity.lanes.catalog import LANES
from parity.lanes.installed import missing, versions
from parity.lanes.pipe import Failure, Lost, Process
from parity.lanes.process import _environment


@dataclass(frozen=True, slots=True)
class Source:
    """A lane with the needs of a framework, the packages whose upgrade starts its audit anew.

    `module` (a name, or the path of a Python file) has `targets() -> list[Target]`.
    """

    lane: str
    packages: tuple[str, ...]
    module: str


_LANES = "parity.arguments.lanes"
FRAMEWORKS: Mapping[str, Source] = {
    "keras": Source("keras@tensorflow", ("keras", "tensorflow"), f"{_LANES}.keras"),
    "tf_keras": Source("tf_keras", ("tf_keras", "tensorflow"), f"{_LANES}.tf_keras"),
    "optax": Source("jax", ("optax", "jax"), f"{_LANES}.optax"),
    "torch": Source("torch", ("torch",), f"{_LANES}.torch"),
}  # the slowest first
QUICK = ("argument", "spelling")
_ENVIRONMENT = {
    "JAX_ENABLE_X64": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
PATIENCE = 600.0  # seconds for a start, or for a trial with all that it is tried beside
_AT_ONCE = 2  # frameworks side by side

Progress = Callable[[str, str, int, int], None]  # framework, target, targets done, of how many


class AuditError(ValueError):
    """A framework that cannot be audited."""


@dataclass
class Record:
    """The outcomes so far, in memory and as lines of a file; a second audit goes on from there."""

    path: Path | None = None
    outcomes: list[Outcome] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            for line in self.path.read_text("utf-8").splitlines():
                self._read(line)

    def add(self, outcome: Outcome) -> None:
        """Keep an outcome."""
        with self._lock:
            self.outcomes.append(outcome)
            self._write(outcome.to_json())

    def end(self, name: str) -> None:
        """Keep that a target is audited."""
        with self._lock:
            self.ended.add(name)
            self._write(json.dumps({"ended": name}))

    def _write(self, line: str) -> None:
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")

    def _read(self, line: str) -> None:

        try:
            record = json.loads(line)
            if "ended" in record:
                self.ended.add(record["ended"])
            else:
                self.outcomes.append(Outcome.from_dict(record))
        except ValueError:
            return  # the last line of an audit that was cut off


class Framework:
    """A framework in a process of its own, started again after a trial that ended it."""

    def __init__(self, name: str) -> None:
        source = FRAMEWORKS[name]
        needed = next(lane for lane in LANES if lane.name == source.lane)
        reason = missing(needed)
        if reason:
            raise AuditError(f"{name}: {reason}")
        installed = versions()
        self.name = name
        self.versions = ", ".join(f"{p} {installed.get(p, '?')}" for p in source.packages)
        self._command = [sys.executable, "-m", "parity.arguments", source.module]
        self._environment = _environment({**needed.environment, **_ENVIRONMENT})
        self._process: Process | None = None
        self._stopped = False

    def targets(self) -> dict[str, list[str]]:
        """Return the targets with their arguments. Raises AuditError."""
        try:
            process = self._started()
            process.send({"names": True})
            found: dict[str, list[str]] = process.receive(PATIENCE)["targets"]
        except Lost as lost:
            raise AuditError(f"{self.name}: {lost.failure}") from lost
        return found

    def audit(
        self, target: str, spellings: Sequence[str], kinds: Sequence[str], done: Sequence[str]
    ) -> Iterator[Outcome]:
        """Yield the outcomes of a target's trials but those `done`; a crash is one too."""
        finished = list(done)
        while True:
            trial: Trial | None = None
            try:
                process = self._started()
                process.send(
                    {
                        "target": target,
                        "spellings": list(spellings),
                        "kinds": list(kinds),
                        "done": finished,
                    }
                )
                while "end" not in (message := process.receive(PATIENCE)):
                    if "trial" in message:
                        trial = Trial(**message["trial"])
                        finished.append(trial.key)
                    else:
                        found = {**message["outcome"], "framework": self.name}
                        yield Outcome.from_dict({**found, "versions": self.versions})
            except Lost as lost:
                self.close()
                if trial is None or self._stopped:
                    raise AuditError(f"{self.name}: {target}: {lost.failure}") from lost
                yield self._crashed(trial, lost.failure)
                continue
            return

    def stop(self) -> None:
        """End the process for good, in the middle of an audit too."""
        self._stopped = True
        self.close()

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.close()

    def _crashed(self, trial: Trial, failure: Failure) -> Outcome:
        why = f"{failure.kind}: {failure.reason}"
        return Outcome(self.name, self.versions, trial, Effect.CRASHED, why)

    def _started(self) -> Process:
        if self._stopped:
            raise Lost(Failure("crashed", "the audit was ended"))
        if self._process is None or not self._process.alive:
            self.close()
            self._process = Process(self._command, self._environment)
            message: dict[str, Any] = self._process.receive(PATIENCE)
            if "ready" not in message:
                raise Lost(Failure("import", message["error"], message.get("traceback", "")))
        return self._process


def run(
    names: Sequence[str],
    record: Record,
    *,
    classes: Sequence[str] = (),
    kinds: Sequence[str] = (),
    progress: Progress | None = None,
) -> list[Outcome]:
    """Audit frameworks, two at a time; return the outcomes of their installed versions.

    `classes`, if any, are parts of the names of the targets wanted, `kinds` the only trials wanted.
    """
    unknown = sorted(set(names) - set(FRAMEWORKS))
    if unknown:
        raise AuditError(f"expected some of {', '.join(FRAMEWORKS)}, got {', '.join(unknown)}")
    frameworks = [Framework(name) for name in FRAMEWORKS if name in names]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            offered = list(pool.map(Framework.targets, frameworks))
            spellings = _spellings(offered)
            parts = [
                pool.submit(_audit, framework, found, spellings, record, classes, kinds, progress)
                for framework, found in zip(frameworks, offered, strict=True)
            ]
            for part in parts:
                part.result()
        finally:  # Ctrl-C included, which the pool would wait out
            pool.shutdown(wait=False, cancel_futures=True)
            for framework in frameworks:
                framework.stop()
    current = {(framework.name, framework.versions) for framework in frameworks}
    return [
        outcome
        for outcome in record.outcomes
        if (outcome.framework, outcome.versions) in current
        and _wanted(outcome.trial.target, classes)
        and (not kinds or outcome.trial.kind in kinds)
    ]


def audit_framework(name: str) -> list[Outcome]:
    """Return what single arguments and foreign spellings do in one framework."""
    return run([name], Record(), kinds=QUICK)


def _spellings(offered: Sequence[Mapping[str, Sequence[str]]]) -> list[str]:
    """Return every name that an argument of an optimizer has anywhere, and the older ones."""
    names = {
        name
        for found in offered
        for target, arguments in found.items()
        if ".losses" not in target and ".nn." not in target and ".Model" not in target
        for name in arguments
    }
    return sorted(names | set(OLD_SPELLINGS))


def _wanted(target: str, classes: Sequence[str]) -> bool:
    return not classes or any(part in target for part in classes)


def _audit(
    framework: Framework,
    offered: Mapping[str, Sequence[str]],
    spellings: Sequence[str],
    record: Record,
    classes: Sequence[str],
    kinds: Sequence[str],
    progress: Progress | None,
) -> None:
    wanted = [target for target in offered if _wanted(target, classes)]
    before = f"{framework.name}|{framework.versions}|"
    for number, target in enumerate(wanted):
        if progress:
            progress(framework.name, target, number, len(wanted))
        whole = f"{before}{target}|{','.join(kinds)}|{len(spellings)} spellings"
        if whole in record.ended:
            continue
        ours = [o for o in list(record.outcomes) if o.key.startswith(f"{before}{target}|")]
        done = [outcome.trial.key for outcome in ours]
        for outcome in framework.audit(target, spellings, kinds, done):
            record.add(outcome)
        record.end(whole)
    if progress:
        progress(framework.name, "", len(wanted), len(wanted))
    framework.close()
