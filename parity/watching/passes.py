"""Loss and gradients of a recording, where the model is of the oracle's family."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from parity.bounds import ARITHMETICS, Array, Bounded, Value, near
from parity.case import Case
from parity.changes import CHANGES
from parity.changes.change import Change, Followed
from parity.changes.precision import PRECISION
from parity.compare import scores
from parity.dials import Dials
from parity.known import CLAIMS, claimed, dials, in_force
from parity.oracle import passes
from parity.parts import Layer, Loss, Optimizer
from parity.trace import Trace
from parity.updates import Tensors
from parity.validity import CaseError
from parity.watching.judged import Judged, added, seen
from parity.watching.recording import Header, Parameter, Recording, Step
from parity.watching.updates import befores

Names = Mapping[str, tuple[str, bool]]


def judged(recording: Recording) -> Judged:
    """Return what the oracle says of the losses and gradients of the steps with one batch each."""
    header = recording.header
    if header is None or header.family is None:
        return Judged()
    parameters = {parameter.name: parameter for parameter in header.parameters}
    names: Names = {case: (name, turned) for case, (name, turned) in header.family["names"].items()}
    for name, _ in names.values():
        if (dtype := parameters[name].dtype) not in ARITHMETICS:
            return Judged(unjudged=(f"{name} is {dtype}: the oracle has no bound for it",))
    if any(parameters[name].places is not None for name, _ in names.values()):
        return Judged(unjudged=("a tensor is too large to be recorded whole",))
    if len(recording.batches) not in (0, len(recording.steps)):
        told = f"{len(recording.batches)} batches were told of {len(recording.steps)} steps"
        return Judged(unjudged=(told,))
    known = _with_batches(recording)
    have = [n for n, step in enumerate(known) if _one_batch(step)]
    if not have:
        return Judged(unjudged=("no step was seen to have one batch and one loss",))
    steps = [known[n] for n in have]
    before = befores(recording.steps)
    starts = [before[n] for n in have]
    ends = recording.steps[have[-1]].after
    weights = {
        case: np.stack(
            [_shaped(start[name], parameters[name], turned) for start in (*starts, ends)]
        )
        for case, (name, turned) in names.items()
    }
    gradients = {}
    for key, (name, turned) in names.items():
        own = [array for step in steps if (array := _own(step, name)) is not None]
        if len(own) == len(steps):  # not those of frozen tensors
            gradients[key] = np.stack([_shaped(array, parameters[name], turned) for array in own])
    try:
        case = _case(header, steps, weights, parameters[names["layer0/kernel"][0]].dtype)
    except CaseError as error:
        return Judged(unjudged=(str(error),))
    losses = np.array([step.loss for step in steps])
    trace = Trace(losses, gradients, weights, masks=_masks(steps))
    found = _compared(trace, passes(case, trace, _dials(header, case)), have, names, parameters)
    if found.parting is None:
        return found
    causes = tuple(_causes(header, case, trace))
    return replace(found, parting=replace(found.parting, causes=causes))


def _dials(header: Header, case: Case) -> Dials:
    return dials(claimed(in_force(CLAIMS, header.versions), header.lane, case))


def _compared(
    trace: Trace,
    expected: tuple[Value, Tensors],
    have: list[int],
    names: Names,
    parameters: Mapping[str, Parameter],
) -> Judged:
    loss, gradients = expected
    found = _stage("forward", Parameter("loss", (), "float64"), have, trace.losses[:, None], loss)
    for key, values in trace.gradients.items():
        name, transposed = names[key]
        pair = (values, gradients[key])
        found = added(found, _stage("backward", parameters[name], have, *pair, turned=transposed))
    return found


def _causes(header: Header, case: Case, trace: Trace) -> Iterator[str]:
    """Yield the first change of loss or gradient under which the oracle agrees at every step."""
    base = case, dict(_dials(header, case))
    known = passes(case, trace, base[1])
    names: Names = {name: (name, False) for name in case.weights}
    parameters = {name: Parameter(name, w.shape, case.dtype) for name, w in case.weights.items()}
    for change in CHANGES:
        turned = change.turn(*base) if change.part == "model" else None
        if turned is None:
            continue
        loss, _ = passes(*_scoped(change, "loss", turned, base, trace))
        _, gradients = passes(*_scoped(change, "gradient", turned, base, trace))
        same = _near(loss, known[0]) and all(
            _near(gradients[name], known[1][name]) for name in trace.gradients
        )
        if same and change.name not in PRECISION:
            continue  # a wider bound about the same numbers explains nothing
        found = _compared(trace, (loss, gradients), list(range(case.steps)), names, parameters)
        if found.parting is None and found.elements:
            yield change.says
            return


def _near(one: Value, other: Value) -> bool:
    assert isinstance(one, Bounded)
    assert isinstance(other, Bounded)
    return bool(near(one, other).all())


def _scoped(
    change: Change, scope: str, turned: Followed, base: Followed, trace: Trace
) -> tuple[Case, Trace, Dials]:
    case, dialled = turned if change.scope in ("", scope) else base
    return case, trace, dialled


def _with_batches(recording: Recording) -> list[Step]:
    if not recording.batches:
        return recording.steps
    pairs = zip(recording.steps, recording.batches, strict=True)
    return [replace(step, x=told["x"], y=told["y"], loss=told["loss"]) for step, told in pairs]


def _one_batch(step: Step) -> bool:
    known = step.loss is not None and step.x is not None and step.y is not None
    return known and step.backwards == 1


def _own(step: Step, name: str) -> Array | None:
    """Return the gradient of the step's backward pass, before anybody changed it."""
    for known in (step.own, step.raw, step.gradients):
        if name in known:
            return known[name]
    return None


