"""What PyTorch's callables are given where there is no default, and what they are tried with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import torch

from parity.upgrades.lanes.scripted import given_for
from parity.upgrades.probe import Array, Arrays

# By name, in plain values; what is none stands in NAMED.
GIVEN: Final[Mapping[str, Any]] = {
    "T_max": 8,
    "T_0": 4,
    "base_lr": 0.01,
    "max_lr": 0.2,
    "swa_lr": 0.05,
    "gamma": 0.7,
    "lr_lambda": {"$": "halving"},
    "milestones": [3, 6],
    "step_size": 3,
    "schedulers": {"$": "two schedules"},
    "threshold": 0.1,
    "value": 0.3,
    "in_features": 4,
    "in1_features": 4,
    "in2_features": 4,
    "num_classes": 3,
    "n_classes": 6,
    "cutoffs": [2, 4],
    "out_features": 2,
    "num_features": 4,
    "num_channels": 4,
    "in_channels": 4,
    "out_channels": 2,
    "channels": 4,
    "num_groups": 2,
    "normalized_shape": [4],
    "kernel_size": 2,
    "output_size": 2,
    "input_size": 4,
    "hidden_size": 3,
    "num_embeddings": 4,
    "embedding_dim": 3,
    "embed_dim": 4,
    "num_heads": 2,
    "d_model": 4,
    "nhead": 2,
    "norm_type": 2.0,
    "size": 2,
    "padding": 1,
    "upscale_factor": 2,
    "downscale_factor": 2,
    "groups": 2,
    "max_norm": 0.5,
    "clip_value": 0.05,
    "sparsity": 0.4,
    "val": 0.3,
    "nonlinearity": "relu",
}
# Where the class's own default, or what others are given, would show nothing in twelve steps.
OWN: Final[Mapping[str, Mapping[str, Any]]] = {
    "CyclicLR": {"step_size_up": 4},
    "OneCycleLR": {"total_steps": 14},
    "ReduceLROnPlateau": {"patience": 1},
    "SWALR": {"anneal_epochs": 4},
    "SequentialLR": {"milestones": [4]},
    "GradScaler": {"device": "cpu", "growth_interval": 2, "init_scale": 16.0},
    "TransformerEncoderLayer": {"dim_feedforward": 5},
    "TransformerDecoderLayer": {"dim_feedforward": 5},
    "Upsample": {"scale_factor": 2.0},
    "UpsamplingBilinear2d": {"scale_factor": 2.0},
    "UpsamplingNearest2d": {"scale_factor": 2.0},
}
_WEIGHT: Final = {"$": "three weights"}
VALUES: Final[Mapping[str, tuple[Any, ...]]] = {
    "lr": (0.7, {"$": "a tensor of 0.3"}),
    **dict.fromkeys(("last_epoch", "verbose", "device", "dtype", "options", "inplace"), ()),
    **dict.fromkeys(("params", "model", "multi_avg_fn"), ()),
    "total_steps": (10,),
    "epochs": (4,),
    "steps_per_epoch": (3,),
    "step_size_down": (2,),
    "scale_fn": ({"$": "halving"},),
    "anneal_strategy": ("linear",),
    "min_lr": (0.03,),
    "eps": (0.03, 0.2),
    "factor": (0.6, 0.3),
    "threshold_mode": ("abs",),
    "avg_fn": ({"$": "averaging fast"},),
    "decay": (0.6, 0.3),
    "weight": (_WEIGHT,),
    "pos_weight": (_WEIGHT,),
    "distance_function": ({"$": "sums of distances"},),
    "ignore_index": (1, -1),
    "beta": (0.3, 0.15),
    "margin": (0.3, 2.0),
    "norm_type": (1.0, float("inf")),
    "approximate": ("tanh",),
    "dim": (0,),
    "padding_mode": ("circular", "reflect"),
    "generator": ({"$": "a generator"},),
    "nonlinearity": ("tanh", "selu", "leaky_relu", "sigmoid"),
    "activation": ("gelu",),
    "kernel_size": (1,),
    "stride": (2,),
    "dilation": (2,),
    "groups": (2,),
    "enabled": (False,),
}
# By the kind of target, before those.
KIND_VALUES: Final[Mapping[str, Mapping[str, tuple[Any, ...]]]] = {
    "schedule": {"mode": ("max", "triangular2", "exp_range")},
    "initializer": {"mode": ("fan_out",)},
    "layer": {"mode": ("sum", "bilinear", "max"), "p": (0.3,), "bias": (False,)},
    "activation": {"dim": (0,)},
    "loss": {"p": (2, 3)},
    "optimizer": {"d": (1.5,)},
    "wrapper": {"growth_factor": (3.0,), "device": ()},
}


def halving() -> Any:
    """Return a factor that halves at each step."""
    return lambda step: 0.5**step


def two_schedules() -> Any:
    """Return what makes two schedules of an optimizer."""
    rates = torch.optim.lr_scheduler
    return lambda optimizer: [
        rates.ConstantLR(optimizer, factor=0.1, total_iters=3),
        rates.ExponentialLR(optimizer, gamma=0.9),
    ]


def a_tensor() -> Any:
    """Return a learning rate that is a tensor."""
    return torch.tensor(0.3, dtype=torch.float64)


def averaging_fast() -> Any:
    """Return a rule that keeps little of the average before."""
    return lambda mean, value, count: mean + (value - mean) * 0.7


def three_weights() -> Any:
    """Return a weight for each of three classes."""
    return torch.tensor([0.5, 2.0, 3.0], dtype=torch.float64)


def sums_of_distances() -> Any:
    """Return a distance of two batches, row by row."""
    return lambda one, other: (one - other).abs().sum(-1)


def a_generator() -> Any:
    """Return a generator with a seed of its own."""
    return torch.Generator().manual_seed(5)


NAMED: Final[Mapping[str, Callable[[], Any]]] = {
    "halving": halving,
    "two schedules": two_schedules,
    "a tensor of 0.3": a_tensor,
    "averaging fast": averaging_fast,
    "three weights": three_weights,
    "sums of distances": sums_of_distances,
    "a generator": a_generator,
}


def given(name: str, arguments: Mapping[str, str]) -> dict[str, Any] | None:
    """Return what every call of a class or function gives, None where it is not known."""
    own = {n: v for n, v in OWN.get(name, {}).items() if n in arguments}
    needed = given_for({n: d for n, d in arguments.items() if n not in own}, GIVEN)
    return None if needed is None else {**needed, **own}


def values(kind: str, arguments: Mapping[str, str]) -> dict[str, tuple[Any, ...]]:
    """Return the values that the arguments of a kind of target are tried with, where known."""
    known = {**VALUES, **KIND_VALUES.get(kind, {})}
    return {name: found for name, found in known.items() if name in arguments}


def _normal(*shape: int, seed: int = 3) -> Array:
    return np.random.default_rng(seed).normal(size=shape)


def _shares(*shape: int, seed: int = 4) -> Array:
    raised = np.exp(_normal(*shape, seed=seed))
    return np.asarray(raised / raised.sum(-1, keepdims=True))


_FAR: Final = np.array(
    [[-200.0, 0.0, 60.0], [1.0, -1.0, 200.0], [60.0, -60.0, 0.5], [0.0, 0, 0], [20.5, 19.5, -9]]
)
_LABELS: Final = np.array([0, 1, 2, 1, 0])
_SIGNS: Final = np.array([1.0, -1.0, 1.0, -1.0, 1.0])
_ENDS: Final = np.array([[0.0, 1, 0], [1, 0, 1], [1, 1, 0], [0, 1, 1], [0, 0, 1]])
_WHOLE: Final = np.array([[0, 1, 3, 2, 1]])


# Of losses: the arrays, and how many of them, from the first, a gradient is taken of.
LOSS_FORMS: Final[Mapping[str, tuple[Arrays, int]]] = {
    "labels": ({"x": _normal(5, 3), "y": _LABELS}, 1),
    "labels, far": ({"x": _FAR, "y": _LABELS}, 1),
    "labels, one of them -1": ({"x": _normal(5, 3), "y": np.array([0, 1, -1, 1, 0])}, 1),
    "values": ({"x": _normal(5, 3), "y": _normal(5, 3, seed=5)}, 1),
    "values, far": ({"x": _FAR, "y": _normal(5, 3, seed=5)}, 1),
    "probabilities": ({"x": _normal(5, 3), "y": _shares(5, 3)}, 1),
    "both probabilities": ({"x": _shares(5, 3, seed=8), "y": _shares(5, 3)}, 1),
    "both ends": ({"x": _ENDS, "y": _ENDS[::-1].copy()}, 1),
    "signs": ({"x": _normal(5, 3), "y": np.sign(_normal(5, 3, seed=6))}, 1),
    "signs, far": ({"x": _FAR, "y": np.sign(_normal(5, 3, seed=6))}, 1),
    "several labels": ({"x": _normal(2, 4), "y": np.array([[2, 0, -1, 1], [1, 2, 3, -1]])}, 1),
    "two inputs": ({"a": _normal(5, 3), "b": _normal(5, 3, seed=7), "y": _SIGNS}, 2),
    "ranking": ({"a": _normal(5), "b": _normal(5, seed=7), "y": _SIGNS}, 2),
    "variances": ({"x": _normal(5, 3), "y": _normal(5, 3, seed=5), "v": _shares(5, 3) * 0.01}, 1),
    "triplets": (
        {"a": _normal(5, 3), "b": _normal(5, 3, seed=7), "c": _normal(5, 3, seed=9)},
        3,
    ),
    "sequences": (
        {
            "x": np.log(_shares(6, 2, 4)),
            "y": np.array([[1, 2], [2, 3]]),
            "lengths": np.array([6, 1]),
            "lengths of labels": np.array([2, 2]),
        },
        1,
    ),
    "features and labels": ({"x": _normal(5, 4), "y": _LABELS}, 1),
}
_WIDE: Final = np.array([[-200.0, -20.5, -3.0, 0.0], [19.5, 20.5, 60.0, 200.0]])
# Of layers, in the order in which they are tried until one fits.
LAYER_FORMS: Final[Mapping[str, tuple[Arrays, int]]] = {
    "near": ({"x": _normal(5, 4)}, 1),
    "a line": ({"x": _normal(2, 4, 6)}, 1),
    "an image": ({"x": _normal(2, 4, 4, 4)}, 1),
    "a volume": ({"x": _normal(2, 4, 4, 4, 4)}, 1),
    "a sequence": ({"x": _normal(3, 2, 4)}, 1),
    "whole numbers": ({"x": _WHOLE}, 0),
    "two": ({"x": _normal(5, 4), "y": _normal(5, 4, seed=5)}, 2),
    "three": (
        {"q": _normal(3, 2, 4), "k": _normal(3, 2, 4, seed=5), "v": _normal(3, 2, 4, seed=6)},
        3,
    ),
    "two sequences": ({"x": _normal(3, 2, 4), "y": _normal(3, 2, 4, seed=5)}, 2),
    "features and labels": ({"x": _normal(5, 4), "y": _LABELS}, 1),
}
# By a part of the layer's name, the form that it is made for.
MADE_FOR: Final[Mapping[str, str]] = {
    "1d": "a line",
    "2d": "an image",
    "3d": "a volume",
    "Upsample": "an image",
    **dict.fromkeys(("RNN", "LSTM", "GRU", "TransformerEncoder"), "a sequence"),
    "TransformerDecoder": "two sequences",
    "Cell": "near",
}
FAR: Final = "far"  # beside `near`
EVERY_LAYER_FORM: Final = {**LAYER_FORMS, FAR: ({"x": _WIDE}, 1)}
