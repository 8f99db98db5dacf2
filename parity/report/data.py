"""Results to the page's content, as plain values: what HTML, Markdown and JSON all show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from parity.known import CLAIMS, Claim
from parity.parts import OPTIMIZERS
from parity.records import COUNTS
from parity.report.columns import columns, finite
from parity.report.findings import findings
from parity.report.reading import Results, Row, Run, Speed
from parity.summary import MARKS

FORMAT = 1
PROBLEMS = ("linear", "softmax", "mlp")
Told = tuple[Run, str, Row]  # the run, the lane as it is shown, the verdict
# Changes, the ones that matter most first; what is not named here comes last.
KINDS = ("semantic", "default", "argument", "error", "gone", "new", "rounding")

# What a run's file may say of it beside its versions.
FACTS = ("profile", "seed", "exit_status", "seconds", "command", "compared", "machine")


def content(
    results: Results,
    *,
    made: str,
    tables: Sequence[Mapping[str, str]] = (),
    history: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
) -> dict[str, Any]:
    """Return the page's content, section by section, in their order.

    `tables` are further sections, each with a `title` and its `text` in Markdown; `history` has
    each lane's runs so far, with `at` and `worst`.
    """
    told = [(run, lane, row) for run, lane, row in _told(results.runs)]
    found = findings(told)
    lanes = _lanes(told, history or {})
    page = {
        "format": FORMAT,
        "made": made,
        "verdict": _verdict(results, told, lanes, found),
        "matrix": {
            "optimizers": _ordered(OPTIMIZERS, (row.optimizer for _, _, row in told)),
            "problems": _ordered(PROBLEMS, (row.problem for _, _, row in told)),
            "lanes": lanes,
            "missing": _missing(results.runs, lanes),
        },
        "findings": found,
        "claims": _claims(told),
        "tables": [dict(table) for table in tables],
        "throughput": _throughput(results.speeds),
        "changes": sorted(
            (dict(change) for run in results.runs for change in run.changes),
            key=lambda change: KINDS.index(change["kind"]) if change["kind"] in KINDS else 99,
        ),
        "environment": _environment(results),
        "verdicts": columns((run.name, lane, row) for run, lane, row in told),
    }
    return dict(finite(page))


def _told(runs: Sequence[Run]) -> Iterable[Told]:
    """Yield all verdicts; a lane that has several versions is shown once for each run."""
    seen: dict[str, set[tuple[tuple[str, str], ...]]] = {}
    for run in runs:
        for lane in {row.lane for row in run.rows}:
            seen.setdefault(lane, set()).add(tuple(sorted(run.versions.items())))
    for run in runs:
        for row in run.rows:
            several = len(seen[row.lane]) > 1
            yield run, f"{row.lane} ({run.name})" if several else row.lane, row


def _ordered(known: Iterable[str], found: Iterable[str]) -> list[str]:
    there = set(found)
    first = [name for name in known if name in there]
    return first + sorted(there.difference(first))


def _lanes(
    told: Sequence[Told], history: Mapping[str, Sequence[Mapping[str, Any]]]
) -> list[dict[str, Any]]:
    """Return a row of the matrix for each lane: its cells, its counts, its worst score."""
    by_lane: dict[str, list[Row]] = {}
    for _, lane, row in told:
        by_lane.setdefault(lane, []).append(row)
    lanes = []
    for lane, rows in sorted(by_lane.items()):
        cells: dict[str, list[Row]] = {}
        for row in rows:
            cells.setdefault(f"{row.optimizer}/{row.problem}", []).append(row)
        lanes.append(
            {
                "lane": lane,
                "counts": _counts(rows),
                "worst": max((row.score for row in rows if row.worst), default=None),
                "unjudged": _unjudged(rows),
                "cells": {name: _cell(own) for name, own in cells.items()},
                "history": list(history.get(rows[0].lane, ())),
            }
        )
    return lanes


def _cell(rows: Sequence[Row]) -> dict[str, Any]:
    kinds = {row.status for row in rows}
    return {
        "status": next(name for name in MARKS if name in kinds),
        "count": len(rows),
        "worst": max(row.score for row in rows),
    }


def _counts(rows: Sequence[Row]) -> dict[str, int]:
    kinds = [row.status for row in rows]
    return {name: kinds.count(name) for name in COUNTS}


def _unjudged(rows: Sequence[Row]) -> float:
    abstained = sum(row.abstained for row in rows)
    return abstained / max(1, abstained + sum(row.judged for row in rows))


def _verdict(
    results: Results,
    told: Sequence[Told],
    lanes: Sequence[Mapping[str, Any]],
    found: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Return the verdict in one line: `state` is agree, failed, unfinished or nothing."""
    counts = _counts([row for _, _, row in told])
    status = [int(run.facts["exit_status"]) for run in results.runs]
    bad = [lane["lane"] for lane in lanes if lane["counts"]["diverge"] or lane["counts"]["error"]]
    state = "failed"
    if bad:
        told_as = _parted(bad, lanes, found)
    elif max(status, default=0) > 1:
        state = "unfinished"
        told_as = (
            f"No lane parts from the oracle, but a run ended early (exit status {max(status)})"
        )
    elif counts["abstain"] == len(told):
        state = "failed" if any(status) else "nothing"
        told_as = "Nothing was decided: every verdict abstained" if told else "Nothing was judged"
    elif found:
        told_as = f"No lane parts from the oracle, but checks decided nothing: {len(found)} of them"
    elif any(status):
        told_as = "No lane parts from the oracle, but a check that gives no verdict failed"
    else:
        state = "agree"
        held = "with the dials that it claims" if counts["claimed"] else "as the textbook has it"
        all_ = "Every lane is" if len(lanes) > 1 else f"{lanes[0]['lane']} is"
        told_as = f"{all_} the oracle, {held}"
    return {
        "state": state,
        "sentence": told_as,
        "counts": counts,
        "verdicts": len(told),
        "lanes": len(lanes),
        "findings": len(found),
        "exit_status": status,
    }


