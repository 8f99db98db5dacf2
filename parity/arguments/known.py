"""The arguments that are known to be ignored, each with the reason: claims that every audit checks.

An ignored argument that no row names fails the audit, and so does a row that is no longer true.
"""

from __future__ import annotations

from parity.arguments.claim import Known
from parity.arguments.known_in_fit import FIT
from parity.arguments.known_in_losses import LOSSES

_KERAS = "[kt]*eras.optimizers."  # both Keras lines
_CLIPS = "*clip*"

OPTIMIZERS: tuple[Known, ...] = (
    # Names that nobody reads.
    Known(
        "torch.optim.*",
        "*",
        "unknown group key",
        "a parameter group is a dict that takes any key",
        "torch/optim/optimizer.py, add_param_group",
    ),
    Known(
        "*.optim*",
        "*",
        "unknown attribute",
        "an optimizer is a Python object that takes any attribute",
        "Python",
    ),
    Known(
        "keras.optimizers.*",
        "decay",
        "spelling",
        "no longer supported, as the warning says",
        "keras/src/optimizers/base_optimizer.py, __init__",
    ),
    Known(
        "tf_keras.optimizers.*",
        "lr",
        "spelling",
        "taken for learning_rate by the legacy optimizers only; a line in the log says so",
        "tf_keras/src/optimizers/optimizer.py, _process_kwargs",
    ),
    Known(
        "tf_keras.optimizers.*",
        "is_legacy_optimizer",
        "spelling",
        "for loading a saved optimizer",
        "tf_keras/src/optimizers/optimizer.py, _process_kwargs",
    ),
    Known("*", "name", "*", "a label", "the documentation"),
    Known(
        "tf_keras.optimizers.legacy.Nadam",
        "decay",
        "spelling",
        "the base class takes it, and Nadam's own step does not read it",
        "tf_keras/src/optimizers/legacy/nadam.py, _prepare_local",
    ),
    # Values that are taken for none given, or say no more than another.
    Known(
        "tf_keras.optimizers.legacy.*",
        "epsilon",
        "falsy",
        "0 is taken for none given, which is 1e-7: `epsilon or backend_config.epsilon()`",
        "tf_keras/src/optimizers/legacy/adam.py, __init__, and others",
    ),
    Known(
        "tf_keras.optimizers.RMSprop",
        "ema_overwrite_frequency",
        "falsy",
        "the default is 100 steps, which is more than the audit trains",
        "tf_keras/src/optimizers/rmsprop.py, __init__",
    ),
    Known(
        "optax.lars",
        "weight_decay_mask",
        "falsy",
        "no mask is a mask that lets all through",
        "optax/_src/transform.py, add_decayed_weights",
        value="None",
    ),
    Known(
        f"{_KERAS}*",
        _CLIPS,
        "falsy",
        "a limit of 0 is taken for none",
        "base_optimizer.py, optimizer.py: `if self.clipnorm and self.clipnorm > 0`",
    ),
    Known(
        f"{_KERAS}*",
        "ema_momentum",
        "falsy",
        "not looked at without use_ema, and refused with it",
        "base_optimizer.py, optimizer.py, __init__",
        value="None",
    ),
    Known(
        f"{_KERAS}Adafactor*",
        "relative_step",
        "*",
        "min(lr, 1 / sqrt(step)) is taken once more, whatever relative_step says",
        "keras/src/optimizers/adafactor.py, update_step: rho_t",
    ),
    Known(
        "*Adafactor",
        "l*r*",
        "values",
        "a learning rate is capped at 1 / sqrt(step)",
        "keras/src/optimizers/adafactor.py, torch/optim/_adafactor.py",
    ),
    Known(
        f"{_KERAS}[AL]*",
        "*clipnorm",
        "values",
        "an update that does not depend on the gradients' scale (Adafactor, Lion)",
        "arithmetic",
    ),
    Known(
        "keras.optimizers.Lion",
        "*clipnorm",
        "pair",
        "the sign of a sum of clipped gradients that come in the same proportions",
        "arithmetic",
        beside="gradient_accumulation_steps",
    ),
    # Read when the optimizer is made or built, and not again.
    Known(
        "keras.optimizers.Muon",
        "exclude_*",
        "assigned late",
        "which variables are left to Adam is settled by build",
        "keras/src/optimizers/muon.py, build",
    ),
    Known(
        f"{_KERAS}*",
        "initial_accumulator_value",
        "assigned late",
        "used when slots are made",
        "adagrad.py, ftrl.py, build",
    ),
    Known(
        "torch.optim.Adagrad",
        "initial_accumulator_value",
        "*group*",
        "slots are made in the constructor, from the defaults",
        "torch/optim/adagrad.py, __init__",
    ),
    Known(
        "torch.optim.Rprop",
        "lr",
        "assigned group late",
        "lr is the first step size only",
        "torch/optim/rprop.py, _init_group",
    ),
    Known(
        f"{_KERAS}* in fit",
        "*",
        "assigned late",
        "hyperparameters are numbers in the graph that the first batch traced",
        "keras/src/backend/tensorflow/trainer.py, tf_keras/src/engine/training.py",
    ),
    Known(
        "tf_keras.optimizers.legacy.*",
        "momentum",
        "assigned*",
        "whether there is momentum is settled in the constructor",
        "tf_keras/src/optimizers/legacy/gradient_descent.py, rmsprop.py: self._momentum",
    ),
    # An optimizer that holds another.
    Known(
        "keras.optimizers.*(SGD)",
        "loss_scale_factor",
        "argument",
        "the optimizer outside sets that of the one inside to its own, which is none",
        "keras/src/optimizers/multi_optimizer.py, loss_scale_optimizer.py, __init__",
    ),
    Known(
        "keras.optimizers.*(SGD)",
        "*",
        "assigned*",
        "set on the optimizer outside, where nothing reads it",
        "keras/src/optimizers/multi_optimizer.py, loss_scale_optimizer.py",
    ),
    # Beside a scheduler.
    Known(
        "torch.optim.*",
        "lr",
        "setting",
        "OneCycleLR and CyclicLR set the learning rate from their own arguments",
        "torch/optim/lr_scheduler.py, __init__",
        beside="*C*LR",
    ),
    Known(
        "torch.optim.*",
        "momentum",
        "setting",
        "cycle_momentum=True sets the momentum from the scheduler's arguments",
        "torch/optim/lr_scheduler.py, __init__",
        beside="*C*LR",
    ),
    Known(
        "tf_keras.optimizers.*",
        "*",
        "schedule",
        "a function is called without the step",
        "tf_keras/src/optimizers/optimizer.py, legacy/optimizer_v2.py, _get_hyper",
        value="lambda*",
    ),
    Known(
        "keras.optimizers.*",
        "learning_rate",
        "schedule",
        "a function is called without the step",
        "keras/src/optimizers/base_optimizer.py, _get_current_learning_rate",
        value="lambda*",
    ),
    Known(
        "tf_keras.optimizers.legacy.*",
        "decay",
        "assigned*",
        "whether there is decay is settled in the constructor",
        "tf_keras/src/optimizers/legacy/optimizer_v2.py, _decayed_lr: self._initial_decay",
    ),
    # Pairs.
    Known(
        "optax.radam",
        "*",
        "pair",
        "a larger threshold is not reached in six steps, and no second moment used before",
        "optax/_src/transform.py, scale_by_radam",
        beside="threshold",
    ),
    Known(
        "optax.*rprop",
        "*",
        "pair",
        "step sizes begin at the rate, and here stay within limits that are as near",
        "optax/_src/transform.py, scale_by_rprop",
    ),
    Known(
        "optax.*rprop",
        "m*_step_size",
        "falsy",
        "no limit, where none is reached",
        "optax/_src/transform.py, scale_by_rprop",
        value="None",
    ),
    Known(
        "tf_keras.optimizers.*",
        "clipvalue",
        "pair",
        "with two limits the norm's is used",
        "tf_keras/src/optimizers/optimizer.py, _clip_gradients",
        beside="*clipnorm",
    ),
    Known(
        "keras.optimizers.*",
        "loss_scale_factor",
        "pair",
        "gradients are clipped to the same norm, whatever their scale",
        "arithmetic",
        beside="*clipnorm",
    ),
    Known(
        "torch.optim.LBFGS",
        "*",
        "pair",
        "whichever limit is reached first ends the iteration",
        "torch/optim/lbfgs.py, step",
    ),
    Known(
        "optax.adafactor",
        "min_dim_size_to_factor",
        "pair",
        "without factored there is nothing to factor",
        "optax/_src/factorized.py",
        beside="factored",
    ),
    Known(
        "keras.optimizers.Muon",
        "*",
        "pair",
        "the only matrix is left to Adam",
        "keras/src/optimizers/muon.py, update_step",
        beside="exclude_layers",
    ),
)

KNOWN: tuple[Known, ...] = (*OPTIMIZERS, *FIT, *LOSSES)
