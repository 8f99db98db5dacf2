"""Every planted fault is found, early and at its stage; what it shrinks to is worth looking at."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from faults import FAULTS, Fault
from faulty_runs import InProcess, Train, control

from parity.case import Case
from parity.compare import CLEAR, Stage, Status, judge
from parity.generation import generated
from parity.known import CLAIMS
from parity.lanes import Lane
from parity.lanes.catalog import LANES
from parity.lanes.installed import missing
from parity.lanes.process import Workers
from parity.lockstep import Harness, Result
from parity.parts import OPTIMIZERS
from parity.profiles import PROFILES
from parity.strategies import PROBLEMS
from parity.trace import Trace

PROFILE = PROFILES["standard"]
CASES = 25
CONTROL = Lane("control", "", optimizers={name: tuple(h) for name, h in OPTIMIZERS.items()})
PLANTS = [(fault, *plant) for fault in FAULTS for plant in fault.plants]
NAMES = {fault.name: fault for fault in FAULTS}


def drawn(problem: str, optimizer: str) -> tuple[Case, ...]:
    return generated(problem, optimizer, PROFILE.dtypes, PROFILE, 0)[:CASES]


def first_clear(
    fault: Fault, problem: str, optimizer: str, train: Train = control, lane: Lane = CONTROL
) -> tuple[int, Result]:
    """Return which case is the first to show the fault clearly at its stage, and its result."""
    harness, order = Harness(InProcess(train), CLAIMS), list(Stage)  # type: ignore[arg-type]  # as below
    batch = [case for case in drawn(problem, optimizer) if lane.lacks(case) is None]
    for number, case in enumerate(batch, start=1):
        trace = fault.train(case, train)
        result, stage = harness.judged(lane, case, trace), fault.shows_in(trace)
        first = result.verdict.divergence
        if first is None:
            continue
        # A loss is one number, in which a small fault may hide: its gradient then shows it. But
        # nothing may be blamed that comes before the fault.
        assert order.index(first.stage) >= order.index(stage)
        if first.stage is stage and first.score >= CLEAR:
            return number, result
    raise AssertionError(f"not found in {len(batch)} cases")


def test_the_faults_are_as_many_and_as_various_as_promised() -> None:
    problems = {problem for *_, problem in PLANTS}
    losses = {case.loss.name for problem in problems for case in drawn(problem, "sgd")}
    assert len(NAMES) == len(FAULTS) >= 80
    assert len({optimizer for _, optimizer, _ in PLANTS}) >= 8
    assert len(losses) >= 4
    assert {fault.stage for fault in FAULTS} == set(Stage)


@pytest.mark.parametrize(
    ("fault", "optimizer", "problem"),
    PLANTS,
    ids=[f"{fault.name}-{optimizer}-{problem}" for fault, optimizer, problem in PLANTS],
)
def test_a_fault_is_found_at_its_stage(fault: Fault, optimizer: str, problem: str) -> None:
    number, result = first_clear(fault, problem, optimizer)
    first = result.verdict.divergence
    assert first is not None
    sys.stdout.write(f"case {number}, {first.stage}, score {first.score:.3g}\n")


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_healthy_control_is_not_accused_on_the_same_cases(optimizer: str, problem: str) -> None:
    accused = [
        case.digest
        for case in drawn(problem, optimizer)
        if judge(case, control(case), {}).status is not Status.AGREE
    ]
    assert accused == []


def smallest(fault: Fault, optimizer: str, problem: str) -> Result:
    """Return what the first clear divergence of a fault shrinks to."""
    _, found = first_clear(fault, problem, optimizer)
    workers = InProcess(lambda case: fault.train(case, control))
    harness = Harness(workers, ())  # type: ignore[arg-type]  # it has all that a harness asks of it
    return harness.shrunk(CONTROL, problem, optimizer, PROFILE, found)


def essentials(case: Case) -> str:
    """Return a case's sizes and its batches' rows, then what is not the simplest there is."""
    sizes = "-".join(str(n) for n in (case.x.shape[1], *(layer.units for layer in case.layers)))
    batches = "+".join(str(len(rows)) for rows in case.batches)
    loss, textbook = case.loss, OPTIMIZERS[case.optimizer.name]
    options = {
        "hidden": " ".join(layer.activation for layer in case.layers[:-1]),
        "loss": loss.name.replace("squared_error", "").replace("softmax_cross_entropy", ""),
        "reduction": loss.reduction if loss.reduction != "mean" else "",
        "labels": loss.labels.replace("values", ""),
        "smoothing": loss.label_smoothing,
        "l2": loss.l2,
        "class_weights": loss.class_weights,
        "sample_weights": case.sample_weights is not None,
        "clip": case.clip and f"{case.clip.kind} {case.clip.limit:g}",
        "rates": len(set(case.rates)) > 1 and case.rates,
        **{k: v for k, v in case.optimizer.arguments.items() if v != textbook[k]},
        "dtype": case.dtype.replace("float32", ""),
    }
    shown = [f"{name} {value}" for name, value in options.items() if value]
    return ", ".join([sizes, f"rows {batches}", *shown])


# Fault, optimizer, problem; the smallest case on which it is clear; the first step that shows it.
# fmt: off
SMALLEST = [
    ("eps inside the root", "adam", "linear", "1-2, rows 2, clip value 0.015625", 1),
    ("eps before bias correction", "amsgrad", "softmax",
     "1-3, rows 2, labels dense, class_weights (0.5, 1.5, 2.5)", 1),
    ("beta1 and beta2 swapped", "adam", "linear", "1-2, rows 2", 1),
    ("steps counted per parameter", "adamw", "mlp", "2-3-1, rows 3, hidden relu", 1),
    ("amsgrad's maximum ignored", "amsgrad", "linear", "1-2, rows 2+2", 2),
    ("radam never rectified", "radam", "linear", "1-2, rows 2+2+1+2+2+1", 6),
    ("lion's sign of the wrong average", "lion", "linear", "1-2, rows 2+2", 2),
    ("the first step dampened", "sgd", "linear", "1-2, rows 2, momentum 0.9, dampening 0.5", 1),
    ("nesterov ignored", "sgd", "linear", "1-2, rows 2, momentum 0.9, nesterov True", 1),
    ("coupled decay for decoupled", "adamw", "linear", "1-2, rows 2", 1),
    ("coupled decay on the bias", "sgd", "mlp",
     "2-3-1, rows 3, hidden relu, momentum 0.9, weight_decay 0.1", 1),
    ("clipping by global norm ignored", "sgd", "linear",
     "1-2, rows 2, clip global_norm 0.125, momentum 0.9", 1),
    ("label_smoothing ignored", "sgd", "softmax",
     "3-2, rows 7, labels dense, smoothing 0.25, sample_weights True", 1),
    ("partial batch averaged over a full one", "sgd", "linear", "1-2, rows 2+2+1", 3),
    ("gradients accumulated", "sgd", "linear", "1-2, rows 2+2", 2),
    ("gradients of square kernels transposed", "sgd", "softmax",
     "2-2, rows 3, labels integer", 1),
    ("the last step's rate", "sgd", "linear",
     "1-2, rows 2+2+1+2, rates (0.0625, 0.0625, 0.0625, 0.125)", 4),
    ("one element of eight not updated", "sgd", "linear",
     "3-3, rows 1, loss binary_cross_entropy, reduction sum", 1),
    ("one state for tensors of a shape", "adam", "mlp",
     "3-3-3, rows 1, hidden tanh, loss binary_cross_entropy, reduction sum", 1),
    ("float32 constants in a float64 lane", "adam", "linear", "1-2, rows 2, dtype float64", 1),
]
# fmt: on


@pytest.mark.parametrize(
    ("name", "optimizer", "problem", "case", "step"),
    SMALLEST,
    ids=[row[0] for row in SMALLEST],
)
def test_a_fault_shrinks_to_its_smallest_case_far_beyond_the_bound(
    name: str, optimizer: str, problem: str, case: str, step: int
) -> None:
    result = smallest(NAMES[name], optimizer, problem)
    first = result.verdict.divergence
    assert first is not None
    assert essentials(result.case) == case
    assert first.step + 1 == step
    assert first.score >= CLEAR


TORCH = next(lane for lane in LANES if lane.name == "torch")
AROUND_TORCH = [
    ("eps ignored", "amsgrad", "softmax"),
    ("beta1 and beta2 swapped", "adam", "linear"),
    ("nesterov ignored", "sgd", "linear"),
    ("coupled decay on the bias", "rmsprop", "mlp"),
    ("the last step's rate", "adagrad", "mlp"),
    ("clipping by global norm ignored", "nadam", "softmax"),
    ("label_smoothing ignored", "sgd", "softmax"),
    ("sample_weights ignored", "adadelta", "linear"),
    ("partial batch dropped", "radam", "mlp"),
    ("gelu by tanh", "adamw", "mlp"),
    ("mean of the losses so far", "sgd", "linear"),
    ("weights read before the update", "adamax", "softmax"),
]


@pytest.fixture(scope="module")
def torch_workers() -> Iterator[Workers]:
    reason = missing(TORCH)
    if reason:
        pytest.skip(reason)
    with Workers() as workers:
        yield workers


@pytest.mark.parametrize(("name", "optimizer", "problem"), AROUND_TORCH)
def test_a_fault_around_a_real_lane_is_found_at_its_stage(
    torch_workers: Workers, name: str, optimizer: str, problem: str
) -> None:
    def train(case: Case) -> Trace:
        reply = next(iter(torch_workers.run(TORCH, [case])))
        assert isinstance(reply, Trace), reply
        return reply

    first_clear(NAMES[name], problem, optimizer, train, TORCH)
