"""Activations of the control, each with its derivative beside it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity.parts import LEAKY_SLOPE

Array = NDArray[Any]
ROOT_2_PI = math.sqrt(2 / math.pi)


def sigmoid(z: Array) -> Array:
    """Return 1 / (1 + exp(-z)), without overflow on either side."""
    small = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + small), small / (1 + small))


def softplus(z: Array) -> Array:
    """Return log(1 + exp(z)), without overflow."""
    return np.asarray(np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z))))


def normal_share(z: Array) -> Array:
    """Return the normal distribution's share below z; each erf is rounded once."""
    erf = [math.erf(item) for item in (z * math.sqrt(0.5)).ravel().tolist()]
    return 0.5 * (1 + np.array(erf, z.dtype).reshape(z.shape))


def normal_density(z: Array) -> Array:
    """Return the normal distribution's density at z."""
    return np.asarray(np.exp(-0.5 * z * z) * (0.5 * ROOT_2_PI))


def gelu_bend(z: Array) -> Array:
    """Return tanh(sqrt(2 / pi) (z + 0.044715 z ** 3))."""
    return np.asarray(np.tanh(ROOT_2_PI * (z + 0.044715 * (z * z * z))))


def gelu_tanh_derivative(z: Array) -> Array:
    """Return the derivative of 0.5 z (1 + gelu_bend(z))."""
    bend = gelu_bend(z)
    slope = ROOT_2_PI * (1 + 3 * 0.044715 * z * z)
    return np.asarray(0.5 * (1 + bend) + 0.5 * z * (1 - bend * bend) * slope)


Activation = Callable[[Array], Array]
ACTIVATIONS: dict[str, tuple[Activation, Activation]] = {
    "linear": (lambda z: z, np.ones_like),
    "relu": (lambda z: np.maximum(z, 0.0), lambda z: (z > 0).astype(z.dtype)),
    "leaky_relu": (
        lambda z: np.where(z > 0, z, LEAKY_SLOPE * z),
        lambda z: np.where(z > 0, z.dtype.type(1), z.dtype.type(LEAKY_SLOPE)),
    ),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * sigmoid(-z)),
    "gelu": (
        lambda z: z * normal_share(z),
        lambda z: normal_share(z) + z * normal_density(z),
    ),
    "gelu_tanh": (lambda z: 0.5 * z * (1 + gelu_bend(z)), gelu_tanh_derivative),
    "elu": (
        lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0.0))),
        lambda z: np.exp(np.minimum(z, 0.0)),
    ),
    "softplus": (softplus, sigmoid),
    "silu": (lambda z: z * sigmoid(z), lambda z: sigmoid(z) * (1 + z * sigmoid(-z))),
}
