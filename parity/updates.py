"""The update stage: what gradients and an optimizer's arguments make of any model's weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from parity import bounds, functions
from parity.bounds import Arithmetic, Array, Bounded, Value
from parity.case import Case
from parity.constants import Run
from parity.decay import decay, decay_late
from parity.dials import Dials, held
from parity.optimizers import RULES
from parity.parts import Clip, parameter_shapes

Tensors = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Training:
    """What the updates of T steps depend on, beside weights and gradients.

    `shapes` are the parameters', in the order in which lanes build them. `hyperparameters` and
    `rates` are each step's; `partial` says of each step whether its batch is smaller than the
    first. Tensors in `undecayed` have no weight decay. Where only some elements of the tensors are
    known, `squares[name]` is (T,), the sum of the squares of the whole gradient in float64, and
    `sizes` has the number of elements of the whole tensors.
    """

    optimizer: str
    shapes: Mapping[str, tuple[int, ...]]
    hyperparameters: Sequence[Mapping[str, float | bool]]
    rates: Sequence[float]
    partial: Sequence[bool]
    undecayed: frozenset[str] = frozenset()
    clip: Clip | None = None
    squares: Mapping[str, Array] | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)


def training(case: Case, factors: Sequence[float]) -> Training:
    """Return the training that `case` describes, each step's rate times its factor."""
    shapes = parameter_shapes(case.x.shape[1], case.layers)
    sizes = [len(rows) for rows in case.batches]
    spared = () if case.optimizer.decay_biases else (n for n in shapes if n.endswith("/bias"))
    return Training(
        optimizer=case.optimizer.name,
        shapes=shapes,
        hyperparameters=[case.optimizer.hyperparameters()] * case.steps,
        rates=[factor * rate for factor, rate in zip(factors, case.rates, strict=True)],
        partial=[size < sizes[0] for size in sizes],
        undecayed=frozenset(spared),
        clip=case.clip,
    )


def updated(
    of: Training,
    before: Mapping[str, Array],
    gradients: Tensors,
    dials: Dials,
    arithmetic: Arithmetic | None,
) -> tuple[Tensors, dict[str, Tensors]]:
    """Return weights and state after each step, of shape (T, *shape).

    `before` are the weights with which each step began, `gradients` what it was given.
    """
    vector = Vector(of, dials, arithmetic)
    w = vector.laid_out({name: exactly(value, arithmetic) for name, value in before.items()})
    g = vector.laid_out(gradients)
    after: list[Value] = []
    slots: list[dict[str, Value]] = []
    for step in range(len(of.rates)):
        after.append(vector.step(w[step], g[step], step))
        slots.append(dict(vector.run.state))
    weights = vector.split(stacked(after))
    state = {slot: vector.split(stacked([at[slot] for at in slots])) for slot in slots[0]}
    return weights, state


