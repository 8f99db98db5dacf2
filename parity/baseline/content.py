"""What a baseline holds, in plain data: rows of checks, and what each framework offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
ACCEPTED, IGNORED, REFUSED = "accepted", "ignored", "refused"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run was asked for.

    `lanes` are the words of `--parity-lanes`, None where there were none. `whole` is false where
    some of the checks were left out (`-k`, a single file).
    """

    profile: str
    seed: int
    cases: int | None = None
    lanes: tuple[str, ...] | None = None
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Finding:
    """A case that parts from the oracle or gave no trace, and where (`step` counts from 1).

    `score` is to two digits, which is what is stable of it; `tensor` is the worst of its step.
    `stages` are the worst scores of all stages that part at any step: what stands behind the first.
    """

    status: str
    stage: str = ""
    step: int = 0
    tensor: str = ""
    score: str = ""
    reason: str = ""
    stages: Mapping[str, str] = field(kw_only=True)

    @property
    def sentence(self) -> str:
        """The finding in a few words."""
        if self.status == "error":
            return self.reason
        return f"diverges at step {self.step}, {self.stage} of {self.tensor}, {self.score} bounds"


@dataclass(frozen=True, slots=True)
class Row:
    """One check of one lane.

    `cases` is the digest of its cases' digests. `verdicts` counts them by kind; a case that
    abstained is counted with those that agree while one of them was judged, since it depends on
    the machine where the last element is given up. `dials` are those in force, as `eps=hat`.
    `findings` are by case. `turned` and `cause` are the diagnosis of the worst of them. `traced`
    is a float64 case, `losses` the losses of its first and last step, to the digits that stand
    above its rounding. `said` is why a check failed or was skipped where no finding says it.
    """

    outcome: str
    cases: str = ""
    verdicts: Mapping[str, int] = field(default_factory=dict)
    dials: tuple[str, ...] = ()
    findings: Mapping[str, Finding] = field(default_factory=dict)
    turned: tuple[str, ...] = ()
    cause: str = ""
    traced: str = ""
    losses: str = ""
    said: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a call: accepted, ignored or refused; what was said; numbers of the result.

    Ignored: training is that of the call without the argument. `numbers` are, for each array, its
    root mean square and a weighted mean, to the digits that stand above its rounding.
    """

    effect: str
    said: tuple[str, ...] = ()
    numbers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing that a framework offers: its signature as `name=default`, and calls of it.

    The calls are by their arguments, as `(eps=0.01)`; `()` is the call without any.
    """

    kind: str
    arguments: tuple[str, ...] = ()
    calls: Mapping[str, Tried] = field(default_factory=dict)


Rows = Mapping[str, Row]
Offers = Mapping[str, Offer]


@dataclass(frozen=True, slots=True)
class Baseline:
    """What an environment does: each lane's rows by the check's id, each framework's offers.

    `machine` is there for the reader: nothing is compared with it.
    """

    asked: Asked
    versions: Mapping[str, str]
    machine: str
    lanes: Mapping[str, Rows] = field(default_factory=dict)
    frameworks: Mapping[str, Offers] = field(default_factory=dict)

    @property
    def rows(self) -> dict[str, Row]:
        """All rows by the check's id."""
        return {name: row for rows in self.lanes.values() for name, row in rows.items()}
