"""Where Keras 3, on each of its backends, differs from the textbook by design."""

from __future__ import annotations

from parity.known.claim import ADAMS, DOUBLE, Claim, by, stated
from parity.known.tensorflow import TENSORFLOW_FUNCTIONS, THROUGH_FLOAT32

_KERAS = stated(
    ("keras@*",),
    "keras",
    ">=3.15.1",
    (
        "sum",
        "row means",
        {"reduction": ("sum",)},
        "reduction='sum' adds up the rows, and a row's loss is its mean over the units",
        "keras/src/losses/losses.py, mean_squared_error",
    ),
    (
        "weight_decay",
        "decoupled",
        {
            "optimizer": (
                "sgd",
                "adam",
                "amsgrad",
                "adamax",
                "nadam",
                "rmsprop",
                "adagrad",
                "adadelta",
                "ftrl",
            ),
            "argument": ("weight_decay",),
        },
        "weight_decay shrinks the weights by lr * weight_decay in every optimizer",
        "keras/src/optimizers/base_optimizer.py, _apply_weight_decay",
    ),
    (
        "momentum",
        "velocity",
        by("sgd", argument=("momentum",)),
        "lr enters the momentum buffer, with its sign",
        "keras/src/optimizers/sgd.py, update_step",
    ),
    (
        "eps",
        "hat",
        by(*ADAMS, "adamax"),
        "eps beside the root of the uncorrected moment",
        "keras/src/optimizers/adam.py, adamax.py",
    ),
    (
        "correction",
        "working",
        by(*ADAMS, "nadam", "lamb"),
        "beta**t is computed in the variable's dtype",
        "keras/src/optimizers/adam.py, nadam.py, lamb.py",
    ),
    (
        "lambda2",
        "twice",
        by("ftrl", argument=("lambda2",)),
        "l2_regularization_strength is half of the paper's lambda2",
        "keras/src/optimizers/ftrl.py, update_step",
    ),
    (
        "decay_at",
        "before the step",
        by("lamb", argument=("weight_decay",)),
        "weight_decay shrinks the weights before the step, and is no part of what the trust ratio "
        "is of",
        "keras/src/optimizers/base_optimizer.py, _apply_weight_decay",
    ),
    (
        "momentum_decay",
        1.0,
        by("nadam"),
        "the momentum schedule is 0.96**t, not 0.96**(0.004 t)",
        "keras/src/optimizers/nadam.py, update_step",
    ),
    (
        "eps",
        "inside",
        by("rmsprop", "adagrad"),
        "eps inside the root",
        "keras/src/optimizers/rmsprop.py, adagrad.py",
    ),
    (
        "momentum",
        "inside",
        by("rmsprop", argument=("momentum",)),
        "lr enters the momentum buffer",
        "keras/src/optimizers/rmsprop.py, update_step",
    ),
    (
        "parameter_scale",
        "after decay",
        by("adafactor", argument=("weight_decay",)),
        "weights decay before the step is scaled by their root mean square",
        "keras/src/optimizers/base_optimizer.py, apply",
    ),
)
_KERAS_CAST = stated(
    ("keras@tensorflow", "keras@tensorflow:*", "keras@jax", "keras@jax:*"),
    "keras",
    ">=3.15.1",
    (
        "constants",
        "working",
        by("nadam", "lion"),
        "1 - beta is computed in the variable's dtype",
        "keras/src/optimizers/nadam.py, lion.py",
    ),
)
_KERAS_TENSORFLOW = stated(
    ("keras@tensorflow", "keras@tensorflow:*"),
    "keras",
    ">=3.15.1",
    *TENSORFLOW_FUNCTIONS,
    (
        "rounded",
        ("weight_decay",),
        {"argument": ("weight_decay",), "dtype": DOUBLE},
        f"weight_decay: {THROUGH_FLOAT32}",
        "keras/src/optimizers/base_optimizer.py, _apply_weight_decay",
    ),
    (
        "rounded",
        ("momentum",),
        by("sgd", argument=("momentum",), dtype=DOUBLE),
        f"momentum: {THROUGH_FLOAT32}",
        "keras/src/optimizers/sgd.py, update_step",
    ),
    (
        "rounded",
        ("beta1**t", "beta2**t"),
        by(*ADAMS, "adamax", "lamb", dtype=DOUBLE),
        f"the betas of the bias corrections: {THROUGH_FLOAT32}",
        "keras/src/optimizers/adam.py, lamb.py, update_step",
    ),
    (
        "rounded",
        ("beta1", "beta2", "beta2**t", "0.96"),
        by("nadam", dtype=DOUBLE),
        f"the betas and 0.96: {THROUGH_FLOAT32}",
        "keras/src/optimizers/nadam.py, update_step",
    ),
    (
        "rounded",
        ("beta1", "beta2"),
        by("lion", dtype=DOUBLE),
        f"the betas: {THROUGH_FLOAT32}",
        "keras/src/optimizers/lion.py, update_step",
    ),
    (
        "rounded",
        ("eps2",),
        by("adafactor", dtype=DOUBLE),
        f"epsilon_2: {THROUGH_FLOAT32}",
        "keras/src/optimizers/adafactor.py, update_step",
    ),
    (
        "rounded",
        ("initial_accumulator",),
        by("adagrad", "ftrl", argument=("initial_accumulator",), dtype=DOUBLE),
        f"the initial accumulator: {THROUGH_FLOAT32}",
        "keras/src/optimizers/adagrad.py, ftrl.py, build",
    ),
    (
        "rounded",
        ("l2",),
        {"l2": (True,), "dtype": DOUBLE},
        f"the factor of regularizers.L2: {THROUGH_FLOAT32}",
        "keras/src/regularizers/regularizers.py, L2",
    ),
)

CLAIMS: tuple[Claim, ...] = (*_KERAS, *_KERAS_CAST, *_KERAS_TENSORFLOW)
