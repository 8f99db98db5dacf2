"""Every planted fault is found, early and at its stage; what it shrinks to is worth looking at."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from faults import FAULTS, Fault
from faulty_runs import Train, control

from parity.case import OPTIMIZERS, Case
from parity.compare import Stage, Status, Verdict, judge
from parity.lanes import Lane
from parity.lockstep import CLEAR, PROFILES, Harness, Result, generated
from parity.strategies import PROBLEMS
from parity.trace import Trace

PROFILE = PROFILES["standard"]
CASES = 25
CONTROL = Lane("control", "", optimizers={name: tuple(h) for name, h in OPTIMIZERS.items()})
PLANTS = [(fault, *plant) for fault in FAULTS for plant in fault.plants]
NAMES = {fault.name: fault for fault in FAULTS}


class InProcess:
    """In place of worker processes: a function that trains a case."""

    def __init__(self, train: Train) -> None:
        self.train = train

    def run(self, lane: Lane, cases: Sequence[Case], **_: Any) -> Iterator[Trace]:
        for case in cases:
            yield self.train(case)


def drawn(problem: str, optimizer: str) -> tuple[Case, ...]:
    return generated(problem, optimizer, PROFILE.dtypes, PROFILE, 0)[:CASES]


def verdicts(fault: Fault, problem: str, optimizer: str) -> Iterator[tuple[Case, Verdict, Stage]]:
    """Yield cases, the verdicts on them, and at which stage the fault must show."""
    for case in drawn(problem, optimizer):
        trace = fault.train(case, control)
        yield case, judge(case, trace, {}), fault.shows_in(trace)


def test_the_faults_are_as_many_and_as_various_as_promised() -> None:
    plants = {optimizer for _, optimizer, _ in PLANTS}
    assert len(NAMES) == len(FAULTS) >= 80
    assert len(plants) >= 8
    assert {fault.stage for fault in FAULTS} == set(Stage)


@pytest.mark.parametrize(
    ("fault", "optimizer", "problem"),
    PLANTS,
    ids=[f"{fault.name}-{optimizer}-{problem}" for fault, optimizer, problem in PLANTS],
)
def test_a_fault_is_found_at_its_stage(fault: Fault, optimizer: str, problem: str) -> None:
    found: Verdict | None = None
    for number, (_, verdict, stage) in enumerate(verdicts(fault, problem, optimizer), start=1):
        first = verdict.divergence
        if first is None:
            continue
        # A loss is one number, in which a small fault may hide: its gradient then shows it. But
        # nothing may be blamed that comes before the fault.
        order = list(Stage)
        assert order.index(first.stage) >= order.index(stage)
        found = verdict if first.stage is stage and first.score >= CLEAR else None
        if found:
            sys.stdout.write(f"case {number}, {stage}, score {first.score:.3g}\n")
            break
    assert found, f"not found in {CASES} cases"


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_healthy_control_is_not_accused_on_the_same_cases(
    optimizer: str, problem: str
) -> None:
    accused = [
        case.digest
        for case in drawn(problem, optimizer)
        if judge(case, control(case), {}).status is not Status.AGREE
    ]
    assert accused == []


def smallest(name: str, optimizer: str, problem: str) -> Result:
    """Return what the first clear divergence of a fault shrinks to."""
    fault = NAMES[name]
    workers = InProcess(lambda case: fault.train(case, control))
    harness = Harness(workers, ())  # type: ignore[arg-type]  # it has all that a harness asks of it
    for case, verdict, stage in verdicts(fault, problem, optimizer):
        first = verdict.divergence
        if first is not None and first.stage is stage and first.score >= CLEAR:
            found = Result(CONTROL.name, case, verdict)
            return harness.shrunk(CONTROL, problem, optimizer, PROFILE, found)
    raise AssertionError(f"{name} was not found")


def essentials(case: Case) -> str:
    """Return what a reader sees first: sizes, loss, batches, and what is not the default."""
    sizes = "-".join(str(n) for n in (case.x.shape[1], *(layer.units for layer in case.layers)))
    hidden = [layer.activation for layer in case.layers[:-1]]
    batches = "+".join(str(len(rows)) for rows in case.batches)
    loss, textbook = case.loss, OPTIMIZERS[case.optimizer.name]
    options = {
        "labels": loss.labels if loss.labels != "values" else None,
        "smoothing": loss.label_smoothing,
        "l2": loss.l2,
        "class_weights": loss.class_weights,
        "sample_weights": case.sample_weights is not None,
        "clip": case.clip and f"{case.clip.kind} {case.clip.limit:g}",
        "rates": case.rates if len(set(case.rates)) > 1 else None,
        **{k: v for k, v in case.optimizer.arguments.items() if v != textbook[k]},
    }
    shown = ", ".join(f"{name} {value}" for name, value in options.items() if value)
    return (
        f"{case.dtype} {' '.join([sizes, *hidden])}, {loss.name} {loss.reduction}, "
        f"rows {batches}{', ' * bool(shown)}{shown}"
    )
