"""The arguments that are known to be ignored, each with the reason: claims that every audit checks.

An ignored argument that no row names fails the audit, and so does a row that is no longer true.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from parity.arguments.outcome import Effect, Outcome


@dataclass(frozen=True, slots=True)
class Known:
    """This argument of these targets is ignored in trials of these kinds; all are name patterns.

    `beside` matches what it stands beside: other arguments, or the setting.
    """

    target: str
    argument: str
    kind: str
    why: str
    source: str
    beside: str = "*"
    value: str = "*"

    @property
    def name(self) -> str:
        """A short name for reports."""
        beside = "" if self.beside == "*" else f" beside {self.beside}"
        return f"{self.target}: {self.kind} {self.argument}{beside}"

    def about(self, outcome: Outcome) -> bool:
        """Return whether the row speaks of this outcome's trial."""
        trial = outcome.trial
        return (
            fnmatchcase(trial.target, self.target)
            and fnmatchcase(trial.argument, self.argument)
            and fnmatchcase(trial.kind, self.kind)
            and fnmatchcase(trial.value, self.value)
            and fnmatchcase(trial.beside or trial.setting, self.beside)
        )


def unknown(outcomes: Iterable[Outcome], known: Iterable[Known]) -> list[Outcome]:
    """Return the ignored arguments that no row of `known` names."""
    rows = list(known)
    return [
        outcome
        for outcome in outcomes
        if outcome.effect is Effect.IGNORED and not any(row.about(outcome) for row in rows)
    ]


def stale(outcomes: Iterable[Outcome], known: Iterable[Known]) -> list[Known]:
    """Return the rows whose trials were all run without one that is ignored."""
    seen = list(outcomes)
    return [
        row
        for row in known
        if (about := [outcome for outcome in seen if row.about(outcome)])
        and not any(outcome.effect is Effect.IGNORED for outcome in about)
    ]


_KERAS = "[kt]*eras.optimizers."  # both Keras lines
_LOSSES = "[kt]*eras.losses."
_CLIPS = "*clip*"

KNOWN: tuple[Known, ...] = (
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
        f"{_LOSSES}BinaryFocalCrossentropy",
        "alpha",
        "falsy",
        "not looked at without apply_class_balancing, and refused with it",
        "the documentation of BinaryFocalCrossentropy",
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
        "*olynomial*",
        "power",
        "zero",
        "x ** 0 is 1, for the smallest x too",
        "arithmetic",
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
    # Pairs.
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
    # Fit and compile.
    Known(
        "*.Model.compile",
        "run_eagerly",
        "argument",
        "whether a graph is traced",
        "the documentation of compile",
    ),
    Known(
        "*.Model.fit",
        "validation_*",
        "argument",
        "there is nothing to validate with",
        "the documentation of fit",
    ),
    Known(
        "*.Model.fit",
        "validation_split",
        "pair",
        "not looked at where validation_data is given: all rows are trained on",
        "keras/src/backend/tensorflow/trainer.py, tf_keras/src/engine/training.py, fit",
        beside="validation_data",
    ),
    Known(
        "*.Model.fit",
        "batch_size",
        "*",
        "a dataset or generator has its own batches",
        "keras/src/trainers/epoch_iterator.py, tf_keras/src/engine/data_adapter.py",
        beside="a *",
    ),
    Known(
        "*.Model.fit",
        "shuffle",
        "*",
        "a dataset or generator has its own order",
        "keras/src/trainers/epoch_iterator.py, tf_keras/src/engine/data_adapter.py",
        beside="a *",
    ),
    Known(
        "keras.Model.fit",
        "class_weight",
        "argument",
        "keys that are no class are not looked up, be they text or too large",
        "keras/src/trainers/data_adapters/data_adapter_utils.py",
        value="{['7]*",
    ),
    Known(
        "*.Model.fit",
        "class_weight",
        "setting",
        "a row of several labels has the weight of the first",
        "data_adapter_utils.py, data_adapter.py: argmax of the row",
        beside="several labels a row",
    ),
    Known(
        "*.Model.compile",
        "weighted_metrics",
        "argument",
        "what is shown, not what is trained",
        "the documentation of compile",
    ),
    Known(
        "*.Model.compile",
        "steps_per_execution",
        "*",
        "how many batches a call of the graph takes; train_on_batch is one",
        "the documentation of compile",
    ),
    Known(
        "*.Model.compile",
        "*",
        "assigned*",
        "compile made its own loss, and the first batch its own graph, of what was there",
        "keras/src/trainers/trainer.py, tf_keras/src/engine/training.py",
    ),
    # Losses and schedules.
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
)
