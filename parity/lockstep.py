"""Run lanes on generated cases, judge them, and shrink what diverges to a case to look at."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from parity.case import Case
from parity.compare import CLEAR, Status, Verdict, judge
from parity.diagnose import Diagnosis, confirmed, diagnose, separated
from parity.generation import Enough, Source, generated
from parity.known import Claim, claimed, dials
from parity.lanes import Lane
from parity.lanes.pipe import Failure
from parity.lanes.process import PATIENCE, Workers
from parity.profiles import PROFILES, Profile
from parity.strategies import PROBLEMS
from parity.trace import Trace

SHRINKS = 500
# So many cases, spread over all, are tried first for a claim's witness.
WITNESSES = 40
WITNESS = PROFILES["standard"]


@dataclass(frozen=True, slots=True)
class Result:
    """One lane's verdict on one case, and the claims that were taken into account.

    `detail` is what a lane left behind that gave no trace: a traceback, the last lines it wrote.
    `alone` is how a divergence came out in a process that ran nothing before, where otherwise.
    """

    lane: str
    case: Case
    verdict: Verdict
    claims: tuple[Claim, ...] = ()
    trace: Trace | None = None
    detail: str = ""
    diagnosis: Diagnosis | None = None
    alone: Status | None = None


class Harness:
    """Lanes, claims and worker processes for one run."""

    def __init__(
        self,
        workers: Workers,
        claims: Sequence[Claim],
        *,
        seed: int = 0,
        timeout: float = PATIENCE,
    ) -> None:
        self.workers = workers
        self.claims = claims
        self.seed = seed
        self.timeout = timeout

    def run(self, lane: Lane, batch: Sequence[Case]) -> Iterator[Result]:
        """Yield `lane`'s result for each case, as they come in."""
        replies = self.workers.run(lane, batch, timeout=self.timeout)
        for case, reply in zip(batch, replies, strict=True):
            yield self.judged(lane, case, reply)

    def judged(self, lane: Lane, case: Case, reply: Trace | Failure) -> Result:
        """Return the result of a reply: what went wrong, or the oracle's verdict on the trace."""
        if isinstance(reply, Failure):
            verdict = Verdict(Status.ERROR, reason=f"{reply.kind}: {reply.reason}")
            return Result(lane.name, case, verdict, detail=reply.detail)
        taken = claimed(self.claims, lane.name, case)
        try:
            verdict = judge(case, reply, dials(taken))
        except Exception as error:  # noqa: BLE001  # a fault of ours costs one case, not the run
            verdict = Verdict(Status.ERROR, reason=f"oracle: {type(error).__name__}: {error}")
            return Result(lane.name, case, verdict, detail=traceback.format_exc())
        return Result(lane.name, case, verdict, taken, reply)

    def examples(self, lane: Lane, problem: str, optimizer: str, profile: Profile) -> list[Case]:
        """Return the generated cases that `lane` can run, its share of the profile's number."""
        wanted, dtypes = max(1, round(profile.share(lane))), dtypes_of(lane, profile)
        drawn = generated(problem, optimizer, dtypes, profile, self.seed) if dtypes else []
        return [case for case in drawn if lane.lacks(case) is None][:wanted]

    def shrunk(
        self, lane: Lane, problem: str, optimizer: str, profile: Profile, worst: Result
    ) -> Result:
        """Return the smallest case found on which `lane` does what it did on `worst`.

        A divergence keeps its stage and a score of at least CLEAR; an error keeps its reason. A
        divergence that never was clear is returned as it is.
        """
        if worst.verdict.status is Status.DIVERGE and worst.verdict.score < CLEAR:
            return worst
        source = Source(problem, optimizer, dtypes_of(lane, profile), profile, self.seed)
        smallest, tries = worst, 0

        def alike(case: Case) -> bool:
            nonlocal smallest, tries
            tries += 1
            if tries > SHRINKS:
                raise Enough
            if lane.lacks(case) is not None:
                return False
            result = next(iter(self.run(lane, [case])))
            if not _like(result.verdict, worst.verdict):
                return False
            smallest = result
            return True

        place = source.place(worst.case)
        if place is not None:
            # The same choices on each structure, the smallest first; the first that shows it too.
            with suppress(Enough):
                any(source.shrink(design, *place, alike) for design in source.designs)
        return smallest

    def diagnosed(self, lane: Lane, worst: Result, batch: Sequence[Case]) -> Result:
        """Return a divergence with its cause, which must hold on all of `batch` too."""
        if worst.trace is None or worst.verdict.status is not Status.DIVERGE:
            return worst
        first = diagnose(worst.case, worst.trace, self.dials(lane, worst.case))
        if first.explanations:
            runs = [(result.case, result.trace) for result in self.run(lane, batch)]
            first = confirmed(
                first,
                [(case, trace) for case, trace in runs if trace is not None],
                lambda case: self.dials(lane, case),
            )
            first = separated(
                first,
                batch,
                lambda case: self.dials(lane, case),
                lambda case: next(iter(self.run(lane, [case]))).trace,
            )
        return replace(worst, diagnosis=first)

    def repeated(self, lane: Lane, worst: Result) -> Result:
        """Return a divergence with what becomes of it in a process that ran nothing before it.

        That is how a person will see it again; a lane may keep what it made for other cases.
        """
        if worst.verdict.status is not Status.DIVERGE:
            return worst
        with self.workers.fresh() as workers:
            fresh = Harness(workers, self.claims, timeout=self.timeout)
            status = next(iter(fresh.run(lane, [worst.case]))).verdict.status
        return replace(worst, alone=None if status is Status.DIVERGE else status)

    def dials(self, lane: Lane, case: Case) -> dict[str, Any]:
        """Return the dials that the claims turn for `lane` on `case`."""
        return dials(claimed(self.claims, lane.name, case))

    def stale(self, lane: Lane, claim: Claim, optimizer: str = "") -> str | None:
        """Return what is wrong with a claim about `lane`; None if a witness shows it needed.

        It is asked of one optimizer, or, where none is named, of all that it is about.

        The witness is the first generated case on which the lane diverges without the claim; with
        it, the lane must agree there.
        """
        others = [other for other in self.claims if other is not claim]
        tried, undecided = 0, ""
        for case in _candidates(lane, claim, optimizer, self.seed):
            tried += 1
            result = next(iter(self.run(lane, [case])))
            if result.trace is None:
                return f"{claim.name}: the lane failed on {case.digest}: {result.verdict.reason}"
            without = judge(case, result.trace, dials(claimed(others, lane.name, case)))
            if without.status is not Status.DIVERGE:
                continue
            if result.verdict.status is Status.DIVERGE:
                return f"{claim.name}: the lane diverges on {case.digest}"
            if result.verdict.status is Status.AGREE:
                return None
            undecided = f"{claim.name}: with it the bound decides on no element of {case.digest}"
        if undecided:
            return undecided
        if not tried:
            return f"{claim.name} is about no case that this lane can run"
        return f"{claim.name} is stale: without it the lane agrees on {tried} cases; {claim.why}"


