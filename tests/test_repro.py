"""A finding becomes a short script with the framework alone that exits 1 while it is there."""

from __future__ import annotations

import ast
import importlib.util
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity.bounds import ARITHMETICS
from parity.case import Case
from parity.compare import CLEAR, Divergence, Stage, Status, Verdict, judge
from parity.known import CLAIMS, Claim, claimed, dials
from parity.lanes import Lane
from parity.lanes.catalog import LANES
from parity.lanes.installed import missing
from parity.lockstep import Harness, Result, _candidates
from parity.oracle import run_free
from parity.parts import (
    ACTIVATIONS,
    CLIPS,
    LOSSES,
    OPTIMIZERS,
    REDUCTIONS,
    Clip,
    Layer,
    Loss,
    Optimizer,
)
from parity.repro import LINES, NoRepro, script, scripts, trial
from parity.repro.text import WIDTH, literal, wrapped
from parity.session import Session

WRITTEN = [lane for lane in LANES if lane.name != "numpy32"]
ALONE = {"jax", "keras", "numpy", "optax", "os", "tensorflow", "tf_keras", "torch"}
BY_NAME = {lane.name: lane for lane in LANES}
# Adam in float64, which every lane with Adam can show.
CASE = Case(
    layers=(Layer(2, "tanh"), Layer(1)),
    loss=Loss("squared_error"),
    optimizer=Optimizer("adam", {"eps": 1e-3}),
    rates=(0.5, 0.25),
    x=np.array([[1.0, 2.0], [0.5, -1.0], [0.25, 0.75]]),
    y=np.array([[2.0], [0.0], [1.0]]),
    batches=((0, 1), (2,)),
    weights={
        "layer0/kernel": np.array([[0.5, -0.25], [0.125, 1.0]]),
        "layer0/bias": np.array([0.125, 0.25]),
        "layer1/kernel": np.array([[0.25], [-0.75]]),
        "layer1/bias": np.zeros(1),
    },
    dtype="float64",
)
torch_is_here = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch is not installed"
)


def found(case: Case, stage: Stage, tensor: str, index: tuple[int, ...], lane: str) -> Result:
    """Return a divergence at the last step of what the oracle itself would train."""
    trace = replace(run_free(case, {}), versions={"torch": "2.13.0", "parity": "1"})
    where = Divergence(case.steps - 1, stage, tensor, index, 1.0, 2.0, 1e-9, 1e9, 1, 1)
    return Result(lane, case, Verdict(Status.DIVERGE, {}, where), (), trace)


def planted(lane: Lane) -> Iterator[Result]:
    """Yield divergences of each stage on variants of CASE that the lane offers."""
    for case in filter(lambda case: lane.lacks(case) is None, calls(lane)):
        yield found(case, Stage.UPDATE, "layer0/kernel", (1, 0), lane.name)
        for slot in run_free(case, {}).state:
            yield found(case, Stage.STATE, f"{slot} of layer0/bias", (1,), lane.name)
    for case in filter(lambda case: lane.lacks(case) is None, models()):
        yield found(case, Stage.FORWARD, "loss", (), lane.name)
        yield found(case, Stage.BACKWARD, "layer1/bias", (0,), lane.name)


def calls(lane: Lane) -> Iterator[Case]:
    """Yield CASE with every optimizer of the lane, everything that it takes being given."""
    for name, offered in lane.optimizers.items():
        given = {**OPTIMIZERS[name], "momentum": 0.5, "nesterov": True, "centered": True}
        given |= {"weight_decay": 0.5}
        kept = {argument: value for argument, value in given.items() if argument in offered}
        for biased in (True, False) if "weight_decay" in offered else (True,):
            yield replace(CASE, optimizer=Optimizer(name, kept, biased))
    for kind, dtype in product(CLIPS, lane.dtypes):
        yield replace(CASE, clip=Clip(kind, 0.125), dtype=dtype)


def models() -> Iterator[Case]:
    """Yield CASE with every activation, loss and weighting."""
    for activation in ACTIVATIONS:
        yield replace(CASE, layers=(Layer(2, activation), Layer(1)), dtype="float32")
    for name, reduction in product(LOSSES, REDUCTIONS):
        for case in labelled(Loss(name, reduction, LOSSES[name][-1], delta=0.5, l2=0.25)):
            yield replace(case, sample_weights=np.array([0.5, 1.0, 2.0]))
            if name == "softmax_cross_entropy":
                yield replace(case, loss=replace(case.loss, class_weights=(0.5, 2.0)))
                yield replace(case, loss=replace(case.loss, label_smoothing=0.25))


