"""Where TensorFlow differs from the textbook by design."""

from __future__ import annotations

from parity.known.claim import DOUBLE, Claim, by, stated

# tf.cast and convert_to_tensor take a Python float through float32.
THROUGH_FLOAT32 = "a Python float becomes a float32 tensor before it is cast to float64"

TENSORFLOW_FUNCTIONS = (
    (
        "rounded",
        ("leaky_slope",),
        {"activation": ("leaky_relu",), "dtype": DOUBLE},
        "the kernel's attribute alpha is a 32-bit float",
        "tf.nn.leaky_relu, op LeakyRelu",
    ),
    (
        "rounded",
        ("gelu",),
        {"activation": ("gelu", "gelu_tanh"), "dtype": DOUBLE},
        f"gelu's constants are cast to the features' dtype: {THROUGH_FLOAT32}",
        "tensorflow/python/ops/nn_ops.py, gelu",
    ),
)

_TENSORFLOW = stated(
    ("tensorflow", "tensorflow:*", "tf_keras", "tf_keras:*"),
    "tensorflow",
    ">=2.21",
    *TENSORFLOW_FUNCTIONS,
)

_TENSORFLOW_1 = stated(
    ("tensorflow:v1",),
    "tensorflow",
    ">=2.21",
    (
        "eps",
        "hat",
        by("adam"),
        "eps beside the root of the uncorrected moment",
        "tf.compat.v1.train.AdamOptimizer documentation",
    ),
    (
        "correction",
        "float32",
        by("adam"),
        "beta**t is a running product in a float32 variable",
        "tensorflow/python/training/adam.py, _finish",
    ),
    (
        "constants",
        "working",
        {},
        "hyperparameters are tensors of the variable's dtype",
        "tensorflow/python/training/training_ops.cc by way of optimizer.py, _call_if_callable",
    ),
    (
        "rounded",
        (
            *("lr", "beta1", "beta2", "eps", "rho", "momentum", "beta1**t", "beta2**t"),
            *("power", "beta", "lambda1", "lambda2", "shrinkage"),
        ),
        {"dtype": DOUBLE},
        f"hyperparameters: {THROUGH_FLOAT32}",
        "tensorflow/python/training/optimizer.py",
    ),
    (
        "lambda2",
        "twice",
        by("ftrl", argument=("lambda2",)),
        "l2_regularization_strength is half of the paper's lambda2",
        "tf.raw_ops.ResourceApplyFtrl documentation",
    ),
    (
        "correction",
        "float32",
        by("ftrl"),
        "what beta and lambda2 add to the divisor is a float32 tensor",
        "tensorflow/python/training/ftrl.py, _prepare",
    ),
    (
        "eps",
        "inside",
        by("rmsprop"),
        "eps inside the root",
        "tf.compat.v1.train.RMSPropOptimizer documentation",
    ),
    (
        "momentum",
        "inside",
        by("rmsprop", argument=("momentum",)),
        "lr enters the momentum buffer",
        "tf.compat.v1.train.RMSPropOptimizer documentation",
    ),
    (
        "first_square",
        1.0,
        by("rmsprop"),
        "the mean square starts at one",
        "tensorflow/python/training/rmsprop.py, _create_slots",
    ),
)

CLAIMS: tuple[Claim, ...] = (*_TENSORFLOW, *_TENSORFLOW_1)
