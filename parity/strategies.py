"""Hypothesis strategies: which cases are drawn, and how each part of a case shrinks.

Structure (sizes, activation, loss) comes from a small pool, because each new structure costs a
compiled lane a compilation; data, starting weights and hyperparameters vary freely. Every choice
lists its simplest value first, since that is what Hypothesis shrinks to.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
from hypothesis import strategies as st

from parity.case import ACTIVATIONS, OPTIMIZERS, Array, Case, Clip, Layer, Loss, Optimizer
from parity.case import parameter_shapes as shapes_of
from parity.precision import representable
from parity.profiles import POOL

PROBLEMS = ("linear", "softmax", "mlp")
# Vector widths and their neighbours.
SIZES = (1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33)

REGRESSION = (
    Loss("squared_error"),
    Loss("squared_error", "half_mean"),
    Loss("squared_error", "sum", l2=0.01),
    Loss("binary_cross_entropy"),
    Loss("huber", delta=0.6),
    Loss("absolute_error"),
    Loss("smooth_l1", delta=0.7),
)
CLASSIFICATION = (
    Loss("softmax_cross_entropy", labels="integer"),
    Loss("softmax_cross_entropy", labels="dense"),
    Loss("softmax_cross_entropy", "sum", labels="integer"),
    Loss("softmax_cross_entropy", labels="integer", label_smoothing=0.125),
    Loss("softmax_cross_entropy", labels="integer", l2=0.01),
    Loss("softmax_cross_entropy", labels="dense", label_smoothing=0.25),
)


@dataclass(frozen=True, slots=True)
class Design:
    """A case's structure: what a compiled lane has to compile anew."""

    features: int
    layers: tuple[Layer, ...]
    loss: Loss
    batch: int
    weighted: bool

    @property
    def size(self) -> int:
        """The number of parameters and batch elements, by which designs are ordered."""
        shapes = shapes_of(self.features, self.layers).values()
        return sum(int(np.prod(shape)) for shape in shapes) + self.batch * self.features


@cache
def designs(problem: str, pool: int = POOL) -> tuple[Design, ...]:
    """Return `pool` structures for a problem, smallest first.

    Strides that share no factor with the table lengths pair every size with many others.
    """
    return tuple(sorted((_design(problem, i) for i in range(pool)), key=lambda d: d.size))