def labelled(loss: Loss) -> Iterator[Case]:
    """Yield CASE with this loss, and with integer labels where it takes them."""
    if loss.name != "softmax_cross_entropy":
        yield replace(CASE, loss=loss, y=CASE.y / 2)
        return
    y, layers = np.eye(2)[[0, 1, 1]], (Layer(2, "tanh"), Layer(2))
    wide = dict(CASE.weights) | {"layer1/kernel": np.eye(2), "layer1/bias": np.zeros(2)}
    case = replace(CASE, layers=layers, weights=wide, loss=loss, y=y)
    yield case
    yield replace(case, loss=replace(loss, labels="integer"), y=np.array([0, 1, 1]))


@pytest.mark.parametrize("lane", WRITTEN, ids=lambda lane: lane.name)
def test_each_script_is_short_and_names_the_framework_alone(lane: Lane) -> None:
    written = [list(islice(scripts(result, lane), 2)) for result in planted(lane)]
    assert all(written)
    for text in chain.from_iterable(written):
        lines = text.splitlines()
        assert len(lines) <= LINES
        assert max(map(len, lines)) <= WIDTH
        assert imported(text) <= ALONE
        assert lines[0] == "# torch==2.13.0"
        assert lines[-3].endswith("# the derived rounding bound")


def imported(text: str) -> set[str]:
    """Return the packages that a script imports."""
    nodes = list(ast.walk(ast.parse(text)))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names}


def test_an_element_alone_comes_first() -> None:
    result = found(CASE, Stage.UPDATE, "layer0/kernel", (1, 0), "torch")
    first = next(scripts(result, BY_NAME["torch"]))
    assert "w = torch.nn.Parameter(torch.tensor([0.125], dtype=torch.float64))" in first
    assert "torch.optim.Adam([w], lr=0.5, eps=0.001, foreach=False)" in first
    assert first.splitlines()[-4] == "seen = w[0].item()"


def test_a_lane_from_outside_has_no_writer() -> None:
    result = found(CASE, Stage.UPDATE, "layer0/kernel", (1, 0), "example")
    with pytest.raises(NoRepro, match="no writer of scripts knows the lane example"):
        script(result, Lane("example", "example.py"))


def test_what_did_not_diverge_has_no_script() -> None:
    agreed = Result("torch", CASE, Verdict(Status.AGREE), trace=run_free(CASE, {}))
    with pytest.raises(NoRepro, match="torch did not diverge: agree"):
        script(agreed, BY_NAME["torch"])


def test_a_case_too_large_for_a_page_is_refused() -> None:
    size = 400
    wide = replace(
        CASE,
        layers=(Layer(1, bias=False),),
        x=np.linspace(0, 1, 3 * size).reshape(3, size),
        weights={"layer0/kernel": np.linspace(-1, 1, size)[:, None]},
    )
    result = found(wide, Stage.UPDATE, "layer0/kernel", (1, 0), "keras@tensorflow:fit")
    texts = list(scripts(result, BY_NAME["keras@tensorflow:fit"]))
    assert texts
    assert not any("model.compile" in text for text in texts)


@torch_is_here
def test_a_script_exits_0_when_the_framework_agrees() -> None:
    lane = BY_NAME["torch"]
    result = found(CASE, Stage.UPDATE, "layer0/kernel", (1, 0), "torch")
    assert trial.run(next(scripts(result, lane)))[0] == 0
    with pytest.raises(NoRepro, match="no part of the case shows the divergence"):
        script(result, lane)


