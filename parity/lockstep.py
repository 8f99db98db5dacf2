"""Run lanes on generated cases, judge them, and shrink what diverges to a case to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

from hypothesis import HealthCheck, Phase, find, settings
from hypothesis.errors import NoSuchExample

from parity.case import Case
from parity.compare import Status, Verdict, judge
from parity.known import Claim, claimed, dials
from parity.lanes import Lane
from parity.lanes.pipe import Failure
from parity.lanes.process import PATIENCE, Workers
from parity.oracle import run_free
from parity.strategies import POOL, PROBLEMS, cases
from parity.trace import Trace

# A case is shrunk only as long as it stays this many times beyond its bound, so that what a person
# is shown is never a case barely over it.
CLEAR = 10.0
SHRINKS = 500


@dataclass(frozen=True, slots=True)
class Profile:
    """How much is run: examples for each lane, problem and optimizer, dtypes, and structures."""

    examples: int
    dtypes: tuple[str, ...]
    pool: int = POOL


PROFILES = {
    "quick": Profile(4, ("float32", "float64"), pool=6),
    "standard": Profile(12, ("float32", "float64")),
    "deep": Profile(200, ("float32", "float64", "bfloat16", "float16"), pool=48),
}


@dataclass(frozen=True, slots=True)
class Result:
    """One lane's verdict on one case, and the claims that were taken into account.

    `detail` is what a lane left behind that gave no trace: a traceback, the last lines it wrote.
    """

    lane: str
    case: Case
    verdict: Verdict
    claims: tuple[Claim, ...] = ()
    trace: Trace | None = None
    detail: str = ""


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
        return Result(lane.name, case, judge(case, reply, dials(taken)), taken, reply)

    def examples(self, lane: Lane, problem: str, optimizer: str, profile: Profile) -> list[Case]:
        """Return the generated cases that `lane` can run, its share of the profile's number."""
        wanted = max(1, round(profile.examples * lane.pace))
        drawn = generated(problem, optimizer, _dtypes(lane, profile), profile, self.seed)
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
        smallest, tries = worst, 0
        reached = False

        def same(case: Case) -> bool:
            nonlocal smallest, tries, reached
            if not reached:
                # The same seed draws the same cases again, up to the one that was found.
                reached = case.digest == worst.case.digest
                return reached
            tries += 1
            if tries > SHRINKS or lane.lacks(case) is not None:
                return False
            result = next(iter(self.run(lane, [case])))
            if not _like(result.verdict, worst.verdict):
                return False
            smallest = result
            return True

        _draw(problem, optimizer, _dtypes(lane, profile), profile, self.seed, same, _SHRINK)
        return smallest

    def stale(self, lane: Lane, claim: Claim) -> str | None:
        """Return what is wrong with a claim about `lane`; None if its witness shows it needed.

        The witness is the generated case on which, by the oracle alone, the claim matters most.
        """
        others = [other for other in self.claims if other is not claim]
        witness = self._witness(lane, claim, others)
        if witness is None:
            return f"the claim {claim.name} matters in no case that this lane can run"
        reply = next(iter(self.workers.run(lane, [witness], timeout=self.timeout)))
        if isinstance(reply, Failure):
            return f"the witness of the claim {claim.name} failed: {reply.kind}: {reply.reason}"
        without = judge(witness, reply, dials(claimed(others, lane.name, witness)))
        if without.status is not Status.DIVERGE:
            return (
                f"the claim {claim.name} is stale: without it the lane agrees on its witness "
                f"{witness.digest} (score {without.score:.3g}); {claim.why}"
            )
        together = judge(witness, reply, dials(claimed(self.claims, lane.name, witness)))
        if together.status is Status.DIVERGE:
            return f"with the claim {claim.name} the lane still diverges on {witness.digest}"
        return None

    def _witness(self, lane: Lane, claim: Claim, others: Sequence[Claim]) -> Case | None:
        best, found = CLEAR, None
        for case in _candidates(lane, claim, self.seed):
            with_claim = dials(claimed(self.claims, lane.name, case))
            without = dials(claimed(others, lane.name, case))
            verdict = judge(case, run_free(case, with_claim), without)
            if verdict.score > best:
                best, found = verdict.score, case
            if best > CLEAR**3:
                break
        return found


def _candidates(lane: Lane, claim: Claim, seed: int) -> Iterator[Case]:
    names = claim.when.get("optimizer") or tuple(lane.optimizers)
    profile = PROFILES["standard"]
    for optimizer in names:
        if optimizer not in lane.optimizers:
            continue
        for problem in PROBLEMS:
            for case in generated(problem, optimizer, _dtypes(lane, profile), profile, seed):
                if lane.lacks(case) is None and claim.applies(lane.name, case):
                    yield case


def _dtypes(lane: Lane, profile: Profile) -> tuple[str, ...]:
    return tuple(dtype for dtype in profile.dtypes if dtype in lane.dtypes)


def _like(verdict: Verdict, worst: Verdict) -> bool:
    if worst.status is Status.ERROR:
        return verdict.status is Status.ERROR and verdict.reason == worst.reason
    if verdict.divergence is None or worst.divergence is None:
        return False
    clear = verdict.divergence.score >= CLEAR
    return clear and verdict.divergence.stage is worst.divergence.stage


_SHRINK = (Phase.generate, Phase.shrink)


@cache
def generated(
    problem: str, optimizer: str, dtypes: tuple[str, ...], profile: Profile, seed: int
) -> tuple[Case, ...]:
    """Return distinct cases, four for each example of the profile, the same for the same seed."""
    drawn: dict[str, Case] = {}

    def collect(case: Case) -> bool:
        drawn.setdefault(case.digest, case)
        return False

    _draw(problem, optimizer, dtypes, profile, seed, collect, (Phase.generate,))
    return tuple(drawn.values())


def _draw(
    problem: str,
    optimizer: str,
    dtypes: tuple[str, ...],
    profile: Profile,
    seed: int,
    wanted: Callable[[Case], bool],
    phases: Sequence[Phase],
) -> None:
    try:
        find(
            cases(problem, optimizer, dtypes=dtypes, pool=profile.pool),
            wanted,
            settings=settings(
                max_examples=4 * profile.examples,
                phases=phases,
                database=None,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
            random=Random(seed),
        )
    except NoSuchExample:
        return
