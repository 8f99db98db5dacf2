"""The small parts of a Keras line: activations, regularizers, constraints and the like."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from parity.upgrades.lanes.keras_gradients import GRADIENTS, Derive
from parity.upgrades.lanes.keras_making import Made, arguments_of, classes, functions
from parity.upgrades.lanes.keras_task import Line, Probed, Task
from parity.upgrades.probe import REQUIRED, Array, Arrays, Target

_GIVEN: Final[Mapping[str, Any]] = {
    "initial_learning_rate": 0.4,
    "decay_steps": 6,
    "decay_rate": 0.5,
    "first_decay_steps": 3,
    "boundaries": [2, 5],
    "values": [0.3, 0.2, 0.1],
    "threshold": 0.4,
    "default_value": 0.7,
}  # where they need it
_VALUES: Final[Mapping[str, tuple[Any, ...]]] = {
    **dict.fromkeys(("name", "dtype", "x"), ()),
    "initial_learning_rate": (0.7,),
    "decay_steps": (4,),
    "decay_rate": (0.8,),
    "first_decay_steps": (4,),
    "boundaries": ([3, 5],),
    "values": ([0.3, 0.25, 0.1],),
    "warmup_target": (0.9,),
    "warmup_steps": (4,),
    "alpha": (0.3, 0.7),
    "end_learning_rate": (0.2,),
    "mode": ("fan_avg", "fan_out"),
    "distribution": ("normal", "uniform", "untruncated_normal"),
    "scale": (2.0,),
    "gain": (2.0,),
    "axis": (1, [0, 1]),
    "value": (0.7,),
    "max_value": (0.5,),
    "min_value": (0.8,),
    "negative_slope": (0.3,),
    "threshold": (0.4,),
    "factor": (0.3,),
    "seed": (5,),
}
_STEPS: Final = np.array([*range(13), 20, 50, 100, 1000])
_SHAPES: Final = {"": (4, 3), "a vector": (5,), "a convolution": (3, 3, 2, 4)}


def _values(*shape: int) -> Array:
    values: Array = np.round(np.random.default_rng(9).normal(0, 2, shape), 3)
    return values


_WEIGHTS: Final = {name: _values(*shape) for name, shape in _SHAPES.items()}
_SMALL: Final = np.array([0.0, -0.0, 1e-30, -1e-30, 1e-8, -1e-8, 0.5, -0.5])
_LARGE: Final = np.array([-700.0, -90.0, -20.0, -6.0, 6.0, 20.0, 90.0, 700.0])
_INPUTS: Final = {
    "": _values(4, 6),
    "near 0": np.stack([_SMALL, -_SMALL]),
    "large": np.stack([_LARGE, 0.01 * _LARGE]),
    "borders": np.stack([np.arange(-4.0, 4.0), np.arange(-2.0, 2.0, 0.5)]),
}


def found(line: Line) -> Iterator[Probed]:
    """Yield the activations, regularizers, constraints, initializers and schedules."""
    module, derive = line.module, GRADIENTS[line.backend]
    for name, function in functions(module.activations):
        path = f"activations.{name}"
        derived = functools.partial(_derived, derive, Made(path, {}, late=True), _INPUTS)
        yield _probed(line, path, "activation", arguments_of(function), tuple(_INPUTS), derived)
    schedules = module.optimizers.schedules
    for kind, where, base, task in (
        ("regularizer", "regularizers", module.regularizers.Regularizer, _regularized),
        ("constraint", "constraints", module.constraints.Constraint, _constrained),
        ("initializer", "initializers", module.initializers.Initializer, _initialized),
        ("schedule", "optimizers.schedules", schedules.LearningRateSchedule, _scheduled),
    ):
        settings = ("",) if kind == "schedule" else tuple(_SHAPES)
        for name, one in classes(line.get(where), base):
            path = f"{where}.{name}"
            made = functools.partial(task, derive, Made(path))
            yield _probed(line, path, kind, arguments_of(one), settings, made)


def _probed(
    line: Line,
    path: str,
    kind: str,
    arguments: dict[str, str],
    settings: tuple[str, ...],
    task: Any,
) -> Probed:
    needed = [name for name, value in arguments.items() if value == REQUIRED]
    target = Target(
        name=f"{line.name}.{path}",
        kind=kind,
        arguments=arguments,
        given={name: _GIVEN[name] for name in needed if name in _GIVEN},
        settings=settings,
        values={name: value for name, value in _VALUES.items() if name in arguments},
    )
    return Probed(target, task)


def _with(subject: Made, arguments: Mapping[str, Any]) -> Made:
    return Made(subject.path, arguments, subject.late)


def _derived(
    derive: Derive,
    subject: Made,
    inputs: Mapping[str, Array],
    arguments: Mapping[str, Any],
    setting: str,
) -> Task:
    given = {"x": inputs[setting]}
    return Task(evaluate, _with(subject, arguments), given, {"derive": derive})


def _regularized(derive: Derive, subject: Made, arguments: Mapping[str, Any], setting: str) -> Task:
    return _derived(derive, subject, _WEIGHTS, arguments, setting)


def _constrained(_: Derive, subject: Made, arguments: Mapping[str, Any], setting: str) -> Task:
    return Task(constrain, _with(subject, arguments), {"weights": _WEIGHTS[setting]})


def _initialized(_: Derive, subject: Made, arguments: Mapping[str, Any], setting: str) -> Task:
    return Task(initialize, _with(subject, arguments), {}, {"shape": _SHAPES[setting]})


def _scheduled(_: Derive, subject: Made, arguments: Mapping[str, Any], __: str) -> Task:
    return Task(schedule, _with(subject, arguments), {"steps": _STEPS}, wide=True)


def evaluate(keras: Any, function: Any, inputs: Arrays, derive: Derive) -> dict[str, Array]:
    """See a function's value and gradient."""
    value, slopes = derive(function, [inputs["x"]])
    return {"value": value, "gradient": slopes[0]}


def constrain(keras: Any, constraint: Any, inputs: Arrays) -> dict[str, Array]:
    """See what a constraint makes of weights."""
    weights = inputs["weights"]
    if hasattr(keras, "ops"):
        weights = keras.ops.convert_to_tensor(weights)
    return {"weights": np.array(constraint(weights))}


def initialize(keras: Any, initializer: Any, inputs: Arrays, shape: Any) -> dict[str, Array]:
    """See the starting weights that an initializer gives, twice."""
    drawn = [initializer(shape, dtype=keras.backend.floatx()) for _ in range(2)]
    first, second = map(np.array, drawn)
    return {"weights": first, "weights again": second}


def schedule(keras: Any, rate: Any, inputs: Arrays) -> dict[str, Array]:
    """See a schedule's learning rate at some steps."""
    return {"learning rate": np.array([float(rate(int(step))) for step in inputs["steps"]])}
