"""A framework's process, which runs the articles' systems."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence

from parity.articles.study import Answer, System
from parity.lanes import Lane
from parity.lanes.catalog import LANES
from parity.lanes.installed import missing
from parity.lanes.pipe import Failure, Lost, Process
from parity.lanes.process import environment

PATIENCE = 300.0  # seconds for an import, or for a system, on a busy machine
_ENVIRONMENT = {
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
# Each framework's module in lanes, with the lane that says what it needs and its environment.
NEEDS: Mapping[str, str] = {
    "torch": "torch",
    "tensorflow": "tensorflow",
    "tf_keras": "tf_keras",
    "keras": "keras@tensorflow",
}


class StudyError(ValueError):
    """A framework whose systems cannot be run."""


def needs(name: str) -> Lane:
    """Return the lane with the needs of a framework."""
    return next(lane for lane in LANES if lane.name == NEEDS[name])


def answers(name: str, systems: Sequence[System]) -> Iterator[tuple[System, Answer]]:
    """Yield what comes out of each system of a framework, all in one process of its own.

    Raises StudyError where the framework is not installed, or its process is lost.
    """
    lane = needs(name)
    reason = missing(lane)
    if reason:
        raise StudyError(f"{name}: {reason}")
    command = [sys.executable, "-m", "parity.articles", f"parity.articles.lanes.{name}"]
    process: Process | None = None
    try:
        process = Process(command, environment({**lane.environment, **_ENVIRONMENT}))
        message = process.receive(PATIENCE)
        if "ready" not in message:
            raise Lost(Failure("import", message["import"], message.get("traceback", "")))
        for system in systems:
            process.send({"system": system.name})
            yield system, Answer.from_dict(process.receive(PATIENCE)["answer"])
    except Lost as lost:
        raise StudyError(f"{name}: {lost.failure}") from lost
    finally:
        if process is not None:
            process.close()
