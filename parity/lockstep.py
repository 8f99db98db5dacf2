"""Run lanes on generated cases, judge them, and shrink what diverges to a case to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random

from hypothesis import HealthCheck, Phase, find, settings
from hypothesis.errors import NoSuchExample

from parity.case import Case
from parity.compare import Status, Verdict, judge
from parity.known import Claim, claimed, dials
from parity.lanes import Lane
from parity.lanes.pipe import Failure
from parity.lanes.process import PATIENCE, Workers
from parity.profiles import PROFILES, Profile
from parity.strategies import PROBLEMS, cases, covering
from parity.trace import Trace

# A case is shrunk only as long as it stays this many times beyond its bound, so that what a person
# is shown is never a case barely over it.
CLEAR = 10.0
SHRINKS = 500
DRAWN = 6  # cases for each that is run: lanes differ in what they lack, and the best come first
# So many cases are tried before a claim is called stale.
WITNESSES = 40
WITNESS = PROFILES["standard"]


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
        wanted = max(1, round(profile.share(lane)))
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
        """Return what is wrong with a claim about `lane`; None if a witness shows it needed.

        The witness is the first generated case on which the lane diverges without the claim; with
        it, the lane must agree there.
        """
        others = [other for other in self.claims if other is not claim]
        tried = 0
        for case in _candidates(lane, claim, self.seed):
            tried += 1
            result = next(iter(self.run(lane, [case])))
            if result.trace is None:
                return f"{claim.name}: the lane failed on {case.digest}: {result.verdict.reason}"
            without = judge(case, result.trace, dials(claimed(others, lane.name, case)))
            if without.status is Status.DIVERGE:
                agrees = result.verdict.status is not Status.DIVERGE
                return None if agrees else f"{claim.name}: the lane diverges on {case.digest}"
        if not tried:
            return f"{claim.name} is about no case that this lane can run"
        return f"{claim.name} is stale: without it the lane agrees on {tried} cases; {claim.why}"


def _candidates(lane: Lane, claim: Claim, seed: int) -> Iterator[Case]:
    """Yield generated cases that a claim is about, then the same ones with inputs 64 times larger.

    The larger ones reach what happens only far out, such as a threshold.
    """
    found = [
        case
        for optimizer in claim.when.get("optimizer", tuple(lane.optimizers))
        if optimizer in lane.optimizers
        for problem in PROBLEMS
        for case in generated(problem, optimizer, _dtypes(lane, WITNESS), WITNESS, seed)
        if lane.lacks(case) is None and claim.applies(lane.name, case)
    ]
    # Of every optimizer and problem some.
    spread = found[:: 1 + len(found) // WITNESSES]
    yield from spread
    yield from (replace(case, x=64 * case.x) for case in spread)


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


@lru_cache(maxsize=128)  # the pairs of problem and optimizer, for some sets of dtypes
def generated(
    problem: str, optimizer: str, dtypes: tuple[str, ...], profile: Profile, seed: int
) -> tuple[Case, ...]:
    """Return distinct cases, at most DRAWN for each example of the profile, by the seed.

    Those come first that together show most of what can be drawn.
    """
    drawn: dict[str, Case] = {}

    def collect(case: Case) -> bool:
        drawn.setdefault(case.digest, case)
        return False

    _draw(problem, optimizer, dtypes, profile, seed, collect, (Phase.generate,))
    return covering(tuple(drawn.values()))


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
                max_examples=DRAWN * profile.examples,
                phases=phases,
                database=None,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
            # Not the same numbers for each optimizer: what one draw misses, another has.
            random=Random(f"{seed} {problem} {optimizer}"),
        )
    except NoSuchExample:
        return
