"""Where JAX with optax differs from the textbook by design."""

from __future__ import annotations

from parity.known.claim import FULL, Claim, by, stated

_JAX = stated(
    ("jax", "jax:*"),
    "optax",
    ">=0.2.8",
    (
        "amsgrad_maximum",
        "corrected",
        by("amsgrad"),
        "the maximum is taken of the bias-corrected moments",
        "optax/_src/transform.py, scale_by_amsgrad",
    ),
    (
        "nadam",
        "plain",
        by("nadam"),
        "Adam with a Nesterov term and no momentum schedule",
        "optax/_src/transform.py, scale_by_adam",
    ),
    (
        "eps",
        "after",
        by("radam"),
        "eps beside the root of the corrected moment",
        "optax/_src/transform.py, scale_by_radam",
    ),
    (
        "eps",
        "inside",
        by("rmsprop", "adagrad"),
        "eps inside the root",
        "optax/_src/transform.py, scale_by_rms, scale_by_rss",
    ),
    (
        "momentum",
        "velocity",
        by("rmsprop", argument=("momentum",)),
        "lr enters the momentum buffer, with its sign",
        "optax/_src/alias.py, rmsprop",
    ),
    (
        "zero_sum",
        "no step",
        by("adagrad"),
        "nothing moves where the sum of squares is zero, which tiny gradients leave it",
        "optax/_src/transform.py, scale_by_rss",
    ),
    (
        "relative_step",
        False,
        by("adafactor"),
        "lr multiplies the step as it is, 1 / sqrt(t) is no cap",
        "optax/_src/alias.py, adafactor",
    ),
    (
        "factored",
        "from 128",
        by("adafactor"),
        "a matrix is factored where it has 128 rows and columns (min_dim_size_to_factor)",
        "optax/_src/factorized.py, _factored_dims",
    ),
    (
        "decay_at",
        "without lr",
        by("adafactor", argument=("weight_decay",)),
        "weight_decay is not multiplied by lr, behind which it is added",
        "optax/_src/alias.py, adafactor",
    ),
    (
        "correction",
        "float32",
        by("adafactor"),
        "beta2_t is computed in float32, whatever the parameters' dtype",
        "optax/_src/factorized.py, _decay_rate_pow",
    ),
    (
        "correction",
        "working",
        by("adam", "adamw", "amsgrad", "nadam", "radam", "lamb", dtype=FULL),
        "beta**t is computed in the parameters' dtype, or in float32 if that is finer",
        "optax/_src/transform.py, by way of optax.tree.bias_correction",
    ),
)
_JAX_FUNCTIONS = stated(
    ("jax", "jax:*", "keras@jax", "keras@jax:*"),
    "jax",
    ">=0.10",
    (
        "leaky_relu_at_zero",
        "one",
        {"activation": ("leaky_relu",)},
        "the slope at exactly zero is that of the positive side",
        "jax/_src/nn/functions.py, leaky_relu",
    ),
)
_AT_ZERO = {"loss": ("absolute_error",)}
_ABS_RULE = "jax/_src/lax/lax.py, _abs_jvp_rule"
_JAX_ABSOLUTE = stated(
    ("jax", "jax:*"),
    "jax",
    ">=0.10",
    (
        "absolute_error_at_zero",
        1.0,
        _AT_ZERO,
        "the derivative of abs at exactly zero is one",
        _ABS_RULE,
    ),
)
_KERAS_ABSOLUTE = stated(
    ("keras@jax", "keras@jax:*"),
    "jax",
    ">=0.10",
    (
        "absolute_error_at_zero",
        -1.0,
        _AT_ZERO,
        "the derivative of abs at exactly zero is one, and Keras takes it of y - z",
        _ABS_RULE,
    ),
)
_JAX_TRACED = stated(
    ("jax",),
    "optax",
    ">=0.2.8",
    (
        "constants",
        "working",
        {"dtype": FULL},
        "the lane traces hyperparameters, so that they are arrays of the parameters' dtype, or of "
        "float32 if that is finer",
        "parity/lanes/jax.py",
    ),
)

CLAIMS: tuple[Claim, ...] = (
    *_JAX,
    *_JAX_FUNCTIONS,
    *_JAX_ABSOLUTE,
    *_KERAS_ABSOLUTE,
    *_JAX_TRACED,
)
