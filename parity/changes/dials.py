"""What a lane may do otherwise by convention: every other setting of every dial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from parity.case import Case
from parity.changes.change import Change, Followed, Turn
from parity.changes.model import FACTOR_SAYS
from parity.dials import DIALS, Dials

MODEL_DIALS = {
    "loss_at", "gradient", "sum", "class_weights",
    "class_weights_divisor", "leaky_relu_at_zero", "absolute_error_at_zero", "softplus_threshold",
}  # fmt: skip
SAYS: Mapping[str, Mapping[Any, str]] = {
    "eps": {
        "after": "eps stands beside the root of the corrected moment",
        "hat": "eps stands beside the root of the uncorrected moment",
        "inside": "eps stands inside the root",
        "squared inside": "eps stands inside the root, squared",
        "at least": "the root is at least eps, and nothing is added to it",
        "no root": "no root is taken",
    },
    "weight_decay": {
        "coupled": "weight decay is part of the gradient",
        "decoupled": "weight decay is decoupled from the gradient",
    },
    "momentum": {
        "outside": "lr multiplies the momentum buffer",
        "inside": "lr enters the momentum buffer",
        "velocity": "lr enters the momentum buffer, with its sign",
    },
    "gradient": {
        "accumulated": "gradients accumulate from step to step",
        "last step's": "gradients are those of the step before",
        "transposed": "gradients are transposed",
    },
    "loss_at": {
        "after": "the loss is that after the step",
        "mean so far": "the loss is the mean of the losses so far",
    },
    "decay_sign": {"negative": "weight decay makes the weights grow"},
    "decay_at": {
        "before the step": "weights decay before the step",
        "after the step": "weights decay after the step",
        "twice": "weights decay twice",
        "without lr": "weight decay is not multiplied by lr",
        "in the step": "weight decay is part of the step",
    },
    "trust_ratio": {
        "all tensors": "the trust ratio is that of all tensors together",
        "none": "there is no trust ratio",
    },
    "nadam": {"plain": "momentum has no schedule"},
    "constants": {
        "working": "1 - beta and the like are computed in the lane's precision",
        "float32": "1 - beta and the like are computed in float32",
    },
    "correction": {
        "working": "bias corrections are computed in the lane's precision",
        "float32": "bias corrections are computed in float32",
    },
    "sum": {"row means": "the sum is that of the rows' means"},
    "class_weights": {"class": "class weights multiply each class's term, not the row"},
    "class_weights_divisor": {
        "weights": "the mean is divided by the class weights' sum, for integer labels",
        "all weights": "the mean is divided by the class weights' sum",
    },
    "zero_sum": {"no step": "where the sum is zero no step is taken"},
    "lambda2": {"once": "lambda2 counts once", "twice": "lambda2 counts twice"},
    "clip_eps": {1e-6: "norms are clipped a little more, as if 1e-6 larger"},
    "eps_for_zero": {1e-7: "for an eps of 0 it takes 1e-7"},
    "relative_step": {False: "lr is not capped at 1 / sqrt(t)"},
    "parameter_scale": {"after decay": "the step is scaled by the decayed weights"},
    "factored": {"from 128": "matrices are factored from 128 rows and columns on"},
    "first_square": {1.0: "the mean square starts at one"},
    "updates": {2: "every update was applied twice"},
    "frozen": {("kernel",): "kernels were not updated", ("bias",): "biases were not updated"},
    "counted": {
        "from two": "steps are counted from two",
        "not": "steps are not counted",
        "per tensor": "a step is counted for each tensor",
        "per tensor, last first": "a step is counted for each tensor, the last of them first",
    },
    "bias_correction": {
        "none": "there is no bias correction",
        "m only": "the second moment has no bias correction",
        "v only": "the first moment has no bias correction",
        "v by beta1": "the second moment is corrected by beta1",
    },
    "dampening": {"always": "the first step is dampened too"},
    "amsgrad_maximum": {
        "corrected": "the maximum is taken of corrected moments",
        "ignored": "the maximum was ignored",
    },
}


def _dial(name: str, value: Any) -> Turn:
    def turn(case: Case, dials: Dials) -> Followed | None:
        return None if dials.get(name) == value else (case, {**dials, name: value})

    return turn


def _dials() -> list[Change]:
    found = []
    for name, settings in DIALS.items():
        part = "model" if name in MODEL_DIALS else "optimizer"
        for value in settings:
            if name.endswith("_factor") or name == "rounded" or value in (None, ()):
                continue
            says = SAYS.get(name, {}).get(value, f"the dial {name} is {value}")
            found.append(Change(part, name, value, says, _dial(name, value)))
    for value, says in FACTOR_SAYS.items():
        turn = _dial("lr_factor", value)
        found.append(Change("optimizer", "lr_factor", value, f"lr is {says}", turn))
    return found


SIMPLE: tuple[Change, ...] = tuple(_dials())
