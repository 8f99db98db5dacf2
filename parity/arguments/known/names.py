"""Names that an optimizer takes and nobody reads."""

from __future__ import annotations

from parity.arguments.claim import Known, both

_ANY_KEY = "a parameter group is a dict that takes any key"
_GROUPS = "torch/optim/optimizer.py, add_param_group"
_ANY_ATTRIBUTE = "an optimizer is a Python object that takes any attribute"

NAMES: tuple[Known, ...] = (
    Known(
        "torch.optim.*",
        "learning_rate|wd|momntum",
        "unknown group key",
        _ANY_KEY,
        _GROUPS,
        expected="a rate or decay that a group spells otherwise is refused, or is used",
    ),
    Known(
        "torch.optim.*",
        "*",
        "unknown group key",
        _ANY_KEY,
        _GROUPS,
        but="learning_rate|wd|momntum",
    ),
    Known(
        "keras.optimizers.*",
        "lr|decay",
        "unknown attribute",
        _ANY_ATTRIBUTE,
        "Python",
        expected="`optimizer.lr = 0.01` sets the rate, as it does in older versions of Keras",
    ),
    Known(
        "torch.optim.*",
        "lr|learning_rate|weight_decay|momentum",
        "unknown attribute",
        _ANY_ATTRIBUTE,
        "Python",
        expected="`optimizer.lr = 0.01` sets the rate of every group",
    ),
    Known(
        f"torch.optim.*|{both('optimizers.*')}",
        "*",
        "unknown attribute",
        _ANY_ATTRIBUTE,
        "Python",
    ),
    Known(
        "keras.optimizers.[A-Z]*",
        "decay",
        "spelling",
        "no longer supported, as the warning says",
        "keras/src/optimizers/base_optimizer.py, __init__",
    ),
    Known(
        "tf_keras.optimizers.[A-Z]*",
        "lr",
        "spelling",
        "taken for learning_rate by the legacy optimizers only; a line in the log says so",
        "tf_keras/src/optimizers/optimizer.py, _process_kwargs",
    ),
    Known(
        "tf_keras.optimizers.legacy.Ftrl",
        "lr",
        "spelling",
        "called deprecated in a warning, and used by every legacy optimizer but this one",
        "tf_keras/src/optimizers/legacy/ftrl.py, __init__",
    ),
    Known(
        "tf_keras.optimizers.[A-Z]*",
        "is_legacy_optimizer",
        "spelling",
        "for loading a saved optimizer",
        "tf_keras/src/optimizers/optimizer.py, _process_kwargs",
    ),
    Known(
        "tf_keras.optimizers.legacy.Nadam",
        "decay",
        "spelling",
        "the base class takes it, and Nadam's own step does not read it",
        "tf_keras/src/optimizers/legacy/nadam.py, _prepare_local",
        expected="the rate decays, as it does in every other legacy optimizer",
    ),
    Known(
        both("*"),
        "name",
        "argument|falsy|assigned|assigned late",
        "a label",
        "the documentation",
    ),
)
