"""Hypothesis strategies: which cases are drawn, and how each part of a case shrinks.

Structure (sizes, activation, loss) comes from a small pool, because each new structure costs a
compiled lane a compilation; data, starting weights and hyperparameters vary freely. Every choice
lists its simplest value first, since that is what Hypothesis shrinks to.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any

import numpy as np
from hypothesis import strategies as st

from parity.case import Array, Case
from parity.parts import ACTIVATIONS, OPTIMIZERS, Clip, Layer, Loss, Optimizer
from parity.parts import parameter_shapes as shapes_of
from parity.precision import representable
from parity.profiles import POOL

PROBLEMS = ("linear", "softmax", "mlp")
# Vector widths and their neighbours.
SIZES = (1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33)

# As many as a pool has structures, so that a linear problem meets each with each of its reductions.
REGRESSION = (
    Loss("squared_error"),
    Loss("squared_error", "half_mean"),
    Loss("squared_error", "sum", l2=0.01),
    Loss("binary_cross_entropy"),
    Loss("huber", delta=0.6),
    Loss("absolute_error"),
    Loss("smooth_l1", delta=0.7),
    Loss("binary_cross_entropy", "sum"),
    Loss("huber", "sum", delta=0.6),
    Loss("absolute_error", "sum"),
    Loss("smooth_l1", "sum", delta=0.7),
    Loss("squared_error", "sum"),
)
CLASSIFICATION = (
    Loss("softmax_cross_entropy", labels="integer"),
    Loss("softmax_cross_entropy", labels="dense"),
    Loss("softmax_cross_entropy", "sum", labels="integer"),
    Loss("softmax_cross_entropy", labels="integer", label_smoothing=0.125),
    Loss("softmax_cross_entropy", labels="integer", l2=0.01),
    Loss("softmax_cross_entropy", labels="dense", label_smoothing=0.25),
    Loss("softmax_cross_entropy", "sum", labels="dense"),
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
        # The eighth is the smallest, and cases shrink to it: it gets the simplest.
        return Design(features, layers, _in_turn(REGRESSION, i, 5), batch, weighted)
    if problem == "softmax":
        units = features if even else max(2, size(7, 1))
        loss = _with_class_weights(_in_turn(CLASSIFICATION, i), units, i)
        return Design(features, (Layer(units, bias=bias),), loss, batch, weighted)
    # Nine activations, one or two at a time; every loss, at a stride that gives those with a
    # penalty a bias.
    hidden = tuple(
        Layer(features if even else size(7, 2 + 3 * depth), _activation(i, depth), bias)
        for depth in range(1 + i % 2)
    )
    losses = REGRESSION + CLASSIFICATION
    loss = losses[13 * i % len(losses)]
    units = features if even else size(5, 0)
    units = max(2, units) if loss.name == "softmax_cross_entropy" else units
    loss = _with_class_weights(loss, units, i)
    return Design(features, (*hidden, Layer(units, bias=bias)), loss, batch, weighted)


def _in_turn(losses: Sequence[Loss], i: int, first: int = 0) -> Loss:
    """Return one loss after the other, at each turn paired with other sizes and weights."""
    return losses[(first + i + i // len(losses)) % len(losses)]


def _activation(i: int, depth: int) -> str:
    nonlinear = ACTIVATIONS[1:]
    return nonlinear[(i + 4 * depth) % len(nonlinear)]


def _with_class_weights(loss: Loss, units: int, i: int) -> Loss:
    """Return every fourth loss of classes with a weight for each."""
    if i % 4 != 3 or loss.name != "softmax_cross_entropy":
        return loss
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
    structures: Sequence[Design] | None = None,
) -> Case:
    """Draw a case of one problem and optimizer; of a problem's structures by default."""
    design = draw(_one_of(structures or designs(problem)))
    adaptive = optimizer not in ("sgd",)
    # Logits of any size; but in a deeper model that would leave nothing to judge.
    saturating = problem != "mlp" and design.loss.name.endswith("cross_entropy")
    numbers = Draw(
        # Two small numbers: into larger ones Hypothesis mixes constants of whatever is imported, so
        # that the same seed would not draw the same cases.
        seed=100 * draw(st.integers(0, 99)) + draw(st.integers(0, 99)),
        steps=draw(_one_of(STEPS)),
        # An adaptive optimizer is asked about gradients down to its eps; plain SGD would then
        # not move a weight by half a unit in its last place.
        scale=draw(_one_of((1.0, 8.0, 0.125, *((2.0**-7, 2.0**-10) * adaptive)))),
        start=draw(_one_of((1.0, 32.0 if saturating else 0.25))),
        # Biases that start at zero, as they do in frameworks, bring a row of zeros to the kinks.
        bias=draw(_one_of((0.0, 1.0))),
        grain=draw(_one_of((3, 24, 24))),
        flaw=draw(_one_of(FLAWS)),
        dtype=draw(_one_of(dtypes)),
    )
    call, lr = draw(calls(optimizer))
    varied = draw(_one_of((False, True, False)))
    clip = draw(_one_of((None, None, "value", "norm", "global_norm")))
    limit = None if clip is None else Clip(clip, draw(_one_of((0.125, 2.0**-6, 2.0**-9))))
    return build(design, numbers, call, lr, varied, limit)