class Vector:
    """A model's parameters laid end to end, with the optimizer's run over them."""

    def __init__(self, of: Training, dials: Dials, arithmetic: Arithmetic | None) -> None:
        self.of = of
        self.dials = dials
        ends = np.cumsum([int(np.prod(shape)) for shape in of.shapes.values()])
        starts = [0, *ends[:-1].tolist()]
        self.slices = {
            name: slice(start, int(end))
            for name, start, end in zip(of.shapes, starts, ends, strict=True)
        }
        decayed = np.ones(int(ends[-1]))
        for name in of.undecayed:
            decayed[self.slices[name]] = 0.0
        like = exactly(decayed, arithmetic)
        given = of.hyperparameters[0]
        shapes = tuple(of.shapes.values())
        self.run = Run(given, dials, like, decayed, shapes)
        self.runs = [
            Run(given, dials, like[part], decayed[part], (shape,))
            for part, shape in zip(self.slices.values(), shapes, strict=True)
            if dials.get("counted", "").startswith("per tensor")
        ]
        layers = [name.rpartition("/")[0] for name in of.shapes]
        numbers = {layer: number for number, layer in enumerate(dict.fromkeys(layers))}
        backwards = str(dials.get("counted")).endswith("last first")
        self.order = sorted(  # in which tensors are updated, where that matters
            range(len(layers)),
            key=lambda place: -numbers[layers[place]] if backwards else place,
        )
        self.frozen = np.zeros(int(ends[-1]), bool)
        for kind in dials.get("frozen", ()):
            for name, where in self.slices.items():
                self.frozen[where] |= name.endswith(kind)

    def step(self, w: Value, g: Value, step: int) -> Value:
        """Return the weights after one update."""
        if self.of.clip is not None:
            g = self._clipped(g, self.of.clip, step)
        after = w
        for _ in range(self.dials.get("updates", 1)):
            after = self._updated(after, g, step)
        return functions.where(self.frozen, w, after) if self.frozen.any() else after

    def _updated(self, w: Value, g: Value, step: int) -> Value:
        if not self.runs:
            number = {"from two": step + 2, "not": 1}.get(self.dials.get("counted", ""), step + 1)
            return self._applied(self.run, w, g, step, number)
        count, moved = len(self.runs), []
        for place, (run, part) in enumerate(zip(self.runs, self.slices.values(), strict=True)):
            number = step * count + self.order.index(place) + 1
            moved.append(self._applied(run, w[part], g[part], step, number))
        slots = self.runs[0].state
        self.run.state = {
            slot: functions.joined([run.state[slot] for run in self.runs]) for slot in slots
        }
        return functions.joined(moved)

    def _applied(self, run: Run, w: Value, g: Value, step: int, number: int) -> Value:
        """Return weights after decay and the optimizer's rule; `number` is that of the step."""
        name = self.of.optimizer
        run.hyperparameters = self.of.hyperparameters[step]
        run.lr = run.number(self.of.rates[step], "lr")
        run.partial = self.of.partial[step]
        w, g = decay(run, name, w, g)
        return decay_late(run, name, RULES[name](run, w, g, number))

    def _clipped(self, g: Value, clip: Clip, step: int) -> Value:
        limit = held(clip.limit, "clip", self.dials)
        if clip.kind == "value":
            return functions.maximum(functions.minimum(g, limit), -limit)
        each = [[name] for name in self.slices] if clip.kind == "norm" else [list(self.slices)]
        eps = float(self.dials.get("clip_eps", 0.0))
        pieces = []
        for names in each:
            norm = self._norm(g, names, step)
            part = slice(self.slices[names[0]].start, self.slices[names[-1]].stop)
            grown = norm + eps if eps else norm
            top = functions.maximum(grown, limit)
            share = functions.again(g[part] * (limit / top))
            # tf.clip_by_norm (clip_ops.py) multiplies by the limit first, which may underflow.
            pieces.append(functions.any_of(share, (g[part] * limit) / top))
        return functions.joined(pieces)

    def _norm(self, g: Value, names: list[str], step: int) -> Value:
        """Return the norm of some tensors that lie side by side."""
        if self.of.squares is None:
            part = slice(self.slices[names[0]].start, self.slices[names[-1]].stop)
            return functions.sqrt(functions.total(g[part] * g[part], axis=0))
        squares: Value = sum(self.of.squares[name][step] for name in names)
        if isinstance(g, Bounded):
            count = sum(self.of.sizes[name] for name in names)
            # Each term is a product, rounded before it is added.
            squares = bounds.summed(
                np.asarray(squares), 0.0, squares, count + 1, g.arithmetic, products=count
            )
        return functions.sqrt(squares)

    def laid_out(self, tensors: Tensors) -> Value:
        """Return tensors of shape (T, *shape) end to end, of shape (T, parameters)."""
        flat = [tensors[name].reshape(tensors[name].shape[0], -1) for name in self.of.shapes]
        return functions.joined(flat, axis=1)

    def split(self, vector: Value) -> Tensors:
        """Return (T, parameters) as tensors of shape (T, *shape)."""
        return {
            name: vector[:, where].reshape(-1, *self.of.shapes[name])
            for name, where in self.slices.items()
        }


def exactly(value: Array, arithmetic: Arithmetic | None) -> Value:
    """Return `value` without error, or plain where there is no arithmetic."""
    array = np.asanyarray(value, np.float64)
    return array if arithmetic is None else bounds.exact(array, arithmetic)


def stacked(parts: list[Value]) -> Value:
    """Return arrays as rows of one."""
    if not isinstance(parts[0], Bounded):
        return np.stack(parts)
    errors = [np.broadcast_to(part.error, part.value.shape) for part in parts]
    return Bounded(np.stack([p.value for p in parts]), np.stack(errors), parts[0].arithmetic)
