"""A probe of optax as a script that needs optax and NumPy alone."""

from __future__ import annotations

import ast
import inspect
from typing import Any

import numpy as np

from parity.arguments import problem
from parity.upgrades.lanes import optax_values
from parity.upgrades.probe import Nudge, Probe, Target

_START = """\
# {key}: run it with the release before and the one after.
import os
os.environ["JAX_ENABLE_X64"] = "1"
import jax, jax.numpy as jnp, numpy as np, optax
print("optax", optax.__version__, "jax", jax.__version__)
"""
_STEPS = """\
made = {call}
weights = {{"layer0/kernel": jnp.asarray({kernel}, {dtype}),
           "layer0/bias": jnp.asarray({bias}, {dtype})}}
kernels = np.array({kernels})
biases = np.array({biases})
state = made.init(weights)
for step in range({steps}):
    gradients = {{"layer0/kernel": jnp.asarray(kernels[step % {count}], {dtype}),
                 "layer0/bias": jnp.asarray(biases[step % {count}], {dtype})}}
{nan}    updates, state = made.update(gradients, state, weights)
    weights = optax.apply_updates(weights, updates)
    print(step + 1, *(np.asarray(w, float).ravel() for w in weights.values()))
"""
_SCHEDULE = """\
made = {call}
print(*(float(made(jnp.asarray(step))) for step in (*range(12), 50, 1000)))
"""
_LOSS = """\
inputs = {inputs}
def loss(first):
    value = {name}(first, *inputs[1:]{given})
    return sum(jnp.sum(leaf) for leaf in jax.tree_util.tree_leaves(value)), value
slope, value = jax.grad(loss, has_aux=True)(inputs[0])
print(value, slope)
"""


def written(target: Target, probe: Probe) -> str:
    """Return the script."""
    given = {**target.given, **probe.arguments}
    arguments = ", ".join(f"{name}={_code(value)}" for name, value in given.items())
    start = _START.format(key=probe.key)
    # The name of what stands outside the package's own names: `optax.contrib` is to be imported.
    module = target.name.rpartition(".")[0].partition("(")[0]
    if module != "optax":
        start += f"import {module}\n"
    if target.kind in ("loss", "function"):
        inputs = [_array(value) for value in optax_values.FORMS[probe.setting](Nudge(0))]
        beside = f", {arguments}" if arguments else ""
        text = f"({', '.join(inputs)},)"
        return start + _LOSS.format(inputs=text, name=target.name, given=beside)
    call = f"{target.name}({arguments})"
    if target.kind == "schedule":
        return start + _SCHEDULE.format(call=call)
    weights, slopes = problem.probe().weights, problem.gradients()
    dtypes = {"float32": "jnp.float32", "bfloat16": "jnp.bfloat16"}
    lines = (
        "    if step == 2:\n        gradients = jax.tree.map(lambda g: g * jnp.nan, gradients)\n"
    )
    return start + _STEPS.format(
        call=call,
        kernel=weights[problem.KERNEL].tolist(),
        bias=weights[problem.BIAS].tolist(),
        kernels=slopes[problem.KERNEL].tolist(),
        biases=slopes[problem.BIAS].tolist(),
        dtype=dtypes.get(probe.setting, "jnp.float64"),
        steps=problem.STEPS * (17 if probe.setting == "100 steps" else 1),
        count=problem.STEPS,
        nan=lines if probe.setting == "a step of NaN" else "",
    )


def _array(value: Any) -> str:
    return repr(value) if isinstance(value, float) else f"jnp.asarray({np.asarray(value).tolist()})"


def _code(value: Any) -> str:
    """Return a plain value as code; of a name, the code that stands for it."""
    if isinstance(value, dict) and set(value) == {"$"}:
        return _named()[value["$"]]
    return repr(tuple(value) if isinstance(value, list) else value)


def _named() -> dict[str, str]:
    """Return the bodies of the lambdas in NAMED, by name."""
    tree = ast.parse(inspect.getsource(optax_values))
    table = next(
        node.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "NAMED"
    )
    assert isinstance(table, ast.Dict)
    pairs = zip(table.keys, table.values, strict=True)
    return {
        str(key.value): ast.unparse(made.body).replace("_uniform(5, 3, seed=9)", "np.ones((5, 3))")
        for key, made in pairs
        if isinstance(key, ast.Constant) and isinstance(made, ast.Lambda)
    }
