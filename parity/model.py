"""The multilayer perceptron, forward and gradient by hand; regression is its depth-one member.

Arrays have the steps of a run as their first axis, since the oracle knows every step's weights:
inputs are (T, batch, features), kernels (T, inputs, units), biases (T, units).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from parity import functions
from parity.bounds import Value
from parity.dials import Dials, held
from parity.parts import LEAKY_SLOPE, Layer


class Activation(NamedTuple):
    """An activation's value at z, and its derivative at z where the value is a."""

    value: Callable[[Value, Dials], Value]
    derivative: Callable[[Value, Value, Dials], Value]


class Forward(NamedTuple):
    """What a forward pass leaves behind: each layer's input, sum and output, and dropout masks."""

    inputs: list[Value]
    sums: list[Value]
    outputs: list[Value]
    masks: Mapping[str, Value]


def forward(
    x: Value,
    weights: Mapping[str, Value],
    layers: tuple[Layer, ...],
    dials: Dials,
    masks: Mapping[str, Value] = MappingProxyType({}),
) -> Forward:
    """Return every layer's input, weighted sum and output.

    `masks["layerN"]`, of shape (T, batch, units), multiplies that layer's output (dropout).
    """
    seen = Forward([], [], [], masks)
    for number, layer in enumerate(layers):
        bias = weights[f"layer{number}/bias"][:, None, :] if layer.bias else None
        z = functions.product(x, weights[f"layer{number}/kernel"], bias)
        output = ACTIVATIONS[layer.activation].value(z, dials)
        seen.inputs.append(x)
        seen.sums.append(z)
        seen.outputs.append(output)
        x = _dropped(output, seen, number)
    return seen


def backward(
    seen: Forward,
    slope: Value,
    weights: Mapping[str, Value],
    layers: tuple[Layer, ...],
    dials: Dials,
    penalties: Mapping[str, Value] = MappingProxyType({}),
) -> dict[str, Value]:
    """Return the gradient of each parameter, given the loss's `slope` at the last outputs.

    `penalties` are the slopes of what the loss has for kernels themselves.
    """
    gradients: dict[str, Value] = {}
    for number in reversed(range(len(layers))):
        layer = layers[number]
        slope = _dropped(slope, seen, number)
        if layer.activation != "linear":
            derivative = ACTIVATIONS[layer.activation].derivative
            slope = slope * derivative(seen.sums[number], seen.outputs[number], dials)
        name = f"layer{number}/kernel"
        inputs = seen.inputs[number].swapaxes(1, 2)
        gradients[name] = functions.product(inputs, slope, penalties.get(name))
        if layer.bias:
            gradients[f"layer{number}/bias"] = functions.total(slope, axis=1)
        if number:
            slope = slope @ weights[f"layer{number}/kernel"].swapaxes(1, 2)
    return gradients


def _dropped(x: Value, seen: Forward, number: int) -> Value:
    mask = seen.masks.get(f"layer{number}")
    # Multiplied by a mask and then by 1 / (1 - rate), or by the product of both.
    return x if mask is None else functions.again(x * mask)


def _leaky(z: Value, dials: Dials) -> Value:
    return functions.select(z, z, held(LEAKY_SLOPE, "leaky_slope", dials) * z)


def _leaky_derivative(z: Value, a: Value, dials: Dials) -> Value:
    slope = held(LEAKY_SLOPE, "leaky_slope", dials)
    at_zero = 1.0 if dials.get("leaky_relu_at_zero") == "one" else slope
    return functions.choose(z, 1.0, slope, at_zero)


def _below(z: Value) -> Value:
    """Return e**z - 1 for z <= 0, whether by expm1 or by a subtraction."""
    z = functions.minimum(z, 0.0)
    return functions.any_of(functions.exp(z) - 1.0, functions.expm1(z))


def _elu_derivative(z: Value, a: Value, dials: Dials) -> Value:
    return _below(z) + 1.0


def _softplus(z: Value, dials: Dials) -> Value:
    smooth = functions.softplus(z)
    threshold = dials.get("softplus_threshold")
    return smooth if threshold is None else functions.select(z - float(threshold), z, smooth)


def _softplus_derivative(z: Value, a: Value, dials: Dials) -> Value:
    smooth = functions.logistic(z)
    threshold = dials.get("softplus_threshold")
    if threshold is None:
        return smooth
    return functions.select(z - float(threshold), 0.0 * smooth + 1.0, smooth)


def _silu_derivative(z: Value, a: Value, dials: Dials) -> Value:
    s = functions.sigmoid(z)
    return s * (1.0 + z * (1.0 - s))


def _normal(z: Value, dials: Dials) -> Value:
    """Return the standard normal distribution function."""
    return 0.5 * (1.0 + functions.erf(z * held(math.sqrt(0.5), "gelu", dials)))


def _gelu(z: Value, dials: Dials) -> Value:
    return z * _normal(z, dials)


def _gelu_derivative(z: Value, a: Value, dials: Dials) -> Value:
    root = held(math.sqrt(0.5), "gelu", dials)
    inner = z * root
    density = functions.exp(-(inner * inner)) * (root / math.sqrt(math.pi))
    return _normal(z, dials) + z * density


_ROOT = math.sqrt(2 / math.pi)
_CUBE = 0.044715  # D. Hendrycks, K. Gimpel, Gaussian Error Linear Units, arXiv:1606.08415


def _gelu_tanh(z: Value, dials: Dials) -> Value:
    cube = held(_CUBE, "gelu", dials)
    inner = _ROOT * (z + cube * (z * z * z))
    return 0.5 * z * (1.0 + functions.tanh(inner))


def _gelu_tanh_derivative(z: Value, a: Value, dials: Dials) -> Value:
    cube = held(_CUBE, "gelu", dials)
    t = functions.tanh(_ROOT * (z + cube * (z * z * z)))
    inner_slope = _ROOT * (1.0 + 3 * cube * (z * z))
    return 0.5 * (1.0 + t) + 0.5 * z * ((1.0 - t * t) * inner_slope)


ACTIVATIONS: Mapping[str, Activation] = {
    "linear": Activation(lambda z, d: z, lambda z, a, d: 1.0),
    "relu": Activation(
        lambda z, d: functions.maximum(z, 0.0), lambda z, a, d: functions.choose(z, 1.0, 0.0, 0.0)
    ),
    "leaky_relu": Activation(_leaky, _leaky_derivative),
    "tanh": Activation(lambda z, d: functions.tanh(z), lambda z, a, d: 1.0 - a * a),
    "sigmoid": Activation(lambda z, d: functions.sigmoid(z), lambda z, a, d: a * (1.0 - a)),
    "gelu": Activation(_gelu, _gelu_derivative),
    "gelu_tanh": Activation(_gelu_tanh, _gelu_tanh_derivative),
    "elu": Activation(lambda z, d: functions.select(z, z, _below(z)), _elu_derivative),
    "softplus": Activation(_softplus, _softplus_derivative),
    "silu": Activation(lambda z, d: z * functions.sigmoid(z), _silu_derivative),
}
