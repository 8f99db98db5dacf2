"""Planted faults are named by what they do; what no change can express gets no name."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from faults import FAULTS, Fault
from faulty_runs import control
from test_faults import NAMES, drawn, first_clear

from parity.case import Case
from parity.changes import CHANGES
from parity.changes.dials import SAYS
from parity.changes.optimizer import IGNORED
from parity.diagnose import Diagnosis, confirmed, diagnose, separated
from parity.dials import DIALS
from parity.parts import OPTIMIZERS
from parity.trace import Trace

# What each fault does, in the words of the explanation that must be the only one left.
# fmt: off
NAMED = {
    "momentum ignored": "momentum was ignored: 0 was used",
    "nesterov ignored": "nesterov was ignored: 0 was used",
    "dampening ignored": "dampening was ignored: 0 was used",
    "coupled decay ignored": "weight_decay was ignored: 0 was used",
    "decoupled decay ignored": "weight_decay was ignored: 0.01 was used",
    "beta1 ignored": "beta1 was ignored: 0.9 was used",
    "beta1 ignored by lion": "beta1 was ignored: 0.9 was used",
    "beta2 ignored": "beta2 was ignored: 0.999 was used",
    "rho ignored": "rho was ignored: 0.99 was used",
    "eps ignored": "eps was ignored: 1e-08 was used",
    "eps of a moving root ignored": "eps was ignored: 1e-08 was used",
    "eps ignored by rmsprop": "eps was ignored: 1e-08 was used",
    "centered ignored": "centered was ignored: 0 was used",
    "momentum_decay ignored": "momentum_decay was ignored: 0.004 was used",
    "initial_accumulator ignored": "initial_accumulator was ignored: 0 was used",
    "coupled decay on the bias": "biases decay too",
    "decoupled decay on the bias": "biases decay too",
    "beta1 and beta2 swapped": "beta1 and beta2 are swapped",
    "rho taken for 1 - rho": "rho was taken for 1 - rho",
    "label_smoothing ignored": "label_smoothing was ignored",
    "class_weights ignored": "class weights were ignored",
    "sample_weights ignored": "sample weights were ignored",
    "delta ignored": "delta was ignored: 1 was used",
    "l2 ignored": "the penalty was left out",
    "clipping by value ignored": "clipping by value was ignored",
    "clipping by norm ignored": "clipping by norm was ignored",
    "clipping by global norm ignored": "clipping by global_norm was ignored",
    "sum taken for mean": "sum was taken for mean",
    "mean taken for sum": "mean was taken for sum",
    "mean taken for half_mean": "mean was taken for half_mean",
    "the last step's rate": "each step took the rate of the step before",
    "the next step's rate": "each step took the rate of the step after",
    "the schedule ignored": "the schedule was ignored",
    "the rate ignored": "lr was ignored: 0.001 was used",
    "half the rate": "lr is halved",
    "the rate over the batch size": "lr is divided by the batch size",
    "the rate as float32 in a float64 lane": "lr was rounded to float32",
    "uphill": "lr is negated",
    "eps inside the root": "eps stands inside the root",
    "eps squared inside the root": "eps stands inside the root, squared",
    "eps left out": "eps was left out",
    "the larger of root and eps": "the root is at least eps, and nothing is added to it",
    "eps inside rmsprop's root": "eps stands inside the root",
    "eps left out of rmsprop": "eps was left out",
    "no root in rmsprop": "no root is taken",
    "eps before bias correction": "eps stands beside the root of the uncorrected moment",
    "eps after radam's bias correction": "eps stands beside the root of the corrected moment",
    "no root": "no root is taken",
    "bias correction left out": "there is no bias correction",
    "bias correction of m left out": "the first moment has no bias correction",
    "bias correction of v left out": "the second moment has no bias correction",
    "bias correction of v by beta1": "the second moment is corrected by beta1",
    "steps counted from two": "steps are counted from two",
    "steps not counted": "steps are not counted",
    "steps counted per parameter": "a step is counted for each tensor, the last of them first",
    "amsgrad's maximum ignored": "the maximum was ignored",
    "amsgrad's maximum after correction": "the maximum is taken of corrected moments",
    "eps beside adamax's u": "eps stands beside the root of the uncorrected moment",
    "adamax's u fades by beta1": "beta1 was taken for beta2",
    "nadam's momentum without its schedule": "momentum has no schedule",
    "rate inside rmsprop's momentum": "lr enters the momentum buffer",
    "adadelta's eps in the divisor only": "eps was left out",
    "beta2_decay ignored": "beta2_decay was ignored: 0.8 was used",
    "eps1 ignored": "eps1 was ignored: 1e-30 was used",
    "eps2 ignored": "eps2 was ignored: 0.001 was used",
    "clip_threshold ignored": "clip_threshold was ignored: 1 was used",
    "eps1 left out of adafactor": "eps1 was left out",
    "eps1 beside adafactor's root": "eps stands beside the root of the corrected moment",
    "eps1 squared in adafactor": "eps1 was taken for eps1 ** 2",
    "adafactor's matrices not factored": "matrices are factored from 128 rows and columns on",
    "adafactor's rate not capped": "lr is not capped at 1 / sqrt(t)",
    "adafactor's step scaled by decayed weights": "the step is scaled by the decayed weights",
    "adafactor's steps counted from two": "steps are counted from two",
    "adafactor's exponent halved": "beta2_decay was taken for beta2_decay / 2",
    "adafactor's update applied twice": "every update was applied twice",
    "lion's sign of the wrong average": "beta2 was taken for beta1",
    "trust ratio left out": "there is no trust ratio",
    "trust ratio of all tensors together": "the trust ratio is that of all tensors together",
    "lamb's decay ignored": "weight_decay was ignored: 0 was used",
    "lamb's decay on the bias": "biases decay too",
    "lamb's decay before the step": "weights decay before the step",
    "lamb's decay in the gradient": "weight decay is part of the gradient",
    "beta left out": "beta was ignored: 0 was used",
    "beta ignored": "beta was ignored: 1 was used",
    "power ignored": "power was ignored: 0.5 was used",
    "initial_accumulator ignored by ftrl": "initial_accumulator was ignored: 0 was used",
    "lambda1 ignored": "lambda1 was ignored: 0 was used",
    "lambda2 ignored": "lambda2 was ignored: 0 was used",
    "lambda2 twice": "lambda2 counts twice",
    "shrinkage ignored": "shrinkage was ignored: 0 was used",
    "shrinkage once": "shrinkage was taken for shrinkage / 2",
    "the rate ignored by ftrl": "lr was ignored: 0.001 was used",
    "biases never updated by ftrl": "biases were not updated",
    "half the rate in ftrl": "lr is halved",
    "the first step dampened": "the first step is dampened too",
    "dampening by the momentum": "momentum was taken for dampening",
    "nesterov always": "nesterov was on",
    "nesterov with the last buffer": "nesterov was ignored: 0 was used",
    "rate inside the momentum": "lr enters the momentum buffer",
    "float32 constants in a float64 lane": "1 - beta and the like are computed in float32",
    "coupled decay for decoupled": "weight decay is part of the gradient",
    "decoupled decay for coupled": "weight decay is decoupled from the gradient",
    "decay not at the rate": "weight decay is not multiplied by lr",
    "decay after the step": "weights decay after the step",
    "decay twice": "weights decay twice",
    "decay grows coupled weights": "weight decay makes the weights grow",
    "half the coupled decay": "weight_decay was taken for weight_decay / 2",
    "norm of each tensor for that of all": "norm was taken for global_norm in clipping",
    "norm of all tensors for that of each": "global_norm was taken for norm in clipping",
    "clipped by value, not by norm": "value was taken for norm in clipping",
    "biases never updated": "biases were not updated",
    "kernels never updated": "kernels were not updated",
    "updated twice": "every update was applied twice",
    "partial batch dropped": "partial batches were dropped",
    "partial batch padded": "partial batches were padded with their last row",
    "partial batch averaged over a full one":
        "loss and gradient are divided by a full batch's size where the batch is partial",
    "gradient of a partial batch averaged over a full one":
        "the gradient is divided by a full batch's size where the batch is partial",
    "each batch's last row dropped": "each batch's last row was dropped",
    "the first batch at each step": "every step trained the first batch",
    "other weights to start with": "the run started from other weights",
    "loss after the step": "the loss is that after the step",
    "mean of the losses so far": "the loss is the mean of the losses so far",
    "no factor 2 in the squared error's slope": "in the gradient only, squared_error is halved",
    "half the squared error": "in the loss only, squared_error is halved",
    "mean over rows for mean over elements":
        "loss and gradient are averaged over rows, not elements",
    "mean over elements for mean over rows":
        "loss and gradient are averaged over elements, not rows",
    "slope of the sum for that of the mean": "in the gradient only, sum was taken for mean",
    "sample weights in the loss only": "in the gradient only, sample weights were ignored",
    "sample weights twice": "sample weights were multiplied in twice",
    "class weights in the loss only": "in the gradient only, class weights were ignored",
    "mean over the class weights": "the mean is divided by the class weights' sum",
    "smoothing in the loss only": "in the gradient only, label_smoothing was ignored",
    "dense labels taken for hard ones": "dense labels were taken for hard ones",
    "smooth_l1 taken for huber": "huber was taken for smooth_l1",
    "squared error for absolute error": "squared_error was taken for absolute_error",
    "absolute error's slope of the wrong sign": "in the gradient only, absolute_error is negated",
    "penalty not in the gradient": "in the gradient only, the penalty was left out",
    "penalty not in the loss": "in the loss only, the penalty was left out",
    "no factor 2 in the penalty's gradient": "in the gradient only, half of the penalty was taken",
    "gradients of square kernels transposed": "gradients are transposed",
    "gradients accumulated": "gradients accumulate from step to step",
    "the last step's gradients": "gradients are those of the step before",
    "float32 in a float64 lane": "it was computed in float32",
    "gelu by tanh": "gelu_tanh was taken for gelu",
    "gelu exact, not by tanh": "gelu was taken for gelu_tanh",
}
# fmt: on
UNNAMED = [fault for fault in FAULTS if fault.name not in NAMED]
CONFIRMING = 12  # other runs on which an explanation must hold


def no_dials(case: Case) -> dict[str, Any]:
    return {}


def named(fault: Fault) -> Diagnosis:
    """Return the diagnosis of a fault's first plant, as `pytest parity` comes to it."""
    optimizer, problem = fault.plants[0]
    _, found = first_clear(fault, problem, optimizer)
    assert found.trace is not None
    cases = drawn(problem, optimizer)
    with np.errstate(all="ignore"):
        first = diagnose(found.case, found.trace, {})
        if not first.explanations:
            return first
        runs = [(case, fault.train(case, control)) for case in cases[:CONFIRMING]]
        sure = confirmed(first, runs, no_dials)
        return separated(sure, cases, no_dials, lambda case: fault.train(case, control))


