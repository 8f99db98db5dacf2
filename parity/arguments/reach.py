"""What people lose training to and this audit cannot see, because no argument is at fault."""

from __future__ import annotations

from typing import Final

OUT_OF_REACH: Final[tuple[tuple[str, str], ...]] = (
    (
        "`exclude_from_weight_decay` after build, or called twice (Keras)",
        "a method, not an argument",
    ),
    (
        "`optax.adadelta()` with its defaults climbs",
        "no argument is ignored: `learning_rate=None` skips the change of sign, and training moves",
    ),
    (
        "`optax.masked` passes raw gradients; the order in `optax.chain`",
        "how transformations are put together, not what one of them is given",
    ),
    (
        "a second scheduler restores the old rate (torch)",
        "two objects that share a dictionary; each one's arguments do what they say",
    ),
    (
        "raw variables, arrays and lists that are not trained (Keras 3, flax, torch)",
        "how a model is written",
    ),
    ("a frozen parameter that keeps moving (torch)", "`requires_grad`, an attribute of a tensor"),
    (
        "`compile` without a loss trains on JAX (Keras 3)",
        "the audit runs Keras on TensorFlow, where it is refused",
    ),
    ("a dataset of two inputs is read as inputs and targets (Keras)", "data, not an argument"),
    (
        "`global_clipnorm` inside MultiOptimizer is a norm for each part (Keras 3)",
        "it is not ignored, and one optimizer inside sees the same norm",
    ),
)
