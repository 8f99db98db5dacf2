"""The reference: it follows a trace step by step, or runs free from the case's starting weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from parity import losses, model
from parity.bounds import ARITHMETICS, TF32, Arithmetic, Array, Value
from parity.case import Case
from parity.dials import Dials
from parity.functions import joined
from parity.parts import parameter_shapes
from parity.trace import Recorder, Trace
from parity.updates import Tensors, Vector, exactly, stacked, training, updated

# What the dials `loss_factor` and `lr_factor` can say, of a case and the rows of a step's batch.
FACTORS: Mapping[str, Callable[[Case, int], float]] = {
    "1": lambda case, rows: 1.0,
    "-1": lambda case, rows: -1.0,
    "1/2": lambda case, rows: 0.5,
    "2": lambda case, rows: 2.0,
    # A mean over rows for one over elements, and the other way round.
    "units": lambda case, rows: 1.0 if _per_row(case) else case.layers[-1].units,
    "1/units": lambda case, rows: (
        1 / case.layers[-1].units if _per_row(case) and not _is_sum(case) else 1.0
    ),
    "rows": lambda case, rows: rows,
    "1/rows": lambda case, rows: 1 / rows,
    "rows/full": lambda case, rows: 1.0 if _is_sum(case) else rows / len(case.batches[0]),
    "tensors": lambda case, rows: len(case.weights),
    "1/tensors": lambda case, rows: 1 / len(case.weights),
}


def _is_sum(case: Case) -> bool:
    return case.loss.reduction == "sum"


def _per_row(case: Case) -> bool:
    return _is_sum(case) or case.loss.name == "softmax_cross_entropy"


@dataclass(frozen=True, slots=True)
class Expected:
    """What each step should have given, given what the lane itself had when it began.

    Shapes are those of a Trace, except that `weights` holds only the T weights after each step.
    """

    losses: Value
    gradients: Tensors
    weights: Tensors
    state: dict[str, Tensors]


def follow(case: Case, trace: Trace, dials: Dials, *, bounded: bool = True) -> Expected:
    """Return what the oracle expects at each step of `trace`.

    Loss and gradients are those at the lane's own weights; weights and state are what the lane's
    own gradients imply. Where the trace shows no gradients, the oracle's own stand in.
    """
    loss, gradients = passes(case, trace, dials, bounded=bounded)
    weights, state = updates(case, trace, gradients, dials, bounded=bounded)
    return Expected(loss, gradients, weights, state)


def passes(
    case: Case, trace: Trace, dials: Dials, *, bounded: bool = True
) -> tuple[Value, Tensors]:
    """Return what `follow` expects of losses and gradients."""
    arithmetic = _arithmetic(case, dials) if bounded else None
    before = {name: value[:-1] for name, value in trace.weights.items()}
    with np.errstate(all="ignore"):
        loss, own = _gradients(case, before, dials, arithmetic, trace.masks)
        if dials.get("loss_at") == "after":
            after = {name: value[1:] for name, value in trace.weights.items()}
            loss, _ = _gradients(case, after, dials, arithmetic, trace.masks)
        return _reported_losses(loss, dials), _reported_gradients(own, dials)


def updates(
    case: Case, trace: Trace, gradients: Tensors, dials: Dials, *, bounded: bool = True
) -> tuple[Tensors, dict[str, Tensors]]:
    """Return what `follow` expects of weights and state, `gradients` where the trace has none."""
    arithmetic = _arithmetic(case, dials) if bounded else None
    before = {name: value[:-1] for name, value in trace.weights.items()}
    seen = {name: exactly(value, arithmetic) for name, value in trace.gradients.items()}
    with np.errstate(all="ignore"):
        of = training(case, _factors(case, dials))
        return updated(of, before, seen or gradients, dials, arithmetic)


def run_free(case: Case, dials: Dials) -> Trace:
    """Return the oracle's own run in float64, from the starting weights, without bounds."""
    record = Recorder()
    names = list(parameter_shapes(case.x.shape[1], case.layers))
    weights: Tensors = {name: case.weights[name] for name in names}
    record.start(weights)
    vector = Vector(training(case, _factors(case, dials)), dials, None)
    losses: list[Value] = []
    past: dict[str, list[Value]] = {name: [] for name in names}
    with np.errstate(all="ignore"):
        for step in range(case.steps):
            now = {name: value[None] for name, value in weights.items()}
            loss, own = _step_gradients(case, [step], now, dials, None)
            for name, gradient in own.items():
                past[name].append(gradient[0])
            told = _reported_gradients({n: np.stack(rows) for n, rows in past.items()}, dials)
            gradients = {name: value[-1:] for name, value in told.items()}
            w, g = vector.laid_out(now)[0], vector.laid_out(gradients)[0]
            weights = _first(vector.split(vector.step(w, g, step)[None]))
            if dials.get("loss_at") == "after":
                now = {name: value[None] for name, value in weights.items()}
                loss, _ = _step_gradients(case, [step], now, dials, None)
            losses.append(loss[0])
            slots = {name: slot[None] for name, slot in vector.run.state.items()}
            state = {name: _first(vector.split(slot)) for name, slot in slots.items()}
            seen = float(_reported_losses(np.array(losses), dials)[-1])
            record.step(seen, _first(gradients), weights, state)
    return record.trace()