@pytest.mark.parametrize("name", NAMED)
def test_a_fault_within_reach_is_named_rightly_and_by_that_name_alone(name: str) -> None:
    found = named(NAMES[name])
    assert found.sentence == NAMED[name]
    assert len(found.explanations) == 1


@pytest.mark.slow
@pytest.mark.parametrize("fault", UNNAMED, ids=[fault.name for fault in UNNAMED])
def test_a_fault_out_of_reach_gets_no_name(fault: Fault) -> None:
    found = named(fault)
    assert found.explanations == ()
    assert found.sentence.startswith(f"none of {found.tried} explanations fits")


@pytest.mark.parametrize(
    "name", ["adagrad's last sum", "the last element not updated", "adafactor's step not clipped"]
)
def test_no_name_is_better_than_a_wrong_one(name: str) -> None:
    assert named(NAMES[name]).explanations == ()


def test_where_a_lane_does_more_otherwise_this_run_has_its_cause_alone() -> None:
    cases = [case for case in drawn("linear", "sgd") if case.dtype == "float64"]
    sums = next(case for case in cases if case.loss.reduction == "sum" and case.y.size > 1)
    decayed = [case for case in cases if case.optimizer.arguments.get("weight_decay")]

    def lane(case: Case) -> Trace:
        """Take the mean for the sum, and no weight decay."""
        given = {**case.optimizer.arguments, "weight_decay": 0.0}
        loss = replace(case.loss, reduction="mean" if case.loss.reduction == "sum" else "sum")
        return control(replace(case, loss=loss, optimizer=replace(case.optimizer, arguments=given)))

    given = {**sums.optimizer.arguments, "weight_decay": 0.0}
    sums = replace(sums, optimizer=replace(sums.optimizer, arguments=given))
    first = diagnose(sums, lane(sums), {})
    found = confirmed(first, [(case, lane(case)) for case in decayed], no_dials)
    assert found.explanations == ()
    assert "all runs; this one alone: mean was taken for sum" in found.sentence
    assert confirmed(first, [(sums, lane(sums))], no_dials).alone == ()


