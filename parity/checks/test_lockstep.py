"""Does each lane train as the oracle does, with the dials that it claims?"""

from __future__ import annotations

import pytest

from parity.case import Case
from parity.compare import Status
from parity.known import Claim
from parity.lanes import Lane
from parity.lockstep import Result
from parity.session import Session


def test_lockstep(
    parity_session: Session,
    request: pytest.FixtureRequest,
    lane: Lane,
    problem: str,
    optimizer: str,
) -> None:
    """Generated cases: every step of every run, gradients, weights and state."""
    session = parity_session
    batch = session.harness.examples(lane, problem, optimizer, session.profile)
    results = list(session.harness.run(lane, batch))
    for result in results:
        session.record(request.node.nodeid, result)
    worst = _worst(results)
    if worst is not None:
        small = session.harness.shrunk(lane, problem, optimizer, session.profile, worst)
        pytest.fail(session.finding(lane, small), pytrace=False)


def test_dataset(
    parity_session: Session, request: pytest.FixtureRequest, lane: Lane, case: Case
) -> None:
    """Real data, whole epochs in shuffled minibatches."""
    _expect_agreement(parity_session, request.node.nodeid, lane, case)


def test_case(parity_session: Session, request: pytest.FixtureRequest, lane: Lane) -> None:
    """The one case of `--parity-case`."""
    case = parity_session.case
    assert case is not None
    lack = lane.lacks(case)
    if lack is not None:
        pytest.skip(f"{lane.name}: {lack}")
    _expect_agreement(parity_session, request.node.nodeid, lane, case)


def test_claim(parity_session: Session, lane: Lane, claim: Claim) -> None:
    """Each claim is needed: on its witness, the lane diverges from the oracle without it."""
    stale = parity_session.harness.stale(lane, claim)
    if stale is not None:
        pytest.fail(f"{lane.name}: {stale}", pytrace=False)


def _expect_agreement(session: Session, nodeid: str, lane: Lane, case: Case) -> None:
    result = next(iter(session.harness.run(lane, [case])))
    session.record(nodeid, result)
    if result.verdict.status in (Status.DIVERGE, Status.ERROR):
        pytest.fail(session.finding(lane, result), pytrace=False)


def _worst(results: list[Result]) -> Result | None:
    """Return the result to be shown: an error, or else the divergence with the highest score."""
    bad = [r for r in results if r.verdict.status in (Status.DIVERGE, Status.ERROR)]
    order = {Status.DIVERGE: 0, Status.ERROR: 1}
    return max(bad, key=lambda r: (order[r.verdict.status], r.verdict.score), default=None)
