"""The reference: it follows a trace step by step, or runs free from the case's starting weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from parity import bounds, losses, model
from parity.bounds import ARITHMETICS, Arithmetic, Array, Bounded, Value
from parity.case import Case, Clip, parameter_shapes
from parity.dials import Dials, held
from parity.optimizers import RULES, Run, decay, decay_late
from parity.trace import Recorder, Trace

Tensors = dict[str, Value]

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
    arithmetic = ARITHMETICS[case.dtype] if bounded else None
    before = {name: value[:-1] for name, value in trace.weights.items()}
    with np.errstate(all="ignore"):
        loss, own = _gradients(case, before, dials, arithmetic)
        if dials.get("loss_at") == "after":
            after = {name: value[1:] for name, value in trace.weights.items()}
            loss, _ = _gradients(case, after, dials, arithmetic)
        return _reported_losses(loss, dials), _reported_gradients(own, dials)


def updates(
    case: Case, trace: Trace, gradients: Tensors, dials: Dials, *, bounded: bool = True
) -> tuple[Tensors, dict[str, Tensors]]:
    """Return what `follow` expects of weights and state, `gradients` where the trace has none."""
    arithmetic = ARITHMETICS[case.dtype] if bounded else None
    before = {name: value[:-1] for name, value in trace.weights.items()}
    seen = {name: _exactly(value, arithmetic) for name, value in trace.gradients.items()}
    with np.errstate(all="ignore"):
        return _updates(case, before, seen or gradients, dials, arithmetic)


def run_free(case: Case, dials: Dials) -> Trace:
    """Return the oracle's own run in float64, from the starting weights, without bounds."""
    record = Recorder()
    names = list(parameter_shapes(case.x.shape[1], case.layers))
    weights: Tensors = {name: case.weights[name] for name in names}
    record.start(weights)
    vector = _Vector(case, dials, None)
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
    return _stacked(rows)


def _turned(value: Value) -> Value:
    square = len(value.shape) == 3 and value.shape[1] == value.shape[2]
    return value.swapaxes(1, 2) if square else value


def _gradients(
    case: Case, before: Mapping[str, Array], dials: Dials, arithmetic: Arithmetic | None
) -> tuple[Value, Tensors]:
    """Return losses and gradients of all steps, those with batches of one size at once."""
    sizes: dict[int, list[int]] = {}
    for step, rows in enumerate(case.batches):
        sizes.setdefault(len(rows), []).append(step)
    parts: list[tuple[list[int], Value, Tensors]] = []
    for steps in sizes.values():
        weights = {name: value[steps] for name, value in before.items()}
        parts.append((steps, *_step_gradients(case, steps, weights, dials, arithmetic)))
    if len(parts) == 1:
        return parts[0][1], parts[0][2]
    order = np.argsort(np.concatenate([steps for steps, _, _ in parts]))
    loss = _joined([part[1] for part in parts], order)
    names = parts[0][2]
    return loss, {name: _joined([part[2][name] for part in parts], order) for name in names}


def _step_gradients(
    case: Case,
    steps: list[int],
    weights: Mapping[str, Array],
    dials: Dials,
    arithmetic: Arithmetic | None,
) -> tuple[Value, Tensors]:
    rows = np.array([case.batches[step] for step in steps])
    sample_weights = None if case.sample_weights is None else case.sample_weights[rows]
    x = _exactly(case.x[rows], arithmetic)
    known = {name: _exactly(value, arithmetic) for name, value in weights.items()}
    seen = model.forward(x, known, case.layers, dials)
    loss, slope = losses.objective(case.loss, seen.outputs[-1], case.y[rows], sample_weights, dials)
    if "loss_factor" in dials:
        factor = FACTORS[dials["loss_factor"]](case, rows.shape[1])
        loss, slope = loss * factor, slope * factor
    gradients = model.backward(seen, slope, known, case.layers, dials)
    if case.loss.l2:
        kernels = [name for name in known if name.endswith("/kernel")]
        extra, slopes = losses.penalty(case.loss, [known[name] for name in kernels], dials)
        loss = loss + extra
        for name, more in zip(kernels, slopes, strict=True):
            gradients[name] = gradients[name] + more
    return loss, gradients


def _updates(
    case: Case,
    before: Mapping[str, Array],
    gradients: Tensors,
    dials: Dials,
    arithmetic: Arithmetic | None,
) -> tuple[Tensors, dict[str, Tensors]]:
    vector = _Vector(case, dials, arithmetic)
    w = vector.laid_out({name: _exactly(value, arithmetic) for name, value in before.items()})
    g = vector.laid_out(gradients)
    after: list[Value] = []
    slots: list[dict[str, Value]] = []
    for step in range(case.steps):
        after.append(vector.step(w[step], g[step], step))
        slots.append(dict(vector.run.state))
    weights = vector.split(_stacked(after))
    state = {slot: vector.split(_stacked([at[slot] for at in slots])) for slot in slots[0]}
    return weights, state


