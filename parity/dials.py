"""The dials: named conventions on which implementations differ, and what the textbook does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from parity.precision import representable

Dials = Mapping[str, Any]

# What every dial is set to in the textbook, and what else implementations are known to do.
# `products` is not among them: it makes bounds wider, so that it is claimed of a lane whose device
# multiplies in TF32, and never guessed.
DIALS: Mapping[str, tuple[Any, ...]] = {
    # eps beside the root of the corrected moment, of the uncorrected one (Kingma's eps-hat), inside
    # the root, inside and squared, as the least that the root can be, or beside what has no root.
    "eps": ("after", "hat", "inside", "squared inside", "at least", "no root"),
    "weight_decay": ("coupled", "decoupled"),
    "lr_factor": ("1",),
    "decay_sign": ("positive", "negative"),
    # When decoupled decay shrinks the weights, and by how much; in Lamb it is part of the step.
    "decay_at": ("before the step", "after the step", "twice", "without lr", "in the step"),
    # The norms that scale a step: of each tensor, of all together, or none.
    "trust_ratio": ("each tensor", "all tensors", "none"),
    "bias_correction": ("both", "none", "m only", "v only", "v by beta1"),
    # What an optimizer takes for the number of the step.
    "counted": ("steps", "from two", "not", "per tensor", "per tensor, last first"),
    # How often an update is applied, and the tensors (kernels, biases) to which it is not.
    "updates": (1, 2),
    "frozen": ((), ("kernel",), ("bias",)),
    # 1 - beta and the like, and the bias corrections (in Ftrl beta / lr + lambda2): computed in
    # double, then rounded; from start to end in the lane's precision; or in float32 whatever the
    # lane's precision.
    "constants": ("double", "working", "float32"),
    "correction": ("double", "working", "float32"),
    # The numbers that are rounded to float32 before anything is computed with them, in float64
    # runs too: hyperparameters and constants by name, `beta1**t` for what the bias correction sees.
    "rounded": ((),),
    # lr multiplies the momentum buffer, or enters it (and there with its sign: `velocity`).
    "momentum": ("outside", "inside", "velocity"),
    "dampening": ("after first", "always"),
    "amsgrad_maximum": ("raw", "corrected", "ignored"),
    "nadam": ("schedule", "plain"),
    # The running product of mu_t is kept in double, or in a float32 whatever the lane's dtype; or
    # it is multiplied once for each tensor instead of once for each step.
    "mu_product": ("double", "float32", "per tensor"),
    "first_square": (0.0, 1.0),
    "zero_sum": ("step", "no step"),
    # How often Ftrl's lambda2 counts.
    "lambda2": ("once", "twice"),
    # Adafactor: whether 1 / sqrt(t) caps lr, which weights' RMS scales the step, what is factored.
    "relative_step": (True, False),
    "parameter_scale": ("before decay", "after decay"),
    "factored": ("matrices", "from 128"),
    "clip_eps": (0.0, 1e-6),
    # A hyperparameter that the lane fixes.
    "momentum_decay": (None,),
    # What is used for an eps of 0.
    "eps_for_zero": (0.0, 1e-7),
    # Losses, gradients and activations. The factors are those of oracle.FACTORS, by name.
    "loss_at": ("before", "after", "mean so far"),
    "gradient": ("own", "accumulated", "last step's", "transposed"),
    "loss_factor": ("1",),
    "sum": ("elements", "row means"),
    "class_weights": ("row", "class"),
    "class_weights_divisor": ("count", "weights", "all weights"),
    "leaky_relu_at_zero": ("slope", "one"),
    "absolute_error_at_zero": (0.0, 1.0, -1.0),
    "softplus_threshold": (None, 20.0),
}


def held(value: float, name: str, dials: Dials) -> float:
    """Return a number as the lane holds it: rounded to float32 where the dials say so."""
    return float(representable(value, "float32")) if name in dials.get("rounded", ()) else value
