"""The outcomes so far, as lines of a file too: a second audit goes on from there."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from parity.arguments.outcome import Outcome


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
