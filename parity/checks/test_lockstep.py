"""Does each lane train as the oracle does, with the dials that it claims?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # nothing heavy while tests are collected
    from collections.abc import Sequence

    from parity.case import Case
    from parity.known import Claim
    from parity.lanes import Lane
    from parity.lockstep import Result
    from parity.session import Session

# What has cost a process, or a time-out, is not shrunk.
COSTLY = ("import:", "crashed:", "hung:", "garbage:")


def test_lockstep(
    parity_session: Session,
    request: pytest.FixtureRequest,
    lane: Lane,
    problem: str,
    optimizer: str,
) -> None:
    """Generated cases: every step of every run, gradients, weights and state."""
    session, profile = parity_session, parity_session.extent(lane)
    batch = session.harness.examples(lane, problem, optimizer, profile)
    if not batch:
        pytest.skip(f"{lane.name} can run none of the cases drawn")
    results = []
    for result in session.harness.run(lane, batch):
        session.record(request.node.nodeid, result)
        results.append(result)
    worst = _worst(results)
    if worst is None:
        return
    if worst.verdict.status != "abstain" and not worst.verdict.reason.startswith(COSTLY):
        worst = session.harness.shrunk(lane, problem, optimizer, profile, worst)
    worst = session.harness.diagnosed(lane, worst, batch)
    worst = session.harness.repeated(lane, worst)
    session.explain(request.node.nodeid, worst)
    pytest.fail(session.finding(request.node.nodeid, lane, worst), pytrace=False)


def test_dataset(
    parity_session: Session, request: pytest.FixtureRequest, lane: Lane, dataset: str
) -> None:
    """Real data, whole epochs in shuffled minibatches."""
    _expect_agreement(parity_session, request.node.nodeid, lane, parity_session.dataset(dataset))


def test_case(parity_session: Session, request: pytest.FixtureRequest, lane: Lane) -> None:
    """The one case of `--parity-case`."""
    session, case = parity_session, parity_session.case
    assert case is not None
    _expect_agreement(session, request.node.nodeid, lane, case, explained=True)


def test_claim(parity_session: Session, lane: Lane, claim: Claim, optimizer: str) -> None:
    """Each claim is needed: on its witness, the lane diverges from the oracle without it."""
    stale = parity_session.harness.stale(lane, claim, optimizer)
    if stale is not None:
        pytest.fail(f"{lane.name}: {stale}", pytrace=False)


def _expect_agreement(
    session: Session, nodeid: str, lane: Lane, case: Case, *, explained: bool = False
) -> None:
    lack = lane.lacks(case)
    if lack is not None:
        pytest.skip(f"{lane.name}: {lack}")
    result = next(iter(session.harness.run(lane, [case])))
    session.record(nodeid, result)
    worst = _worst([result])
    if worst is not None:
        if explained:
            worst = session.harness.diagnosed(lane, worst, ())
            session.explain(nodeid, worst)
        else:
            worst = session.harness.repeated(lane, worst)
        pytest.fail(session.finding(nodeid, lane, worst), pytrace=False)


def _worst(results: Sequence[Result]) -> Result | None:
    """Return the result to be shown: an error, or else the divergence with the highest score.

    Where every case abstained there is no evidence of agreement, so the first of them is shown.
    """
    order = {"diverge": 0, "error": 1}
    bad = [result for result in results if result.verdict.status in order]
    if not bad and all(result.verdict.status == "abstain" for result in results):
        return results[0]
    return max(bad, key=lambda r: (order[r.verdict.status], r.verdict.score), default=None)