def _candidates(lane: Lane, claim: Claim, only: str, seed: int) -> Iterator[Case]:
    """Yield generated cases that a claim is about, then the same ones with inputs 64 times larger.

    The larger ones reach what happens only far out, such as a threshold. At last come those passed
    over, for what shows at some arguments only.
    """
    found = [
        case
        for optimizer in claim.when.get("optimizer", tuple(lane.optimizers))
        if optimizer in lane.optimizers and only in ("", optimizer)
        for problem in PROBLEMS
        for case in generated(problem, optimizer, dtypes_of(lane, WITNESS), WITNESS, seed)
        if lane.lacks(case) is None and claim.applies(lane.name, case)
    ]
    # Of every optimizer and problem some, and what a row of zeros brings to a kink.
    kinks = [case for case in found if not case.x.any(axis=1).all()][:WITNESSES]
    stride = 1 + len(found) // WITNESSES
    spread = (*found[::stride], *kinks)
    yield from spread
    yield from (replace(case, x=64 * case.x) for case in spread)
    yield from (case for place, case in enumerate(found) if place % stride)


def dtypes_of(lane: Lane, profile: Profile) -> tuple[str, ...]:
    """Return the dtypes of a profile that a lane has."""
    return tuple(dtype for dtype in profile.dtypes if dtype in lane.dtypes)


def _like(verdict: Verdict, worst: Verdict) -> bool:
    if worst.status is Status.ERROR:
        return verdict.status is Status.ERROR and verdict.reason == worst.reason
    if verdict.divergence is None or worst.divergence is None:
        return False
    clear = verdict.divergence.score >= CLEAR
    return clear and verdict.divergence.stage is worst.divergence.stage