class _Vector:
    """A model's parameters laid end to end, with the optimizer's run over them."""

    def __init__(self, case: Case, dials: Dials, arithmetic: Arithmetic | None) -> None:
        self.case = case
        self.dials = dials
        self.shapes = parameter_shapes(case.x.shape[1], case.layers)
        ends = np.cumsum([int(np.prod(shape)) for shape in self.shapes.values()])
        starts = [0, *ends[:-1].tolist()]
        self.slices = {
            name: slice(start, int(end))
            for name, start, end in zip(self.shapes, starts, ends, strict=True)
        }
        decayed = np.ones(int(ends[-1]))
        if not case.optimizer.decay_biases:
            for name, where in self.slices.items():
                decayed[where] = name.endswith("/kernel")
        like = _exactly(decayed, arithmetic)
        sizes = [int(np.prod(shape)) for shape in self.shapes.values()]
        tensors = np.repeat(np.arange(len(sizes)), sizes)
        given = case.optimizer.hyperparameters()
        self.run = Run(given, dials, like, decayed, tensors)
        self.runs = [
            Run(given, dials, like[part], decayed[part], tensors[part])
            for part in self.slices.values()
            if dials.get("counted", "").startswith("per tensor")
        ]
        layers = [name.partition("/")[0] for name in self.shapes]
        backwards = str(dials.get("counted")).endswith("last first")
        self.order = sorted(  # in which tensors are updated, where that matters
            range(len(layers)),
            key=lambda place: -int(layers[place].removeprefix("layer")) if backwards else place,
        )
        self.frozen = np.zeros(int(ends[-1]), bool)
        for kind in dials.get("frozen", ()):
            for name, where in self.slices.items():
                self.frozen[where] |= name.endswith(kind)

    def step(self, w: Value, g: Value, step: int) -> Value:
        """Return the weights after one update."""
        if self.case.clip is not None:
            g = _clipped(g, self.case.clip, list(self.slices.values()), self.dials)
        after = w
        for _ in range(self.dials.get("updates", 1)):
            after = self._updated(after, g, step)
        return bounds.where(self.frozen, w, after) if self.frozen.any() else after

    def _updated(self, w: Value, g: Value, step: int) -> Value:
        if not self.runs:
            number = {"from two": step + 2, "not": 1}.get(self.dials.get("counted", ""), step + 1)
            return self._applied(self.run, w, g, step, number)
        count, moved = len(self.runs), []
        for place, (run, part) in enumerate(zip(self.runs, self.slices.values(), strict=True)):
            number = step * count + self.order.index(place) + 1
            moved.append(self._applied(run, w[part], g[part], step, number))
        slots = self.runs[0].state
        self.run.state = {slot: _joined([run.state[slot] for run in self.runs]) for slot in slots}
        return _joined(moved)

    def _applied(self, run: Run, w: Value, g: Value, step: int, number: int) -> Value:
        """Return weights after decay and the optimizer's rule; `number` is that of the step."""
        name = self.case.optimizer.name
        factor = FACTORS[self.dials.get("lr_factor", "1")](self.case, len(self.case.batches[step]))
        run.lr = run.number(factor * self.case.rates[step], "lr")
        run.partial = len(self.case.batches[step]) < len(self.case.batches[0])
        w, g = decay(run, name, w, g)
        return decay_late(run, name, RULES[name](run, w, g, number))

    def laid_out(self, tensors: Tensors) -> Value:
        """Return tensors of shape (T, *shape) end to end, of shape (T, parameters)."""
        flat = [tensors[name].reshape(tensors[name].shape[0], -1) for name in self.shapes]
        return _joined(flat, axis=1)

    def split(self, vector: Value) -> Tensors:
        """Return (T, parameters) as tensors of shape (T, *shape)."""
        return {
            name: vector[:, where].reshape(-1, *self.shapes[name])
            for name, where in self.slices.items()
        }


def _clipped(g: Value, clip: Clip, slices: list[slice], dials: Dials) -> Value:
    limit = held(clip.limit, "clip", dials)
    if clip.kind == "value":
        return bounds.maximum(bounds.minimum(g, limit), -limit)
    parts = slices if clip.kind == "norm" else [slice(None)]
    eps = float(dials.get("clip_eps", 0.0))
    pieces = []
    for part in parts:
        norm = bounds.sqrt(bounds.total(g[part] * g[part], axis=0))
        grown = norm + eps if eps else norm
        pieces.append(bounds.again(g[part] * (limit / bounds.maximum(grown, limit))))
    return _joined(pieces)


def _exactly(value: Array, arithmetic: Arithmetic | None) -> Value:
    array = np.asarray(value, np.float64)
    return array if arithmetic is None else bounds.exact(array, arithmetic)


def _first(tensors: Tensors) -> Tensors:
    return {name: value[0] for name, value in tensors.items()}


def _joined(parts: list[Value], order: Array | None = None, axis: int = 0) -> Value:
    """Return arrays laid end to end along `axis`, rows put in `order`."""
    where = slice(None) if order is None else order
    if not isinstance(parts[0], Bounded):
        return np.concatenate(parts, axis)[where]
    value = np.concatenate([part.value for part in parts], axis)
    if all(part.exact for part in parts):
        return bounds.exact(value[where], parts[0].arithmetic)
    error = np.concatenate([np.broadcast_to(p.error, p.value.shape) for p in parts], axis)
    return Bounded(value[where], error[where], parts[0].arithmetic)


def _stacked(parts: list[Value]) -> Value:
    if not isinstance(parts[0], Bounded):
        return np.stack(parts)
    errors = [np.broadcast_to(part.error, part.value.shape) for part in parts]
    return Bounded(np.stack([p.value for p in parts]), np.stack(errors), parts[0].arithmetic)
