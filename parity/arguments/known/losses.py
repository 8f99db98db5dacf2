"""The arguments of losses that are known to be ignored."""

from __future__ import annotations

from parity.arguments.claim import Known, both

_OLD = "torch/nn/_reduction.py, legacy_get_string"

LOSSES: tuple[Known, ...] = (
    Known(
        "torch.nn.*",
        "reduction",
        "pair",
        "the deprecated size_average and reduce override reduction",
        _OLD,
        beside="size_average|reduce",
    ),
    Known(
        "torch.nn.*",
        "size_average",
        "pair",
        "reduce=False returns what is not reduced, and so does size_average=False with a sum",
        _OLD,
        beside="reduce|reduction",
    ),
    Known(
        "torch.nn.CrossEntropyLoss",
        "ignore_index",
        "setting",
        "a negative index is not used where targets are probabilities",
        "torch/nn/functional.py, cross_entropy",
        value="-1",
        beside="values|probabilities|both probabilities|signs",
        expected="targets to be ignored are, or it is refused",
    ),
    Known(
        "torch.nn.PoissonNLLLoss",
        "full",
        "setting",
        "Stirling's term is added where targets are larger than 1",
        "torch.nn.PoissonNLLLoss documentation",
        beside="probabilities|both probabilities|signs",
    ),
    Known(
        "torch.nn.PoissonNLLLoss",
        "full",
        "pair",
        "Stirling's term does not depend on the inputs, nor does its gradient",
        "torch.nn.PoissonNLLLoss documentation",
        beside="log_input",
    ),
    Known(
        both("losses.*"),
        "axis",
        "setting",
        "rows of one number have one axis worth the name",
        "arithmetic",
        beside="rank 1|labels, 1 column",
    ),
    Known(
        both("losses.*"),
        "reduction",
        "setting",
        "the mean over the last axis, here the rows, leaves one number to reduce",
        "keras/src/losses/losses.py, tf_keras/src/losses.py",
        beside="rank 1",
        expected="a sum over rows where predictions are one number a row",
    ),
    Known(
        "keras.losses.Circle",
        "gamma|margin|remove_diagonal|reduction|dtype",
        "setting",
        "a row of one number has no others to compare with",
        "arithmetic",
        beside="rank 1",
    ),
    Known(
        "optax.losses.cosine_distance|optax.losses.cosine_similarity",
        "epsilon",
        "pair",
        "a floor that longer columns do not come near",
        "optax/losses/_regression.py, cosine_similarity",
        beside="axis",
    ),
)
