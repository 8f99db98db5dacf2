"""What is called of JAX: functions with their gradients, optimizers, schedules, starts, draws.

Each function stands in scripts too, so it uses jax and NumPy alone.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from parity.upgrades.probe import Array


def evaluate(make: Any, arguments: Any, inputs: Any) -> dict[str, Array]:
    """See what a function gives, and the gradients of it, each element weighted by its place."""
    floats = {n: jax.numpy.asarray(v) for n, v in inputs.items() if v.dtype.kind == "f"}
    others = {n: jax.numpy.asarray(v) for n, v in inputs.items() if v.dtype.kind != "f"}

    def call(floats: Any, others: Any) -> Any:
        given = {**floats, **others}
        return jax.tree_util.tree_leaves(make(*[given[name] for name in inputs], **arguments))

    def both(floats: Any, others: Any) -> Any:
        values, back = jax.vjp(lambda moved: call(moved, others), floats)
        if not floats or not all(jax.numpy.issubdtype(v.dtype, jax.numpy.inexact) for v in values):
            return values, {}
        ramps = [jax.numpy.linspace(1, 2, v.size, dtype=v.dtype).reshape(v.shape) for v in values]
        return values, back(ramps)[0]

    values, slopes = jax.jit(both)(floats, others)
    found = {f"value {n}": np.asarray(value) for n, value in enumerate(values)}
    return {**found, **{f"gradient of {n}": np.asarray(slope) for n, slope in slopes.items()}}


def optimize(
    make: Any,
    arguments: Any,
    inputs: Any,
    dtype: str = "float64",
    rounds: int = 6,
    every: int = 1,
) -> dict[str, Array]:
    """Apply known gradients; see the weights at each `every`th step, and the state in the end."""
    start, update, weights_of = make(**arguments)
    names = ["kernel", "bias"]
    state = start([jax.numpy.asarray(inputs[name], dtype) for name in names])
    rows = [[np.asarray(weight) for weight in weights_of(state)]]
    for step in range(rounds):
        slopes = [inputs[f"{name} gradients"] for name in names]
        now = [jax.numpy.asarray(slope[step % len(slope)], dtype) for slope in slopes]
        state = update(step, now, state)
        if (step + 1) % every == 0:
            rows.append([np.asarray(weight) for weight in weights_of(state)])
    found = {
        f"{n} by step": np.stack(row) for n, row in zip(names, zip(*rows, strict=True), strict=True)
    }
    leaves = jax.tree_util.tree_leaves(state)
    return {**found, **{f"state {n}": np.asarray(leaf) for n, leaf in enumerate(leaves)}}


def follow(make: Any, arguments: Any, inputs: Any) -> dict[str, Array]:
    """See a schedule's values."""
    schedule = make(**arguments)
    return {"rate by step": np.array([float(schedule(step)) for step in range(12)])}


def clip(make: Any, arguments: Any, inputs: Any) -> dict[str, Array]:
    """See what comes of some gradients."""
    made = make([jax.numpy.asarray(value) for value in inputs.values()], **arguments)
    leaves = jax.tree_util.tree_leaves(made)
    return {f"value {n}": np.asarray(leaf) for n, leaf in enumerate(leaves)}


def start(make: Any, arguments: Any, inputs: Any, shape: Any = (5, 4)) -> dict[str, Array]:
    """See an array that is filled from a seed."""
    return {"array": np.asarray(make(**arguments)(jax.random.PRNGKey(7), shape, "float64"))}


def fill(make: Any, arguments: Any, inputs: Any, shape: Any = (5, 4)) -> dict[str, Array]:
    """See an array that a function fills."""
    return {"array": np.asarray(make(jax.random.PRNGKey(7), shape, **arguments))}


def draw(make: Any, arguments: Any, inputs: Any, implementation: str = "") -> dict[str, Array]:
    """See what is drawn from a seed."""
    typed = bool(implementation)  # a key of another kind is not known by its shape
    key = jax.random.key(7, impl=implementation) if typed else jax.random.PRNGKey(7)
    given = {
        n: np.array(v) if isinstance(v, tuple) and n != "shape" else v for n, v in arguments.items()
    }
    drawn = make(key, **given)
    if jax.numpy.issubdtype(drawn.dtype, jax.numpy.number) or drawn.dtype == bool:
        return {"drawn": np.asarray(drawn)}
    return {"drawn": np.asarray(jax.random.key_data(drawn))}
