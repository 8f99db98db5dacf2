"""The articles' lines in Keras, of either line: exact data, noisy data, and one input."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
from sklearn.model_selection import train_test_split

import parity
from parity.articles import data
from parity.articles.lanes.tensorflow import trained_by_hand
from parity.articles.study import Ran, Study

WATCHED = 50  # steps of loops that are longer


def exact(keras: Any, rate: Mapping[str, float], **added: float) -> Ran:
    """Fit a line through article 1's data, 50 epochs, with `SGD(**rate)`."""
    keras.utils.set_random_seed(data.SEED)
    rows = data.exact(**added)
    train, _ = train_test_split(rows, test_size=0.2, random_state=42)
    x, y = train[:, :2], train[:, 2:]
    model = keras.Sequential([keras.layers.Dense(1, input_shape=(2,))])
    with parity.watch(model) as trace:
        loss = keras.losses.MeanSquaredError()
        model.compile(optimizer=keras.optimizers.SGD(**rate), loss=loss)
        history = model.fit(x, y, batch_size=64, epochs=50, verbose=0)
    kernel, bias = model.get_weights()
    shown = {
        "loss": history.history["loss"][-1],
        "weights off by": np.abs(kernel.flatten() - data.slopes()).max(),
        "bias": bias[0],
        "mean of what is added": np.mean(y[:, 0] - x @ data.slopes()),
    }
    return Ran([trace], shown)


def subclass(keras: Any) -> Ran:
    """Train article 3's model, a `keras.Model` now, in the loop of its module."""
    return trained_by_hand(_line(keras))


def subclass_fit(keras: Any) -> Ran:
    """Train the same model with `compile` and `fit`."""
    x, y = map(tf.constant, data.line_with_noise())
    model = _line(keras)
    with parity.watch(model) as trace:
        model.compile(
            run_eagerly=False,
            optimizer=keras.optimizers.SGD(learning_rate=0.1),
            loss=keras.losses.MeanSquaredError(),
        )
        history = model.fit(x, y, epochs=10, batch_size=1000, verbose=0)
    losses = {f"loss {epoch + 1}": loss for epoch, loss in enumerate(history.history["loss"])}
    return Ran([trace], {**losses, "W": model.w.numpy(), "b": model.b.numpy()})


def on_batch(keras: Any, rate: Mapping[str, float] | None) -> Ran:
    """Train article 4's line for 1001 steps on one batch; without a rate, by 'sgd'.

    The steps that are watched are calls of `train_on_batch`, as all are in the article; the others
    are those of a `fit` on the same batch again and again, in a tenth of the time.
    """
    x, y = data.line(*data.ON_BATCH)
    model = _dense(keras)
    shown: dict[str, float] = {}

    def look(step: int) -> None:
        if step % 50 == 0:
            w, b = model.layers[0].get_weights()
            shown.update({f"w {step}": w[0, 0], f"b {step}": b[0]})

    with parity.watch(model) as trace:
        optimizer = "sgd" if rate is None else keras.optimizers.SGD(**rate)
        model.compile(loss="mse", optimizer=optimizer)
        for step in range(WATCHED):
            model.train_on_batch(x, y)
            look(step)
    later = keras.callbacks.LambdaCallback(on_batch_end=lambda n, logs: look(WATCHED + n))
    left = 1001 - WATCHED
    again = tf.data.Dataset.from_tensors((x, y)).repeat(left)
    model.fit(again, epochs=1, verbose=0, callbacks=[later])
    return Ran([trace], shown)


def fit_singly(keras: Any) -> Ran:
    """Fit article 4's line for 20 epochs of batches of one."""
    keras.utils.set_random_seed(data.SEED)
    x, y = data.line(*data.ON_BATCH)
    model = _dense(keras)
    with parity.watch(model) as trace:
        model.compile(loss="mse", optimizer="sgd")
        model.fit(x, y, epochs=4, batch_size=1, verbose=0)
    history = model.fit(x, y, epochs=16, batch_size=1, verbose=0)
    w, b = model.layers[0].get_weights()
    return Ran([trace], {"loss": history.history["loss"][-1], "w": w[0, 0], "b": b[0]})


def of(keras: Any) -> dict[str, Study]:
    """Return the systems in one line of Keras, by name."""
    return {
        "exact_lr": partial(exact, keras, {"lr": 1e-1}),
        "exact_learning_rate": partial(exact, keras, {"learning_rate": 1e-1}),
        "exact_noise": partial(exact, keras, {"learning_rate": 1e-1}, noise=0.2),
        "exact_intercept": partial(exact, keras, {"learning_rate": 1e-1}, intercept=0.5),
        "basic_subclass": partial(subclass, keras),
        "basic_fit": partial(subclass_fit, keras),
        "line_default": partial(on_batch, keras, None),
        "line_lr": partial(on_batch, keras, {"lr": 0.1}),
        "line_learning_rate": partial(on_batch, keras, {"learning_rate": 0.1}),
        "line_fit": partial(fit_singly, keras),
    }


def _line(keras: Any) -> Any:
    class Line(keras.Model):  # type: ignore[misc]  # of the library at hand
        __module__ = "articles"  # by its own package parity.watch would know it as its own

        def __init__(self) -> None:
            super().__init__()
            self.w = tf.Variable(5.0)
            self.b = tf.Variable(0.0)

        def call(self, x: Any) -> Any:
            return self.w * x + self.b

    return Line()


def _dense(keras: Any) -> Any:
    """Return one unit that starts where the printed lines of article 4 do."""
    model = keras.Sequential()
    model.add(keras.layers.Dense(units=1, input_dim=1))
    model.layers[0].set_weights([np.full((1, 1), data.START, np.float32), np.zeros(1, np.float32)])
    return model
