"""From a run to what a baseline holds: rows of a check's verdicts, offers of a framework."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from parity import records
from parity.baseline.content import (
    ACCEPTED,
    FAILED,
    IGNORED,
    PASSED,
    REFUSED,
    Finding,
    Offer,
    Offers,
    Row,
    Tried,
)
from parity.baseline.numbers import measures, near
from parity.lanes import Lane
from parity.lanes.catalog import LANES
from parity.lanes.installed import versions
from parity.upgrades import stages
from parity.upgrades.noise import alike, parting
from parity.upgrades.probe import Probe, Seen, Target

# The lane whose check asks what a framework offers, where it has another name.
_STANDS_FOR = {"optax": "jax"}
FRAMEWORKS = ("torch", "keras@torch", "keras@jax", "keras@tensorflow", "tf_keras", "jax", "optax")
# A call is nudged, by units of its own precision and of float32, in which a framework may compute
# what it is given in float64: what its numbers differ by then is rounding.
_SEEDS = (0, 1, -1)
_RESTLESS = re.compile(r" at 0x[0-9a-f]+|(?<![\w.])/[^\s:'\"]*/")  # addresses and folders
_LINES = 20  # of what a failing check says


class Side(Protocol):
    """A framework in a process of its own."""

    def describe(self) -> Mapping[str, Target]:
        """Return what it offers, by name."""

    def run(self, probe: Probe, nudges: Sequence[int]) -> Sequence[Seen]:
        """Return what comes of a call, for each seed of moved inputs."""


def about(lanes: Iterable[Lane]) -> dict[str, str]:
    """Return the versions that what these lanes do may depend on."""
    packages = {package.partition(".")[0] for lane in lanes for package in lane.packages}
    ours = {name: importlib.metadata.version(name) for name in ("parity", "hypothesis")}
    data = {"scikit-learn": importlib.metadata.version("scikit-learn")}
    found = {n: v for n, v in versions().items() if n in {"python", "numpy", *packages}}
    return {**ours, **data, **found}


def machine() -> str:
    """Return what the reader is told of the machine; no count of cores, no vector width."""
    return f"{platform.system()} {platform.machine()}"


def frameworks(lanes: Sequence[Lane]) -> dict[str, Lane]:
    """Return the frameworks that are asked what they offer, each with the lane it goes with."""
    own = [lane for lane in lanes if lane in LANES]
    found = {}
    for name in FRAMEWORKS:
        its = [one for one in own if one.name.partition(":")[0] == _STANDS_FOR.get(name, name)]
        if its:
            found[name] = max(its, key=lambda lane: lane.pace)
    return found


def row(outcome: str, said: str, verdicts: Sequence[records.Record]) -> Row:
    """Return a check's row: how it came out, what it said, and its verdicts."""
    findings = {
        str(record["case"]): _finding(record)
        for record in verdicts
        if record["status"] in ("diverge", "error")
    }
    digests = sorted(str(record["case"]) for record in verdicts)
    told = outcome == FAILED and (findings or _unjudged(verdicts))
    diagnosis = next((r["diagnosis"] for r in verdicts if "diagnosis" in r), None)
    traced = next((record for record in verdicts if "losses" in record), None)
    return Row(
        outcome=outcome,
        cases=hashlib.sha256(" ".join(digests).encode()).hexdigest()[:12] if digests else "",
        verdicts=_counted(verdicts),
        dials=_dials(verdicts),
        findings=findings,
        turned=_turned(diagnosis),
        cause=str(diagnosis["sentence"]) if diagnosis else "",
        traced=str(traced["case"]) if traced else "",
        losses=str(traced["losses"]) if traced else "",
        said=() if outcome == PASSED or told else _said(said),
    )


def offers(
    side: Side, probes: Iterable[Probe], targets: Mapping[str, Target], known: Offers
) -> dict[str, Offer]:
    """Return what a framework offers and does: its targets as it describes them, and the calls.

    How far rounding reaches is measured only where a call is not as `known`, whose digits say it.
    """
    calls = _Calls(side, targets)
    called: dict[str, dict[str, Tried]] = {name: {} for name in targets}
    for probe in probes:
        key = probe.key.removeprefix(probe.target)
        before = known[probe.target].calls.get(key) if probe.target in known else None
        called[probe.target][key] = calls.tried(probe, before)
    return {
        name: Offer(
            target.kind,
            tuple(f"{argument}={default}" for argument, default in target.arguments.items()),
            called[name],
        )
        for name, target in targets.items()
    }


