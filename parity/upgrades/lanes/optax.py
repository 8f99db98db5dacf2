"""Everything that optax offers, found by asking, made with guessed arguments, and run."""

from __future__ import annotations

import functools
import importlib
import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from parity.arguments import problem
from parity.lanes.jax_cache import keep_compiled
from parity.upgrades.lanes.optax_values import FORMS, GIVEN, NAMED, VALUES
from parity.upgrades.probe import REQUIRED, Array, Arrays, Nudge, Probe, Target, shown

keep_compiled()  # a release compiles what the other one has compiled
with suppress(AttributeError):  # of a release that has no such setting
    jax.config.update("jax_traceback_filtering", "off")  # a third of what a refusal costs
STEPS = problem.STEPS
_RUNS, _KEPT = itertools.count(1), 100
_MODULES = (
    *("optax", "optax.losses", "optax.schedules", "optax.transforms", "optax.projections"),
    *("optax.contrib", "optax.assignment", "optax.second_order", "optax.perturbations"),
)
NAN, SINGLE, BRAIN, LONG = "a step of NaN", "float32", "bfloat16", "100 steps"
_KINDS = ("optimizer", "transformation", "wrapper")
_INNER = ("inner", "opt", "optimizer", "base_optimizer", "tx", "inner_optimizer", "transform")
_FACTORIES = ("inject_hyperparams", "inject_stateful_hyperparams")


@functools.cache
def _offered() -> Mapping[str, Callable[..., Any]]:
    """Return what is public by its full name, each under its shortest one."""
    found: dict[int, tuple[str, Any]] = {}
    for path in _MODULES:
        try:
            module = importlib.import_module(path)
        except ImportError:  # a release that does not have it
            continue
        for name, value in sorted(vars(module).items()):
            # What states are made of is no call that anybody makes.
            if name[0] == "_" or not callable(value) or name.endswith("State"):
                continue
            if not getattr(value, "__module__", "").startswith("optax"):
                continue
            found.setdefault(id(value), (f"{path}.{name}", value))
    offered = dict(sorted(found.values(), key=lambda entry: entry[0]))
    for factory in _FACTORIES:
        if hasattr(optax, factory):
            for name in ("adam", "sgd", "rmsprop"):
                made = functools.partial(_injected, getattr(optax, factory), getattr(optax, name))
                offered[f"optax.{factory}({name})"] = made
    return offered


def _injected(wrap: Callable[..., Any], make: Callable[..., Any], **arguments: Any) -> Any:
    return wrap(make)(**arguments)


def targets() -> list[Target]:
    """Return what can be made with guessed arguments, and what it then is."""
    return [target for name in _offered() if (target := _target(name)) is not None]


@functools.cache
def _target(name: str) -> Target | None:
    make = _offered()[name]
    arguments = _arguments(name)
    if arguments is None:
        return None
    shapes = {n: shown(v) if v is not REQUIRED else REQUIRED for n, v in arguments.items()}
    given = {n: GIVEN[n] for n, v in arguments.items() if v is REQUIRED and n in GIVEN}
    if "(" in name:  # a factory that injects what is given
        given = {"learning_rate": {"$": "exponential decay"}}
    required = [n for n, v in arguments.items() if v is REQUIRED]
    kind = _kind(make, given) if set(required) <= set(given) else None
    if kind is not None:
        if any(n in _INNER for n in given):
            kind = "wrapper"
        elif kind == "transformation" and "learning_rate" in arguments:
            kind = "optimizer"
        settings = ("", NAN, SINGLE, BRAIN, LONG) if kind in _KINDS else ("",)
        return Target(name, kind, shapes, given, settings, VALUES, alone=("",))
    kind = "loss" if "losses" in make.__module__ else "function"
    for form in FORMS if inspect.isfunction(make) else ():
        count = _count(form)
        if len(required) <= count <= len(arguments) and _takes(make, form):
            rest = dict(list(shapes.items())[count:])
            forms = [other for other in FORMS if _count(other) == count and _takes(make, other)]
            return Target(name, kind, rest, {}, tuple(forms), VALUES)
    return Target(name, "other", shapes, {"(not tried)": True}, ()) if shapes else None