def _arithmetic(case: Case, dials: Dials) -> Arithmetic:
    """Return the lane's arithmetic; the dial `products` says that it multiplies in TF32."""
    cut = dials.get("products") == TF32 and case.dtype == "float32"
    return ARITHMETICS[TF32 if cut else case.dtype]


def _factors(case: Case, dials: Dials) -> list[float]:
    """Return what each step's rate is multiplied by."""
    factor = FACTORS[dials.get("lr_factor", "1")]
    return [factor(case, len(rows)) for rows in case.batches]


def _reported_losses(losses: Value, dials: Dials) -> Value:
    """Return what a lane tells of the losses, of shape (T,)."""
    if dials.get("loss_at") != "mean so far":
        return losses
    sums = _accumulated(losses)
    return sums / np.arange(1.0, losses.shape[0] + 1)


def _reported_gradients(gradients: Tensors, dials: Dials) -> Tensors:
    """Return the gradients, of shape (T, *shape), that a lane has at each step."""
    how = dials.get("gradient", "own")
    if how == "accumulated":
        return {name: _accumulated(value) for name, value in gradients.items()}
    if how == "last step's":
        return {n: value[[0, *range(value.shape[0] - 1)]] for n, value in gradients.items()}
    if how == "transposed":
        return {name: _turned(value) for name, value in gradients.items()}
    return gradients


def _accumulated(values: Value) -> Value:
    rows = [values[0]]
    for step in range(1, values.shape[0]):
        rows.append(rows[-1] + values[step])
    return stacked(rows)


def _turned(value: Value) -> Value:
    square = len(value.shape) == 3 and value.shape[1] == value.shape[2]
    return value.swapaxes(1, 2) if square else value


def _gradients(
    case: Case,
    before: Mapping[str, Array],
    dials: Dials,
    arithmetic: Arithmetic | None,
    masks: Mapping[str, Array],
) -> tuple[Value, Tensors]:
    """Return losses and gradients of all steps, those with batches of one size at once."""
    sizes: dict[int, list[int]] = {}
    for step, rows in enumerate(case.batches):
        sizes.setdefault(len(rows), []).append(step)
    parts: list[tuple[list[int], Value, Tensors]] = []
    for steps in sizes.values():
        weights = {name: value[steps] for name, value in before.items()}
        parts.append((steps, *_step_gradients(case, steps, weights, dials, arithmetic, masks)))
    if len(parts) == 1:
        return parts[0][1], parts[0][2]
    order = np.argsort(np.concatenate([steps for steps, _, _ in parts]))
    loss = joined([part[1] for part in parts], order)
    names = parts[0][2]
    return loss, {name: joined([part[2][name] for part in parts], order) for name in names}


def _step_gradients(
    case: Case,
    steps: list[int],
    weights: Mapping[str, Array],
    dials: Dials,
    arithmetic: Arithmetic | None,
    masks: Mapping[str, Array] = MappingProxyType({}),
) -> tuple[Value, Tensors]:
    rows = np.array([case.batches[step] for step in steps])
    sample_weights = None if case.sample_weights is None else case.sample_weights[rows]
    x = exactly(case.x[rows], arithmetic)
    known = {name: exactly(value, arithmetic) for name, value in weights.items()}
    factors = {name: exactly(value[rows], arithmetic) for name, value in masks.items()}
    seen = model.forward(x, known, case.layers, dials, factors)
    loss, slope = losses.objective(case.loss, seen.outputs[-1], case.y[rows], sample_weights, dials)
    if "loss_factor" in dials:
        factor = FACTORS[dials["loss_factor"]](case, rows.shape[1])
        loss, slope = loss * factor, slope * factor
    slopes: Tensors = {}
    if case.loss.l2:
        kernels = [name for name in known if name.endswith("/kernel")]
        extra, each = losses.penalty(case.loss, [known[name] for name in kernels], dials)
        loss, slopes = loss + extra, dict(zip(kernels, each, strict=True))
    return loss, model.backward(seen, slope, known, case.layers, dials, slopes)


def _first(tensors: Tensors) -> Tensors:
    return {name: value[0] for name, value in tensors.items()}
