"""What a Keras optimizer, of either line, was told: as it is in effect, in the oracle's words."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from parity.lanes.spelling import KERAS_ARGUMENTS, KERAS_CLIPS, KERAS_NEGATED

_SPELLINGS = {theirs: name for name, theirs in KERAS_ARGUMENTS.items()}
# What the oracle does not follow, by the attribute that holds it.
_BEYOND = ("use_ema", "gradient_accumulation_steps", "loss_scale_factor")


def told(optimizer: Any) -> dict[str, Any]:
    """Return the arguments in effect but for the learning rate."""
    found: dict[str, Any] = {}
    for name in inspect.signature(type(optimizer).__init__).parameters:
        if name == "learning_rate":
            continue
        # Legacy optimizers keep some arguments under a name of their own.
        number = _number(getattr(optimizer, name, getattr(optimizer, f"_{name}", None)))
        if number is not None:
            spelled = _SPELLINGS.get(name, name)
            found[spelled] = -number if spelled in KERAS_NEGATED else number
    if getattr(optimizer, "amsgrad", False):
        found["rule"] = "amsgrad"
    limits = {kind: _limit(optimizer, name) for kind, name in KERAS_CLIPS.items()}
    clips = [[kind, limit] for kind, limit in limits.items() if limit is not None]
    if clips:
        found["clip"] = clips[0]
    if len(clips) > 1:
        found["why"] = "gradients are clipped in two ways at once"
    return found


def why(optimizer: Any, variables: Any) -> str:
    """Return why updates can't be judged, if they can't."""
    for name in _BEYOND:
        if getattr(optimizer, name, None):
            return f"the oracle has no {name}={getattr(optimizer, name)!r}"
    if any(getattr(variable, "constraint", None) is not None for variable in variables):
        return "the oracle has no constraints on weights"
    return ""


def _limit(optimizer: Any, name: str) -> float | None:
    value = _number(getattr(optimizer, name, None))
    return value if value is not None and value > 0 else None


def _number(value: Any) -> float | None:
    if value is None or isinstance(value, (str, tuple, list, dict)) or callable(value):
        return None
    try:
        array = np.asarray(value)
        return float(array) if array.ndim == 0 and array.dtype.kind in "fiub" else None
    except (TypeError, ValueError, RuntimeError):
        return None
