"""Keras 3's optimizers, losses and schedules, as the audit finds and calls them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from parity.arguments import problem
from parity.arguments.assigning import assign
from parity.arguments.lanes import fit, keras_losses
from parity.arguments.lanes.keras_optimizers import has, judged, schedules_of
from parity.arguments.problem import BIAS, EARLY, KERNEL, STEPS
from parity.arguments.target import ATTRIBUTES, CONSTRUCTOR, Array, Call, Run, Target, arguments_of
from parity.arguments.target import classes as subclasses
from parity.compare import Status
from parity.lanes.spelling import KERAS

NAMED = "a variable named embedding"

keras.config.set_floatx("float64")  # of learning rates
tf.debugging.disable_traceback_filtering()  # a fifth of the time, spent on each operation


def targets() -> list[Target]:
    """Return every optimizer and loss of Keras, its schedules, and compile and fit."""
    found = [_optimizer(f"keras.optimizers.{name}", kind, kind) for name, kind in _classes()]
    sgd = keras.optimizers.SGD
    found += [
        _optimizer(f"keras.optimizers.{name}(SGD)", functools.partial(wrap, sgd), sgd)
        for name, wrap in _WRAPPERS.items()
    ]
    schedules = keras.optimizers.schedules
    found += [
        fit.compiled(keras, target, kind)
        for target, (_, kind) in zip(found, _classes(), strict=False)
    ]
    return [
        *found,
        *keras_losses.targets(keras, "keras"),
        *keras_losses.schedules(schedules, schedules.LearningRateSchedule, "keras"),
        *fit.targets(keras, "keras"),
    ]


def _classes() -> list[tuple[str, type]]:
    found = subclasses(keras.optimizers, keras.optimizers.Optimizer)
    return [(name, kind) for name, kind in found if name not in _WRAPPERS]


def _multi(kind: Callable[..., Any], **arguments: Any) -> Any:
    """Return an optimizer of several, as its arguments are those of the one inside."""
    inner = keras.optimizers.OptimizerMap(kind(**arguments))
    return keras.optimizers.MultiOptimizer(inner)


def _scaled(kind: Callable[..., Any], **arguments: Any) -> Any:
    return keras.optimizers.LossScaleOptimizer(kind(**arguments), initial_scale=1.0)


_WRAPPERS = {"MultiOptimizer": _multi, "LossScaleOptimizer": _scaled}


def _optimizer(name: str, make: Callable[..., Any], kind: type) -> Target:
    arguments = arguments_of(kind)
    floats = {n: v for n, v in arguments.items() if type(v) in (int, float)}
    return Target(
        name=name,
        arguments=arguments,
        run=functools.partial(_train, make),
        doc=f"{kind.__doc__ or ''}\n{keras.optimizers.Optimizer.__doc__ or ''}",
        settings=("", NAMED),
        trials=(*CONSTRUCTOR, "values", "schedule", *ATTRIBUTES),
        values={"(schedules)": tuple((n, schedules_of(keras, 0.25)) for n in floats)},
        early=EARLY,
        has=functools.partial(has, make),
        judge=functools.partial(_judge, kind) if make is kind else None,
    )


def _train(make: Callable[..., Any], call: Call) -> Run:
    optimizer = make(**call.arguments)  # first: most calls of an audit are refused
    renamed = {KERNEL: "embedding" if call.setting == NAMED else "kernel", BIAS: "bias"}
    variables = {
        name: keras.Variable(value, dtype="float64", name=renamed[name])
        for name, value in problem.probe().weights.items()
    }
    trained = list(variables.values())
    seen: dict[str, list[Array]] = {name: [_array(v)] for name, v in variables.items()}
    for step in range(call.steps or STEPS):
        if call.place and step == call.after:
            for name, value in call.late.items():
                assign(optimizer, name, value, call)
        if not step:
            optimizer.build(trained)
        gradients = [tf.constant(problem.gradients()[name][step]) for name in variables]
        optimizer.apply(gradients, trained)
        for name, variable in variables.items():
            seen[name].append(_array(variable))
    if call.steps is not None:
        return Run({name: np.stack(values) for name, values in seen.items()})
    optimizer.finalize_variable_values(trained)  # as fit does: an average may take their place
    state = {
        f"{number} {v.name}": _array(v) for number, v in enumerate(optimizer.variables) if v.shape
    }
    end = {f"{name} in the end": _array(variable) for name, variable in variables.items()}
    return Run({**{name: np.stack(values) for name, values in seen.items()}, **end}, state)


def _array(variable: Any) -> Array:
    return np.array(keras.ops.convert_to_numpy(variable))


def _judge(kind: type, call: Call, run: Run) -> Status | None:
    return judged("keras@tensorflow", keras.optimizers, KERAS, kind, call, run)
