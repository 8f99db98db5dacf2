"""optax's optimizers, losses and schedules, as the audit finds and calls them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from parity.arguments import problem
from parity.arguments.problem import BIAS, EARLY, KERNEL, STEPS
from parity.arguments.target import CONSTRUCTOR, REQUIRED, Array, Call, Run, Target, arguments_of
from parity.compare import Status
from parity.lanes.spelling import OPTAX
from parity.parts import OPTIMIZERS as HYPERPARAMETERS

_MASK = {KERNEL: True, BIAS: False}
_VALUES: Mapping[str, tuple[Any, ...]] = {
    **dict.fromkeys(("mask", "weight_decay_mask", "trust_ratio_mask"), (_MASK,)),
    **dict.fromkeys(("mu_dtype", "accumulator_dtype", "dtype_momentum"), (jnp.float32,)),
    "linesearch": (None,),
    "key": (jax.random.key(3),),
    **dict.fromkeys(("alpha", "beta"), (0.6, 0.3)),
}
# What a call must give where there is no default.
_GIVEN: Mapping[str, Any] = {
    "learning_rate": 0.1,
    "init_value": 0.4,
    "end_value": 0.1,
    "peak_value": 0.9,
    "value": 0.3,
    "decay_steps": 8,
    "transition_steps": 6,
    "decay_rate": 0.5,
    "warmup_steps": 3,
    "power": 2.0,
}


def targets() -> list[Target]:
    """Return every optimizer, loss and schedule of optax."""
    return [*_optimizers(), *_losses(), *_schedules()]


def _offered(module: Any) -> list[tuple[str, Callable[..., Any], Any]]:
    """Return a module's public functions, each once, with what they say that they return."""
    found: dict[Any, tuple[str, Callable[..., Any], Any]] = {}
    for name, value in sorted(vars(module).items()):
        if inspect.isfunction(value) and name[0] != "_":
            told = inspect.signature(value).return_annotation
            found.setdefault(value, (name, value, told))
    return list(found.values())


def _optimizers() -> list[Target]:
    found = []
    for name, make, told in _offered(optax):
        arguments = arguments_of(make)
        if "GradientTransformation" not in str(told) or "learning_rate" not in arguments:
            continue
        floats = {n for n, v in arguments.items() if n == "learning_rate" or type(v) is float}
        found.append(
            Target(
                name=f"optax.{name}",
                arguments=arguments,
                run=functools.partial(_train, make),
                doc=make.__doc__ or "",
                given=_given(arguments),
                trials=(*CONSTRUCTOR, "values", "schedule"),
                values={**_VALUES, "(schedules)": tuple((n, (_SCHEDULE,)) for n in floats)},
                early=EARLY,
                judge=functools.partial(_judge, make),
            )
        )
    return found


_SCHEDULE = ("exponential_decay(0.3, 1, 0.5)", optax.exponential_decay(0.3, 1, 0.5), 0.3)


def _given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {n: _GIVEN[n] for n, v in arguments.items() if v is REQUIRED and n in _GIVEN}


def _train(make: Callable[..., Any], call: Call) -> Run:
    transformation = make(**call.arguments)  # first: most calls of an audit are refused
    weights = {name: jnp.asarray(value) for name, value in problem.probe().weights.items()}
    state = transformation.init(weights)
    seen: dict[str, list[Array]] = {name: [np.array(w)] for name, w in weights.items()}
    for step in range(call.steps or STEPS):
        gradients = {name: jnp.asarray(g[step]) for name, g in problem.gradients().items()}
        extra: dict[str, Any] = {}
        if "linesearch" in arguments_of(make):
            loss = functools.partial(_loss, gradients)
            value, gradients = jax.value_and_grad(loss)(weights)
            extra = {"value": value, "grad": gradients, "value_fn": loss}
        updates, state = transformation.update(gradients, state, weights, **extra)
        weights = optax.apply_updates(weights, updates)
        for name, weight in weights.items():
            seen[name].append(np.array(weight))
    leaves = [leaf for leaf in jax.tree.leaves(state) if getattr(leaf, "ndim", 0)]
    kept = {str(number): np.asarray(leaf, np.float64) for number, leaf in enumerate(leaves)}
    return Run({name: np.stack(values) for name, values in seen.items()}, kept)


def _loss(slopes: Mapping[str, Any], weights: Mapping[str, Any]) -> Any:
    """Return a quadratic, for optimizers that look for a step's length."""
    parts = [
        jnp.sum(0.5 * (1 + jnp.arange(w.size).reshape(w.shape)) * w**2 + slopes[n] * w)
        for n, w in weights.items()
    ]
    return sum(parts)


