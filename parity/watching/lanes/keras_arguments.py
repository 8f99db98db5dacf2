"""What a Keras optimizer, of either line, was told: as it is in effect, in the oracle's words."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

RULES: Mapping[str, str] = {
    "SGD": "sgd",
    "Adam": "adam",
    "AdamW": "adamw",
    "Adamax": "adamax",
    "Nadam": "nadam",
    "RMSprop": "rmsprop",
    "Adagrad": "adagrad",
    "Adadelta": "adadelta",
    "Lion": "lion",
    "Lamb": "lamb",
    "Ftrl": "ftrl",
}
# What the oracle has and a watch cannot judge.
APART: Mapping[str, str] = {
    "Adafactor": "Adafactor works on whole tensors, and a watch records elements of them"
}
SPELLINGS: Mapping[str, str] = {
    "beta_1": "beta1",
    "beta_2": "beta2",
    "epsilon": "eps",
    "initial_accumulator_value": "initial_accumulator",
    "learning_rate_power": "power",
    "l1_regularization_strength": "lambda1",
    "l2_regularization_strength": "lambda2",
    "l2_shrinkage_regularization_strength": "shrinkage",
}
_NEGATED = ("learning_rate_power",)  # what the oracle takes with the other sign
CLIPS: Mapping[str, str] = {
    "clipnorm": "norm",
    "global_clipnorm": "global_norm",
    "clipvalue": "value",
}
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
            found[SPELLINGS.get(name, name)] = -number if name in _NEGATED else number
    if getattr(optimizer, "amsgrad", False):
        found["rule"] = "amsgrad"
    limits = {kind: _limit(optimizer, name) for name, kind in CLIPS.items()}
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
