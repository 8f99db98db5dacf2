"""A finding says who and where, expected and seen, what it means, and how to see it again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from faulty_runs import control

from parity.case import Case
from parity.compare import Count, Divergence, Stage, Status, Verdict, judge
from parity.findings import describe, save, summary
from parity.known import Claim
from parity.lockstep import Result
from parity.parts import Clip, Layer, Loss, Optimizer

CASE = Case(
    layers=(Layer(3, "relu"), Layer(1)),
    loss=Loss("squared_error", "half_mean"),
    optimizer=Optimizer("adam", {"eps": 1e-3}),
    rates=(0.5, 0.5, 0.25),
    x=np.array([[1.0, 2.0], [0.5, -1.0]]),
    y=np.array([[2.0], [0.0]]),
    batches=((0, 1), (1,), (0,)),
    weights={
        "layer0/kernel": np.full((2, 3), 0.5),
        "layer0/bias": np.zeros(3),
        "layer1/kernel": np.full((3, 1), 0.25),
        "layer1/bias": np.zeros(1),
    },
)
FOUND = Divergence(
    step=2,
    stage=Stage.UPDATE,
    tensor="layer0/kernel",
    index=(0, 2),
    expected=0.1234567,
    seen=0.1234999,
    bound=1.47e-8,
    score=2931.4,
    elements=6,
    size=6,
)
CLEAN, BAD = Count(6, 0, 0, 0.5), Count(6, 0, 6, 2931.4)
COUNTS = {Stage.FORWARD: CLEAN, Stage.BACKWARD: CLEAN, Stage.STATE: CLEAN, Stage.UPDATE: BAD}
RESULT = Result("keras@tensorflow", CASE, Verdict(Status.DIVERGE, COUNTS, FOUND, parted=0.25))
CLAIM = Claim(
    lanes=("keras@*",),
    dial="eps",
    value="hat",
    when={},
    why="",
    source="",
    package="keras",
    versions="==3.*",
)


def test_a_divergence_reads_from_who_to_how() -> None:
    assert describe(RESULT, "keras@tensorflow 3.15.1", "pytest parity --parity-case=a.json") == (
        "keras@tensorflow 3.15.1 parts from the oracle at step 3 of 3, stage update: "
        'weights "layer0/kernel"[0, 2], 6 of 6 elements\n'
        "  expected 0.1234567   seen 0.1234999   2,931 times the rounding bound 1.47e-08\n"
        "  forward and backward agree at every step, so the optimizer is where they part\n"
        "  no claim says so\n"
        "  free:   run on its own, the oracle ends 0.25 of the largest change of a weight away\n"
        "  case:   float32 mlp 2-3-1, squared_error (half_mean), "
        "adam(lr=(0.5, 0.25), eps=0.001), 3 steps\n"
        "  again:  pytest parity --parity-case=a.json"
    )


NONE = Count(0, 6, 0, 0.5)
OPTIMIZER = "so the optimizer is where they part"


@pytest.mark.parametrize(
    ("stage", "counts", "told"),
    [
        (
            Stage.UPDATE,
            {**COUNTS, Stage.FORWARD: NONE},
            f"backward agrees at every step, forward cannot be judged, {OPTIMIZER}",
        ),
        (
            Stage.UPDATE,
            {**COUNTS, Stage.BACKWARD: NONE},
            "forward agrees at every step, backward cannot be judged: "
            "the gradient or the optimizer is where they part",
        ),
        (
            Stage.UPDATE,
            {Stage.FORWARD: CLEAN, Stage.UPDATE: BAD},
            "forward agrees at every step, gradients are not shown: "
            "the gradient or the optimizer is where they part",
        ),
        (
            Stage.STATE,
            {**COUNTS, Stage.BACKWARD: BAD},
            f"forward and backward agree up to here, {OPTIMIZER}",
        ),
        (
            Stage.BACKWARD,
            COUNTS,
            "forward agrees at every step, so the gradient is where they part",
        ),
        (
            Stage.BACKWARD,
            {**COUNTS, Stage.FORWARD: NONE},
            "forward cannot be judged: the model, the loss or the gradient is where they part",
        ),
    ],
)
def test_what_stages_before_the_first_say_is_said_of_those_that_were_judged(
    stage: Stage, counts: dict[Stage, Count], told: str
) -> None:
    verdict = Verdict(Status.DIVERGE, counts, replace(FOUND, stage=stage))
    assert describe(replace(RESULT, verdict=verdict), "torch", "").splitlines()[2] == f"  {told}"


def test_a_run_that_started_elsewhere_has_the_score_of_its_start() -> None:
    run = control(CASE)
    other = {name: array + 1 for name, array in run.weights.items()}
    verdict = judge(CASE, replace(run, weights=other), {})
    assert verdict.score == np.inf
    assert verdict.counts[Stage.FORWARD].diverged >= 6
    lines = describe(replace(RESULT, verdict=verdict), "torch", "").splitlines()
    assert "layer0/kernel at the start" in lines[0]
    assert lines[2] == "  the run did not start at the case's weights"


def test_what_a_fresh_process_does_not_show_is_told() -> None:
    told = describe(replace(RESULT, alone=Status.AGREE), "torch", "").splitlines()
    assert "  alone:  the case agrees in a fresh process: what ran before it matters" in told


@pytest.mark.parametrize("last", [np.nan, np.inf])
def test_a_lane_that_ends_at_no_number_is_no_distance_away(last: float) -> None:
    run = control(CASE)
    kernel = run.weights["layer0/kernel"].copy()
    kernel[-1, 0, 1] = last
    trace = replace(run, weights={**run.weights, "layer0/kernel": kernel})
    verdict = replace(RESULT.verdict, parted=np.inf)
    told = describe(replace(RESULT, verdict=verdict, trace=trace), "torch", "")
    ends = f'weights "layer0/kernel" of the lane end with {last}: no distance can be told'
    assert f"  free:   {ends}\n" in told
    alone = describe(replace(RESULT, verdict=verdict, trace=run), "torch", "")
    assert "  free:   run on its own, the oracle ends no finite distance away\n" in alone


def test_elements_that_a_step_left_alone_are_told() -> None:
    run = control(CASE)
    kernel = run.weights["layer0/kernel"].copy()
    kernel[3, 0, 1:] = kernel[2, 0, 1:]
    trace = replace(run, weights={**run.weights, "layer0/kernel": kernel})
    lines = describe(replace(RESULT, trace=trace), "torch", "").splitlines()
    assert lines[3] == "  2 of its 6 elements are what they were before the step"
    moved = describe(replace(RESULT, trace=run), "torch", "")
    assert "before the step" not in moved


@pytest.mark.parametrize(
    ("stage", "tensor", "shown"),
    [
        (Stage.FORWARD, "loss", "stage forward: loss, "),
        (Stage.BACKWARD, "layer1/bias", 'stage backward: gradient "layer1/bias"[0, 2], '),
        (Stage.STATE, "m of layer1/bias", 'stage state: m of "layer1/bias"[0, 2], '),
    ],
)
def test_the_tensor_is_named_by_what_it_is(stage: Stage, tensor: str, shown: str) -> None:
    index = () if stage is Stage.FORWARD else FOUND.index
    found = replace(FOUND, stage=stage, tensor=tensor, index=index)
    verdict = replace(RESULT.verdict, divergence=found)
    assert shown in describe(replace(RESULT, verdict=verdict), "torch", "")


@pytest.mark.parametrize(
    ("stage", "counts", "meaning"),
    [
        (Stage.FORWARD, {Stage.FORWARD: BAD}, "the loss is the first to part, so the model or "),
        (
            Stage.BACKWARD,
            {Stage.FORWARD: CLEAN, Stage.BACKWARD: BAD},
            "forward agrees at every step, so the gradient is where they part",
        ),
        (
            Stage.UPDATE,
            {Stage.FORWARD: CLEAN, Stage.BACKWARD: BAD, Stage.UPDATE: BAD},
            "forward and backward agree up to here, so the optimizer is where they part",
        ),
        (
            Stage.UPDATE,
            {Stage.FORWARD: CLEAN, Stage.UPDATE: BAD},
            "forward agrees at every step, gradients are not shown: the gradient or the optimizer",
        ),
    ],
)
def test_the_stages_before_say_where_to_look(
    stage: Stage, counts: dict[Stage, Count], meaning: str
) -> None:
    verdict = Verdict(Status.DIVERGE, counts, replace(FOUND, stage=stage))
    assert f"  {meaning}" in describe(replace(RESULT, verdict=verdict), "torch", "")


def test_float64_is_shown_with_the_digits_that_tell_neighbours_apart() -> None:
    found = replace(FOUND, expected=0.1, seen=float(np.nextafter(0.1, 1.0)))
    verdict = replace(RESULT.verdict, divergence=found)
    result = replace(RESULT, case=replace(CASE, dtype="float64"), verdict=verdict)
    expected = "expected 0.10000000000000001   seen 0.10000000000000002   "
    assert expected in describe(result, "torch", "")


def test_claims_that_were_taken_into_account_are_named() -> None:
    text = describe(replace(RESULT, claims=(CLAIM,)), "torch", "")
    assert "  with its claims eps=hat\n" in text
    assert "no claim" not in text


def test_an_error_shows_the_reason_and_what_the_lane_left_behind() -> None:
    verdict = Verdict(Status.ERROR, reason="raised: ValueError: no such loss")
    result = Result("torch", CASE, verdict, detail="Traceback:\n  line 3")
    first, *rest = describe(result, "torch 2.13.0", "pytest").splitlines()
    assert first == "torch 2.13.0 gave no trace: raised: ValueError: no such loss"
    assert rest[:2] == ["    Traceback:", "      line 3"]
    assert rest[-1] == "  again:  pytest"


def test_what_a_lane_says_does_not_move_the_cursor() -> None:
    verdict = Verdict(Status.ERROR, reason="raised: ValueError: one\x1b[31m\ntwo")
    result = Result("torch", CASE, verdict, detail="\x1b[2J gone")
    first, second, *_ = describe(result, "torch", "pytest").splitlines()
    assert first == r"torch gave no trace: raised: ValueError: one\x1b[31m"
    assert second == r"    \x1b[2J gone"


def test_a_case_that_nothing_was_judged_of_says_so() -> None:
    text = describe(Result("torch", CASE, Verdict(Status.ABSTAIN)), "torch", "")
    assert text.startswith("torch was not judged: ")


def test_a_case_is_a_line() -> None:
    clipped = replace(CASE, rates=(0.5,) * 3, clip=Clip("norm", 0.125))
    assert summary(clipped) == (
        "float32 mlp 2-3-1, squared_error (half_mean), adam(lr=0.5, eps=0.001), "
        "clipped by norm 0.125, 3 steps"
    )


def test_a_saved_case_is_the_same_case(tmp_path: Path) -> None:
    path = save(CASE, tmp_path)
    assert path == Path("reports/findings") / f"{CASE.digest}.json"
    assert Case.from_json((tmp_path / path).read_text("utf-8")).digest == CASE.digest
