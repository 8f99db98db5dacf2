"""A training step written out in mpmath, number by number, in the form in which it is defined.

Nothing here is an array, or a form chosen for being stable: 80 digits make up for it. Derivatives
are central differences, whose error (the step squared, 1e-40) is far below any double's; the step
is a power of two, so that for straight lines they have none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from mpmath import mp, mpf

from parity.bounds import Bounded
from parity.case import Case
from parity.parts import LEAKY_SLOPE, Layer, Loss

mp.dps = 80
STEP = mpf(2) ** -66
# A bound must leave half of a double's digits to be worth anything.
HALF_THE_DIGITS = 2.0**-26

Row = list[Any]
Matrix = list[Row]


def numbers(array: Any) -> Any:
    """Return an array as nested lists of mpf, each exactly what the array holds."""
    items = np.asarray(array).tolist()
    return [numbers(item) for item in items] if isinstance(items, list) else mpf(items)


def check(result: Bounded, exact: Any) -> None:
    """Assert that each element is within its bound of what is exact, and the bound narrow."""
    flat = np.asarray(exact, dtype=object)
    assert result.shape == flat.shape
    errors = np.broadcast_to(result.error, result.shape)
    for value, error, wanted in zip(result.value.flat, errors.flat, flat.flat, strict=True):
        assert abs(mpf(float(value)) - wanted) <= mpf(float(error)), (value, error, wanted)
        assert error <= HALF_THE_DIGITS * max(1, abs(wanted))


def slope(function: Callable[[Any], Any], x: Any) -> Any:
    """Return the derivative of a function of one number."""
    return (function(x + STEP) - function(x - STEP)) / (2 * STEP)


def slopes(function: Callable[[Matrix], Any], x: Matrix) -> Matrix:
    """Return the derivative of a function of a matrix by each of its elements."""

    def moved(i: int, j: int, step: Any) -> Matrix:
        return [[v + step * ((r, c) == (i, j)) for c, v in enumerate(w)] for r, w in enumerate(x)]

    return [
        [slope(lambda step, i=i, j=j: function(moved(i, j, step)), mpf(0)) for j in range(len(row))]
        for i, row in enumerate(x)
    ]


ACTIVATIONS: Mapping[str, Callable[[Any], Any]] = {
    "linear": lambda z: z,
    "relu": lambda z: max(z, mpf(0)),
    "leaky_relu": lambda z: z if z > 0 else mpf(LEAKY_SLOPE) * z,
    "tanh": mp.tanh,
    "sigmoid": lambda z: 1 / (1 + mp.exp(-z)),
    "gelu": lambda z: z * (1 + mp.erf(z / mp.sqrt(2))) / 2,
    "gelu_tanh": lambda z: z * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (z + mpf("0.044715") * z**3))) / 2,
    "elu": lambda z: z if z > 0 else mp.exp(z) - 1,
    "softplus": lambda z: mp.log(1 + mp.exp(z)),
    "silu": lambda z: z / (1 + mp.exp(-z)),
}


def outputs(x: Matrix, weights: Mapping[str, Any], layers: Sequence[Layer]) -> Matrix:
    """Return the model's outputs, row by row."""
    for number, layer in enumerate(layers):
        kernel = weights[f"layer{number}/kernel"]
        bias = weights.get(f"layer{number}/bias", [mpf(0)] * layer.units)
        columns = list(zip(*kernel, strict=True))
        x = [
            [
                ACTIVATIONS[layer.activation](mp.fdot(row, column) + b)
                for column, b in zip(columns, bias, strict=True)
            ]
            for row in x
        ]
    return x


def huber(e: Any, delta: Any) -> Any:
    """Return Huber's loss of an error."""
    return e**2 / 2 if abs(e) <= delta else delta * (abs(e) - delta / 2)


def binary_cross_entropy(z: Any, y: Any) -> Any:
    """Return the cross-entropy of a share y and the share that z is the logit of."""
    p = 1 / (1 + mp.exp(-z))
    return -y * mp.log(p) - (1 - y) * mp.log(1 - p)


# Each of (z, y, delta), for one element.
ELEMENT_LOSSES: Mapping[str, Callable[[Any, Any, Any], Any]] = {
    "squared_error": lambda z, y, _: (z - y) ** 2,
    "absolute_error": lambda z, y, _: abs(z - y),
    "huber": lambda z, y, delta: huber(z - y, delta),
    "smooth_l1": lambda z, y, delta: huber(z - y, delta) / delta,
    "binary_cross_entropy": lambda z, y, _: binary_cross_entropy(z, y),
}


def cross_entropy(z: Row, target: Row) -> Any:
    """Return -sum(target * log softmax(z)) for one row."""
    mass = mp.fsum(mp.exp(item) for item in z)
    return -mp.fsum(t * mp.log(mp.exp(item) / mass) for t, item in zip(target, z, strict=True))


def objective(loss: Loss, z: Matrix, y: Any, sample_weights: Row | None = None) -> Any:
    """Return the reduced loss of a batch; `y` holds rows, or class numbers."""
    row_weights = sample_weights or [mpf(1)] * len(z)
    delta, units = mpf(loss.delta), len(z[0])
    terms: Row = []
    for row, wanted, weight in zip(z, y, row_weights, strict=True):
        if loss.name != "softmax_cross_entropy":
            pairs = zip(row, wanted, strict=True)
            terms += [weight * ELEMENT_LOSSES[loss.name](a, b, delta) for a, b in pairs]
            continue
        label = int(wanted) if loss.labels == "integer" else wanted.index(max(wanted))
        plain = [mpf(k == label) for k in range(units)] if loss.labels == "integer" else wanted
        smoothing = mpf(loss.label_smoothing)
        target = [(1 - smoothing) * t + smoothing / units for t in plain]
        by_class = mpf(loss.class_weights[label]) if loss.class_weights else mpf(1)
        terms.append(weight * by_class * cross_entropy(row, target))
    divisor = {"mean": len(terms), "half_mean": 2 * len(terms), "sum": 1}[loss.reduction]
    return mp.fsum(terms) / divisor


def loss(case: Case, step: int, weights: Mapping[str, Any]) -> Any:
    """Return a step's loss at `weights`, the l2 penalty included."""
    x, y, sample_weights = case.batch(step)
    z = outputs(numbers(x), weights, case.layers)
    value = objective(
        case.loss, z, numbers(y), None if sample_weights is None else numbers(sample_weights)
    )
    kernels = [weights[f"layer{number}/kernel"] for number in range(len(case.layers))]
    squares = mp.fsum(item**2 for kernel in kernels for row in kernel for item in row)
    return value + mpf(case.loss.l2) * squares


def gradients(case: Case, step: int, weights: Mapping[str, Any]) -> dict[str, Any]:
    """Return the derivative of a step's loss by each weight."""
    found: dict[str, Any] = {}
    for name, value in weights.items():
        vector = not isinstance(value[0], list)

        def moved(matrix: Matrix, name: str = name, vector: bool = vector) -> Any:
            return loss(case, step, {**weights, name: matrix[0] if vector else matrix})

        by_element = slopes(moved, [value] if vector else value)
        found[name] = by_element[0] if vector else by_element
    return found
