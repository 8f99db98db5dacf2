"""The parent's side of a lane's process: whatever happens to it becomes a reply, never an end."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from parity.case import Case
from parity.lanes import Lane, worker
from parity.lanes.pipe import Failure, Lost, Process
from parity.trace import Trace, TraceError, check

__all__ = ["PATIENCE", "Failure", "LaneError", "Reply", "Worker", "Workers", "train_in_process"]

PATIENCE = 120.0  # seconds for an import, or for a case with its compilation, on a busy machine
HANGS = 3  # a lane that has hung so often is given up
_FLAGS = "XLA_FLAGS"
_SHARE = 1 << 30  # bytes of memory that a worker with a framework takes at most, roughly

Reply = Trace | Failure


class LaneError(Exception):
    """A lane's file that cannot be asked for its lanes; the message is the reason."""


class Worker:
    """One lane in a process of its own, started when first needed and again after it is lost."""

    def __init__(
        self,
        lane: Lane,
        *,
        x64: bool = False,
        python: str = sys.executable,
        variables: Mapping[str, str] | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self.lane = lane
        self.busy = False
        self._command = [python, "-m", "parity.lanes.worker", lane.module, lane.mode]
        wanted = {**lane.environment, **(lane.x64 if x64 else {}), **(variables or {})}
        self._environment = environment(wanted)
        self._patience = patience
        self._process: Process | None = None
        self._broken: Failure | None = None
        self._hangs = 0

    @property
    def alive(self) -> bool:
        """Whether a process is running."""
        return self._process is not None and self._process.alive

    def run(self, cases: Sequence[Case], *, timeout: float = PATIENCE) -> Generator[Reply]:
        """Yield a reply for each case, in order, as they come; `timeout` is seconds for each case.

        A case that kills, hangs or garbles the process gets the Failure, and the rest goes on in a
        fresh one. A lane that cannot be imported fails every case, and is not tried again.
        """
        if self.busy:
            raise RuntimeError(f"{self.lane.name} is in the middle of a batch")
        left = len(cases)
        self.busy = left > 0
        try:
            while left:
                for reply in self._attempt(cases[-left:], timeout):
                    left -= 1
                    self.busy = left > 0
                    yield reply
        finally:
            # Left early: by Ctrl-C, or because nobody wants the other replies.
            if left:
                self.busy = False
                self.close()

    def describe(self) -> list[dict[str, Any]]:
        """Return the `LANES` of the lane's file as plain dicts. Raises LaneError."""
        try:
            process = self._started()
            process.send({"describe": True})
            message = process.receive(self._patience)
        except Lost as lost:
            self.close()
            raise LaneError(str(lost.failure)) from lost
        if "lanes" not in message:
            raise LaneError(str(message.get("error", message)))
        lanes: list[dict[str, Any]] = message["lanes"]
        return lanes

    def close(self) -> None:
        """End the process; a later run starts a fresh one."""
        process, self._process = self._process, None
        if process is not None:
            process.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _attempt(self, cases: Sequence[Case], timeout: float) -> Generator[Reply]:
        """Yield replies until all are in or the process is lost."""
        try:
            process = self._started()
        except Lost as lost:
            self.close()
            yield from [lost.failure] * len(cases)
            return
        process.send({"cases": [case.to_dict() for case in cases]})
        for case in cases:
            try:
                reply = _reply(process.receive(timeout), case)
            except Lost as lost:
                self.close()
                self._give_up_after(lost.failure)
                yield lost.failure
                return
            yield reply

    def _give_up_after(self, failure: Failure) -> None:
        """Let every later case fail at once, where each would only wait for the time-out."""
        self._hangs += failure.kind == "hung"
        if self._hangs == HANGS:
            reason = f"given up after {HANGS} cases; the last one {failure.reason}"
            self._broken = replace(failure, reason=reason)

    def _started(self) -> Process:
        if self._broken is not None:
            raise Lost(self._broken)
        if self._process is not None and self._process.alive:
            return self._process
        self.close()
        process = self._process = Process(self._command, self._environment)
        self._broken = self._import_failure(process)
        if self._broken is not None:
            raise Lost(self._broken)
        return process

    def _import_failure(self, process: Process) -> Failure | None:
        try:
            message = process.receive(self._patience)
        except Lost as lost:
            reason = f"while importing {self.lane.module}: {lost.failure.reason}"
            return replace(lost.failure, kind="import", reason=reason)
        if "import" in message:
            return Failure("import", message["import"], message["traceback"])
        return None


class Workers:
    """Workers by lane, started when first needed; the longest unused are closed beyond `limit`.

    By default as many stay alive as the machine's memory can be expected to hold. A worker in the
    middle of a batch is never closed for another. `python` is the interpreter of them all, and
    `variables` are set for each.
    """

    def __init__(
        self,
        *,
        limit: int | None = None,
        python: str = sys.executable,
        variables: Mapping[str, str] | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self._how: dict[str, Any] = {"python": python, "variables": variables, "patience": patience}
        memory = worker.physical_memory()
        self._limit = limit or max(2, (memory or 0) // _SHARE)
        self._workers: dict[tuple[str, bool], Worker] = {}
        self._lock = threading.Lock()

    def run(
        self, lane: Lane, cases: Sequence[Case], *, timeout: float = PATIENCE
    ) -> Generator[Reply]:
        """Yield a reply for each case, in order; see `Worker.run`."""
        for x64, group in groupby(cases, lambda case: _needs_x64(lane, case)):
            yield from self._worker(lane, x64).run(list(group), timeout=timeout)

    @property
    def alive(self) -> list[tuple[str, bool]]:
        """The lanes with a running process, each with its x64, the longest unused first."""
        with self._lock:
            return [key for key, entry in self._workers.items() if entry.alive]

    def fresh(self) -> Workers:
        """Return workers like these, none of them started."""
        return Workers(limit=self._limit, **self._how)

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            for entry in self._workers.values():
                entry.close()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _worker(self, lane: Lane, x64: bool) -> Worker:
        key = (lane.name, x64)
        with self._lock:
            found = self._workers.pop(key, None)
            if found is not None and found.lane != lane:
                found.close()
                found = None
            self._close_beyond(self._limit - 1)
            self._workers[key] = found or Worker(lane, x64=x64, **self._how)
            return self._workers[key]

    def _close_beyond(self, limit: int) -> None:
        alive = [entry for entry in self._workers.values() if entry.alive]
        idle = [entry for entry in alive if not entry.busy]
        for entry in idle[: max(0, len(alive) - limit)]:
            entry.close()


def train_in_process(lane: Lane, case: Case) -> Trace:
    """Train `case` right here, for a debugger; whatever the lane raises comes through.

    The lane's environment is set for this process, which helps only before its first import.
    """
    os.environ.update({**lane.environment, **(lane.x64 if _needs_x64(lane, case) else {})})
    trace = worker.train(worker.load(lane.module), lane.mode, case)
    check(trace, case)
    return trace


def _reply(message: Mapping[str, Any], case: Case) -> Reply:
    if "trace" in message:
        try:
            trace = Trace.from_dict(message["trace"])
            check(trace, case)
        except TraceError as error:
            return Failure("garbage", str(error))
        return trace
    if "refused" in message:
        return Failure("refused", message["refused"])
    if "error" in message:
        return Failure("raised", message["error"], message.get("traceback", ""))
    raise Lost(Failure("garbage", f"not a reply: a message with {sorted(message)}"))


def _needs_x64(lane: Lane, case: Case) -> bool:
    return bool(lane.x64) and case.dtype == "float64"


def environment(wanted: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with what is wanted, for one that finds this package.

    XLA reads all its flags from one variable, so that those that are set already stay beside.
    """
    # What lies in the folder that a run was started in shadows nothing (from Python 3.11 on).
    found = {**os.environ, "PYTHONSAFEPATH": "1", **wanted}
    if _FLAGS in wanted:
        found[_FLAGS] = f"{os.environ.get(_FLAGS, '')} {wanted[_FLAGS]}".strip()
    root = Path(__file__).parents[2]
    # A checkout may be on this interpreter's path by other means than the environment.
    if root.name not in ("site-packages", "dist-packages"):
        paths = [str(root), found.get("PYTHONPATH", "")]
        found["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return found