def _masks(steps: list[Step]) -> dict[str, Array]:
    """Return what multiplies each layer's output, for all rows of all batches."""
    return {
        name: np.concatenate([np.asarray(step.masks[name], np.float64) for step in steps])
        for name in steps[0].masks
    }


def _shaped(flat: Array, parameter: Parameter, turned: bool) -> Array:
    array = flat.reshape(parameter.shape)
    return array.T if turned else array


def _case(header: Header, steps: list[Step], weights: Mapping[str, Array], dtype: str) -> Case:
    assert header.family is not None
    loss = dict(header.family["loss"])
    batches, rows = [], 0
    for step in steps:
        assert step.x is not None
        batches.append(tuple(range(rows, rows + len(step.x))))
        rows += len(step.x)
    y = np.concatenate([np.asarray(step.y) for step in steps])
    labels = "values"
    if loss["name"] == "softmax_cross_entropy":
        labels = "integer" if y.ndim == 1 else "dense"
    weighting = loss["class_weights"]
    return Case(
        layers=tuple(Layer(**layer) for layer in header.family["layers"]),
        loss=Loss(**{**loss, "labels": labels, "class_weights": weighting and tuple(weighting)}),
        optimizer=Optimizer("sgd"),
        rates=(0.0,) * len(steps),
        x=np.concatenate([np.asarray(step.x, np.float64) for step in steps]),
        y=y.astype(np.int64 if labels == "integer" else np.float64),
        batches=tuple(batches),
        weights={name: np.asarray(value[0], np.float64) for name, value in weights.items()},
        dtype=dtype,
    )


def _stage(
    stage: str,
    parameter: Parameter,
    steps: list[int],
    values: Array,
    expected: Any,
    *,
    turned: bool = False,
) -> Judged:
    assert isinstance(expected, Bounded)
    value = expected.value[:, None] if expected.value.ndim == 1 else expected.value
    error = np.broadcast_to(expected.error, expected.value.shape).reshape(value.shape)
    wanted = Bounded(value, error, expected.arithmetic)
    scored, waived = scores(values, wanted, np.abs(value))
    flat = [_flat(array, turned) for array in (values, value, scored, waived)]
    return seen(stage, parameter, steps, *flat)


def _flat(array: Array, turned: bool) -> Array:
    """Return (T, elements), in the order of the model's tensor."""
    ordered = array.swapaxes(1, 2) if turned else array
    return ordered.reshape(len(ordered), -1)
