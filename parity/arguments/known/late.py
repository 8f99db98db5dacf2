"""What is read when an optimizer is made or built, and not when it is set afterwards."""

from __future__ import annotations

from parity.arguments.claim import Known, both

_TRACED = "a number in the graph that the first batch traced"
_TRACERS = "keras/src/backend/tensorflow/trainer.py, tf_keras/src/engine/training.py"
_DECAY = "weight_decay|adam_weight_decay"
_CLIPS = "clipnorm|clipvalue|global_clipnorm"
_AVERAGE = "use_ema|ema_momentum|ema_overwrite_frequency"

LATE: tuple[Known, ...] = (
    # In a compiled model.
    Known(
        both("optimizers.* in fit"),
        _DECAY,
        "assigned late",
        _TRACED,
        _TRACERS,
        expected="a callback that sets the decay changes it from the next batch on",
    ),
    Known(
        both("optimizers.* in fit"),
        _CLIPS,
        "assigned late",
        _TRACED,
        _TRACERS,
        expected="a callback that sets a limit clips from the next batch on",
    ),
    Known(
        both("optimizers.* in fit"),
        "gradient_accumulation_steps|loss_scale_factor|ema_momentum|ema_overwrite_frequency",
        "assigned late",
        _TRACED,
        _TRACERS,
        expected="a callback that sets it changes training from the next batch on",
    ),
    Known(
        both("optimizers.* in fit"),
        "use_ema",
        "assigned late",
        f"{_TRACED}; at its end fit looks for averages that are not there",
        _TRACERS,
    ),
    Known(
        both("optimizers.* in fit"),
        "*",
        "assigned late",
        _TRACED,
        _TRACERS,
        but=f"learning_rate|{_DECAY}|{_CLIPS}|{_AVERAGE}|gradient_accumulation_steps"
        "|loss_scale_factor|relative_step|name",
        expected="momentum or a beta that a callback sets is used from the next batch on",
    ),
    # In a loop of one's own.
    Known(
        "keras.optimizers.Muon",
        "exclude_layers|exclude_embeddings",
        "assigned late",
        "which variables are left to Adam is settled by build",
        "keras/src/optimizers/muon.py, build",
        expected="a layer excluded now is left to Adam from now on",
    ),
    Known(
        f"{both('optimizers.Adagrad')}|{both('optimizers.Ftrl')}",
        "initial_accumulator_value",
        "assigned late",
        "used when slots are made",
        "adagrad.py, ftrl.py, build",
    ),
    Known(
        "torch.optim.Adagrad",
        "initial_accumulator_value",
        "group|assigned group|assigned group late",
        "slots are made in the constructor, from the defaults",
        "torch/optim/adagrad.py, __init__",
        expected="a group starts from the accumulator that it names",
    ),
    Known(
        "torch.optim.Rprop",
        "lr",
        "assigned group late",
        "lr is the first step size only",
        "torch/optim/rprop.py, _init_group",
        expected="a scheduler, or a rate set by hand, changes the steps",
    ),
    Known(
        "tf_keras.optimizers.legacy.SGD|tf_keras.optimizers.legacy.RMSprop",
        "momentum",
        "assigned|assigned late",
        "whether there is momentum is settled in the constructor",
        "tf_keras/src/optimizers/legacy/gradient_descent.py, rmsprop.py: self._momentum",
        expected="momentum from here on",
    ),
    Known(
        "tf_keras.optimizers.legacy.*",
        "decay",
        "assigned|assigned late",
        "whether there is decay is settled in the constructor",
        "tf_keras/src/optimizers/legacy/optimizer_v2.py, _decayed_lr: self._initial_decay",
        expected="the rate decays from here on",
    ),
    # An optimizer that holds another.
    Known(
        "keras.optimizers.MultiOptimizer(SGD)|keras.optimizers.LossScaleOptimizer(SGD)",
        "loss_scale_factor",
        "argument",
        "the optimizer outside sets that of the one inside to its own, which is none",
        "keras/src/optimizers/multi_optimizer.py, loss_scale_optimizer.py, __init__",
        expected="gradients that were scaled by it are scaled back",
    ),
    Known(
        "keras.optimizers.MultiOptimizer(SGD)|keras.optimizers.LossScaleOptimizer(SGD)",
        f"{_DECAY}|{_CLIPS}|{_AVERAGE}|gradient_accumulation_steps",
        "assigned|assigned late",
        "set on the optimizer outside, where nothing reads it",
        "keras/src/optimizers/multi_optimizer.py, loss_scale_optimizer.py",
        expected="decay or a limit set on the optimizer in hand acts",
    ),
    Known(
        "keras.optimizers.LossScaleOptimizer(SGD)",
        "loss_scale_factor",
        "assigned|assigned late",
        "the scale is kept in a variable of its own",
        "keras/src/optimizers/loss_scale_optimizer.py",
    ),
    Known(
        "keras.optimizers.LossScaleOptimizer(SGD)",
        "initial_scale",
        "assigned late",
        "used when variables are made",
        "keras/src/optimizers/loss_scale_optimizer.py, build",
    ),
)
