"""The values that an argument is tried with: never its default, and large enough to matter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

# By name, in every framework's spelling; the first is the one that is combined with others.
VALUES: Final[Mapping[str, tuple[Any, ...]]] = {
    **dict.fromkeys(("lr", "learning_rate"), (0.7, 2.0, 20.0)),
    **dict.fromkeys(("eps", "epsilon", "eps_root", "epsilon_1"), (0.03, 0.2, 1e3)),
    "epsilon_2": (5.0, 10.0),
    **dict.fromkeys(("beta_1", "b1", "beta1", "adam_beta_1"), (0.6, 0.3)),
    **dict.fromkeys(("beta_2", "b2", "beta2", "adam_beta_2", "rho", "alpha"), (0.85, 0.8)),
    **dict.fromkeys(("b3", "beta", "gamma"), (0.6, 0.35)),
    "betas": ((0.6, 0.9), (0.3, 0.9), (0.6, 0.8), (0.6, 0.999)),
    "etas": ((0.4, 1.3),),
    "step_sizes": ((0.01, 0.02),),
    **dict.fromkeys(("momentum", "optimism"), (0.6, 0.3)),
    "dampening": (0.4, 0.7),
    **dict.fromkeys(
        ("weight_decay", "wd", "weight_decay_rate", "adam_weight_decay", "l2"), (0.3, 0.6)
    ),
    **dict.fromkeys(("clipnorm", "clipvalue", "global_clipnorm"), (0.05, 0.2)),
    **dict.fromkeys(("clip_threshold", "clipping_threshold"), (0.02, 0.05)),
    "d": (0.02, 0.05),
    **dict.fromkeys(("decay", "lr_decay", "schedule_decay", "momentum_decay"), (0.4, 0.8)),
    **dict.fromkeys(("beta2_decay", "beta_2_decay"), (-0.3, -0.6)),
    "decay_rate": (0.3, 0.6),
    "decay_offset": (-3,),
    "ema_momentum": (0.5, 0.7),
    "ema_overwrite_frequency": (2, 3),
    "gradient_accumulation_steps": (2, 4),
    "loss_scale_factor": (4.0, 8.0),
    "initial_scale": (16.0, 64.0),
    "dynamic_growth_steps": (2, 3),
    "initial_accumulator_value": (0.7, 2.0),
    **dict.fromkeys(("t0", "lambd"), (2.0, 3.0)),
    "learning_rate_power": (-0.8, -0.2),
    "threshold": (2.0, 7.0),
    "min_dim_size_to_factor": (2,),
    "max_iter": (2, 3),
    "max_eval": (2, 4),
    "tolerance_grad": (3.0, 30.0),
    "tolerance_change": (1.0, 3.0),
    "history_size": (2, 1),
    "memory_size": (2, 1),
    "line_search_fn": ("strong_wolfe",),
    "adjust_lr_fn": ("match_rms_adamw",),
    "ns_steps": (2, 3),
    "ns_coefficients": ((3.0, -4.0, 2.0),),
    "muon_a": (3.0, 2.5),
    "muon_b": (-4.0, -3.0),
    "muon_c": (1.5, 1.0),
    "adam_lr_ratio": (0.4, 0.2),
    "rms_rate": (0.5, 0.7),
    "exclude_layers": (["kernel"],),
    "warmup_steps": (5, 3),
    "trust_coefficient": (0.2, 0.5),
    "min_norm": (5.0, 10.0),
    "eta": (0.5, 1.5),
    "seed": (11, 12),
    "eta_minus": (0.4, 0.3),
    "eta_plus": (1.4, 1.6),
    **dict.fromkeys(("min_step_size", "max_step_size"), (0.2, 0.15)),
    **dict.fromkeys(("mu_dtype", "accumulator_dtype", "dtype_momentum"), ("float32",)),
    **dict.fromkeys(("name", "dtype"), ("probe",)),
    **dict.fromkeys(("foreach", "fused", "use_locking", "run_eagerly"), (True, False)),
    "device": ("cpu",),
    "gradient_aggregator": (None,),
    "gradient_transformers": (None,),
    # Losses.
    "reduction": ("sum", "none", "mean"),
    **dict.fromkeys(("size_average", "reduce"), (False, True)),
    "label_smoothing": (0.2, 0.4),
    **dict.fromkeys(("delta", "margin"), (0.3, 0.15)),
    **dict.fromkeys(("ignore_index", "ignore_class", "blank", "blank_id"), (1, -1)),
    "axis": (0,),
    "p": (2, 1),
    "q": (0.2, 0.8),
    "smooth": (0.3, 3.0),
    "temperature": (0.5, 0.3),
    "norm_degree": (1, 3),
    "log_epsilon": (-10.0,),
}
_NUMBERS: Final = (0.37, 0.6)
_UNKNOWN: Final = (0.4, 2, True)  # for a default of None
# Where 0 is not what none given means: a limit, or the rate.
LIMITS: Final = (
    *("clipnorm", "clipvalue", "global_clipnorm", "clip_threshold", "clipping_threshold"),
    *("lr", "learning_rate"),
)
FALSY: Final[tuple[Any, ...]] = (0.0, 0, False, None)
# What older versions and other libraries called their arguments.
OLD_SPELLINGS: Final = (
    *("lr", "learning_rate", "decay", "weight_decay", "wd", "l2", "eps", "epsilon", "rho", "alpha"),
    *("beta1", "beta2", "beta_1", "beta_2", "betas", "b1", "b2", "momentum", "schedule_decay"),
    *("clipnorm", "clipvalue", "global_clipnorm", "clip_norm", "max_grad_norm", "nesterov"),
    *("amsgrad", "momentum_decay", "lr_decay", "initial_accumulator_value", "use_locking"),
    *("gradient_aggregator", "gradient_transformers", "is_legacy_optimizer", "dampening"),
    *("use_ema", "jit_compile", "rescale_grad", "momntum", "warmup_steps", "centered"),
)


def values_for(name: str, default: Any) -> tuple[Any, ...]:
    """Return values for argument `name` that differ from its default."""
    return tuple(value for value in _candidates(name, default) if not equal(value, default))


def _candidates(name: str, default: Any) -> tuple[Any, ...]:
    if isinstance(default, bool):
        return (not default,)
    if name in VALUES and not (name == "eps" and isinstance(default, tuple)):
        return VALUES[name]
    if isinstance(default, int):
        return (default + 2, default + 3)
    if isinstance(default, float):
        return (default * 0.5, default * 3.0) if default else _NUMBERS
    if isinstance(default, tuple) and set(map(type, default)) <= {int, float, type(None)}:
        return (tuple(0.5 if item is None else item * 3 for item in default),)
    if default is None:
        return _UNKNOWN
    return ()


def neutral(name: str, value: Any, default: Any) -> bool:
    """Return whether a falsy `value` says what the default says, so that nothing need change."""
    return not default and not (value is not None and name in LIMITS)


def equal(value: Any, default: Any) -> bool:
    """Return whether two values are one to a framework: 2 is 2.0, and 0 is not False."""
    numbers = all(type(item) in (int, float) for item in (value, default))
    return bool(value == default) if numbers else repr(value) == repr(default)


def foreign_value(name: str) -> Any:
    """Return a value for an argument of that name elsewhere."""
    return next(iter(values_for(name, None)), 0.4)


def shown(value: Any) -> str:
    """Return a value as a report shows it, without what changes from run to run."""
    text = repr(value)
    return f"a {type(value).__name__}" if " at 0x" in text or len(text) > 60 else text