def _parted(
    bad: Sequence[str], lanes: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]
) -> str:
    crashed = all(one["status"] == "error" for one in found)
    verb = (
        "failed"
        if crashed
        else "parts from the oracle"
        if len(bad) == 1
        else "part from the oracle"
    )
    who = bad[0] if len(bad) == 1 else f"{len(bad)} of {len(lanes)} lanes"
    return f"{who} {verb}: {len(found)} finding{'s' if len(found) > 1 else ''}"


def _missing(runs: Sequence[Run], lanes: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return the lanes that no run could run, each with the reason."""
    ran = {lane["lane"] for lane in lanes}
    reasons = {str(name): str(why) for run in runs for name, why in run.facts["missing"].items()}
    return [{"lane": name, "why": why} for name, why in sorted(reasons.items()) if name not in ran]


def _claims(told: Sequence[Told]) -> list[dict[str, Any]]:
    """Return the claims that verdicts needed, each with its reason, the most used first."""
    used: dict[tuple[str, str], dict[str, int]] = {}
    known: dict[tuple[str, str], list[Claim]] = {}
    by_name: dict[tuple[str, str], Claim | None] = {}
    for _, shown, row in told:
        for name in row.claims:
            at = (name, row.lane)
            if at not in by_name:
                mine = (claim for claim in CLAIMS if claim.name == name and claim.covers(row.lane))
                by_name[at] = next(mine, None)
            claim = by_name[at]
            key = (name, UNKNOWN if claim is None else claim.why)
            lanes = used.setdefault(key, {})
            lanes[shown] = lanes.get(shown, 0) + 1
            if claim is not None and claim not in known.setdefault(key, []):
                known[key].append(claim)
    found = [
        {
            "name": name,
            "why": why,
            "source": _each(claim.source for claim in known.get((name, why), ())),
            "versions": _each(f"{c.package} {c.versions}" for c in known.get((name, why), ())),
            "lanes": lanes,
            "verdicts": sum(lanes.values()),
        }
        for (name, why), lanes in used.items()
    ]
    return sorted(found, key=lambda claim: (-claim["verdicts"], claim["name"]))


UNKNOWN = "not among the claims of the parity that made this report"


def _each(texts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(texts))


def _throughput(speeds: Sequence[Speed]) -> list[dict[str, Any]]:
    """Return the measured steps by problem and device: sizes, ceilings, and each lane's rates."""
    groups: dict[tuple[str, str], list[Speed]] = {}
    for speed in speeds:
        groups.setdefault((speed.problem, speed.device), []).append(speed)
    found = []
    for (problem, device), own in groups.items():
        sizes = list(dict.fromkeys(s.size for s in sorted(own, key=lambda s: s.operations)))
        fastest = {size: max(s.per_second for s in own if s.size == size) for size in sizes}
        ceilings = {size: max(s.ceiling for s in own if s.size == size) for size in sizes}
        operations = {size: max(s.operations for s in own if s.size == size) for size in sizes}
        lanes: dict[str, dict[str, dict[str, float]]] = {}
        for s in own:
            lanes.setdefault(s.lane, {})[s.size] = {
                "per_second": s.per_second,
                "low": s.low,
                "high": s.high,
                "samples_per_second": s.samples_per_second,
                "compile_seconds": s.compile_seconds,
                "share": s.per_second / fastest[s.size],
                "of_ceiling": s.per_second / s.ceiling if s.ceiling else 0.0,
            }
        found.append(
            {
                "problem": problem,
                "device": device,
                "sizes": [
                    {"size": n, "operations": operations[n], "ceiling": ceilings[n]} for n in sizes
                ],
                "lanes": [{"lane": name, "sizes": rates} for name, rates in sorted(lanes.items())],
            }
        )
    return found


def _environment(results: Results) -> dict[str, Any]:
    runs = results.runs
    names = list(dict.fromkeys(name for run in runs for name in run.versions))
    return {
        "runs": [
            {
                "name": run.name,
                "at": run.at,
                "verdicts": len(run.rows),
                **{name: _fact(run.facts[name]) for name in FACTS if name in run.facts},
            }
            for run in runs
        ],
        "facts": ["at", "verdicts", *(f for f in FACTS if any(f in run.facts for run in runs))],
        "versions": [
            {"package": name, "versions": [run.versions.get(name, "") for run in runs]}
            for name in names
        ],
        # Not its name on the network: a report is passed on.
        "machine": {n: _fact(v) for n, v in results.machine.items() if v and n != "node"},
    }


def _fact(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_fact(item)}" for name, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_fact, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
