"""What each lane's optimizers do: the dials in force, and defaults, each verified by a run.

`parity fingerprint` prints it, `parity fingerprint --write FILE` makes the page for those who port
training code.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from parity.case import Case
    from parity.lanes import Lane
    from parity.lockstep import Harness
    from parity.trace import Trace

CASES = 5  # of each problem, for each lane and optimizer
CLEARLY = 1000.0  # how much worse than the bound every other reading must be
PROBLEMS = ("linear", "softmax")
# The conventions on which two optimizers of one name can differ, and so be told apart.
SEMANTIC = (
    "eps", "weight_decay", "decay_at", "trust_ratio", "bias_correction", "momentum", "dampening",
    "amsgrad_maximum", "nadam", "momentum_decay", "mu_product", "first_square", "zero_sum",
    "lambda2", "eps_for_zero", "counted", "relative_step", "parameter_scale", "factored",
)  # fmt: skip
# How finely numbers are held; they name a precision, no other rule.
PRECISION = ("constants", "correction", "rounded")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """One optimizer in one lane.

    `dials` are those that differ from the textbook, `precision` those about how finely constants
    are held. `defaults` holds each argument's value where it is not given; none where several fit.
    `score` is the worst of the verifying runs, `runner_up` that of the next best other reading.
    """

    lane: str
    optimizer: str
    dtype: str
    dials: Mapping[str, Any] = field(default_factory=dict)
    precision: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    state: tuple[str, ...] = ()
    cases: int = 0
    score: float = math.inf
    runner_up: float = math.inf
    other: str = ""
    why: str = ""

    @property
    def verified(self) -> bool:
        """Whether every run agrees, and every other reading is clearly refuted."""
        return self.score <= 1 and self.runner_up >= CLEARLY

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        names = ("lane", "optimizer", "dtype", "dials", "precision", "defaults", "state", "cases")
        found = {name: getattr(self, name) for name in names}
        return {
            **found,
            "dials": dict(self.dials),
            "precision": dict(self.precision),
            "score": self.score,
            "runner_up": self.runner_up,
            "other": self.other,
            "verified": self.verified,
            "why": self.why,
        }


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--lanes", help="as --parity-lanes of pytest (default: the quick ones)")
    parser.add_argument("--optimizers", help="names, separated by commas (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the fingerprints here")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page here")


def main(options: argparse.Namespace) -> int:
    """Print the fingerprints; return 1 where one could not be verified. Raises ValueError."""
    from parity.asked import writable
    from parity.rows import PROMPT
    from parity.semantics import page, printed
    from parity.session import Session

    for path in filter(None, (options.json, options.write)):
        writable(path)
    names = _optimizers(options.optimizers)
    session = Session(lanes=options.lanes, folder=Path.cwd())
    lanes = [lane for lane in session.lanes if options.lanes or lane.pace >= PROMPT]
    lacking = [name for name in names if not any(name in lane.optimizers for lane in lanes)]
    if lacking == names or (lacking and options.optimizers):
        told = ", ".join(lane.name for lane in lanes)
        raise ValueError(f"optimizer: none of {told} has {', '.join(lacking)}")
    found = []
    try:
        for name in names:
            able = [lane for lane in lanes if name in lane.optimizers]
            runs = [_runs(session.harness, lane, name) for lane in able]
            prints = [_fingerprint(session.harness, run) for run in runs]
            found += [(one, run) for one, run in zip(prints, runs, strict=True)]
            printed(name, prints)
        if options.write is not None:
            options.write.write_text(page(session.harness, found), encoding="utf-8")
    finally:
        session.close()
    if options.json is not None:
        import json

        rows = [one.to_dict() for one, _ in found]
        options.json.write_text(json.dumps(rows, indent=1, default=str) + "\n", encoding="utf-8")
    return 0 if all(one.verified for one, _ in found) else 1


@dataclass(frozen=True, slots=True)
class Runs:
    """What a lane did with one optimizer on some cases."""

    lane: Lane
    optimizer: str
    dtype: str
    traces: Sequence[tuple[Case, Trace]]
    error: str = ""


def _optimizers(words: str | None) -> list[str]:
    from parity.asked import one_of
    from parity.parts import OPTIMIZERS

    if words is None:
        return list(OPTIMIZERS)
    names = [word.strip() for word in words.split(",") if word.strip()]
    return [one_of("optimizer", name, OPTIMIZERS) for name in names or [words]]


def _runs(harness: Harness, lane: Lane, optimizer: str) -> Runs:
    from parity.generation import generated
    from parity.lockstep import WITNESS

    dtype = "float64" if "float64" in lane.dtypes else "float32"
    cases = []
    for problem in PROBLEMS:
        drawn = generated(problem, optimizer, (dtype,), WITNESS, harness.seed)
        able = [case for case in drawn if lane.lacks(case) is None and case.steps > 2]
        cases += able[:CASES]
        cases += [zeros for case in able if (zeros := _zero_sum(case)) is not None][:1]
    traces, error = [], ""
    for result in harness.run(lane, cases):
        if result.trace is None:
            error = result.verdict.reason
        else:
            traces.append((result.case, result.trace))
    return Runs(lane, optimizer, dtype, traces, error)


def _zero_sum(case: Case) -> Case | None:
    """Return the case with a feature that is always zero, and eps too: what is 0 / 0 there?"""
    given = case.optimizer.arguments
    if case.optimizer.name != "adagrad" or not {"eps", "initial_accumulator"} <= set(given):
        return None
    x = case.x.copy()
    x[:, 0] = 0.0
    arguments = {**given, "eps": 0.0, "initial_accumulator": 0.0, "weight_decay": 0.0}
    kept = {name: value for name, value in arguments.items() if name in given}
    optimizer = replace(case.optimizer, arguments=kept)
    return replace(case, x=x, optimizer=optimizer, loss=replace(case.loss, l2=0.0))


def _fingerprint(harness: Harness, runs: Runs) -> Fingerprint:
    from parity.diagnose import diagnose
    from parity.expectation import worst

    name = runs.lane.name
    if not runs.traces:
        return Fingerprint(name, runs.optimizer, runs.dtype, why=runs.error or "no case fits")
    scores = [worst((), case, trace, harness.dials(runs.lane, case)) for case, trace in runs.traces]
    in_force: dict[str, Any] = {}
    for case, _ in runs.traces:
        in_force |= harness.dials(runs.lane, case)
    why = ""
    if max(scores) > 1:
        case, trace = runs.traces[scores.index(max(scores))]
        why = diagnose(case, trace, harness.dials(runs.lane, case)).sentence
    runner_up, other = _next_best(harness, runs)
    return Fingerprint(
        lane=name,
        optimizer=runs.optimizer,
        dtype=runs.dtype,
        dials={dial: value for dial, value in in_force.items() if dial in SEMANTIC},
        precision=_precision(runs.optimizer, in_force),
        defaults=_defaults(harness, runs),
        state=tuple(runs.traces[0][1].state),
        cases=len(runs.traces),
        score=max(scores),
        runner_up=runner_up,
        other=other,
        why=why,
    )


def _precision(optimizer: str, in_force: Mapping[str, Any]) -> dict[str, Any]:
    """Return how finely numbers are held; of those rounded by name, the optimizer's own."""
    from parity.parts import OPTIMIZERS

    given = OPTIMIZERS[optimizer]
    own = {"lr", *given, *(f"{name}**t" for name in given)}
    if "momentum_decay" in given:
        own |= {"0.96", "mu_product/0.96", "mu_product/beta1"}
    found = {dial: value for dial, value in in_force.items() if dial in PRECISION}
    rounded = tuple(name for name in found.pop("rounded", ()) if name in own)
    return {**found, "rounded": rounded} if rounded else found


