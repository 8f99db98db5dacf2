"""Where Keras 2 (tf_keras) differs from the textbook by design."""

from __future__ import annotations

from parity.known.claim import ADAMS, DOUBLE, Claim, by, stated
from parity.known.tensorflow import THROUGH_FLOAT32

_TF_KERAS_SHARED = stated(
    ("tf_keras", "tf_keras:*"),
    "tf_keras",
    ">=2.21",
    (
        "sum",
        "row means",
        {"reduction": ("sum",)},
        "reduction='sum' adds up the rows, and a row's loss is its mean over the units",
        "tf_keras/src/losses.py, mean_squared_error",
    ),
    (
        "eps",
        "hat",
        by(*ADAMS, "adamax"),
        "eps beside the root of the uncorrected moment",
        "tf_keras/src/optimizers/adam.py; legacy: optimizer_v2/adam.py",
    ),
    (
        "momentum",
        "velocity",
        by("sgd", argument=("momentum",)),
        "lr enters the momentum buffer, with its sign",
        "tf_keras/src/optimizers/sgd.py; legacy: gradient_descent.py",
    ),
    (
        "lambda2",
        "twice",
        by("ftrl", argument=("lambda2",)),
        "l2_regularization_strength is half of the paper's lambda2",
        "tf_keras/src/optimizers/ftrl.py, update_step; legacy: ftrl.py, _resource_apply_dense",
    ),
    (
        "rounded",
        ("delta",),
        {"loss": ("huber",), "dtype": DOUBLE},
        f"delta: {THROUGH_FLOAT32}",
        "tf_keras/src/losses.py, huber",
    ),
)

_TF_KERAS = stated(
    ("tf_keras", "tf_keras:fit"),
    "tf_keras",
    ">=2.21",
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
        "tf_keras/src/optimizers/optimizer.py, apply_weight_decay",
    ),
    (
        "rounded",
        ("weight_decay",),
        {"argument": ("weight_decay",), "dtype": DOUBLE},
        f"weight_decay: {THROUGH_FLOAT32}",
        "tf_keras/src/optimizers/optimizer.py, apply_weight_decay",
    ),
    (
        "rounded",
        ("momentum",),
        by("sgd", argument=("momentum",), dtype=DOUBLE),
        f"momentum: {THROUGH_FLOAT32}",
        "tf_keras/src/optimizers/sgd.py",
    ),
    (
        "rounded",
        ("beta1**t", "beta2**t"),
        by(*ADAMS, "adamax", dtype=DOUBLE),
        f"the betas of the bias corrections: {THROUGH_FLOAT32}",
        "tf_keras/src/optimizers/adam.py, update_step",
    ),
    (
        "correction",
        "working",
        by(*ADAMS),
        "beta**t is computed in the variable's dtype",
        "tf_keras/src/optimizers/adam.py, update_step",
    ),
    (
        "momentum_decay",
        1.0,
        by("nadam"),
        "the momentum schedule is 0.96**t, not 0.96**(0.004 t)",
        "tf_keras/src/optimizers/nadam.py, update_step",
    ),
    (
        "rounded",
        ("beta1", "beta2", "beta2**t", "0.96", "mu_product/beta1", "mu_product/0.96"),
        by("nadam", dtype=DOUBLE),
        f"the betas and 0.96: {THROUGH_FLOAT32}",
        "tf_keras/src/optimizers/nadam.py, update_step",
    ),
    (
        "constants",
        "working",
        by("nadam", "lion"),
        "1 - beta is computed in the variable's dtype",
        "tf_keras/src/optimizers/nadam.py, lion.py",
    ),
    (
        "correction",
        "working",
        by("nadam"),
        "beta**t is computed in the variable's dtype",
        "tf_keras/src/optimizers/nadam.py, update_step",
    ),
    (
        "eps",
        "inside",
        by("rmsprop", "adagrad"),
        "eps inside the root",
        "tf_keras/src/optimizers/rmsprop.py, adagrad.py",
    ),
    (
        "momentum",
        "inside",
        by("rmsprop", argument=("momentum",)),
        "lr enters the momentum buffer",
        "tf_keras/src/optimizers/rmsprop.py, update_step",
    ),
    (
        "parameter_scale",
        "after decay",
        by("adafactor", argument=("weight_decay",)),
        "weights decay before the step is scaled by their root mean square",
        "tf_keras/src/optimizers/optimizer.py, apply_gradients",
    ),
    (
        "rounded",
        ("initial_accumulator",),
        by("ftrl", argument=("initial_accumulator",), dtype=DOUBLE),
        f"the initial accumulator: {THROUGH_FLOAT32}",
        "tf_keras/src/optimizers/ftrl.py, build",
    ),
    (
        "rounded",
        ("beta1", "beta2"),
        by("lion", dtype=DOUBLE),
        f"the betas: {THROUGH_FLOAT32}",
        "tf_keras/src/optimizers/lion.py, update_step",
    ),
    (
        "rounded",
        ("eps2",),
        by("adafactor", dtype=DOUBLE),
        f"epsilon_2: {THROUGH_FLOAT32}",
        "tf_keras/src/optimizers/adafactor.py, update_step",
    ),
)

_TF_KERAS_COMPILED = stated(
    ("tf_keras:fit",),
    "tf_keras",
    ">=2.21",
    (
        "mu_product",
        "per tensor",
        by("nadam"),
        "compiled, Nadam's momentum product is multiplied once for each tensor, not for each step: "
        "the Python counter that should prevent it does not run in the graph",
        "tf_keras/src/optimizers/nadam.py, update_step",
    ),
)

_TF_KERAS_LEGACY = stated(
    ("tf_keras:legacy",),
    "tf_keras",
    ">=2.21",
    (
        "constants",
        "working",
        {},
        "hyperparameters are tensors of the variable's dtype",
        "tf_keras/src/optimizers/legacy/optimizer_v2.py, _get_hyper",
    ),
    (
        "correction",
        "working",
        by("adam", "amsgrad", "nadam"),
        "beta**t is computed in the variable's dtype",
        "tf_keras/src/optimizers/legacy/adam.py, _prepare_local",
    ),
    (
        "rounded",
        (
            *("lr", "rho", "momentum", "clip"),
            *("beta1", "beta2", "beta1**t", "beta2**t"),
            *("0.96", "mu_product/beta1", "mu_product/0.96"),
            *("power", "beta", "lambda1", "lambda2", "shrinkage"),
        ),
        {"dtype": DOUBLE},
        f"hyperparameters: {THROUGH_FLOAT32}",
        "tf_keras/src/optimizers/legacy/optimizer_v2.py, _create_hypers",
    ),
    (
        "eps_for_zero",
        1e-7,
        by("adagrad"),
        "epsilon=0 is taken for none given, which is 1e-7",
        "tf_keras/src/optimizers/legacy/adagrad.py, __init__",
    ),
    (
        "eps",
        "inside",
        by("rmsprop", argument=("momentum",)),
        "with momentum a fused kernel runs, which has eps inside the root; without, beside it",
        "tf_keras/src/optimizers/legacy/rmsprop.py, _resource_apply_dense",
    ),
    (
        "momentum",
        "inside",
        by("rmsprop", argument=("momentum",)),
        "lr enters the momentum buffer",
        "tf_keras/src/optimizers/legacy/rmsprop.py, _resource_apply_dense",
    ),
)

CLAIMS: tuple[Claim, ...] = (*_TF_KERAS_SHARED, *_TF_KERAS, *_TF_KERAS_COMPILED, *_TF_KERAS_LEGACY)