@pytest.mark.slow
@pytest.mark.parametrize("stage", [Stage.FORWARD, Stage.BACKWARD, Stage.UPDATE])
@pytest.mark.parametrize("lane", WRITTEN, ids=lambda lane: lane.name)
def test_each_lane_has_scripts_that_compare(lane: Lane, stage: Stage) -> None:
    missing_here = missing(lane)
    if missing_here:
        pytest.skip(missing_here)
    dtype = lane.dtypes[0]
    case = replace(CASE, dtype=dtype, optimizer=Optimizer("sgd", {"momentum": 0.5}))
    tensor, index = ("loss", ()) if stage is Stage.FORWARD else ("layer0/kernel", (1, 0))
    agreeing = found(case, stage, tensor, index, lane.name)
    dial = "lr_factor" if stage is Stage.UPDATE else "loss_factor"
    wrong = Claim((lane.name,), dial, "2", {}, "", "", "numpy", ">=1")
    claims = claimed(CLAIMS, lane.name, case)
    healthy = sorted(scripts(replace(agreeing, claims=claims), lane), key=len)
    assert trial.run(healthy[0])[0] == 0, healthy[0]
    status, said = trial.run(script(replace(agreeing, claims=(*claims, wrong)), lane))
    assert status == 1, said


@torch_is_here
def test_a_script_exits_1_while_the_oracle_says_otherwise() -> None:
    claim = Claim(("torch",), "eps", "hat", {}, "", "", "torch", ">=2")
    result = replace(found(CASE, Stage.UPDATE, "layer0/kernel", (1, 0), "torch"), claims=(claim,))
    status, said = trial.run(script(result, BY_NAME["torch"]))
    assert status == 1
    assert said.startswith("expected ")


def test_a_script_that_fails_is_no_repro() -> None:
    assert trial.run("raise SystemExit(1)")[0] is None
    assert trial.first(["1 / 0", "raise SystemExit(1)"]) is None


def test_the_first_script_that_shows_it_is_taken() -> None:
    shows = 'print("expected", 1)\nraise SystemExit(1)'
    assert trial.first(["1 / 0", 'print("expected", 1)', shows]) == shows


@pytest.mark.parametrize("dtype", sorted(ARITHMETICS))
def test_a_literal_comes_back_exactly(dtype: str) -> None:
    kind = {"float64": np.float64, "float16": np.float16}.get(dtype, np.float32)
    values = np.random.default_rng(0).standard_normal((50, 2)).astype(kind)
    back = np.array(json.loads(literal(values, dtype)), kind)
    assert back.tolist() == values.tolist()


def test_a_long_line_is_broken_after_commas() -> None:
    line = f"x = [{', '.join(map(str, range(1000, 1060)))}]"
    parts = wrapped([line])
    assert [len(part) <= WIDTH for part in parts] == [True] * len(parts)
    assert ast.dump(ast.parse("\n".join(parts))) == ast.dump(ast.parse(line))


def claim_rows() -> list[Any]:
    """Return each claim with the lane that shows that it is needed, where one is installed."""
    try:
        rows = Session(folder=Path.cwd()).rows("test_claim")
    except ValueError:  # no framework is installed
        return []
    return [pytest.param(row.values["lane"], row.values["claim"], id=row.id) for row in rows]


@pytest.fixture(scope="module")
def harness() -> Iterator[Harness]:
    session = Session(folder=Path.cwd())
    yield session.harness
    session.close()


@pytest.mark.slow
@pytest.mark.parametrize(("lane", "claim"), claim_rows())
def test_what_a_claim_is_about_can_be_shown(lane: Lane, claim: Claim, harness: Harness) -> None:
    text = script(witness(harness, lane, claim), lane)
    assert len(text.splitlines()) <= LINES
    assert imported(text) <= ALONE
    status, said = trial.run(text)
    assert status == 1, said


def witness(harness: Harness, lane: Lane, claim: Claim) -> Result:
    """Return a divergence that is there without the claim, a clear one on a small case if any."""
    others = [other for other in harness.claims if other is not claim]
    best: Result | None = None
    for case in sorted(_candidates(lane, claim, "", harness.seed), key=_size):
        result = next(iter(harness.run(lane, [case])))
        assert result.trace is not None
        left = claimed(others, lane.name, case)
        verdict = judge(case, result.trace, dials(left))
        if verdict.status is Status.DIVERGE:
            best = best or replace(result, verdict=verdict, claims=left)
            if verdict.score >= CLEAR:
                return replace(result, verdict=verdict, claims=left)
    assert best is not None, f"{lane.name} agrees without {claim.name}"
    return best


def _size(case: Case) -> int:
    return case.x.size + case.steps * sum(value.size for value in case.weights.values())
