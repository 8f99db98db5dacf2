"""Arguments of an optimizer that do nothing beside another one, or beside a scheduler."""

from __future__ import annotations

from parity.arguments.claim import Known

_CYCLES = "OneCycleLR|CyclicLR"

PAIRS: tuple[Known, ...] = (
    # Beside a scheduler.
    Known(
        "torch.optim.*",
        "lr",
        "setting",
        "the scheduler sets the learning rate from its own arguments",
        "torch/optim/lr_scheduler.py, __init__",
        beside=_CYCLES,
        expected="the optimizer's rate is where the cycle begins",
    ),
    Known(
        "torch.optim.*",
        "momentum",
        "setting",
        "cycle_momentum=True sets the momentum from the scheduler's arguments",
        "torch/optim/lr_scheduler.py, __init__",
        beside=_CYCLES,
        expected="the momentum that was chosen",
    ),
    Known(
        "torch.optim.*",
        "betas",
        "setting",
        "cycle_momentum=True sets the first beta from the scheduler's arguments",
        "torch/optim/lr_scheduler.py, __init__",
        beside=_CYCLES,
        value="(0.6, 0.999)",
        expected="the beta that was chosen",
    ),
    # Beside another argument.
    Known(
        "tf_keras.optimizers.[A-Z]*",
        "clipvalue",
        "pair",
        "with two limits the norm's is used",
        "tf_keras/src/optimizers/optimizer.py, _clip_gradients",
        beside="clipnorm|global_clipnorm",
        expected="both limits hold, or two are refused",
    ),
    Known(
        "keras.optimizers.*",
        "loss_scale_factor",
        "pair",
        "gradients are clipped to the same norm, whatever their scale",
        "arithmetic",
        beside="global_clipnorm",
    ),
    Known(
        "keras.optimizers.Lion",
        "clipnorm|global_clipnorm",
        "pair",
        "the sign of a sum of clipped gradients that come in the same proportions",
        "arithmetic",
        beside="gradient_accumulation_steps",
    ),
    Known(
        "keras.optimizers.Muon",
        "weight_decay|muon_?|momentum|ns_steps|nesterov|rms_rate",
        "pair",
        "the only matrix is left to Adam",
        "keras/src/optimizers/muon.py, update_step",
        beside="exclude_layers",
    ),
    Known(
        "optax.radam",
        "b2|eps|eps_root",
        "pair",
        "a larger threshold is not reached in six steps, and no second moment used before",
        "optax/_src/transform.py, scale_by_radam",
        beside="threshold",
    ),
    Known(
        "optax.rprop|optax.scale_by_rprop",
        "min_step_size",
        "pair",
        "step sizes begin at the rate, and here stay above the limit",
        "optax/_src/transform.py, scale_by_rprop",
        beside="learning_rate",
    ),
    Known(
        "optax.rprop|optax.scale_by_rprop",
        "eta_minus",
        "pair",
        "step sizes that begin below the limit cannot shrink",
        "optax/_src/transform.py, scale_by_rprop",
        beside="min_step_size",
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
        "torch.optim.LBFGS",
        "max_iter|max_eval|tolerance_grad|tolerance_change",
        "pair",
        "whichever limit is reached first ends the iteration",
        "torch/optim/lbfgs.py, step",
        beside="max_iter|max_eval",
    ),
)