def _judge(make: Callable[..., Any], call: Call, run: Run) -> Status | None:
    given = {**arguments_of(make), **call.arguments}
    for name, spelling in OPTAX.items():
        if not spelling.is_of(optax, make, given) or not isinstance(given["learning_rate"], float):
            continue
        known = spelling.of(HYPERPARAMETERS[name])
        changed = {k for k, v in call.arguments.items() if v is not arguments_of(make).get(k)}
        if changed - {*known.arguments.values(), "learning_rate"}:
            return None
        chosen = known.read(given)
        rates = (given["learning_rate"],) * STEPS
        return problem.verdict("jax:plain", name, chosen, rates, None, run.seen)
    return None


def _schedules() -> list[Target]:
    found = []
    for name, make, told in _offered(optax.schedules):
        arguments = arguments_of(make)
        given = _given(arguments)
        required = {n for n, v in arguments.items() if v is REQUIRED}
        if told != optax.Schedule or required - set(given):
            continue
        numbers = {n: (_GIVEN[n] * 1.5,) for n in arguments if n in _GIVEN}
        # A bound that is reached, and not at once, from where the schedule comes down.
        numbers["end_value"] = (0.7 if "peak_value" in arguments else 0.37,)
        found.append(
            Target(
                name=f"optax.{name}",
                arguments=arguments,
                run=functools.partial(_values, make),
                doc=make.__doc__ or "",
                given=given,
                trials=(*CONSTRUCTOR, "values", "zero"),
                values=numbers,
            )
        )
    return found


def _values(make: Callable[..., Any], call: Call) -> Run:
    schedule = make(**call.arguments)
    return Run({"values": np.array([float(schedule(step)) for step in range(12)])})


def _random(*shape: int, seed: int = 3) -> Any:
    return jnp.asarray(np.random.default_rng(seed).uniform(0.1, 0.9, shape))


_LABELS = np.array([0, 1, 2, 1, 0])
FORMS: Mapping[str, Callable[[], tuple[Any, ...]]] = {
    "values": lambda: (_random(5, 3), _random(5, 3, seed=4)),
    "one-hot": lambda: (_random(5, 3), jnp.eye(3)[_LABELS]),
    "labels": lambda: (_random(5, 3), jnp.asarray(_LABELS)),
    "triplets": lambda: (_random(5, 3), _random(5, 3, seed=4), _random(5, 3, seed=5)),
    "sequences": lambda: (
        _random(2, 6, 4),
        jnp.zeros((2, 6)),
        jnp.asarray([[1, 2], [2, 3]]),
        jnp.zeros((2, 2)),
    ),
}
_LOSS_VALUES: Mapping[str, tuple[Any, ...]] = {
    "where": (np.array([[True, False, True]] * 5),),
    "class_weights": (jnp.asarray([0.5, 2.0, 3.0]),),
    "weights": (_random(5, 3, seed=9),),
    "reduce_fn": (jnp.sum,),
    "alpha": (0.7, 0.2),
    "beta": (0.7, 0.2),
    "gamma": (1.0, 3.0),
    "epsilon": (0.5, 1.0),
    "eps": (0.03, 0.2),
}


def _losses() -> list[Target]:
    found = []
    for name, make, _ in _offered(optax.losses):
        arguments = arguments_of(make)
        required = sum(value is REQUIRED for value in arguments.values())
        evaluate = functools.partial(_evaluate, make)
        settings = tuple(
            form for form in FORMS if len(FORMS[form]()) >= required and _takes(evaluate, form)
        )
        if settings:
            count = len(FORMS[settings[0]]())
            found.append(
                Target(
                    name=f"optax.losses.{name}",
                    arguments=dict(list(arguments.items())[count:]),
                    run=evaluate,
                    doc=make.__doc__ or "",
                    settings=settings,
                    strict=True,
                    trials=(*CONSTRUCTOR, "values"),
                    values=_LOSS_VALUES,
                )
            )
    return found


def _takes(evaluate: Callable[[Call], Run], form: str) -> bool:
    try:
        evaluate(Call(setting=form))
    except (ValueError, TypeError, IndexError, AssertionError, AttributeError):
        return False
    return True


def _evaluate(make: Callable[..., Any], call: Call) -> Run:
    first, *others = FORMS[call.setting]()
    inspect.signature(make).bind(first, *others, **call.arguments)  # before any tracing

    def loss(inputs: Any) -> tuple[Any, Any]:
        value = make(inputs, *others, **call.arguments)
        return jnp.sum(value), value

    slope, value = jax.grad(loss, has_aux=True)(first)
    return Run({"loss": np.asarray(value), "gradient": np.asarray(slope)})
