"""Loops in Keras 3 or tf_keras, whichever is named; prints what the watch says of them.

The backend of Keras 3 is that of KERAS_BACKEND; without TensorFlow only `fit` and `train_on_batch`
are run.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from sklearn.datasets import load_digits
from telling import chosen, told

import parity

LIBRARY = sys.argv[1]
keras: Any = import_module(LIBRARY)
STEPS = 12
ROWS = 8


class Convolution(keras.Model):
    """A model that the oracle does not know; it is built by its first batch."""

    def __init__(self) -> None:
        super().__init__()
        self.image = keras.layers.Reshape((8, 8, 1))
        self.filters = keras.layers.Conv2D(4, 3, activation="relu")
        self.normalization = keras.layers.BatchNormalization()
        self.tokens = keras.layers.Reshape((36, 4))
        self.attention = keras.layers.MultiHeadAttention(2, 2)
        self.pooling = keras.layers.GlobalAveragePooling1D()
        self.head = keras.layers.Dense(10)

    def call(self, x: Any, training: bool = False) -> Any:
        seen = self.tokens(self.normalization(self.filters(self.image(x)), training=training))
        return self.head(self.pooling(self.attention(seen, seen)))


def perceptron() -> Any:
    layers = keras.layers
    return keras.Sequential(
        [keras.Input((64,)), layers.Dense(16, activation="relu"), layers.Dense(10)]
    )


def by_hand(model: Any, optimizer: Any, criterion: Any, loop: Loop) -> None:
    """Train as people do who want to see each step, on TensorFlow."""
    import tensorflow as tf

    for x, y in batches():
        with tf.GradientTape() as tape:
            loss = criterion(y, model(x, training=True))
        variables = loop.variables(model)
        gradients = loop.before(tape.gradient(loss, variables))
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        loop.after(gradients)


def by_function(model: Any, optimizer: Any, criterion: Any, loop: Loop) -> None:
    """Train by a step that TensorFlow traces."""
    import tensorflow as tf

    model(next(batches())[0])
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(x: Any, y: Any) -> None:
        with tf.GradientTape() as tape:
            loss = criterion(y, model(x, training=True))
        variables = model.trainable_variables
        gradients = loop.before(tape.gradient(loss, variables))
        optimizer.apply_gradients(zip(gradients, variables, strict=True))

    for x, y in batches():
        step(tf.constant(x), tf.constant(y))


def by_fit(model: Any, optimizer: Any, criterion: Any, loop: Loop) -> None:
    model.compile(optimizer, criterion, **loop.compiled)
    x, y = (np.concatenate(part) for part in zip(*batches(), strict=True))
    model.fit(x, y, batch_size=ROWS, epochs=1, shuffle=False, verbose=0)


def by_batch(model: Any, optimizer: Any, criterion: Any, loop: Loop) -> None:
    model.compile(optimizer, criterion, **loop.compiled)
    for x, y in batches():
        model.train_on_batch(x, y)


@dataclass
class Loop:
    """The usual loop on the digits, with places where it can be done wrongly."""

    train: Callable[[Any, Any, Any, Loop], None] = by_fit
    optimizer: Callable[[], Any] = keras.optimizers.Adam
    prepare: Callable[[Any], Any] = lambda model: None
    variables: Callable[[Any], list[Any]] = lambda model: model.trainable_variables
    before: Callable[[list[Any]], list[Any]] = lambda gradients: gradients
    after: Callable[[list[Any]], Any] = lambda gradients: None
    compiled: dict[str, Any] = field(default_factory=dict)
    model: Callable[[], Any] = perceptron

    def run(self, *, watched: bool = True) -> tuple[Any, list[Any]]:
        """Train; return what the watch saw, and the weights in the end."""
        keras.utils.set_random_seed(0)
        model = self.model()
        self.prepare(model)
        criterion = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        trace = None
        if not watched:
            self.train(model, self.optimizer(), criterion, self)
        elif self.train in (by_fit, by_batch):
            with parity.watch(model) as trace:
                self.train(model, self.optimizer(), criterion, self)
        else:
            optimizer = self.optimizer()
            with parity.watch(model, optimizer, criterion) as trace:
                self.train(model, optimizer, criterion, self)
        assert not {"train_step", "make_train_function", "compile"} & set(vars(model))  # put back
        return trace, [np.array(weight) for weight in model.get_weights()]


def batches() -> Any:
    x, y = load_digits(return_X_y=True)
    for step in range(STEPS):
        rows = slice(ROWS * step, ROWS * step + ROWS)
        yield (x[rows] / 16).astype(np.float32), y[rows]


def clipped(gradients: list[Any]) -> list[Any]:
    import tensorflow as tf

    found: list[Any] = tf.clip_by_global_norm(gradients, 0.05)[0]
    return found


def freeze(model: Any) -> None:
    getattr(model, "filters", model.layers[0]).trainable = False


def halving() -> Any:
    return keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(1e-3, 1, 0.5))


def spared() -> Any:
    optimizer = keras.optimizers.AdamW()
    optimizer.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    return optimizer


def later() -> Any:
    optimizer = keras.optimizers.Adam()
    optimizer.lr = 0.5
    return optimizer


SGD = keras.optimizers.SGD
HEALTHY = {
    "healthy": Loop(),
    "healthy on batches": Loop(train=by_batch),
    "healthy, eager": Loop(compiled={"run_eagerly": True}),
    "healthy with clipping": Loop(optimizer=lambda: keras.optimizers.Adam(global_clipnorm=0.05)),
    "healthy with clipping of each": Loop(optimizer=lambda: SGD(0.1, clipnorm=0.05)),
    "healthy with a schedule": Loop(optimizer=halving),
    "healthy with momentum": Loop(optimizer=lambda: SGD(0.1, momentum=0.9, nesterov=True)),
    "healthy with decay on weights": Loop(optimizer=spared),
    "healthy with weights held at zero": Loop(
        optimizer=lambda: keras.optimizers.Ftrl(0.05, l1_regularization_strength=1e-2)
    ),
}
# Nothing is kept between steps: there is no zero_grad to forget. A rate that is assigned is in
# effect from the next update on: there is no wrong place for it.
MISTAKES = {
    "decay on biases": Loop(optimizer=keras.optimizers.AdamW),
    "a layer frozen": Loop(prepare=freeze),
}
# What needs a tape, and XLA on request.
ON_TENSORFLOW = {
    "healthy with XLA": Loop(compiled={"jit_compile": True}),
    "healthy by hand": Loop(train=by_hand),
    "healthy by hand with clipping": Loop(train=by_hand, before=clipped),
    "healthy by hand, traced": Loop(train=by_function, before=clipped),
    "a parameter left out": Loop(train=by_hand, variables=lambda m: m.trainable_variables[:-2]),
    "clipped after the step": Loop(train=by_hand, after=clipped),
}
IN_KERAS_3 = {
    # SGD(lr=0.1) is refused there, but not this.
    "an argument of the line before": Loop(optimizer=lambda: SGD(0.1, decay=1e-4)),
    "lr set on the optimizer": Loop(optimizer=later),
    "healthy with trust ratios": Loop(optimizer=lambda: keras.optimizers.Lamb()),
}
IN_TF_KERAS = {
    "lr by the wrong name": Loop(optimizer=lambda: SGD(lr=0.5)),
    "healthy, legacy": Loop(optimizer=lambda: keras.optimizers.legacy.Adam(lr=1e-3, decay=1e-2)),
    "healthy by hand, legacy": Loop(
        train=by_hand, optimizer=lambda: keras.optimizers.legacy.RMSprop(momentum=0.9)
    ),
}


def main() -> None:
    found = {}
    loops = {**HEALTHY, **MISTAKES, **(IN_TF_KERAS if LIBRARY == "tf_keras" else IN_KERAS_3)}
    if LIBRARY == "tf_keras" or keras.backend.backend() == "tensorflow":
        loops |= ON_TENSORFLOW
    for kind in chosen(perceptron, Convolution):
        for name, loop in loops.items():
            loop.model = kind
            trace, weights = loop.run()
            _, plain = loop.run(watched=False)
            found[f"{kind.__name__}: {name}"] = told(trace, weights, plain)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
