"""A claim must hold and be needed, and the check of claims finds those that do not or are not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from faults import FAULTS
from faulty_runs import InProcess, Train, control

from parity import lockstep
from parity.case import Case
from parity.compare import Status, Verdict
from parity.generation import generated
from parity.known import CLAIMS, Claim, dials
from parity.known.claim import by, in_force
from parity.lanes import Lane
from parity.lockstep import WITNESS, WITNESSES, Harness, _candidates, dtypes_of
from parity.parts import OPTIMIZERS
from parity.profiles import PROFILES
from parity.rows import Rows
from parity.strategies import PROBLEMS
from parity.trace import Trace

ADAM = Lane("control", "", optimizers={name: tuple(OPTIMIZERS[name]) for name in ("adam", "adamw")})
HAT = Claim(("control",), "eps", "hat", by("adam", "adamw"), "a reason", "a source", "numpy", ">=1")
TRAIN = {fault.name: (lambda case, fault=fault: fault.train(case, control)) for fault in FAULTS}


def stale(train: Train, *claims: Claim, optimizer: str = "") -> str | None:
    """Return what is wrong with the first of some claims about a lane that trains so."""
    harness = Harness(InProcess(train), claims)  # type: ignore[arg-type]  # all that it asks of it
    return harness.stale(ADAM, claims[0], optimizer)


def only_adam(case: Case) -> Trace:
    """Train Adam with eps before its bias correction, AdamW as the textbook has it."""
    return (
        TRAIN["eps before bias correction"](case)
        if case.optimizer.name == "adam"
        else control(case)
    )


def test_a_claim_that_is_true_and_needed_passes() -> None:
    assert stale(TRAIN["eps before bias correction"], HAT) is None


def test_a_claim_that_nothing_needs_is_stale() -> None:
    said = stale(control, HAT)
    assert said is not None
    assert "is stale: without it the lane agrees on" in said
    assert said.endswith("a reason")


def test_a_claim_that_does_not_explain_the_lane_is_found() -> None:
    said = stale(TRAIN["steps counted from two"], HAT)
    assert said is not None
    assert "the lane diverges on" in said


def test_a_claim_that_only_widens_the_bound_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        lockstep,
        "judge",
        lambda _case, _trace, dials: Verdict(Status.ABSTAIN if dials else Status.DIVERGE),
    )
    said = stale(control, HAT)
    assert said is not None
    assert "with it the bound decides on no element of" in said


def test_a_claim_about_no_case_is_found() -> None:
    said = stale(control, replace(HAT, when={"loss": ("hinge",)}))
    assert said == "eps=hat[hinge] is about no case that this lane can run"


def test_one_optimizer_vouches_for_another_only_where_none_is_named() -> None:
    assert stale(only_adam, HAT, optimizer="adam") is None
    said = stale(only_adam, HAT, optimizer="adamw")
    assert said is not None


def test_two_claims_of_one_dial_contradict_each_other() -> None:
    with pytest.raises(ValueError, match="claims contradict each other on eps: eps=inside"):
        dials((HAT, replace(HAT, value="inside")))
    assert dials((HAT, HAT)) == {"eps": "hat"}


def test_names_of_several_claims_add_up() -> None:
    first = replace(HAT, dial="constants", value=("beta1",))
    assert dials((first, replace(first, value=("eps",)))) == {"constants": ("beta1", "eps")}


def test_a_claim_counts_for_the_versions_that_it_names() -> None:
    newer = replace(HAT, versions=">=2")
    assert in_force((newer,), {"numpy": "1.26"}) == ()
    assert in_force((newer,), {"numpy": "2.4.6"}) == in_force((newer,), {}) == (newer,)


@pytest.mark.parametrize("profile", ["standard", "deep"])
def test_a_thorough_run_asks_every_lane_and_optimizer(profile: str) -> None:
    lanes = [replace(ADAM, name="control"), replace(ADAM, name="other", pace=0.5)]
    claims = (replace(HAT, lanes=("*",)),)
    rows = Rows(
        lanes=lanes,
        claims=claims,
        profile=PROFILES[profile],
        cases=None,
        single=False,
        baseline=False,
    )
    once = ["control-eps=hat[adam+adamw]"]
    each = [f"{lane.name}-eps=hat[adam+adamw]-{name}" for lane in lanes for name in ADAM.optimizers]
    assert [row.id for row in rows.of("test_claim")] == {"standard": once, "deep": each}[profile]


def test_every_claim_has_its_reason_and_its_source() -> None:
    assert [claim.name for claim in CLAIMS if not (claim.why and claim.source)] == []


def test_in_the_end_no_case_is_passed_over() -> None:
    tried = {case.digest for case in _candidates(ADAM, HAT, "adam", 0)}
    drawn = [
        case
        for problem in PROBLEMS
        for case in generated(problem, "adam", dtypes_of(ADAM, WITNESS), WITNESS, 0)
        if ADAM.lacks(case) is None
    ]
    assert len(drawn) > WITNESSES
    assert {case.digest for case in drawn} <= tried