def _design(problem: str, i: int) -> Design:
    def size(stride: int, offset: int) -> int:
        return SIZES[(i * stride + offset + i // len(SIZES)) % len(SIZES)]

    # Every fourth is as wide as it is high: only there can a transposed kernel go unnoticed.
    even = i % 4 == 2
    features = size(7, 0) if even else size(5, 1)
    bias, batch, weighted = i % 3 != 2, size(5, 2), i % 4 == 1
    if problem == "linear":
        layers = (Layer(features if even else size(7, 0), bias=bias),)
        return Design(features, layers, REGRESSION[i % len(REGRESSION)], batch, weighted)
    if problem == "softmax":
        units = features if even else max(2, size(7, 1))
        loss = CLASSIFICATION[i % len(CLASSIFICATION)]
        loss = _with_class_weights(loss, units) if i % 4 == 3 else loss
        return Design(features, (Layer(units, bias=bias),), loss, batch, weighted)
    # Nine activations, one or two at a time; every loss once in a pool, at a stride that gives
    # those with a penalty a bias.
    hidden = tuple(
        Layer(features if even else size(7, 2 + 3 * depth), _activation(i, depth), bias)
        for depth in range(1 + i % 2)
    )
    losses = REGRESSION + CLASSIFICATION
    loss = losses[5 * i % len(losses)]
    units = features if even else size(5, 0)
    units = max(2, units) if loss.name == "softmax_cross_entropy" else units
    return Design(features, (*hidden, Layer(units, bias=bias)), loss, batch, weighted)


def _activation(i: int, depth: int) -> str:
    nonlinear = ACTIVATIONS[1:]
    return nonlinear[(i + 4 * depth) % len(nonlinear)]


def _with_class_weights(loss: Loss, units: int) -> Loss:
    return replace(loss, class_weights=tuple(0.5 + (k % 3) for k in range(units)))


@dataclass(frozen=True, slots=True)
class Draw:
    """What Hypothesis has chosen for a case's numbers."""

    seed: int
    steps: int
    scale: float
    start: float
    bias: float
    grain: int
    flaw: str
    dtype: str


FLAWS = ("none", "none", "constant feature", "duplicated rows", "one class", "zero row")
STEPS = (1, 2, 3, 4, 4, 4, 5, 5, 5, 5, 6, 6)


@st.composite
def cases(
    draw: Callable[[st.SearchStrategy[Any]], Any],
    problem: str,
    optimizer: str,
    *,
    dtypes: tuple[str, ...] = ("float32", "float64"),
    pool: int = POOL,
) -> Case:
    """Draw a case of one problem and optimizer."""
    design = draw(st.sampled_from(designs(problem, pool)))
    adaptive = optimizer not in ("sgd",)
    # Logits of any size; but in a deeper model that would leave nothing to judge.
    saturating = problem != "mlp" and design.loss.name.endswith("cross_entropy")
    numbers = Draw(
        seed=draw(st.integers(0, 2**16)),
        steps=draw(st.sampled_from(STEPS)),
        # An adaptive optimizer is asked about gradients down to its eps; plain SGD would then
        # not move a weight by half a unit in its last place.
        scale=draw(st.sampled_from((1.0, 8.0, 0.125, *((2.0**-7, 2.0**-10) * adaptive)))),
        start=draw(st.sampled_from((1.0, 32.0 if saturating else 0.25))),
        # Biases that start at zero, as they do in frameworks, bring a row of zeros to the kinks.
        bias=draw(st.sampled_from((0.0, 1.0))),
        grain=draw(st.sampled_from((3, 24, 24))),
        flaw=draw(st.sampled_from(FLAWS)),
        dtype=draw(st.sampled_from(dtypes)),
    )
    call, lr = draw(calls(optimizer))
    varied = draw(st.sampled_from((False, True, False)))
    clip = draw(st.sampled_from((None, None, None, "value", "norm", "global_norm")))
    limit = None if clip is None else Clip(clip, draw(st.sampled_from((0.125, 2.0**-5, 2.0**-8))))
    return build(design, numbers, call, lr, varied, limit)


@st.composite
def calls(draw: Callable[[st.SearchStrategy[Any]], Any], optimizer: str) -> tuple[Optimizer, float]:
    """Draw an optimizer call whose arguments all matter, and its learning rate."""
    arguments = {
        name: draw(st.sampled_from(_simplest_first(default, CHOICES[name])))
        for name, default in OPTIMIZERS[optimizer].items()
    }
    if optimizer == "nadam" and draw(st.booleans()):
        del arguments["momentum_decay"]
    if optimizer == "adagrad" and arguments["initial_accumulator"] and draw(st.booleans()):
        arguments["eps"] = 0.0
    if optimizer == "sgd":
        if not arguments["momentum"]:
            arguments["dampening"] = 0.0
        if arguments["dampening"] or not arguments["momentum"]:
            arguments["nesterov"] = False
    grouped = draw(st.sampled_from((True, True, False)))
    rates = (0.125, 0.05, 0.01, 0.3) if optimizer != "adadelta" else (1.0, 0.5, 3.0)
    lr = draw(st.sampled_from(rates))
    return Optimizer(optimizer, arguments, grouped or not arguments["weight_decay"]), lr


CHOICES: dict[str, tuple[float | bool, ...]] = {
    "beta1": (0.9, 0.5, 0.95, 0.85),
    "beta2": (0.999, 0.99, 0.9, 0.98),
    "rho": (0.9, 0.99, 0.5, 0.95),
    "eps": (1e-8, 1e-7, 1e-5, 1e-3, 1e-2),
    "momentum": (0.0, 0.9, 0.5),
    "nesterov": (False, True),
    "dampening": (0.0, 0.0, 0.5, 0.1),
    "centered": (False, False, True),
    "momentum_decay": (0.004, 0.1),
    "initial_accumulator": (0.0, 0.1, 0.5),
    "weight_decay": (0.0, 0.1, 0.0, 0.5),
}


def _simplest_first(
    default: float | bool, choices: Sequence[float | bool]
) -> Sequence[float | bool]:
    return choices if choices[0] == default else (default, *choices)


def build(
    design: Design, numbers: Draw, call: Optimizer, lr: float, varied: bool, clip: Clip | None
) -> Case:
    """Return the case: its data and starting weights made from the drawn seed."""
    rng = np.random.default_rng(numbers.seed)
    partial = max(1, design.batch // 3)
    rows = 2 * design.batch + partial
    x = _values(rng, (rows, design.features), numbers, numbers.scale)
    y = _targets(rng, design, rows, numbers)
    x, y = _flawed(x, y, numbers.flaw)
    weights = {
        name: _values(rng, shape, numbers, numbers.start / math.sqrt(shape[0]))
        * (1.0 if len(shape) == 2 else numbers.bias)
        for name, shape in shapes_of(design.features, design.layers).items()
    }
    if numbers.flaw == "zero row":
        # Without a bias, that row's sums are exactly zero.
        weights |= {name: 0.0 * value for name, value in weights.items() if value.ndim == 1}
    sample_weights = rng.choice([0.5, 1.0, 2.0], rows) if design.weighted else None
    factors = rng.choice([1.0, 0.5, 2.0, 0.25], numbers.steps) if varied else np.ones(numbers.steps)
    return Case(
        layers=design.layers,
        loss=design.loss,
        optimizer=call,
        rates=tuple((lr * factors).tolist()),
        x=x,
        y=y,
        batches=_batches(rng, rows, design.batch, numbers.steps),
        weights=weights,
        sample_weights=sample_weights,
        clip=clip,
        dtype=numbers.dtype,
    )


def _values(rng: np.random.Generator, shape: tuple[int, ...], numbers: Draw, scale: float) -> Array:
    """Return normal numbers; of few bits (short decimals), or as fine as the dtype has them."""
    values = rng.standard_normal(shape)
    if numbers.grain < 8:
        values = np.round(values * 2**numbers.grain) / 2**numbers.grain
        scale = 2.0 ** round(math.log2(scale))
    return representable(values * scale, numbers.dtype)


def _targets(rng: np.random.Generator, design: Design, rows: int, numbers: Draw) -> Array:
    units = design.layers[-1].units
    if design.loss.labels == "integer":
        return rng.integers(0, units, rows)
    if design.loss.labels == "dense":
        # Sixteenths that add up to exactly one, in any precision.
        return rng.multinomial(16, np.full(units, 1 / units), rows) / 16
    if design.loss.name == "binary_cross_entropy":
        return rng.integers(0, 5, (rows, units)) / 4
    return _values(rng, (rows, units), numbers, 1.0)


def _flawed(x: Array, y: Array, flaw: str) -> tuple[Array, Array]:
    if flaw == "constant feature":
        x[:, 0] = x[0, 0]
    elif flaw == "duplicated rows":
        x[1::2] = x[:-1:2][: len(x[1::2])]
        y[1::2] = y[:-1:2][: len(y[1::2])]
    elif flaw == "one class":
        y[:] = y[0]
    elif flaw == "zero row":
        x[0] = 0.0
    return x, y


def _batches(
    rng: np.random.Generator, rows: int, batch: int, steps: int
) -> tuple[tuple[int, ...], ...]:
    """Return shuffled epochs, each ending in a partial batch, as far as `steps` reach."""
    batches: list[tuple[int, ...]] = []
    while len(batches) < steps:
        order = rng.permutation(rows).tolist()
        batches += [tuple(order[start : start + batch]) for start in range(0, rows, batch)]
    return tuple(batches[:steps])


def covering(drawn: Sequence[Case]) -> tuple[Case, ...]:
    """Return the cases, first those that together show most pairs of traits.

    So the first few of them see most of what the strategies can draw, which chance alone does not:
    a loss that one structure in twelve has is missing from one in eight samples of 25.
    """
    pairs = [frozenset(combinations(sorted(traits(case)), 2)) for case in drawn]
    left, ordered, shown = list(range(len(drawn))), list[Case](), set[tuple[str, str]]()
    while left:
        best = max(left, key=lambda i: len(pairs[i] - shown))
        if pairs[best] <= shown:
            break
        left.remove(best)
        shown |= pairs[best]
        ordered.append(drawn[best])
    return (*ordered, *(drawn[i] for i in left))


def traits(case: Case) -> set[str]:
    """Return what a fault may depend on: the choices that a case was made of."""
    loss, optimizer = case.loss, case.optimizer
    partial = any(len(rows) < len(case.batches[0]) for rows in case.batches)
    return {
        f"dtype {case.dtype}",
        f"loss {loss.name} {loss.reduction} {loss.labels}",
        f"smoothing {loss.label_smoothing}",
        f"penalty {loss.l2 > 0}",
        f"class weights {loss.class_weights is not None}",
        f"sample weights {case.sample_weights is not None}",
        f"clip {case.clip and case.clip.kind}",
        f"inputs {_magnitude(case.x)}",
        f"outputs {_magnitude(case.x @ case.weights['layer0/kernel'])}",
        f"schedule {len(set(case.rates)) > 1}",
        f"partial batch {partial}",
        f"steps {case.steps}",
        f"bias {case.layers[0].bias}",
        f"row of zeros {not case.x.any(1).all()}",
        f"biases {any(case.weights[name].any() for name in case.weights if name[-4:] == 'bias')}",
        f"square {case.x.shape[1] == case.layers[0].units}",
        f"bias decayed {optimizer.decay_biases}",
        *(f"{layer.activation} {number}" for number, layer in enumerate(case.layers)),
        *(f"{name} {value}" for name, value in optimizer.arguments.items()),
    }


def _magnitude(values: Array) -> int:
    """Return the power of eight that the largest of some values is near."""
    return round(math.log2(np.abs(values).max(initial=2.0**-12)) / 3)
