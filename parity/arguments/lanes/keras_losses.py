"""The losses and schedules of both Keras lines: they are called alike."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from parity.arguments.target import CONSTRUCTOR, Array, Call, Run, Target, arguments_of, classes

STEPS = 12  # at which a schedule is looked at
_GIVEN: Mapping[str, Any] = {
    "initial_learning_rate": 0.4,
    "decay_steps": 6,
    "decay_rate": 0.5,
    "first_decay_steps": 3,
    "boundaries": [2, 5],
    "values": [0.3, 0.2, 0.1],
}
_SCHEDULE_VALUES: Mapping[str, tuple[Any, ...]] = {
    "initial_learning_rate": (0.7,),
    "decay_steps": (4,),
    "decay_rate": (0.8,),
    "first_decay_steps": (4,),
    "boundaries": ([3, 5],),
    "values": ([0.3, 0.25, 0.1],),
    "warmup_target": (0.9,),
    "warmup_steps": (4,),
    "alpha": (0.3,),
    "end_learning_rate": (0.2,),
}


def schedules(module: Any, base: type, library: str) -> list[Target]:
    """Return the learning rate schedules of `module`."""
    return [
        Target(
            name=f"{library}.optimizers.schedules.{name}",
            arguments=arguments_of(kind),
            run=functools.partial(_values, kind),
            doc=kind.__doc__ or "",
            given={n: _GIVEN[n] for n in arguments_of(kind) if n in _GIVEN},
            trials=(*CONSTRUCTOR, "values", "zero"),
            values=_SCHEDULE_VALUES,
        )
        for name, kind in classes(module, base)
    ]


def _values(kind: Callable[..., Any], call: Call) -> Run:
    schedule = kind(**call.arguments)
    return Run({"values": np.array([float(schedule(step)) for step in range(STEPS)])})


def targets(library: Any, name: str) -> list[Target]:
    """Return the losses of a Keras line."""
    found = []
    for own, kind in classes(library.losses, library.losses.Loss):
        evaluate = functools.partial(_evaluate, kind)
        settings = tuple(form for form in FORMS if _takes(evaluate, form))
        if settings:
            found.append(
                Target(
                    name=f"{name}.losses.{own}",
                    arguments=arguments_of(kind),
                    run=evaluate,
                    doc=kind.__doc__ or "",
                    settings=settings,
                    strict=True,
                    trials=(*CONSTRUCTOR, "values"),
                    values=_LOSS_VALUES,
                )
            )
    return found


_LOSS_VALUES: Mapping[str, tuple[Any, ...]] = {
    "alpha": (0.6, 0.8),
    "beta": (0.3, 0.15),
    "gamma": (1.0, 3.0),
    "ignore_class": (1, -1),
    "dtype": ("float32",),
    "reduction": ("sum", "none"),
}


def _random(*shape: int, seed: int = 3) -> Array:
    return np.random.default_rng(seed).uniform(0.1, 0.9, shape)


_LABELS = np.array([0, 1, 2, 1, 0])
_ONE_HOT = np.eye(3)[_LABELS]


def _shares(values: Array) -> Array:
    shares: Array = values / values.sum(-1, keepdims=True)
    return shares


# Each with targets and predictions.
FORMS: Mapping[str, Callable[[], tuple[Array, Array]]] = {
    "one-hot": lambda: (_ONE_HOT, _shares(_random(5, 3))),
    "labels": lambda: (_LABELS, _shares(_random(5, 3))),
    "labels, 1 column": lambda: (_LABELS[:, None], _shares(_random(5, 3))),
    "values": lambda: (_random(5, 3, seed=4), _random(5, 3)),
    "rank 1": lambda: (_random(5, seed=4), _random(5)),
}


def _takes(evaluate: Callable[[Call], Run], form: str) -> bool:
    try:
        seen = evaluate(Call(setting=form)).seen
    except (ValueError, TypeError, IndexError, tf.errors.OpError):
        return False
    return all(np.isfinite(value).all() for value in seen.values())


def _evaluate(kind: Callable[..., Any], call: Call) -> Run:
    compute = kind(**call.arguments)
    targets, predictions = (tf.constant(value) for value in FORMS[call.setting]())
    with tf.GradientTape() as tape:
        tape.watch(predictions)
        loss = compute(targets, predictions)
    slope = tape.gradient(loss, predictions)
    if slope is None:
        raise TypeError("the loss does not depend on the predictions")
    return Run({"loss": np.array(loss), "gradient": np.array(slope)})
