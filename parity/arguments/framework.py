"""A framework whose arguments are audited, in a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from parity.arguments.outcome import Effect, Outcome, Trial
from parity.lanes import Lane
from parity.lanes.catalog import LANES
from parity.lanes.installed import missing, versions
from parity.lanes.pipe import Failure, Lost, Process
from parity.lanes.process import environment

_ENVIRONMENT = {
    "JAX_ENABLE_X64": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
PATIENCE = 600.0  # seconds for a start, or for a trial with all that it is tried beside


class AuditError(ValueError):
    """A framework that cannot be audited."""


@dataclass(frozen=True, slots=True)
class Source:
    """A lane with the needs of a framework, the packages whose upgrade starts its audit anew.

    `module` (a name, or the path of a Python file) has `targets() -> list[Target]`.
    """

    lane: str
    packages: tuple[str, ...]
    module: str

    @property
    def needs(self) -> Lane:
        """The lane, which says what must be installed, and in what environment it runs."""
        return next(lane for lane in LANES if lane.name == self.lane)

    def audited_with(self, lanes: Sequence[Lane]) -> Lane | None:
        """Return the lane that stands for the framework among `lanes`; None if it has none."""
        needs = self.needs
        own = [lane for lane in lanes if lane in LANES and lane.packages[:1] == needs.packages[:1]]
        return needs if needs in own else next(iter(own), None)


_LANES = "parity.arguments.lanes"
FRAMEWORKS: Mapping[str, Source] = {
    "keras": Source("keras@tensorflow", ("keras", "tensorflow"), f"{_LANES}.keras"),
    "tf_keras": Source("tf_keras", ("tf_keras", "tensorflow"), f"{_LANES}.tf_keras"),
    "optax": Source("jax", ("optax", "jax"), f"{_LANES}.optax"),
    "torch": Source("torch", ("torch",), f"{_LANES}.torch"),
}  # the slowest first


class Framework:
    """A framework in a process of its own, started again after a trial that ended it.

    Raises AuditError if it is not installed.
    """

    def __init__(self, name: str, source: Source) -> None:
        needed = source.needs
        reason = missing(needed)
        if reason:
            raise AuditError(f"{name}: {reason}")
        installed = versions()
        self.name = name
        self.versions = ", ".join(f"{p} {installed.get(p, '?')}" for p in source.packages)
        self._command = [sys.executable, "-m", "parity.arguments", source.module]
        self._environment = environment({**needed.environment, **_ENVIRONMENT})
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
        self,
        target: str,
        spellings: Sequence[str],
        kinds: Sequence[str],
        done: Sequence[str],
        *,
        brief: bool = False,
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
                        "brief": brief,
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
                raise Lost(Failure("import", message["import"], message.get("traceback", "")))
        return self._process