def _next_best(harness: Harness, runs: Runs) -> tuple[float, str]:
    """Return the worst score of the best of all other settings of a semantic dial, and its name."""
    from parity.changes import CHANGES
    from parity.readings import readings

    changes = [change for change in CHANGES if change.name in SEMANTIC]
    scores: dict[Any, float] = {}
    for case, trace in runs.traces:
        seen = readings(case, trace, harness.dials(runs.lane, case), changes)
        for change, score in seen.items():
            scores[change] = max(scores.get(change, 0.0), score)
    best = min(scores, key=lambda change: scores[change], default=None)
    return (math.inf, "") if best is None else (scores[best], best.says)


def _defaults(harness: Harness, runs: Runs) -> dict[str, Any]:
    """Return what the lane uses for each argument that it is not given, found by trying."""
    found = {}
    for argument in runs.lane.optimizers[runs.optimizer]:
        values = _that_fit(harness, runs, argument)
        found[argument] = values[0] if len(values) == 1 else None
    return found


def _that_fit(harness: Harness, runs: Runs, argument: str) -> list[Any]:
    """Return the values under which runs without `argument` are what the oracle expects."""
    from parity.changes.optimizer import IGNORED
    from parity.expectation import worst

    left = list(dict.fromkeys(IGNORED[argument]))
    for case, _ in runs.traces[:: max(1, len(runs.traces) // 4)]:
        given = {n: v for n, v in case.optimizer.arguments.items() if n != argument}
        asked = replace(case, optimizer=replace(case.optimizer, arguments=given))
        result = next(iter(harness.run(runs.lane, [asked])))
        if result.trace is None:
            return []
        trace, kept = result.trace, []
        for value in left:
            full = {**given, argument: value}
            read = replace(case, optimizer=replace(case.optimizer, arguments=full))
            if worst((), read, trace, harness.dials(runs.lane, asked)) <= 1:
                kept.append(value)
        left = kept
    return left


def common(values: Iterable[Any]) -> Any:
    """Return the most frequent of some values, the first of them where two are."""
    rows = list(values)
    return max(rows, key=rows.count) if rows else None
