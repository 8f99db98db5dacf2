"""What one run of `pytest parity` shares: lanes, profile, claims, workers, and verdicts so far."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from parity.case import OPTIMIZERS, Case, CaseError, Optimizer
from parity.datasets import REAL, article_cases, real_case
from parity.findings import describe, save
from parity.known import CLAIMS
from parity.lanes import Lane
from parity.lanes.catalog import LANES
from parity.lanes.installed import load_lanes, missing, versions
from parity.lanes.process import Workers
from parity.lockstep import PROFILES, Harness, Profile, Result

PROBLEMS = ("linear", "softmax", "mlp")
INSTALL = 'pip install "parity[all]" (or [torch], [tensorflow], [keras], [jax])'


@dataclass(frozen=True, slots=True)
class Row:
    """One parametrization of a check: its values, its id, and the lane that it keeps busy."""

    values: tuple[Any, ...]
    id: str
    group: str


class Session:
    """One run. Raises ValueError for an unknown lane, a bad case file, or nothing to run."""

    def __init__(
        self,
        *,
        lanes: str | None,
        profile: str,
        case: str | None,
        seed: str | int | None,
        timeout: float,
        folder: Path,
    ) -> None:
        asked = load_lanes(lanes) if lanes else list(LANES)
        reasons = {lane.name: missing(lane) for lane in asked}
        self.lanes = [lane for lane in asked if reasons[lane.name] is None]
        self.missing = {name: reason for name, reason in reasons.items() if reason}
        self.profile_name = profile
        self.profile: Profile = PROFILES[profile]
        self.case = None if case is None else _read(Path(case))
        self.seed = int(seed) if seed not in (None, "random") else 0
        self.timeout = timeout
        self.folder = folder
        if all(not lane.packages for lane in self.lanes) and (self.missing or not self.lanes):
            raise ValueError(f"no framework is installed: {INSTALL}")
        self._records: dict[str, list[dict[str, Any]]] = {}

    @cached_property
    def harness(self) -> Harness:
        """Lanes in their processes, started when a check first needs them."""
        return Harness(Workers(), CLAIMS, seed=self.seed, timeout=self.timeout)

    def close(self) -> None:
        """End the worker processes."""
        if "harness" in self.__dict__:
            self.harness.workers.close()

    def header(self) -> list[str]:
        """Return the lines above the run: versions, lanes, what is missing, profile."""
        found = ", ".join(f"{name} {version}" for name, version in versions().items())
        lines = [
            f"parity: profile {self.profile_name}, {self.profile.examples} cases for each lane, "
            f"problem and optimizer, seed {self.seed}",
            f"parity: {found}",
            f"parity lanes: {', '.join(lane.name for lane in self.lanes)}",
        ]
        reasons: dict[str, list[str]] = {}
        for name, reason in self.missing.items():
            reasons.setdefault(reason, []).append(name)
        lines += [f"parity skips {', '.join(names)}: {why}" for why, names in reasons.items()]
        return lines

    def version(self, lane: Lane) -> str:
        """Return the version of the package that a lane is named after."""
        return versions().get(lane.packages[0], "") if lane.packages else ""

    def rows(self, check: str) -> list[Row]:
        """Return the parametrization of the check named so."""
        if self.case is not None:
            names = [lane for lane in self.lanes if check == "test_case"]
            return [Row((lane,), lane.name, lane.name) for lane in names]
        if check == "test_lockstep":
            return [
                Row((lane, problem, name), f"{lane.name}-{problem}-{name}", lane.name)
                for lane in self._slowest_first()
                for name in OPTIMIZERS
                if name in lane.optimizers
                for problem in PROBLEMS
            ]
        if check == "test_dataset":
            return [
                Row((lane, case), f"{lane.name}-{name}", lane.name)
                for lane in self._slowest_first()
                for name, case in _datasets().items()
                if lane.lacks(case) is None
            ]
        if check == "test_claim":
            return [
                Row((lane, claim), f"{lane.name}-{claim.name}", lane.name)
                for lane in self._slowest_first()
                for claim in CLAIMS
                if claim.covers(lane.name)
            ]
        return []

    def record(self, nodeid: str, result: Result) -> None:
        """Keep a verdict for the summary and the JSON file."""
        optimizer = result.case.optimizer.name
        self._records.setdefault(nodeid, []).append(
            {
                "lane": result.lane,
                "problem": result.case.problem,
                "optimizer": optimizer,
                "case": result.case.digest,
                "claims": [claim.name for claim in result.claims],
                **result.verdict.to_dict(),
            }
        )

    def finding(self, lane: Lane, result: Result) -> str:
        """Return a divergence or error as a person reads it; its case is saved."""
        path = save(result, self.folder)
        shown = path.relative_to(self.folder)
        return describe(result, lane, self.version(lane), shown)

    def taken(self, nodeid: str) -> list[dict[str, Any]]:
        """Return a check's verdicts, and forget them."""
        return self._records.pop(nodeid, [])

    def write_json(self, path: Path, records: list[dict[str, Any]]) -> None:
        """Write all verdicts, and what they were found with."""
        report = {
            "format": 1,
            "profile": self.profile_name,
            "seed": self.seed,
            "versions": versions(),
            "missing": self.missing,
            "verdicts": records,
        }
        path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")

    def _slowest_first(self) -> list[Lane]:
        return sorted(self.lanes, key=lambda lane: lane.pace)


@cache
def _datasets() -> dict[str, Case]:
    """Return whole epochs on real data, each with the optimizer that its lanes share most."""
    momentum = Optimizer("sgd", {"momentum": 0.9})
    real = {name: real_case(name, momentum) for name in REAL}
    return real | article_cases()


def _read(path: Path) -> Case:
    try:
        return Case.from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a text file: {error.reason}") from error
    except CaseError as error:
        raise ValueError(f"{path}: {error}") from error
