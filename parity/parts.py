"""What a case is made of: layers, a loss, clipping, an optimizer's call, and the names of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DTYPES = ("float64", "float32", "bfloat16", "float16")
ACTIVATIONS = (
    "linear",
    "relu",
    "leaky_relu",
    "tanh",
    "sigmoid",
    "gelu",
    "gelu_tanh",
    "elu",
    "softplus",
    "silu",
)
LEAKY_SLOPE = 0.01  # torch's and JAX's default; lanes with another default are told this one

# Each loss with the label kinds it takes.
LOSSES: Mapping[str, tuple[str, ...]] = {
    "squared_error": ("values",),
    "absolute_error": ("values",),
    "huber": ("values",),
    "smooth_l1": ("values",),
    "softmax_cross_entropy": ("integer", "dense"),
    "binary_cross_entropy": ("values",),
}
REDUCTIONS = ("mean", "sum", "half_mean")
CLIPS = ("value", "norm", "global_norm")

# Each optimizer with its hyperparameters and their textbook defaults; `lr` is the case's `rates`.
OPTIMIZERS: Mapping[str, Mapping[str, float | bool]] = {
    "sgd": {"momentum": 0.0, "nesterov": False, "dampening": 0.0, "weight_decay": 0.0},
    "adam": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0},
    "adamw": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.01},
    "amsgrad": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0},
    "adamax": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0},
    "nadam": {
        "beta1": 0.9,
        "beta2": 0.999,
        "eps": 1e-8,
        "momentum_decay": 0.004,
        "weight_decay": 0.0,
    },
    "radam": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0},
    "rmsprop": {
        "rho": 0.99,
        "eps": 1e-8,
        "centered": False,
        "momentum": 0.0,
        "weight_decay": 0.0,
    },
    "adagrad": {"eps": 1e-10, "initial_accumulator": 0.0, "weight_decay": 0.0},
    "adadelta": {"rho": 0.9, "eps": 1e-6, "weight_decay": 0.0},
    "lion": {"beta1": 0.9, "beta2": 0.99, "weight_decay": 0.0},
    "lamb": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-6, "weight_decay": 0.0},
    "ftrl": {
        "power": 0.5,
        "beta": 1.0,
        "initial_accumulator": 0.0,
        "lambda1": 0.0,
        "lambda2": 0.0,
        "shrinkage": 0.0,
        "weight_decay": 0.0,
    },
    # beta2 is 1 - t**-beta2_decay at step t; torch and Keras call the exponent itself so.
    "adafactor": {
        "beta2_decay": 0.8,
        "eps1": 1e-30,
        "eps2": 1e-3,
        "clip_threshold": 1.0,
        "weight_decay": 0.0,
    },
}


@dataclass(frozen=True, slots=True)
class Layer:
    """A dense layer: `activation(x @ kernel + bias)`, kernel of shape (inputs, units)."""

    units: int
    activation: str = "linear"
    bias: bool = True


@dataclass(frozen=True, slots=True)
class Loss:
    """What is minimised.

    `mean` divides by the number of elements (of rows, for softmax_cross_entropy), `half_mean` is
    half of that, `sum` divides by nothing. Sample weights and class weights multiply each row's
    loss; the divisor stays the count. `l2` adds l2 * sum(kernel ** 2) over all kernels.
    """

    name: str
    reduction: str = "mean"
    labels: str = "values"
    delta: float = 1.0
    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] | None = None
    l2: float = 0.0


@dataclass(frozen=True, slots=True)
class Clip:
    """Gradient clipping: each element (`value`), each tensor's norm, or the norm of all."""

    kind: str
    limit: float


@dataclass(frozen=True, slots=True)
class Optimizer:
    """An optimizer call: its name and the hyperparameters given; what is not given is a default.

    `decay_biases=False` puts the biases in a group of their own without weight decay.
    """

    name: str
    arguments: Mapping[str, float | bool] = field(default_factory=dict)
    decay_biases: bool = True

    def hyperparameters(self) -> dict[str, float | bool]:
        """Return every hyperparameter, the textbook default where none is given."""
        return {**OPTIMIZERS[self.name], **self.arguments}


def parameter_shapes(features: int, layers: tuple[Layer, ...]) -> dict[str, tuple[int, ...]]:
    """Return each parameter's shape, in the order in which lanes build them."""
    shapes: dict[str, tuple[int, ...]] = {}
    for number, layer in enumerate(layers):
        shapes[f"layer{number}/kernel"] = (features, layer.units)
        if layer.bias:
            shapes[f"layer{number}/bias"] = (layer.units,)
        features = layer.units
    return shapes
