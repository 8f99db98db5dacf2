"""A failure as a finding: who and where, expected and seen, what it means, how to see it again."""

from __future__ import annotations

import math
import shlex
from pathlib import Path

import numpy as np

from parity.case import Case
from parity.compare import START, Divergence, Stage, Status, Verdict
from parity.lanes import Lane
from parity.lockstep import Result
from parity.repro import NoRepro, script
from parity.summary import times
from parity.trace import Trace

FOLDER = Path("reports") / "findings"


def save(case: Case, folder: Path) -> Path:
    """Write the case below `folder`; return its path as seen from there."""
    shown = FOLDER / f"{case.digest}.json"
    path = folder / shown
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(case.to_json() + "\n", encoding="utf-8")
    return shown


def save_script(result: Result, lane: Lane, folder: Path) -> tuple[str, str]:
    """Write the repro beside the case; return its command, or why there is none, and its text."""
    shown = FOLDER / f"{result.case.digest}-{lane.name.replace(':', '-')}.py"
    try:
        text = script(result, lane)
        (folder / shown).write_text(text, encoding="utf-8")
    except (NoRepro, OSError) as reason:
        return f"none: {reason}", ""
    return f"python {shlex.quote(str(shown))}", text


def describe(result: Result, who: str, again: str) -> str:
    """Return the finding as a person reads it; `again` is the command that shows it again."""
    verdict = result.verdict
    lines = [_where(who, verdict, result.case.steps)]
    if verdict.divergence is not None:
        lines += [_how_far(verdict.divergence, result.case), f"  {_meaning(verdict)}"]
        lines += [f"  {line}" for line in _unmoved(verdict.divergence, result.trace)]
        names = ", ".join(claim.name for claim in result.claims)
        lines.append(f"  with its claims {names}" if names else "  no claim says so")
        lines.append(f"  free:   {_apart(verdict.parted, result.trace)}")
    if result.alone is not None:
        came = {Status.ERROR: "fails", Status.ABSTAIN: "abstains"}.get(result.alone, "agrees")
        lines.append(f"  alone:  the case {came} in a fresh process: what ran before it matters")
    if result.diagnosis is not None:
        lines.append(f"  cause:  {result.diagnosis.sentence}")
    lines += [f"    {line}" for line in _printable(result.detail)]
    lines += [f"  case:   {summary(result.case)}", f"  again:  {again}"]
    return "\n".join(lines)


def summary(case: Case) -> str:
    """Return the case in one line."""
    sizes = "-".join(str(n) for n in (case.x.shape[1], *(layer.units for layer in case.layers)))
    rates = ", ".join(f"{rate:g}" for rate in dict.fromkeys(case.rates))
    lr = f"lr={rates}" if len(set(case.rates)) == 1 else f"lr=({rates})"
    call = ", ".join([lr, *(f"{name}={v}" for name, v in case.optimizer.arguments.items())])
    clip = "" if case.clip is None else f", clipped by {case.clip.kind} {case.clip.limit:g}"
    steps = f"{case.steps} step{'s' if case.steps > 1 else ''}"
    return (
        f"{case.dtype} {case.problem} {sizes}, {case.loss.name} ({case.loss.reduction}), "
        f"{case.optimizer.name}({call}){clip}, {steps}"
    )


def _where(who: str, verdict: Verdict, steps: int) -> str:
    found = verdict.divergence
    if verdict.status is Status.ABSTAIN:
        return f"{who} was not judged: the bound decides on no element of this case"
    if found is None:
        return f"{who} gave no trace: {next(iter(_printable(verdict.reason)), '')}"
    return (
        f"{who} parts from the oracle at step {found.step + 1} of {steps}, "
        f"stage {found.stage}: {_tensor(found)}, {found.elements} of {found.size} elements"
    )


def _printable(text: str) -> list[str]:
    """Return the lines of what a lane said; what would move a terminal's cursor is escaped."""
    return [
        "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
        for line in text.splitlines()
    ]


def _tensor(found: Divergence) -> str:
    index = str(list(found.index)) if found.index else ""
    if found.stage is Stage.STATE:
        slot, _, name = found.tensor.partition(" of ")
        return f'{slot} of "{name}"{index}'
    kind = {Stage.BACKWARD: "gradient ", Stage.UPDATE: "weights "}.get(found.stage)
    return f'{kind}"{found.tensor}"{index}' if kind else found.tensor


def _how_far(found: Divergence, case: Case) -> str:
    digits = 17 if case.dtype == "float64" else 9  # what tells two neighbours apart
    return (
        f"  expected {found.expected:.{digits}g}   seen {found.seen:.{digits}g}   "
        f"{times(found.score)} times the rounding bound {found.bound:.3g}"
    )


def _unmoved(found: Divergence, trace: Trace | None) -> list[str]:
    """Return that the step left elements alone, where the worst is one of them."""
    if found.stage is not Stage.UPDATE or trace is None:
        return []
    weights = trace.weights[found.tensor]
    same = weights[found.step] == weights[found.step + 1]
    if not same[found.index]:
        return []
    return [f"{same.sum()} of its {same.size} elements are what they were before the step"]


def _apart(share: float, trace: Trace | None) -> str:
    """Return how far the lane's end is from that of an oracle which runs by itself."""
    ends = {} if trace is None else {name: w[-1] for name, w in trace.weights.items()}
    for name, end in ends.items():
        if not np.isfinite(end).all():
            seen = end[~np.isfinite(end)][0]
            return f'weights "{name}" of the lane end with {seen}: no distance can be told'
    if not math.isfinite(share):
        return "run on its own, the oracle ends no finite distance away"
    return f"run on its own, the oracle ends {share:.2g} of the largest change of a weight away"


def _meaning(verdict: Verdict) -> str:
    """Return what the stages before the first difference say."""
    assert verdict.divergence is not None
    stage, counts = verdict.divergence.stage, verdict.counts
    if verdict.divergence.tensor.endswith(START):
        return "the run did not start at the case's weights"
    if stage is Stage.FORWARD:
        return "the loss is the first to part, so the model or the loss is where they differ"
    before = (Stage.FORWARD,) if stage is Stage.BACKWARD else (Stage.FORWARD, Stage.BACKWARD)
    judged = [name for name in before if name in counts and counts[name].judged]
    told = []
    if judged:
        clean = all(counts[name].diverged == 0 for name in judged)
        agree = " and ".join(judged) + (" agrees" if len(judged) == 1 else " agree")
        told.append(f"{agree} {'at every step' if clean else 'up to here'}")
    told += [f"{name} cannot be judged" for name in before if name in counts and name not in judged]
    # The last stage before is what clears all that it is made of.
    cleared = before[-1] in judged
    if stage is Stage.BACKWARD:
        part = "so the gradient is" if cleared else "the model, the loss or the gradient is"
    else:
        told += [] if Stage.BACKWARD in counts else ["gradients are not shown"]
        part = "so the optimizer is" if cleared else "the gradient or the optimizer is"
    return f"{', '.join(told)}{', ' if cleared else ': '}{part} where they part"
