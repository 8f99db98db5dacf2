"""tf_keras' optimizers, the current and the legacy ones, its losses and its schedules."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from parity.arguments import problem
from parity.arguments.assigning import assign
from parity.arguments.lanes import fit, keras_losses
from parity.arguments.lanes.keras_optimizers import has, judged, schedules_of
from parity.arguments.problem import EARLY, STEPS
from parity.arguments.target import (
    ATTRIBUTES,
    CONSTRUCTOR,
    Array,
    Call,
    Run,
    Target,
    arguments_of,
    classes,
)
from parity.lanes.tf_keras import OPTIMIZERS

_LINES = {
    "tf_keras.optimizers": (tf_keras.optimizers, "tf_keras", "current"),
    "tf_keras.optimizers.legacy": (tf_keras.optimizers.legacy, "tf_keras:legacy", "legacy"),
}

tf_keras.backend.set_floatx("float64")  # of learning rates
tf.debugging.disable_traceback_filtering()  # a fifth of the time, spent on each operation


def targets() -> list[Target]:
    """Return every optimizer, loss and schedule, and compile and fit."""
    schedules = tf_keras.optimizers.schedules
    found = []
    for where, (module, lane, line) in _LINES.items():
        for name, kind in classes(module, module.Optimizer):
            target = _optimizer(f"{where}.{name}", kind, lane, line)
            found.append(target)
            if line == "current":
                found.append(fit.compiled(tf_keras, target, kind))
    return [
        *found,
        *keras_losses.targets(tf_keras, "tf_keras"),
        *keras_losses.schedules(schedules, schedules.LearningRateSchedule, "tf_keras"),
        *fit.targets(tf_keras, "tf_keras"),
    ]


def _optimizer(name: str, kind: type, lane: str, line: str) -> Target:
    arguments = arguments_of(kind)
    floats = {n: v for n, v in arguments.items() if type(v) in (int, float)}
    return Target(
        name=name,
        arguments=arguments,
        run=functools.partial(_train, kind, line),
        doc=f"{kind.__doc__ or ''}\n{vars(kind)['__init__'].__doc__ or ''}",
        trials=(*CONSTRUCTOR, "values", "schedule", *ATTRIBUTES),
        values={"(schedules)": tuple((n, schedules_of(tf_keras, 0.25)) for n in floats)},
        early=EARLY,
        has=functools.partial(has, kind),
        judge=functools.partial(judged, lane, *OPTIMIZERS[line], kind),
    )


def _train(make: Callable[..., Any], line: str, call: Call) -> Run:
    optimizer = make(**call.arguments)  # first: most calls of an audit are refused
    variables = {
        name: tf.Variable(value, name=name) for name, value in problem.probe().weights.items()
    }
    trained = list(variables.values())
    seen: dict[str, list[Array]] = {name: [v.numpy()] for name, v in variables.items()}
    for step in range(call.steps or STEPS):
        if call.place and step == call.after:
            for name, value in call.late.items():
                assign(optimizer, name, value, call)
        gradients = [tf.constant(problem.gradients()[name][step]) for name in variables]
        optimizer.apply_gradients(zip(gradients, trained, strict=True))
        for name, variable in variables.items():
            seen[name].append(variable.numpy())
    if call.steps is not None:
        return Run({name: np.stack(values) for name, values in seen.items()})
    if line == "current":
        optimizer.finalize_variable_values(trained)  # as fit does: an average may take their place
    held = optimizer.variables if line == "current" else optimizer.variables()
    state = {f"{number} {v.name}": v.numpy() for number, v in enumerate(held) if v.shape.rank}
    end = {f"{name} in the end": variable.numpy() for name, variable in variables.items()}
    return Run({**{name: np.stack(values) for name, values in seen.items()}, **end}, state)
