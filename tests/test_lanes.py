"""Cases that no draw has, on real lanes; and what a lane, or the oracle, may do in them."""

from __future__ import annotations

import numpy as np
import pytest

from parity import lockstep
from parity.bounds import Array
from parity.case import Case
from parity.compare import Stage, Status, Verdict
from parity.known import CLAIMS
from parity.lanes import Lane, worker
from parity.lanes.installed import load_lanes, missing
from parity.lanes.process import Workers
from parity.lockstep import Harness, Result
from parity.parts import Layer, Loss, Optimizer
from parity.profiles import PROFILES


def drawn(shape: tuple[int, ...], seed: int) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32).astype(float)


def trained(lane: str, optimizer: Optimizer, features: int, units: int, steps: int) -> Result:
    """Return what the lane did with a linear regression."""
    case = Case(
        layers=(Layer(units),),
        loss=Loss("squared_error"),
        optimizer=optimizer,
        rates=(0.05,) * steps,
        x=drawn((16, features), 0),
        y=drawn((16, units), 1),
        batches=(tuple(range(16)),) * steps,
        weights={"layer0/kernel": drawn((features, units), 2), "layer0/bias": np.zeros(units)},
        dtype="float32",
    )
    (found,) = load_lanes(lane)
    if missing(found) is not None:
        pytest.skip(str(missing(found)))
    with Workers() as workers:
        return next(iter(Harness(workers, CLAIMS).run(found, [case])))


def test_a_matrix_that_optax_factors_is_judged_by_its_weights() -> None:
    given = {"beta2_decay": 0.8, "eps1": 1e-7, "clip_threshold": 1.0}
    result = trained("jax", Optimizer("adafactor", given), 130, 129, 3)
    assert result.verdict.status is Status.AGREE, result.verdict.reason
    assert result.verdict.counts[Stage.UPDATE].judged == 3 * (130 * 129 + 129)
    assert result.trace is not None
    assert set(result.trace.state["v"]) == {"layer0/bias"}


@pytest.mark.parametrize("lane", ["jax:jit", "torch"])
def test_where_rounding_decides_whether_radam_rectifies(lane: str) -> None:
    given = {"beta1": 0.9, "beta2": 0.9995, "eps": 1e-8}
    result = trained(lane, Optimizer("radam", given), 3, 2, 7)
    assert result.verdict.status is Status.AGREE
    count = result.verdict.counts[Stage.UPDATE]
    # torch makes rho_t in double, where nothing is open; optax in float32, step 5 at the least.
    assert count.abstained == 0 if lane == "torch" else count.abstained >= 8, count


def test_a_fault_of_the_oracle_costs_one_case(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> Verdict:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(lockstep, "judge", fails)
    result = trained("numpy32", Optimizer("sgd"), 2, 1, 1)
    assert result.verdict.status is Status.ERROR
    assert result.verdict.reason == "oracle: ZeroDivisionError: planted"
    assert "in fails" in result.detail


def test_a_lane_with_none_of_a_profiles_dtypes_has_no_cases() -> None:
    lane = Lane("a", "a", optimizers={"sgd": ()}, dtypes=("float16",))
    with Workers() as workers:
        harness = Harness(workers, CLAIMS)
        assert harness.examples(lane, "linear", "sgd", PROFILES["standard"]) == []
        assert harness.examples(lane, "linear", "sgd", PROFILES["deep"])


def test_an_error_that_cannot_be_told_has_its_kind() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise ValueError

    assert worker.sentence(Mute()) == "Mute"
    assert worker.sentence(KeyError("a")) == "KeyError: 'a'"
