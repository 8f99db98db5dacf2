"""Articles 3 and 4 in TensorFlow itself: a module trained with a tape, and a graph in a session."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

import parity
from parity.articles import data
from parity.articles.study import Ran, Study, studies

LINE = parity.Model((parity.Layer(1),), parity.Loss("squared_error"))
V1 = tf.compat.v1


class Line(tf.Module):  # type: ignore[misc]  # which is Any to the type checker
    """A slope and an offset."""

    def __init__(self) -> None:
        super().__init__()
        self.w = tf.Variable(5.0)
        self.b = tf.Variable(0.0)

    def __call__(self, x: Any) -> Any:
        """Return the line's values."""
        return self.w * x + self.b


def named(w: Any, b: Any) -> dict[str, Any]:
    """Return slope and offset as the kernel and the bias of a layer."""
    return {"w": np.reshape(w, (1, 1)), "b": np.reshape(b, 1)}


def basic_module() -> Ran:
    """Train a `tf.Module` for ten epochs with GradientTape and `assign_sub`."""
    return trained_by_hand(Line())


def trained_by_hand(model: Any) -> Ran:
    """Train slope and offset of any model as article 3 does."""
    x, y = map(tf.constant, data.line_with_noise())
    lr = 0.1
    shown = {"loss at start": float(_loss(y, model(x)))}
    start = named(model.w.numpy(), model.b.numpy())
    batch = {"x": np.reshape(x, (-1, 1)), "y": np.reshape(y, (-1, 1))}
    with parity.watch(start, parity.promise("sgd", lr=lr), LINE) as trace:
        for epoch in range(10):
            with tf.GradientTape() as tape:
                loss = _loss(y, model(x))
            dw, db = tape.gradient(loss, [model.w, model.b])
            model.w.assign_sub(lr * dw)
            model.b.assign_sub(lr * db)
            w, b = model.w.numpy(), model.b.numpy()
            trace.step(named(dw, db), weights=named(w, b), loss=float(loss), **batch)
            after = float(_loss(y, model(x)))
            shown |= {f"W {epoch}": float(w), f"b {epoch}": float(b), f"loss {epoch}": after}
    return Ran([trace], shown)


def line_session() -> Ran:
    """Train with `GradientDescentOptimizer(0.1)` in a session."""
    return _session(0.1)


def line_session_slow() -> Ran:
    """Train with `GradientDescentOptimizer(0.01)` in a session."""
    return _session(0.01)


def _session(lr: float) -> Ran:
    x, y = data.line(*data.SESSION)
    rows = [np.reshape(values, (-1, 1)).astype(np.float32) for values in (x, y)]  # as the graph has
    start = named(np.float32(0.0), np.float32(0.0))
    shown: dict[str, float] = {}
    with V1.Graph().as_default(), V1.Session() as session:
        w, b = V1.Variable(0.0), V1.Variable(0.0)
        loss = tf.reduce_mean(tf.square(y - (w * x + b)))
        train = V1.train.GradientDescentOptimizer(lr).minimize(loss)
        looked = [loss, *V1.gradients(loss, [w, b])]
        session.run(V1.global_variables_initializer())
        with parity.watch(start, parity.promise("sgd", lr=lr), LINE) as trace:
            for step in range(1001):
                value, *gradients = session.run(looked)
                session.run(train)
                now = session.run([w, b])
                told = {"loss": float(value), "x": rows[0], "y": rows[1]}
                trace.step(named(*gradients), weights=named(*now), **told)
                if step % 50 == 0:
                    shown |= {f"w {step}": float(now[0]), f"b {step}": float(now[1])}
    return Ran([trace], shown)


def _loss(target: Any, predicted: Any) -> Any:
    return tf.reduce_mean(tf.square(target - predicted))


STUDIES: Mapping[str, Study] = studies(sys.modules[__name__])
