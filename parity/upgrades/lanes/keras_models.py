"""Small Keras models to train, each with the shapes of its weights and its data.

The functions that build them stand in scripts too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from parity.upgrades.probe import Array

ROWS: Final = 10  # which batches of 4 do not fill


@dataclass(frozen=True, slots=True)
class Trained:
    """A model: its builder, its weights' shapes, inputs, targets (one or more) and loss."""

    build: Callable[..., Any]
    shapes: tuple[tuple[int, ...], ...]
    x: Array
    targets: tuple[Array, ...]
    loss: str = "mse"

    def inputs(self) -> dict[str, Array]:
        """Return the arrays: x, the targets and the starting weights."""
        random = np.random.default_rng(11)
        named = {f"weight {n}": _rounded(random.normal(0, 0.7, s)) for n, s in self._numbered()}
        if self.build is normalized:
            named["weight 5"] = np.abs(named["weight 5"])  # a variance
        return {
            "x": self.x,
            **{f"target {number}": y for number, y in enumerate(self.targets)},
            **named,
        }

    def _numbered(self) -> enumerate[tuple[int, ...]]:
        return enumerate(self.shapes)


def dense(keras: Any, **given: Any) -> Any:
    """Return a softmax regression."""
    given = {"activation": "softmax", **given}
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, **given)])


def linear(keras: Any, **given: Any) -> Any:
    """Return a linear regression."""
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, **given)])


def regularized(keras: Any) -> Any:
    """Return a model whose layers add to the loss."""
    first = keras.layers.Dense(
        4,
        activation="tanh",
        kernel_regularizer=keras.regularizers.L2(0.1),
        bias_regularizer=keras.regularizers.L1(0.1),
        activity_regularizer=keras.regularizers.L2(0.1),
    )
    return keras.Sequential([keras.Input((3,)), first, keras.layers.Dense(2)])


def masked(keras: Any) -> Any:
    """Return a recurrent model of sequences that end early."""
    layers = [
        keras.layers.Masking(0.0),
        keras.layers.LSTM(2, return_sequences=True),
        keras.layers.Dense(2),
    ]
    return keras.Sequential([keras.Input((4, 2)), *layers])


def embedded(keras: Any) -> Any:
    """Return a model of tokens, of which 0 is none."""
    layers = [
        keras.layers.Embedding(5, 2, mask_zero=True),
        keras.layers.SimpleRNN(2),
        keras.layers.Dense(1),
    ]
    return keras.Sequential([keras.Input((4,), dtype="int32"), *layers])


def two_outputs(keras: Any) -> Any:
    """Return a model with two outputs."""
    x = keras.Input((3,))
    outputs = [keras.layers.Dense(2, name="first")(x), keras.layers.Dense(1, name="second")(x)]
    return keras.Model(x, outputs)


def normalized(keras: Any) -> Any:
    """Return a model that normalizes by batch."""
    layers = [
        keras.layers.Dense(2),
        keras.layers.BatchNormalization(momentum=0.6),
        keras.layers.Dense(1),
    ]
    return keras.Sequential([keras.Input((3,)), *layers])


def _rounded(values: Array) -> Array:
    rounded: Array = np.round(values, 3)
    return rounded


def _random(*shape: int, seed: int) -> Array:
    return _rounded(np.random.default_rng(seed).normal(0, 1, shape))


_X: Final = _random(ROWS, 3, seed=5)
_LENGTHS: Final = np.array([4, 2, 3, 1, 4, 3, 2, 4, 1, 3])
_ENDED: Final = np.arange(4) < _LENGTHS[:, None]
_SEQUENCES: Final = np.where(_ENDED[..., None], _random(ROWS, 4, 2, seed=6), 0.0)
_TOKENS: Final = np.where(_ENDED, np.random.default_rng(7).integers(1, 5, (ROWS, 4)), 0)
_LABELS: Final = np.array([0, 1, 2, 1, 0, 0, 2, 1, 1, 2])
_SPARSE: Final = "sparse_categorical_crossentropy"
_LSTM: Final = ((2, 8), (2, 8), (8,))
_LINEAR: Final = ((3, 2), (2,))

MODELS: Final[Mapping[str, Trained]] = {
    "": Trained(dense, ((3, 3), (3,)), _X, (_LABELS,), _SPARSE),
    "regression": Trained(linear, _LINEAR, _X, (_random(ROWS, 2, seed=8),)),
    "regularized": Trained(
        regularized, ((3, 4), (4,), (4, 2), (2,)), _X, (_random(ROWS, 2, seed=8),)
    ),
    "a mask": Trained(
        masked, (*_LSTM, *((2, 2), (2,))), _SEQUENCES, (_random(ROWS, 4, 2, seed=9),)
    ),
    "tokens": Trained(
        embedded,
        ((5, 2), (2, 2), (2, 2), (2,), (2, 1), (1,)),
        _TOKENS,
        (_random(ROWS, 1, seed=9),),
    ),
    "two outputs": Trained(
        two_outputs,
        (*_LINEAR, (3, 1), (1,)),
        _X,
        (_random(ROWS, 2, seed=8), _random(ROWS, 1, seed=9)),
    ),
    "normalized": Trained(
        normalized,
        (*_LINEAR, (2,), (2,), (2,), (2,), (2, 1), (1,)),
        _X,
        (_random(ROWS, 1, seed=9),),
    ),
}
"""What is trained, by setting; the main one first."""