@st.composite
def calls(draw: Callable[[st.SearchStrategy[Any]], Any], optimizer: str) -> tuple[Optimizer, float]:
    """Draw an optimizer call whose arguments all matter, and its learning rate."""
    arguments = {
        name: draw(_one_of(_simplest_first(default, CHOICES[name])))
        for name, default in OPTIMIZERS[optimizer].items()
    }
    if optimizer == "nadam" and draw(st.booleans()):
        del arguments["momentum_decay"]
    if optimizer == "adafactor" and draw(st.booleans()):
        del arguments["eps2"]  # which optax does not take
    if optimizer == "adagrad" and arguments["initial_accumulator"] and draw(st.booleans()):
        arguments["eps"] = 0.0
    if optimizer == "ftrl" and not arguments["initial_accumulator"]:
        arguments["beta"] = arguments["beta"] or 1.0  # or a weight without gradient is 0 / 0
    if optimizer == "sgd":
        if not arguments["momentum"]:
            arguments["dampening"] = 0.0
        if arguments["dampening"] or not arguments["momentum"]:
            arguments["nesterov"] = False
    grouped = draw(_one_of((True, False)))
    lr = draw(_one_of(RATES.get(optimizer, (0.125, 0.05, 0.01, 0.3))))
    return Optimizer(optimizer, arguments, grouped or not arguments["weight_decay"]), lr


def _one_of(values: Sequence[Any]) -> st.SearchStrategy[Any]:
    return _sampled(*values)


@lru_cache(maxsize=None, typed=True)  # making a strategy takes as long as drawing from it
def _sampled(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


# Adafactor's is a share of the weights, and matters where it is below 1 / sqrt(t) only.
RATES: dict[str, tuple[float, ...]] = {
    "adadelta": (1.0, 0.5, 3.0),
    "adafactor": (0.125, 1.0, 0.5, 0.05),
}
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
    "power": (0.5, 0.5, 0.75, 0.6),
    "beta": (1.0, 0.0, 0.3),
    "lambda1": (0.0, 0.1, 0.01, 0.7),
    "lambda2": (0.0, 0.1, 0.5),
    "shrinkage": (0.0, 0.1, 0.02),
    "beta2_decay": (0.8, 0.5, 1.0),
    "eps1": (1e-30, 1e-7, 1e-5, 1e-3, 1e-2),
    "eps2": (1e-3, 0.5, 0.1),
    "clip_threshold": (1.0, 2.0, 1.25),  # torch takes none below 1
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
    x, y = _flawed(x, y, numbers.flaw, design.loss.labels)
    if numbers.flaw == "zero row" and design.loss.labels == "values":
        y[0] = 0.0  # where the outputs are zero too, so is the error, which may have a kink there
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


def _flawed(x: Array, y: Array, flaw: str, labels: str) -> tuple[Array, Array]:
    if flaw == "constant feature":
        x[:, 0] = x[0, 0]
    elif flaw == "duplicated rows":
        x[1::2] = x[:-1:2][: len(x[1::2])]
        y[1::2] = y[:-1:2][: len(y[1::2])]
    elif flaw == "one class":
        y[:] = y[0]
    elif flaw == "zero row":
        x[0] = 0.0
        if labels == "values":
            y[0] = 0.0  # so that the error is exactly zero too
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