def _arguments(name: str) -> dict[str, Any] | None:
    make = _offered()[name]
    if isinstance(make, functools.partial):
        make = make.args[1]
    try:
        parameters = inspect.signature(make).parameters.values()
    except (TypeError, ValueError):
        return None
    plain = [p for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    return {p.name: REQUIRED if p.default is p.empty else p.default for p in plain}


def _kind(make: Callable[..., Any], given: Mapping[str, Any]) -> str | None:
    """Return what is made by a call with what is given; None if it is nothing that can be run."""
    try:
        made = make(**_values(given))
    except Exception:  # noqa: BLE001  # not made to be called so
        return None
    if hasattr(made, "init") and hasattr(made, "update"):
        return "transformation"
    if callable(made) and not isinstance(made, type):
        try:
            return "schedule" if np.ndim(made(0)) == 0 else None
        except Exception:  # noqa: BLE001  # a function of something else
            return None
    return None


def _values(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments with what stands for their names."""
    return {name: _value(value) for name, value in given.items()}


def _value(value: Any) -> Any:
    if isinstance(value, dict) and set(value) == {"$"}:
        return NAMED[value["$"]]()
    return tuple(value) if isinstance(value, list) else value


def run(probe: Probe, nudge: Nudge) -> Arrays:
    """Run a probe: steps with known gradients, the values of a schedule, a loss and its slope."""
    if next(_RUNS) % _KEPT == 0:
        jax.clear_caches()  # every call compiles something, and memory is not endless
    target = _target(probe.target)
    assert target is not None
    make = _offered()[probe.target]
    others = target.kind == "other"  # what it has here makes nothing; another release's may
    given = _values(probe.arguments if others else {**target.given, **probe.arguments})
    if target.kind in ("loss", "function"):
        return _evaluate(make, probe.setting, given, nudge)
    if target.kind == "schedule":
        schedule = make(**given)
        steps = (*range(12), 50, 1000)
        return {"values": np.array([float(schedule(jnp.asarray(step))) for step in steps])}
    made = make(**given)
    if others and not (hasattr(made, "init") and hasattr(made, "update")):
        raise NotImplementedError("offered, and not tried")
    return _train(made, probe.setting, nudge)


def _train(transformation: Any, setting: str, nudge: Nudge) -> Arrays:
    dtype = {SINGLE: "float32", BRAIN: "bfloat16"}.get(setting, "float64")
    start = {n: nudge(w) for n, w in problem.probe().weights.items()}
    slopes = {n: nudge(g) for n, g in problem.gradients().items()}
    weights = {n: jnp.asarray(w, dtype) for n, w in start.items()}
    state = transformation.init(weights)
    rounds = STEPS * 17 if setting == LONG else STEPS
    seen: dict[str, list[Array]] = {n: [np.asarray(w)] for n, w in start.items()}
    moved: dict[str, list[Array]] = {n: [] for n in start}
    for step in range(rounds):
        gradients = {n: jnp.asarray(g[step % STEPS], dtype) for n, g in slopes.items()}
        if setting == NAN and step == 2:
            gradients = {n: jnp.full_like(g, jnp.nan) for n, g in gradients.items()}
        extra = _extra(transformation.update, gradients, weights)
        updates, state = transformation.update(gradients, state, weights, **extra)
        weights = optax.apply_updates(weights, updates)
        for name, weight in weights.items():
            seen[name].append(np.asarray(weight, np.float64))
            moved[name].append(np.asarray(updates[name], np.float64))
    return {
        **{f"{n} by step": _as(np.stack(v), dtype) for n, v in seen.items()},
        **{f"update of {n} by step": _as(np.stack(v), dtype) for n, v in moved.items()},
        **{f"state{path}": leaf for path, leaf in _leaves(state)},
    }


def _as(values: Array, dtype: str) -> Array:
    """Return values in the precision they were made in, so that its unit is known."""
    return values if dtype == "float64" else np.asarray(jnp.asarray(values, dtype))


def _leaves(state: Any) -> Iterator[tuple[str, Array]]:
    for path, leaf in jax.tree_util.tree_flatten_with_path(state)[0]:
        if getattr(leaf, "dtype", None) is None and not np.isscalar(leaf):
            continue
        with suppress(TypeError):  # a random key is no number
            array = np.asarray(leaf)
            if array.dtype.kind in "fiub":
                yield jax.tree_util.keystr(path), array


def _extra(update: Callable[..., Any], gradients: Any, weights: Any) -> dict[str, Any]:
    """Return what an update asks for by name beside gradients, state and weights."""

    def loss(tree: Any) -> Any:
        parts = [
            jnp.sum(0.5 * (1 + jnp.arange(w.size).reshape(w.shape)) * w**2 + gradients[n] * w)
            for n, w in tree.items()
        ]
        return sum(parts)

    try:
        asked = set(inspect.signature(update).parameters)
    except (TypeError, ValueError):
        return {}
    offered = {"value_fn": loss, "key": jax.random.PRNGKey(7)}
    if asked & {"value", "value_fn", "grad", "obj_fn", "loss"}:
        offered |= {
            "value": loss(weights),
            "grad": gradients,
            "obj_fn": loss,
            "loss": loss(weights),
        }
    return {name: value for name, value in offered.items() if name in asked}


def _evaluate(
    make: Callable[..., Any], form: str, given: Mapping[str, Any], nudge: Nudge
) -> Arrays:
    slope, values = _sloped(make, FORMS[form](nudge), given)
    found = {f"value {n}" if n else "value": np.asarray(v) for n, v in enumerate(values)}
    return {**found, "gradient": np.asarray(slope)}


def _sloped(make: Callable[..., Any], inputs: tuple[Any, ...], given: Mapping[str, Any]) -> Any:
    """Return the gradient of the sum of what comes out, and what comes out."""
    first, *others = inputs
    inspect.signature(make).bind(first, *others, **given)  # before any tracing

    def loss(moved: Any) -> tuple[Any, Any]:
        leaves = jax.tree_util.tree_leaves(make(moved, *others, **given))
        return sum(jnp.sum(leaf) for leaf in leaves), leaves

    return jax.grad(loss, has_aux=True)(first)


@functools.cache
def _count(form: str) -> int:
    return len(FORMS[form](Nudge(0)))


def _takes(make: Callable[..., Any], form: str) -> bool:
    """Return whether a function takes inputs of that form, by tracing it alone."""
    try:
        jax.eval_shape(lambda: _sloped(make, FORMS[form](Nudge(0)), {})[0])
    except Exception:  # noqa: BLE001  # not made for these inputs
        return False
    return True


def script(probe: Probe) -> str:
    """Return a script that makes a probe's call by itself and prints what comes of it."""
    target = _target(probe.target)
    if target is None:
        raise ValueError(f"{probe.target} is not offered here")
    from parity.upgrades.lanes.optax_script import written

    return written(target, probe)
