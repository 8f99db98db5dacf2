"""What one run of `pytest parity` shares: lanes, profile, claims, workers, and verdicts so far.

It is made while tests are collected, so what only a running check needs is imported there.
"""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parity import records
from parity import report as pages
from parity.asked import file, one_of, positive, read_case, seed_of, whole, writable
from parity.case import Case
from parity.datasets import REAL, real_case
from parity.known import CLAIMS, in_force
from parity.lanes import Lane
from parity.lanes.catalog import LANES
from parity.lanes.installed import chosen_lanes, missing, versions
from parity.parts import Optimizer
from parity.profiles import PROFILES, Profile
from parity.rows import PROMPT, Row, Rows, articles

if TYPE_CHECKING:
    from parity.baseline.content import Offer
    from parity.baseline.gate import Gate, Judged
    from parity.lockstep import Harness, Result

TIMEOUT = 120.0  # seconds for a case
INSTALL = 'pip install "parity[all]" (or [torch], [tensorflow], [keras], [jax])'


class Session:
    """One run. Raises ValueError for an unknown lane, a bad case file, or nothing to run.

    `command` runs the checks from `folder`, the one in which this run was started.
    """

    def __init__(
        self,
        *,
        lanes: str | None = None,
        profile: str = "standard",
        cases: str | int | None = None,
        case: str | None = None,
        report: str | None = None,
        page: str | None = None,
        seed: str | int | None = None,
        timeout: str | float = TIMEOUT,
        folder: Path,
        command: str = "pytest parity",
        gate: Gate | None = None,
    ) -> None:
        # Lanes last: a lane's file is asked in a process of its own, which may import a framework.
        self.profile_name = one_of("profile", profile, PROFILES)
        self.profile: Profile = PROFILES[profile]
        self.cases = None if cases is None else whole(cases)
        self.timeout = min(positive("timeout", "seconds", timeout), threading.TIMEOUT_MAX)
        self.seed = seed_of(seed)
        self.report = None if report is None else writable(file("json", report))
        if page == "":
            raise ValueError("report: expected a folder, got ''")
        self.page = None if page is None else pages.folder(Path(page))
        self.case_path = case
        self.case = None if case is None else read_case(file("case", case))
        self.folder = folder
        self.command = command
        self.gate = gate
        self.judged: Judged | None = None  # at the end, where there is a gate
        self.unwritten = False  # at the end, where a file that was asked for could not be
        # The words that lanes were chosen with; None: all there are.
        self.selection = None if lanes is None else _words(lanes)
        self._origins = chosen_lanes(lanes)
        self.missing: dict[str, str] = {}
        chosen = [lane for lane, _ in self._origins.values()]
        if self.profile.brief and lanes is None and case is None:
            chosen = [lane for lane in chosen if lane.pace >= PROMPT]
        self.lanes = self._able(chosen, lanes)
        self.claims = in_force(CLAIMS, versions())
        self._rows = Rows(
            lanes=self.lanes,
            claims=self.claims,
            profile=self.profile,
            cases=self.cases,
            single=case is not None,
            baseline=gate is not None,
        )
        self._records: dict[str, list[dict[str, Any]]] = {}
        self._told: set[tuple[str, str]] = set()
        self._offers: dict[str, dict[str, dict[str, Offer]]] = {}

    @cached_property
    def harness(self) -> Harness:
        """Lanes in their processes, started when a check first needs them."""
        from parity.lanes.process import PATIENCE, Workers
        from parity.lockstep import Harness

        # What is slow to train is slow to import; but an import takes its time at the least.
        workers = Workers(patience=max(PATIENCE, self.timeout))
        return Harness(workers, self.claims, seed=self.seed, timeout=self.timeout)

    def close(self) -> None:
        """End the worker processes."""
        if "harness" in self.__dict__:
            self.harness.workers.close()

    def header(self) -> list[str]:
        """Return the lines above the run: versions, lanes, what is missing, profile."""
        found = ", ".join(f"{name} {version}" for name, version in versions().items())
        lines = [
            f"parity: {self._extent()}",
            f"parity: {found}",
            f"parity lanes: {', '.join(lane.name for lane in self.lanes)}",
        ]
        reasons: dict[str, list[str]] = {}
        for name, reason in self.missing.items():
            reasons.setdefault(reason, []).append(name)
        lines += [f"parity skips {', '.join(names)}: {why}" for why, names in reasons.items()]
        return lines

    def extent(self, lane: Lane) -> Profile:
        """Return how much is drawn for `lane`: the profile, or so as to reach `--parity-cases`."""
        return self._rows.extent(lane)

    def rows(self, check: str) -> list[Row]:
        """Return the parametrization of the check named so."""
        return self._rows.of(check)

    @property
    def checks(self) -> frozenset[str]:
        """The ids of all checks, as `test_dataset[torch-iris]`."""
        return self._rows.checks

    def dataset(self, name: str) -> Case:
        """Return whole epochs on a real data set, or what a tutorial trains."""
        if name in REAL:
            # The optimizer call that lanes share most.
            return real_case(name, Optimizer("sgd", {"momentum": 0.9}))
        return articles()[name]

    def record(self, nodeid: str, result: Result) -> None:
        """Keep a verdict for the summary and the JSON file."""
        found, own = records.record(_check(nodeid), result), self._records.setdefault(nodeid, [])
        wide = result.case.dtype == "float64" and result.trace is not None
        if self.gate is not None and wide and not any("losses" in other for other in own):
            found["losses"] = _losses(result)
        own.append(found)

    def offer(self, nodeid: str, framework: str, offers: dict[str, Offer]) -> None:
        """Keep what a framework offers for a baseline."""
        self._offers[nodeid] = {framework: offers}

    def known_offers(self, framework: str) -> Mapping[str, Offer]:
        """Return what the baseline, where there is one, says that a framework offers."""
        known = self.gate.known if self.gate is not None else None
        return {} if known is None else known.frameworks.get(framework, {})

    def offered(self, nodeid: str) -> dict[str, dict[str, Offer]]:
        """Return what a check found a framework to offer, and forget it."""
        return self._offers.pop(nodeid, {})

    def explain(self, nodeid: str, worst: Result) -> None:
        """Add the cause of a check's finding to its last verdict, as plain values."""
        if worst.diagnosis is not None:
            self._records[nodeid][-1]["diagnosis"] = worst.diagnosis.to_dict()

    def taken(self, nodeid: str) -> list[dict[str, Any]]:
        """Return a check's verdicts, and forget them."""
        return self._records.pop(nodeid, [])

    def finding(self, nodeid: str, lane: Lane, result: Result) -> str:
        """Return a divergence or error as a person reads it; its case is saved.

        What the report shows of it is kept with the check's last verdict.
        """
        from parity.findings import describe, save, save_script
        from parity.report.finding import finding_data

        told = (lane.name, result.verdict.reason)
        if told in self._told:
            result = replace(result, detail="")  # a traceback is read once
        self._told.add(told)
        try:
            path = self.case_path or save(result.case, self.folder)
            words = [f"--parity-case={path}", f"--parity-lanes={self._origins[lane.name][1]}"]
            if self.timeout != TIMEOUT:
                words.append(f"--parity-timeout={self.timeout:g}")
            again = " ".join([self.command, *(shlex.quote(word) for word in words)])
        except OSError as error:
            again = f"the case could not be saved: {error}"
        told_as, script = describe(result, self._who(lane, result), again), ""
        if self.case_path is None and result.verdict.divergence is not None:
            repro, script = save_script(result, lane, self.folder)
            told_as += f"\n  repro:  {repro}"
        kept = finding_data(result, text=told_as, again=again, script=script)
        self._records[nodeid][-1]["finding"] = kept
        return told_as

    def finish(self, verdicts: list[dict[str, Any]], exit_status: int) -> list[str]:
        """Write verdicts and report where they were asked for, and keep the run in the history.

        Return what a person should read of it; `unwritten` says that something is lost.
        """
        facts: dict[str, Any] = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": self.command,
            "cases": self.cases,
            "case": self.case_path,
            "exit_status": exit_status,
            "profile": self.profile_name,
            "seed": self.seed,
            "versions": versions(),
            "missing": self.missing,
        }
        if self.judged is not None:
            facts["changes"] = [change.to_dict() for change in self.judged.changes]
            facts["compared"] = list(self.judged.notes)
        told = self._written("report", pages.finish, facts, verdicts, self.page, self.folder)
        if self.report is None:
            return told
        return [*self._written("verdicts", records.write, self.report, facts, verdicts), *told]

    def _written(self, what: str, write: Callable[..., list[str]], *arguments: Any) -> list[str]:
        """Write, and return what is told of it: what the run found is shown in any case."""
        try:
            return write(*arguments)
        except (OSError, ValueError) as error:
            self.unwritten = True
            return [f"{what}: not written: {error}"]

    def _able(self, chosen: list[Lane], selection: str | None) -> list[Lane]:
        """Return the lanes that can run, the slowest first, and keep why the others cannot."""
        asked = {part.strip() for part in (selection or "").split(",")}
        able = []
        for lane in sorted(chosen, key=lambda lane: lane.pace):
            reason = missing(lane)
            if reason is None and self.case is not None:
                reason = lane.lacks(self.case)
            elif reason is None and not set(lane.dtypes) & set(self.profile.dtypes):
                reason = f"no dtype {' or '.join(self.profile.dtypes)}"
            if reason is None:
                able.append(lane)
            else:
                self.missing[lane.name] = reason
        reasons = "; ".join(f"{name}: {reason}" for name, reason in self.missing.items())
        if not able and self.case is not None:
            raise ValueError(f"no lane can run {self.case_path}: {reasons}")
        if not able and selection:
            raise ValueError(f"no lane can run: {reasons}")
        if self.missing and not any(_is_evidence(lane) or lane.name in asked for lane in able):
            raise ValueError(f"no framework is installed: {INSTALL}")
        return able

    def _extent(self) -> str:
        if self.case is not None:
            return f"one case, {self.case_path}"
        count = f"up to {self.profile.examples} cases for each lane, problem and optimizer"
        if self.cases is not None:
            count = f"{self.cases} cases or more for each lane"
        return f"profile {self.profile_name}, {count}, seed {self.seed}"

    def _who(self, lane: Lane, result: Result) -> str:
        found = dict(result.trace.versions) if result.trace is not None else versions()
        package = lane.packages[0].partition(".")[0] if lane.packages else ""
        if package not in found:
            return lane.name
        if lane.name.startswith(package):
            return f"{lane.name} {found[package]}"
        return f"{lane.name} ({package} {found[package]})"


def _words(selection: str) -> tuple[str, ...]:
    return tuple(sorted({part.strip() for part in selection.split(",") if part.strip()}))


def _check(nodeid: str) -> str:
    return nodeid.partition("::")[2]


def _losses(result: Result) -> str:
    from parity.baseline.numbers import losses
    from parity.known import dials

    assert result.trace is not None
    return losses(result.case, result.trace, dials(result.claims))


def _is_evidence(lane: Lane) -> bool:
    """Return whether a lane says something about a framework; the control does not."""
    return lane not in LANES or any(package != "numpy" for package in lane.packages)