class _Calls:
    """The calls of a framework, those without arguments kept to tell the others from."""

    def __init__(self, side: Side, targets: Mapping[str, Target]) -> None:
        self._side = side
        self._targets = targets
        self._kept: dict[tuple[str, tuple[int, ...]], Sequence[Seen]] = {}

    def tried(self, probe: Probe, known: Tried | None) -> Tried:
        """Return what comes of a call."""
        first = self._run(probe, (0,))
        bare = Probe(probe.target, {}, probe.setting)
        base = self._run(bare, (0,)) if probe.arguments else None
        found = _tried(first, base)
        if known is not None and _like(known, found):
            return replace(found, numbers=known.numbers)
        if first[0].error or found.effect == IGNORED:
            return found
        base = [*base, *self._run(bare, _SEEDS)] if base is not None else None
        return _tried([*first, *self._run(probe, _SEEDS)], base)

    def _run(self, probe: Probe, seeds: tuple[int, ...]) -> Sequence[Seen]:
        given = {**self._targets[probe.target].given, **probe.arguments}
        full = Probe(probe.target, given, probe.setting)
        if probe.arguments:
            return self._side.run(full, seeds)
        key = (probe.key, seeds)
        if key not in self._kept:
            self._kept[key] = self._side.run(full, seeds)
        return self._kept[key]


def _like(known: Tried, found: Tried) -> bool:
    return (
        known.effect == found.effect
        and set(known.numbers) == set(found.numbers)
        and all(near(text, found.numbers[name]) for name, text in known.numbers.items())
    )


def _tried(runs: Sequence[Seen], base: Sequence[Seen] | None) -> Tried:
    first = runs[0]
    known = base[0].messages if base is not None else ()
    said = tuple(message for message in first.messages if message not in known)
    if first.error:
        return Tried(REFUSED, (first.error, *said))
    if base is not None and not base[0].error and _same(base, runs):
        return Tried(IGNORED, said)
    return Tried(ACCEPTED, said, measures(runs))


def _same(base: Sequence[Seen], runs: Sequence[Seen]) -> bool:
    """Return whether a run is the base's, but for a rounding that depends on the machine.

    `foreach=True` may give the very bits of the plain call, or not, by the vector width.
    """
    if set(base[0].arrays) != set(runs[0].arrays):
        return False
    return alike(base[0], runs[0]) or parting(base[0], runs[0], base[1:-1], base[-1:]) is None


def _counted(verdicts: Sequence[records.Record]) -> dict[str, int]:
    kinds = Counter(records.kind(record) for record in verdicts)
    if not _unjudged(verdicts):
        for record in verdicts:
            if record["status"] == "abstain":
                kinds["abstain"] -= 1
                kinds["claimed" if record["claims"] else "agree"] += 1
    return {kind: count for kind, count in sorted(kinds.items()) if count}


def _unjudged(verdicts: Sequence[records.Record]) -> bool:
    return bool(verdicts) and all(record["status"] == "abstain" for record in verdicts)


def _dials(verdicts: Sequence[records.Record]) -> tuple[str, ...]:
    found = {
        f"{dial}={value}"
        for record in verdicts
        for dial, values in record["dials"].items()
        for value in values
    }
    return tuple(sorted(found))


def _finding(record: records.Record) -> Finding:
    found = record["divergence"]
    if found is None:
        return Finding("error", reason=_restful(str(record["reason"])), stages={})
    return Finding(
        status=str(record["status"]),
        stage=str(found["stage"]),
        step=int(found["step"]) + 1,
        tensor=str(found["tensor"]),
        score=stages.digits(float(found["score"])),
        stages=stages.worst(record["counts"], str(record["dtype"])),
    )


def _turned(diagnosis: Mapping[str, Any] | None) -> tuple[str, ...]:
    if not diagnosis or not diagnosis["explanations"]:
        return ()
    changes = diagnosis["explanations"][0]["changes"]
    return tuple(f"{change['name']}={change['value']}" for change in changes)


def _said(text: str) -> tuple[str, ...]:
    lines = [_restful(line) for line in text.splitlines() if line.strip()]
    return tuple(line for line in lines[:_LINES] if not line.lstrip().startswith("again:"))


def _restful(line: str) -> str:
    return _RESTLESS.sub("", line.rstrip())[:300]
