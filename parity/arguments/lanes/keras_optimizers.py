"""What the optimizers of both Keras lines have in common: schedules, and the oracle's spelling."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from parity.arguments import problem
from parity.arguments.problem import BIAS, KERNEL, STEPS
from parity.arguments.target import Call, Run, arguments_of
from parity.compare import Status
from parity.lanes.spelling import KERAS_CLIPS, Spelling
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
    module: Any,
    spellings: Mapping[str, Spelling],
    kind: type,
    call: Call,
    run: Run,
) -> Status | None:
    """Return what the oracle says of a run of class `kind` in the spelling of a Keras lane."""
    given = {**arguments_of(kind), **call.arguments}
    for name, spelling in spellings.items():
        if not spelling.is_of(module, kind, given):
            continue
        known = spelling.of(HYPERPARAMETERS[name])
        clip = [(k, given[a]) for k, a in KERAS_CLIPS.items() if given.get(a) is not None]
        others = {*call.arguments} - {*known.arguments.values(), *spelling.switches}
        others -= {*KERAS_CLIPS.values(), "learning_rate", "name"}
        if others or len(clip) > 1 or not isinstance(given["learning_rate"], float):
            return None
        chosen = known.read(given)
        limit = Clip(*clip[0]) if clip and type(clip[0][1]) is float and clip[0][1] else None
        rates = (given["learning_rate"],) * STEPS
        seen = {key: value for key, value in run.seen.items() if key in (KERNEL, BIAS)}
        return problem.verdict(lane, name, chosen, rates, limit, seen)
    return None
