"""The optimizers of a Keras line: fed with known gradients, alone and in a loss scale."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np

from parity.arguments.problem import known_inputs
from parity.upgrades.lanes.keras_making import Made, arguments_of, classes, groups
from parity.upgrades.lanes.keras_task import Line, Probed, Task
from parity.upgrades.probe import REQUIRED, Array, Target

LONG: Final = "100 steps"
SCALED: Final = "in LossScaleOptimizer"
INFINITE: Final = "a gradient is infinite"
_REPEATED: Final = 20  # the gradients, in the long run
_EVERY: Final = 1  # step of the long run is seen: what rounding explains grows with each
_SCHEDULE: Final = {"$": "exponential decay"}
VALUES: Final[Mapping[str, tuple[Any, ...]]] = {
    "learning_rate": (0.7, _SCHEDULE),
    "name": (),
    "loss_scale_factor": (4.0,),
    "min_dim_size_to_factor": (2,),
    "exclude_layers": (["kernel"], ["bias"]),
    "exclude_embeddings": (False,),
    "inner_optimizer": ({"$": "SGD with momentum"}, {"$": "Adam that accumulates"}),
    **dict.fromkeys(("optimizer", "optimizer_map"), ({"$": "SGD with momentum in a map"},)),
}
_ACCUMULATED = (
    *("weight_decay", "use_ema", "ema_overwrite_frequency", "clipnorm", "clipvalue"),
    *("global_clipnorm", "loss_scale_factor", "learning_rate", "momentum"),
)
TOGETHER: Final[tuple[tuple[str, ...], ...]] = (
    ("clipnorm", "clipvalue", "global_clipnorm"),
    ("use_ema", "ema_momentum", "ema_overwrite_frequency"),
    *(("gradient_accumulation_steps", name) for name in _ACCUMULATED),
    *(("weight_decay", name) for name in ("learning_rate", "clipnorm", "use_ema", "momentum")),
    *(("loss_scale_factor", name) for name in ("clipnorm", "clipvalue", "global_clipnorm")),
    *(("momentum", name) for name in ("nesterov", "centered", "rho")),
    ("amsgrad", "beta_2"),
    ("dynamic_growth_steps", "initial_scale"),
)
"""The arguments that act on each other; the others are met one by one."""


def found(line: Line) -> Iterator[Probed]:
    """Yield the optimizers of the line, and its wrappers of one."""
    module = line.module.optimizers
    scaling = hasattr(module, "LossScaleOptimizer")
    call = optimize if hasattr(line.module, "Variable") else optimize_in_tensorflow
    for name, kind in _classes(line):
        arguments = arguments_of(kind)
        wraps = any(value == REQUIRED for value in arguments.values())
        settings = (INFINITE,) if wraps else (LONG, SCALED) if scaling else (LONG,)
        target = Target(
            name=f"{line.name}.{name}",
            kind="wrapper" if wraps else "optimizer",
            arguments=arguments,
            given=wrapped(arguments),
            settings=("", *settings),
            values={key: value for key, value in VALUES.items() if key in arguments},
            together=groups(arguments, TOGETHER),
        )
        yield Probed(target, functools.partial(_task, line, call, name))


def _classes(line: Line) -> Iterator[tuple[str, type]]:
    for where in ("optimizers", "optimizers.legacy"):
        module = line.get(where)
        if hasattr(module, "Optimizer"):
            for name, kind in classes(module, module.Optimizer):
                yield f"{where}.{name}", kind


def wrapped(arguments: Mapping[str, str]) -> dict[str, Any]:
    """Return what a class that needs arguments is given: the optimizer inside."""
    several = "optimizer_map" in arguments or "optimizer" in arguments
    inside = {"$": "SGD in a map"} if several else {"$": "SGD"}
    return {name: inside for name, value in arguments.items() if value == REQUIRED}


def _task(
    line: Line,
    call: Callable[..., dict[str, Array]],
    path: str,
    arguments: Mapping[str, Any],
    setting: str,
) -> Task:
    subject = Made(path, arguments)
    if setting == SCALED:
        subject = Made("optimizers.LossScaleOptimizer", {"inner_optimizer": subject})
    options: dict[str, Any] = {}
    if setting == LONG:
        options = {"repeated": _REPEATED, "every": _EVERY}
    if line.backend == "jax" and subject.path.endswith("LossScaleOptimizer"):
        options["stateless"] = True  # its branches may not assign
    inputs = known_inputs()
    if setting == INFINITE:
        slopes = inputs["kernel gradients"].copy()
        slopes[2, 1, 1] = np.inf
        inputs = {**inputs, "kernel gradients": slopes}
    return Task(call, subject, inputs, options, wide=True)


def optimize(
    keras: Any,
    optimizer: Any,
    inputs: Any,
    repeated: int = 1,
    every: int = 1,
    stateless: bool = False,
) -> dict[str, Array]:
    """Apply the gradients step by step, `repeated` times over; see each `every`th step."""

    def array(value: Any) -> Array:
        return np.array(keras.ops.convert_to_numpy(value))

    names = ["kernel", "bias"]
    slopes = [inputs[f"{name} gradients"] for name in names]
    variables = [keras.Variable(inputs[name], dtype="float64", name=name) for name in names]
    optimizer.build(variables)
    rows: list[list[Array]] = [[array(variable) for variable in variables]]
    scales, rates = [], []
    for step in range(len(slopes[0]) * repeated):
        scale = 1.0
        if hasattr(optimizer, "scale_loss"):
            scale = float(array(optimizer.scale_loss(keras.ops.convert_to_tensor(1.0))))
        given = [slope[step % len(slope)] * scale for slope in slopes]
        tensors = [keras.ops.convert_to_tensor(slope) for slope in given]
        if stateless:
            state, values = optimizer.variables, [variable.value for variable in variables]
            after = optimizer.stateless_apply([one.value for one in state], tensors, values)
            for old, new in zip([*variables, *state], [*after[0], *after[1]], strict=True):
                old.assign(new)
        else:
            optimizer.apply(tensors, variables)
        if (step + 1) % every == 0:
            rows.append([array(variable) for variable in variables])
            scales.append(scale)
            rates.append(array(getattr(optimizer, "learning_rate", 0.0)))
    seen = {f"{n} by step": np.stack([row[i] for row in rows]) for i, n in enumerate(names)}
    seen["loss scale"] = np.array(scales)
    seen["learning rate"] = np.array(rates)
    seen["iterations"] = array(optimizer.iterations)
    variables_of = optimizer.variables
    for variable in variables_of() if callable(variables_of) else variables_of:
        value = array(variable)
        name = variable.name.split("/")[-1].removeprefix("kernel_").removeprefix("bias_")
        name = f"slot {name} of shape {value.shape}"  # as releases do not agree on whose it is
        if value.dtype.kind == "f" and variable.name != "learning_rate":
            while name in seen:
                name += "'"
            seen[name] = value
    if hasattr(optimizer, "finalize_variable_values"):
        optimizer.finalize_variable_values(variables)
    for name, variable in zip(names, variables, strict=True):
        seen[f"{name} in the end"] = array(variable)
    return seen


def optimize_in_tensorflow(
    keras: Any, optimizer: Any, inputs: Any, repeated: int = 1, every: int = 1
) -> dict[str, Array]:
    """Apply the gradients step by step, `repeated` times over; see each `every`th step."""
    import tensorflow as tf

    names = ["kernel", "bias"]
    slopes = [inputs[f"{name} gradients"] for name in names]
    variables = [tf.Variable(inputs[name], name=name) for name in names]
    if hasattr(optimizer, "build"):
        optimizer.build(variables)
    rows = [[np.array(variable) for variable in variables]]
    for step in range(len(slopes[0]) * repeated):
        given = [tf.constant(slope[step % len(slope)]) for slope in slopes]
        optimizer.apply_gradients(zip(given, variables, strict=True))
        if (step + 1) % every == 0:
            rows.append([np.array(variable) for variable in variables])
    seen = {f"{n} by step": np.stack([row[i] for row in rows]) for i, n in enumerate(names)}
    seen["iterations"] = np.array(optimizer.iterations)
    for variable in optimizer.variables():
        value = np.array(variable)
        name = f"slot {variable.name.split(':')[0]} of shape {value.shape}"
        if value.dtype.kind == "f":
            while name in seen:
                name += "'"
            seen[name] = value
    if hasattr(optimizer, "finalize_variable_values"):
        optimizer.finalize_variable_values(variables)
    for name, variable in zip(names, variables, strict=True):
        seen[f"{name} in the end"] = np.array(variable)
    return seen
