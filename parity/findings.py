"""A failure as a finding: who and where, expected and seen, what it means, how to see it again."""

from __future__ import annotations

from pathlib import Path

from parity.compare import Divergence, Stage, Verdict
from parity.lanes import Lane
from parity.lockstep import Result

FOLDER = Path("reports") / "findings"

# What the stages before the first difference say, all of them in agreement.
MEANING = {
    Stage.FORWARD: "the loss is the first to part, so the model or the loss is where they differ",
    Stage.BACKWARD: "every loss agrees, so the gradient is where they part",
    Stage.STATE: "forward and backward agree up to here, so the optimizer is where they part",
    Stage.UPDATE: "forward and backward agree up to here, so the optimizer is where they part",
}


def save(result: Result, folder: Path) -> Path:
    """Write the result's case below `folder` and return its path."""
    path = folder / FOLDER / f"{result.case.digest}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(result.case.to_json() + "\n", encoding="utf-8")
    return path


def describe(result: Result, lane: Lane, version: str, path: Path) -> str:
    """Return the finding as a person reads it."""
    who = f"{lane.name} {version}".strip()
    verdict = result.verdict
    lines = [_what(who, verdict, result.case.steps)]
    if verdict.divergence is not None:
        lines += _how_far(verdict.divergence)
    if result.claims:
        lines.append("  with the claims " + ", ".join(claim.name for claim in result.claims))
    elif verdict.divergence is not None:
        lines.append("  no claim says so")
    lines += [f"    {line}" for line in result.detail.splitlines()]
    lines.append(f"  case: {summary(result)}")
    lines.append(f"  again:  pytest parity --parity-case={path} --parity-lanes={lane.name}")
    return "\n".join(lines)


def summary(result: Result) -> str:
    """Return the case in one line."""
    case = result.case
    sizes = "-".join(str(n) for n in (case.x.shape[1], *(layer.units for layer in case.layers)))
    arguments = ", ".join(f"{name}={value}" for name, value in case.optimizer.arguments.items())
    rates = ", ".join(f"{rate:g}" for rate in dict.fromkeys(case.rates))
    return (
        f"{case.dtype} {case.problem} {sizes}, {case.loss.name} ({case.loss.reduction}), "
        f"{case.optimizer.name}(lr={rates}, {arguments})"
    )


def _what(who: str, verdict: Verdict, steps: int) -> str:
    found = verdict.divergence
    if found is None:
        return f"{who} gave no trace: {verdict.reason}"
    where = f'"{found.tensor}"{list(found.index) or ""}'
    return (
        f"{who} parts from the oracle at step {found.step + 1} of {steps}, "
        f"stage {found.stage}: {where}, {found.elements} of {found.size} elements"
    )


def _how_far(found: Divergence) -> list[str]:
    return [
        f"  expected {found.expected:.9g}   seen {found.seen:.9g}   "
        f"{found.score:,.4g} times the rounding bound {found.bound:.3g}",
        f"  {MEANING[found.stage]}",
    ]
