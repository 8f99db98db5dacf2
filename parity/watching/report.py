"""What is said of a recording: findings, notes, and how closely every update was judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from parity.watching import findings as looks
from parity.watching import passes, updates
from parity.watching.findings import Finding, Kind, named
from parity.watching.judged import Judged, Parting
from parity.watching.recording import Recording


@dataclass(frozen=True, slots=True)
class Report:
    """What the oracle says of a recorded run; `str` is what a person reads."""

    title: str
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    stages: tuple[tuple[str, Judged], ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "title": self.title,
            "findings": [
                {"kind": str(f.kind), "sentence": f.sentence, "steps": list(f.steps)}
                for f in self.findings
            ],
            "notes": list(self.notes),
            "stages": {
                name: {"judged": j.elements, "abstained": j.abstained, "worst": j.worst}
                for name, j in self.stages
            },
        }

    def __str__(self) -> str:
        lines = [self.title]
        lines += [f"  {finding.kind}: {finding.sentence}" for finding in self.findings]
        seen = [(name, j) for name, j in self.stages if j.elements or j.abstained]
        lines += [f"  {_said(name, judged)}" for name, judged in seen]
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])


def judge(recording: Recording) -> Report:
    """Return what the oracle says of a recording."""
    update, loss = updates.judged(recording), passes.judged(recording)
    followed = update.parting is None and bool(update.elements + update.abstained)
    found = looks.findings(recording, followed=followed)
    for judged in (loss, update):
        if judged.parting is not None:
            found.append(_finding(judged.parting, len(recording.steps)))
    untold = [f"not judged: {why}" for judged in (update, loss) for why in judged.unjudged]
    stages = (("loss and gradients", loss), ("updates", update))
    lines = [*looks.notes(recording), *untold, *_end(recording)]
    return Report(_title(recording), tuple(found), tuple(lines), stages)


def _title(recording: Recording) -> str:
    header, count = recording.header, len(recording.steps)
    if header is None:
        return "nothing was recorded"
    versions = ", ".join(f"{name} {number}" for name, number in header.versions.items())
    sampled = [p.name for p in header.parameters if p.places is not None]
    some = f", of {named(sampled)} a sample of the elements" if sampled else ""
    who = f"{header.optimizer} ({versions})" if versions else header.optimizer
    return f"{who}: {count} step{'s' * (count != 1)} recorded{some}"


def _said(name: str, judged: Judged) -> str:
    if not judged.elements:
        return f"{name} not judged: rounding alone may explain all {judged.abstained} elements"
    verdict = "as promised" if name == "updates" else "as the oracle's"
    if judged.parting is not None:
        verdict = "not " + verdict
    waived = f", {judged.abstained} not decided" if judged.abstained else ""
    return (
        f"{name} {verdict}: {judged.elements} judged{waived}, worst {judged.worst:.2g} of the bound"
    )


def _finding(parting: Parting, count: int) -> Finding:
    sentence = (
        f"{parting.tensor}[{parting.place}] parts from the oracle at step {parting.step + 1} of "
        f"{count}: expected {parting.expected:.9g}, seen {parting.seen:.9g}, "
        f"{parting.score:,.0f} times the rounding bound"
    )
    causes = "".join(f"; {cause}" for cause in parting.causes)
    return Finding(Kind(parting.stage), sentence + causes, (parting.step,))


def _end(recording: Recording) -> Sequence[str]:
    lines = [recording.unwritten] if recording.unwritten else []
    if recording.left_out:
        lines.append(f"{recording.left_out} later steps were not recorded")
    if recording.error:
        lines.append(f"the run ended with {recording.error}")
    elif not recording.ended:
        lines.append("the run did not come to its end: the recording stops here")
    return lines
