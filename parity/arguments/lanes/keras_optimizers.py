"""What the optimizers of both Keras lines have in common: schedules, and the oracle's spelling."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from parity.arguments import problem
from parity.arguments.problem import BIAS, KERNEL, STEPS
from parity.arguments.target import Call, Run, arguments_of
from parity.compare import Status
from parity.parts import OPTIMIZERS as HYPERPARAMETERS
from parity.parts import Clip


def schedules_of(library: Any, start: float) -> tuple[tuple[str, Any, float], ...]:
    """Return schedules that begin at `start`: Keras' own, and functions with and without step."""
    own = library.optimizers.schedules.ExponentialDecay(start, 1, 0.5)
    return (
        ("ExponentialDecay(0.25, 1, 0.5)", own, start),
        ("lambda step=0: 0.25 / (1 + step)", lambda step=0: start / (1.0 + step), start),
    )


def has(make: Callable[..., Any], name: str) -> bool:
    """Return whether the optimizer has an attribute."""
    return hasattr(_made(make), name)


@functools.cache
def _made(make: Callable[..., Any]) -> Any:
    return make()


def judged(
    lane: str,
    builders: Mapping[str, Callable[..., Any]],
    spelled: Mapping[str, str],
    clips: Mapping[str, str],
    kind: type,
    call: Call,
    run: Run,
) -> Status | None:
    """Return what the oracle says of a run of class `kind` in the spelling of a Keras lane."""
    given = {**arguments_of(kind), **call.arguments}
    for name, build in builders.items():
        fixed = getattr(build, "keywords", {})
        if getattr(build, "func", build) is not kind:
            continue
        if any(given.get(key) is not value for key, value in fixed.items()):
            continue
        if not fixed and given.get("amsgrad"):
            continue
        known = {spelled.get(key, key): key for key in HYPERPARAMETERS[name]}
        clip = [(k, given[a]) for k, a in clips.items() if given.get(a) is not None]
        others = {*call.arguments} - {*known, *fixed, *clips.values(), "learning_rate", "name"}
        if others or len(clip) > 1 or not isinstance(given["learning_rate"], float):
            return None
        chosen = {
            known[key]: given[key] if given[key] is not None else 0.0
            for key in known
            if key in given
        }
        limit = Clip(*clip[0]) if clip and type(clip[0][1]) is float and clip[0][1] else None
        rates = (given["learning_rate"],) * STEPS
        seen = {key: value for key, value in run.seen.items() if key in (KERNEL, BIAS)}
        return problem.verdict(lane, name, chosen, rates, limit, seen)
    return None
