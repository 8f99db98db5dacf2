"""The arguments of losses and schedules that are known to be ignored."""

from __future__ import annotations

from parity.arguments.claim import Known

_LOSSES = "[kt]*eras.losses."  # of both Keras lines
_KERAS = "[kt]*eras.optimizers."

LOSSES: tuple[Known, ...] = (
    # Losses.
    Known(
        f"{_LOSSES}*",
        "axis",
        "setting",
        "rows of one number have one axis worth the name",
        "arithmetic",
    ),
    Known(
        f"{_LOSSES}*",
        "reduction",
        "setting",
        "the mean over the last axis, here the rows, leaves one number to reduce",
        "keras/src/losses/losses.py, tf_keras/src/losses.py",
        beside="rank 1",
    ),
    Known(
        f"{_KERAS}schedules.CosineDecay",
        "initial_learning_rate",
        "pair",
        "without warmup_steps it begins at warmup_target",
        "the documentation of CosineDecay",
        beside="warmup_target",
    ),
    Known(
        "torch.nn.*",
        "reduction",
        "pair",
        "the deprecated size_average and reduce override reduction",
        "torch/nn/_reduction.py, legacy_get_string",
        beside="[sr]*e",
    ),
    Known(
        "torch.nn.*",
        "size_average",
        "pair",
        "reduce=False returns what is not reduced, and so does size_average=False with a sum",
        "torch/nn/_reduction.py, legacy_get_string",
        beside="re*",
    ),
    Known(
        "torch.nn.CrossEntropyLoss",
        "ignore_index",
        "setting",
        "a negative index is not used where targets are probabilities",
        "torch/nn/functional.py, cross_entropy",
        value="-1",
    ),
    Known(
        "torch.nn.PoissonNLLLoss",
        "full",
        "*",
        "Stirling's term is added where targets are larger than 1, if at all to the gradient",
        "torch.nn.PoissonNLLLoss documentation",
    ),
    Known(
        "keras.losses.Circle",
        "*",
        "setting",
        "a row of one number has no others to compare with",
        "arithmetic",
        beside="rank 1",
    ),
    Known(
        "optax.losses.cosine_*",
        "epsilon",
        "pair",
        "a floor that longer columns do not come near",
        "optax/losses/_regression.py, cosine_similarity",
        beside="axis",
    ),
    # Schedules.
    Known(
        "optax.*",
        "*",
        "zero",
        "what cannot be computed is taken for a constant; a line in the log at level info says so",
        "optax/schedules/_schedule.py",
    ),
    Known(
        "optax.*exponential_decay*",
        "end_value",
        "*",
        "a bound that is not reached",
        "optax/schedules/_schedule.py, exponential_decay",
    ),
    Known(
        f"{_LOSSES}BinaryFocalCrossentropy",
        "alpha",
        "falsy",
        "not looked at without apply_class_balancing, and refused with it",
        "the documentation of BinaryFocalCrossentropy",
        value="None",
    ),
    Known(
        "*olynomial*",
        "power",
        "zero",
        "x ** 0 is 1, for the smallest x too",
        "arithmetic",
    ),
)