def test_a_healthy_run_needs_no_explanation() -> None:
    case = drawn("mlp", "adam")[0]
    found = diagnose(case, control(case), {})
    assert [explanation.changes for explanation in found.explanations] == [()]


def test_two_faults_at_once_are_both_named() -> None:
    case = next(
        case
        for case in drawn("linear", "adam")
        if case.loss.reduction == "sum" and case.dtype == "float64"
    )
    given = {**case.optimizer.hyperparameters(), "beta1": 0.85, "eps": 1e-3}
    case = replace(case, optimizer=replace(case.optimizer, arguments=given))
    done = {**given, "beta1": 0.9, "eps": 1e-8}
    other = replace(
        case,
        loss=replace(case.loss, reduction="mean"),
        optimizer=replace(case.optimizer, arguments=done),
    )
    found = diagnose(case, control(other), {})
    words = "mean was taken for sum and beta1 was ignored: 0.9 was used and eps was ignored"
    assert found.explanations[0].sentence.startswith(words)


def test_a_diagnosis_is_plain_data() -> None:
    found = named(NAMES["momentum ignored"]).to_dict()
    assert json.loads(json.dumps(found)) == found
    assert found["explanations"][0]["changes"] == [
        {
            "name": "momentum ignored",
            "value": 0.0,
            "scope": "",
            "says": "momentum was ignored: 0 was used",
        }
    ]


def test_every_argument_and_dial_can_be_blamed() -> None:
    blamed = {change.name.removesuffix(" ignored") for change in CHANGES}
    assert {name for given in OPTIMIZERS.values() for name in given} <= IGNORED.keys() & blamed
    assert {name for name, settings in DIALS.items() if len(settings) > 1} <= blamed
    assert SAYS.keys() <= DIALS.keys()
