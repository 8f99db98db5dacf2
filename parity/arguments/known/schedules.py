"""Schedules whose parameters stand still, and functions that are not told the step."""

from __future__ import annotations

from parity.arguments.claim import Known, both

SCHEDULES: tuple[Known, ...] = (
    Known(
        "tf_keras.optimizers.*",
        "*",
        "schedule",
        "a function is called without the step",
        "tf_keras/src/optimizers/optimizer.py, legacy/optimizer_v2.py, _get_hyper",
        value="lambda*",
        expected="a function of the step is called with it",
    ),
    Known(
        "keras.optimizers.*",
        "learning_rate",
        "schedule",
        "a function is called without the step",
        "keras/src/optimizers/base_optimizer.py, _get_current_learning_rate",
        value="lambda*",
        expected="a function of the step is called with it",
    ),
    Known(
        both("optimizers.schedules.CosineDecay"),
        "initial_learning_rate",
        "pair",
        "without warmup_steps it begins at warmup_target",
        "the documentation of CosineDecay",
        beside="warmup_target",
        expected="the schedule begins at its initial rate",
    ),
    Known(
        "optax.exponential_decay|optax.linear_schedule|optax.polynomial_schedule",
        "transition_steps",
        "zero",
        "0 is taken for a constant; a line in the log at level info says so",
        "optax/schedules/_schedule.py",
        expected="no steps of transition lead to the end at once",
    ),
    Known(
        "optax.exponential_decay",
        "decay_rate",
        "zero",
        "0 is taken for a constant; a line in the log at level info says so",
        "optax/schedules/_schedule.py",
        expected="a rate of 0 decays to 0",
    ),
    Known(
        "optax.warmup_constant_schedule",
        "warmup_steps",
        "zero",
        "0 is taken for a constant: that of the beginning of the warm-up",
        "optax/schedules/_schedule.py",
        expected="without a warm-up, the peak from the start",
    ),
    Known(
        f"optax.polynomial_schedule|{both('optimizers.schedules.PolynomialDecay')}",
        "power",
        "zero",
        "x ** 0 is 1, for the smallest x too",
        "arithmetic",
    ),
)
