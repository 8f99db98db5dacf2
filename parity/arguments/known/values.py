"""Values that are taken for none given, or say no more than another."""

from __future__ import annotations

from parity.arguments.claim import Known, both

VALUES: tuple[Known, ...] = (
    Known(
        both("optimizers.*"),
        "clipnorm|clipvalue|global_clipnorm",
        "falsy",
        "a limit of 0 is taken for none",
        "base_optimizer.py, optimizer.py: `if self.clipnorm and self.clipnorm > 0`",
        expected="a limit of 0 lets nothing through, or is refused",
    ),
    Known(
        "tf_keras.optimizers.legacy.*",
        "epsilon",
        "falsy",
        "0 is taken for none given, which is 1e-7: `epsilon or backend_config.epsilon()`",
        "tf_keras/src/optimizers/legacy/adam.py, __init__, and others",
        expected="no epsilon",
    ),
    Known(
        both("optimizers.Adafactor*"),
        "relative_step",
        "argument|falsy|assigned|assigned late",
        "min(lr, 1 / sqrt(step)) is taken once more, whatever relative_step says",
        "keras/src/optimizers/adafactor.py, update_step: rho_t",
        expected="with relative_step=False the learning rate is used as it is given",
    ),
    Known(
        f"{both('optimizers.Adafactor')}|torch.optim.Adafactor",
        "learning_rate|lr",
        "values",
        "a learning rate is capped at 1 / sqrt(step)",
        "keras/src/optimizers/adafactor.py, torch/optim/_adafactor.py",
        expected="a rate ten times as large makes larger steps",
    ),
    Known(
        both("optimizers.Lion"),
        "clipnorm|global_clipnorm",
        "values",
        "the sign of an update does not depend on its scale",
        "arithmetic",
        expected="a tighter limit makes smaller steps",
    ),
    Known(
        both("optimizers.Adafactor"),
        "global_clipnorm",
        "values",
        "an update divided by its own root mean square does not depend on the gradients' scale",
        "arithmetic",
        expected="a tighter limit makes smaller steps",
    ),
    Known(
        "tf_keras.optimizers.RMSprop",
        "ema_overwrite_frequency",
        "falsy",
        "the default is 100 steps, which is more than the audit trains",
        "tf_keras/src/optimizers/rmsprop.py, __init__",
    ),
    Known(
        both("optimizers.*"),
        "ema_momentum",
        "falsy",
        "not looked at without use_ema, and refused with it",
        "base_optimizer.py, optimizer.py, __init__",
        value="None",
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
        "optax.rprop|optax.scale_by_rprop",
        "min_step_size|max_step_size",
        "falsy",
        "no limit, where none is reached",
        "optax/_src/transform.py, scale_by_rprop",
        value="None",
    ),
    Known(
        both("losses.BinaryFocalCrossentropy"),
        "alpha",
        "falsy",
        "not looked at without apply_class_balancing, and refused with it",
        "the documentation of BinaryFocalCrossentropy",
        value="None",
    ),
)
