"""What JAX's functions are given, and what their arguments are tried with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import jax
import numpy as np

from parity.upgrades.probe import Array, Arrays

# By name, in plain values; what is none stands in NAMED.
GIVEN: Final[Mapping[str, Any]] = {
    "step_size": 0.1,
    "mass": 0.9,
    "decay_steps": 8,
    "decay_rate": 0.5,
    "final_step_size": 0.02,
    "boundaries": [3, 6],
    "values": [0.4, 0.2, 0.1],
    "max_norm": 0.5,
    "value": 0.3,
    "scale": 0.7,
    "mode": "fan_in",
    "distribution": "normal",
    "num_classes": 4,
    # Of distributions.
    "shape": [4, 3],
    "minval": -3,
    "maxval": 9,
    "a": 2.5,
    "b": 1.5,
    "d": 3,
    "df": 3.0,
    "dfnum": 3.0,
    "dfden": 4.0,
    "n": 5,
    "p": 0.3,
    "lam": 2.5,
    "loc": 0.5,
    "left": -1.0,
    "right": 2.0,
    "lower": -1.0,
    "upper": 2.0,
    "mean": 0.7,
    "concentration": 1.5,
    "x": 12,
    "alpha": [0.5, 1.5, 2.5],
    "logits": [0.1, 2.0, -1.0],
    "cov": {"$": "covariances"},
    "data": 3,
}
# Where a name means something else.
OWN: Final[Mapping[str, Mapping[str, Any]]] = {
    "triangular": {"mode": 0.5},
    "choice": {"a": 12},
    "multinomial": {"p": [0.2, 0.3, 0.5]},
    "multivariate_normal": {"mean": [0.5, -1.0], "shape": [4]},
    "dirichlet": {"shape": [4]},
    "generalized_normal": {"p": 1.5},
    "multigammaln": {"d": 2},
}
VALUES: Final[Mapping[str, tuple[Any, ...]]] = {
    **dict.fromkeys(("impl", "out_sharding", "algorithm", "configs", "implementation"), ()),
    **dict.fromkeys(("key_value_seq_lengths", "query_seq_lengths", "local_window_size"), ()),
    **dict.fromkeys(("minval", "left"), (-5,)),
    **dict.fromkeys(("maxval", "right"), (12,)),
    "dtype": ({"$": "float32"}, {"$": "bfloat16"}),
    "step_size": (0.7, {"$": "falling"}),
    "shape": ([5],),
    "where": ({"$": "some"},),
    "b": (2.5,),
    "axis": (0,),
    "mode": ("fan_out", "fan_avg"),
    "distribution": ("truncated_normal", "uniform"),
    "in_axis": (0,),
    "out_axis": (0,),
    "column_axis": (0,),
    "independent": (True,),
    "replace": (False,),
    "p": (0.6,),
    "method": ("eigh", "svd"),
    "scale": (0.3,),
    "unroll": (),
    "return_residual": (True,),
    "is_causal": (True,),
    "bias": ({"$": "biases"},),
    "mask": ({"$": "some heads"},),
}


def covariances() -> Any:
    """Return a covariance of two numbers."""
    return jax.numpy.array([[1.0, 0.3], [0.3, 0.5]])


def single() -> Any:
    """Return a type."""
    return jax.numpy.float32


def brain() -> Any:
    """Return a type."""
    return jax.numpy.bfloat16


def falling() -> Any:
    """Return a schedule."""
    return lambda step: 0.3 * 0.5**step


def some() -> Any:
    """Return which elements of three count, none of the last row's."""
    return np.array([[True, False, True]] * 4 + [[False] * 3])


def biases() -> Any:
    """Return a bias for each head, query and key."""
    return jax.numpy.arange(18.0).reshape(1, 2, 3, 3) / 10


def some_heads() -> Any:
    """Return which keys each query sees."""
    return np.array([[[[True, False, True], [True, True, False], [True, True, True]]] * 2])


NAMED: Final[Mapping[str, Callable[[], Any]]] = {
    "covariances": covariances,
    "float32": single,
    "bfloat16": brain,
    "falling": falling,
    "some": some,
    "biases": biases,
    "some heads": some_heads,
}


def _normal(*shape: int, seed: int = 3) -> Array:
    return np.random.default_rng(seed).normal(size=shape)


def _shares(*shape: int, seed: int = 3) -> Array:
    return np.random.default_rng(seed).uniform(0.1, 0.9, shape)


_WIDE: Final = np.array(
    [[-200.0, -20.5, -3.0], [19.5, 20.5, 60.0], [200.0, 1.0, -1.0], [3.0, 0, 6.0], [0.0, 0, 0]]
)
_TINY: Final = np.array(
    [[1e-20, 1e-8, 1e-4], [0.999, 1 - 1e-9, 1], [0, 0.5, 1e-300], [0.3, 0.7, 1], [0, 0, 1]]
)
_HEADS: Final = (1, 3, 2, 4)
NEAR, SHARES = "", "shares"
# The forms of inputs by their number: the first is tried first, all that give numbers are used.
FORMS: Final[Mapping[int, Mapping[str, Arrays]]] = {
    1: {
        NEAR: {"x": _normal(5, 3)},
        "far": {"x": _WIDE},
        SHARES: {"x": _shares(5, 3)},
        "ends": {"x": _TINY},
        "whole numbers": {"x": np.array([0, 1, 3, 2, 1])},
    },
    2: {
        NEAR: {"x": _shares(5, 3), "y": _shares(5, 3, seed=4)},
        "far": {"x": _WIDE, "y": np.abs(_WIDE[::-1])},
        "ends": {"x": _TINY, "y": _TINY[::-1].copy()},
    },
    3: {
        NEAR: {
            "q": _normal(*_HEADS),
            "k": _normal(*_HEADS, seed=4),
            "v": _normal(*_HEADS, seed=5),
        },
        SHARES: {"a": _shares(5, 3), "b": _shares(5, 3, seed=4), "x": _shares(5, 3, seed=5)},
    },
}
