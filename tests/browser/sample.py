"""Results of runs that nobody ran: as many verdicts as are asked for, drawn with a fixed seed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from parity.compare import Stage
from parity.known import CLAIMS
from parity.lanes.catalog import LANES
from parity.parts import OPTIMIZERS
from parity.records import FORMAT

PROBLEMS = ("linear", "softmax", "mlp")
STAGES = [str(stage) for stage in Stage]
HOSTILE = '<img src="https://example.com/x.png" onerror="document.title=1">'
VERSIONS = {"python": "3.11.7", "numpy": "2.4.6", "torch": "2.13.0+cpu", "jax": "0.10.2"}


def results(verdicts: int, *, findings: int = 4, hostile: bool = False) -> dict[str, Any]:
    """Return a run's file with so many verdicts, spread over all lanes, some of them bad."""
    random = np.random.default_rng(0)
    pairs = [
        (lane.name, optimizer, problem)
        for lane in LANES
        for optimizer in OPTIMIZERS
        if optimizer in lane.optimizers
        for problem in PROBLEMS
    ]
    claims = {lane.name: [c.name for c in CLAIMS if c.covers(lane.name)] for lane in LANES}
    records = []
    for number in range(verdicts):
        lane, optimizer, problem = pairs[number % len(pairs)]
        mine = claims[lane] if random.random() < 0.4 else []
        abstains = random.random() < 0.003
        records.append(
            {
                "check": f"test_lockstep[{lane}-{problem}-{optimizer}]",
                "lane": lane,
                "problem": problem,
                "optimizer": optimizer,
                "dtype": ("float32", "float64")[number % 2],
                "case": _digest(number // len(LANES)),
                "claims": mine[: 1 + number % 3],
                **_seen(random, abstains=abstains),
                "divergence": None,
                "parted": 10.0 ** -random.uniform(3, 9),
                "reason": "",
            }
        )
    for place in range(min(findings, verdicts)):
        worst = records[(place * 197 + 40) % verdicts]
        _break(worst, place, hostile=hostile)
    facts = {
        "exit_status": int(findings > 0),
        "profile": "standard",
        "seed": 0,
        "at": "2026-11-21T10:20:30+00:00",
        "seconds": 247.02,
        "command": "pytest parity",
        "versions": dict(VERSIONS),
        "missing": {"jax:gpu": "no device"},
        "changes": [_change(kind) for kind in ("rounding", "semantic", "default")],
    }
    return {"format": FORMAT, **facts, "verdicts": records}


def speeds() -> dict[str, Any]:
    """Return what pytest-benchmark writes, of three sizes of one problem in some lanes."""
    sizes = {"tiny": (2e4, 3e6), "middle": (4e7, 2e3), "large": (6e10, 1.4)}
    benchmarks = []
    for place, lane in enumerate(["numpy32", "torch", "torch:compile", "jax", "keras@jax:fit"]):
        for size, (operations, ceiling) in sizes.items():
            rate = min(ceiling * 0.7, 9000 / (1 + place)) * (1 - place / 20)
            extra = {
                "lane": lane,
                "problem": "mlp",
                "size": size,
                "steps_per_second": rate,
                "low": rate * 0.97,
                "high": rate * 1.02,
                "operations": operations,
                "ceiling": ceiling,
                "device": "cpu",
                "compile_seconds": float(place),
            }
            stats = {"q1": 0.99 / rate, "median": 1 / rate, "q3": 1.01 / rate}
            benchmarks.append({"name": f"{lane}-{size}", "extra_info": extra, "stats": stats})
    return {"machine_info": {"node": "here", "cpu": {"count": 2}}, "benchmarks": benchmarks}


def written(folder: Path, told: dict[str, Any], name: str = "run.json") -> Path:
    """Write a file of results; return its path."""
    path = folder / name
    path.write_text(json.dumps(told), encoding="utf-8")
    return path


def _seen(random: np.random.Generator, *, abstains: bool) -> dict[str, Any]:
    counts = {
        stage: {
            "judged": 0 if abstains else 100,
            "abstained": 100 if abstains else int(random.integers(0, 3)),
            "diverged": 0,
            "worst": 0.0 if abstains else float(random.uniform(0.01, 0.999)),
        }
        for stage in STAGES
    }
    worst = max(count["worst"] for count in counts.values())
    return {"status": "abstain" if abstains else "agree", "counts": counts, "score": worst}


def _break(record: dict[str, Any], place: int, *, hostile: bool) -> None:
    """Make a verdict a divergence, or every fourth one an error."""
    who = record["lane"]
    if place % 4 == 3:
        record.update(status="error", counts={}, score=0.0, reason="hung: no answer in 120 s")
        record["claims"] = []
        if hostile:
            record["reason"] = HOSTILE
        return
    stage = ("update", "backward", "state")[place % 3]
    score = 10.0 ** (2 + 1.5 * place)
    found = {
        "step": 2,
        "stage": stage,
        "tensor": {"state": "m of layer0/kernel"}.get(stage, "layer0/kernel"),
        "index": [0, 2],
        "expected": 0.1234567,
        "seen": 0.1234999,
        "bound": 1.47e-8,
        "score": score,
        "elements": 6,
        "size": 6,
    }
    record["counts"][stage] = {"judged": 90, "abstained": 0, "diverged": 6, "worst": score}
    record.update(status="diverge", divergence=found, score=score)
    sentence = (
        f"{who} parts from the oracle at step 3 of 8, stage {stage}: "
        'weights "layer0/kernel"[0, 2], 6 of 6 elements'
    )
    if hostile:
        sentence += HOSTILE
    verdict = {
        name: record[name] for name in ("status", "counts", "divergence", "parted", "reason")
    }
    again = f"pytest parity --parity-case=reports/findings/{record['case']}.json"
    record["finding"] = {
        "sentence": sentence,
        "text": f"{sentence}\n  again:  {again} --parity-lanes={who}",
        "again": f"{again} --parity-lanes={who}",
        "script": "import torch\n\nw = torch.zeros(3)\nraise SystemExit(w.sum() > 0)\n",
        "case": {
            "digest": record["case"],
            "summary": f"float32 {record['problem']} 2-3-1, {record['optimizer']}(lr=0.5), 8 steps",
            "json": '{"format": 1}',
        },
        "verdict": verdict,
        "score": score,
        "cause": "eps stands beside the root of the uncorrected moment",
        "claims": record["claims"],
        "steps": _steps(stage, score),
    }


def _steps(stage: str, score: float) -> dict[str, Any]:
    steps = np.arange(8)
    clean = 0.05 + 0.4 * np.abs(np.sin(steps))
    worst = {name: clean * (1 + place) / 4 for place, name in enumerate(STAGES)}
    worst[stage] = np.where(steps >= 2, score * 0.8 ** (steps - 2), clean)
    free = 0.5 * 0.8**steps
    expected = free + 0.01 * np.maximum(0, steps - 2)
    seen = expected + 0.012 * (steps >= 2)
    return {
        "step": steps.tolist(),
        "score": {name: of.tolist() for name, of in worst.items()},
        "seen": seen.tolist(),
        "expected": expected.tolist(),
        "bound": (np.abs(expected) * 1e-7).tolist(),
        "free": free.tolist(),
        **({"start": 0.6} if stage == "update" else {}),
    }


def _change(kind: str) -> dict[str, str]:
    return {
        "kind": kind,
        "where": "keras@torch",
        "subject": "test_lockstep[keras@torch-linear-adam]",
        "what": "eps",
        "old": "1e-07",
        "new": "1e-08",
        "why": "the default moved",
    }


def _digest(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()[:12]
