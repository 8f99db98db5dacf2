"""A change as a file that `parity bisect` takes, and as a script for either release."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from parity.case import Case
from parity.compare import Status
from parity.repro import NoRepro, script
from parity.repro.trial import Place
from parity.upgrades.change import Change, Kind
from parity.upgrades.environment import Environment
from parity.upgrades.groups import grouped
from parity.upgrades.lockstep import Apart
from parity.upgrades.probe import Probe
from parity.upgrades.probing import FRAMEWORKS, ProbeError, Side
from parity.upgrades.upgrade import Report
from parity.validity import CaseError

FORMAT = 1
_SHOWN = (Kind.SEMANTIC, Kind.DEFAULT, Kind.ARGUMENT, Kind.ERROR)
_MOST = 20  # findings that get a file, the worst of them; the JSON report has all


@dataclass(frozen=True, slots=True)
class Finding:
    """What shows a change: a probe of a framework, or a case of a lane; and between which releases.

    `old` and `new` map distributions to versions.
    """

    where: str
    old: Mapping[str, str]
    new: Mapping[str, str]
    probe: Probe | None = None
    case: Case | None = None

    def to_json(self) -> str:
        """Return the finding as JSON."""
        record = {
            "format": FORMAT,
            "where": self.where,
            "old": dict(self.old),
            "new": dict(self.new),
            "probe": None if self.probe is None else self.probe.to_dict(),
            "case": None if self.case is None else json.loads(self.case.to_json()),
        }
        return json.dumps(record, indent=1, ensure_ascii=False) + "\n"

    @staticmethod
    def from_json(text: str) -> Finding:
        """Return the finding that `to_json` described. Raises ValueError."""
        try:
            record: Any = json.loads(text)
            if record["format"] != FORMAT:
                raise ValueError(f"format: expected {FORMAT}, got {record['format']!r}")
            probe, case = record["probe"], record["case"]
            if (probe is None) == (case is None):
                raise ValueError("expected a probe or a case")
            return Finding(
                str(record["where"]),
                {str(name): str(version) for name, version in record["old"].items()},
                {str(name): str(version) for name, version in record["new"].items()},
                None if probe is None else Probe.from_dict(probe),
                None if case is None else Case.from_json(json.dumps(case)),
            )
        except (KeyError, TypeError, AttributeError, CaseError) as error:
            raise ValueError(f"not a finding of an upgrade: {error!r}") from error
        except json.JSONDecodeError as error:
            raise ValueError(f"not JSON: {error}") from error


def save(
    report: Report,
    old: Environment,
    new: Environment,
    folder: Path,
    tell: Callable[[str], None] = lambda _: None,
    patience: float = math.inf,
) -> dict[str, str]:
    """Write the worst findings and their repros; return how to run each, by its change's sentence.

    After `patience` seconds no script is looked for any more that shows what a lane does: where it
    compiles, each takes a minute. A folder that cannot be written to raises ValueError.
    """
    shown: dict[str, str] = {}
    groups = [g for g in grouped(report.found) if g.first.kind in _SHOWN and g.found[0].probe]
    # One process for each framework and environment writes all of its scripts.
    with ExitStack() as running:
        places = (old, new)
        started = cache(lambda where, n: running.enter_context(Side(where, places[n])))
        try:
            for group in groups[:_MOST]:
                one = group.found[0]
                tell(f"repro of {one.change.subject}")
                finding = Finding(one.change.where, report.old, report.new, probe=one.probe)
                path = _written(folder, finding)
                sides = [partial(started, one.change.where, n) for n in (1, 0)]
                text = _first_script(finding, sides)
                shown[one.change.sentence] = _script(path, text, finding, one.change, old, new)
            end = time.monotonic() + patience
            for apart in report.apart[:_MOST]:
                finding = Finding(apart.lane.name, report.old, report.new, case=apart.case)
                path = _written(folder, finding)
                if time.monotonic() > end:
                    shown[apart.change.sentence] = f"{path} (no script: the budget was used up)"
                    continue
                tell(f"repro of {apart.lane.name}")
                text = _lane_script(apart, old, new)
                shown[apart.change.sentence] = _script(path, text, finding, apart.change, old, new)
        except OSError as error:
            raise ValueError(f"{folder}: {error.strerror}") from error
    return shown


def _written(folder: Path, finding: Finding) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    text = finding.to_json()
    path = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:12]}.json"
    path.write_text(text, encoding="utf-8")
    return path


def _first_script(finding: Finding, sides: Iterable[Callable[[], Side]]) -> str:
    """Return the script of the first side that knows the call; nothing if none does."""
    assert finding.probe is not None
    for side in sides:
        with suppress(ProbeError):  # it knows no such call
            return side().script(finding.probe)
    return ""


def _lane_script(apart: Apart, old: Environment, new: Environment) -> str:
    """Return a script that exits 1 on the side that parts from the oracle; nothing if none does."""
    for result, place in ((apart.new, new), (apart.old, old)):
        if result.verdict.status is Status.DIVERGE:
            with suppress(NoRepro):  # the case that was written still shows it
                return script(result, apart.lane, Place(place.python, place.layer))
    return ""


def _script(
    path: Path, text: str, finding: Finding, change: Change, old: Environment, new: Environment
) -> str:
    """Write the script that makes the call by itself; return how to run it."""
    if not text:
        return f"{path} (no script)"
    written = path.with_suffix(".py")
    ways = "".join(_how(written, finding, place) for place in (old, new))
    written.write_text(f"# {change.sentence}\n{ways}{text}", "utf-8")
    return f"python {written}"


def _how(script: Path, finding: Finding, place: Environment) -> str:
    """Return the command that runs a script in an environment, as a comment."""
    words = []
    if finding.case is None and "KERAS_BACKEND" in FRAMEWORKS[finding.where].variables:
        words.append(f"KERAS_BACKEND={FRAMEWORKS[finding.where].variables['KERAS_BACKEND']}")
    words += [f"PYTHONPATH={place.layer}"] if place.layer else []
    return f"# {place.name}: {' '.join([*words, place.python, str(script)])}\n"
