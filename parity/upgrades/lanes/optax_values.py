"""What optax's callables are given where there is no default, and what they are tried with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import jax.numpy as jnp
import numpy as np
import optax

from parity.upgrades.probe import Nudge

# By name, in plain values; what is none stands in NAMED.
GIVEN: Final[Mapping[str, Any]] = {
    "learning_rate": 0.1,
    "lr": 0.1,
    "init_value": 0.4,
    "end_value": 0.1,
    "peak_value": 0.9,
    "value": 0.3,
    "decay_steps": 8,
    "transition_steps": 6,
    "decay_rate": 0.5,
    "decay": 0.9,
    "warmup_steps": 3,
    "power": 2.0,
    "step_size": 0.1,
    "step_size_fn": {"$": "exponential decay"},
    "max_norm": 0.5,
    "max_delta": 0.05,
    "max_value": 0.05,
    "clipping": 0.05,
    "clip_norm": 0.5,
    "momentum": 0.9,
    "weight_decay": 0.1,
    "every_k": 2,
    "every_k_schedule": 2,
    "every": 2,
    "max_consecutive_errors": 2,
    "sync_period": 2,
    "slow_step_size": 0.5,
    "boundaries_and_scales": {"$": "boundaries"},
    "schedules": {"$": "two schedules"},
    "boundaries": [4],
    "values": [0.4, 0.2, 0.1],
    "cosine_kwargs": {"$": "cosine cycles"},
    "inner": {"$": "adam"},
    "opt": {"$": "adam"},
    "optimizer": {"$": "adam"},
    "base_optimizer": {"$": "adam"},
    "inner_optimizer": {"$": "adam"},
    "tx": {"$": "adam"},
    "transform": {"$": "adam"},
    "mask": {"$": "mask"},
    "eta": 0.1,
    "gamma": 0.55,
    "seed": 3,
    "noise_multiplier": 0.1,
    "l2_norm_clip": 0.5,
    "transforms": {"$": "two transformations"},
    "param_labels": {"$": "labels"},
    "skip_increment_fn": {"$": "never"},
    "should_skip_update_fn": {"$": "never skip"},
    "should_transform": {"$": "from step 3"},
    "threshold": 0.05,
    "should_transform_fn": {"$": "from step 3"},
    "interpolate_type": "linear",
    "max_backtracking_steps": 5,
    "max_linesearch_steps": 5,
    "adv_optimizer": {"$": "adam"},
    "freeze_mask": {"$": "mask"},
    "max_learning_rate": 1.0,
    "num_samples": 4,
}
_SCHEDULE: Final = {"$": "exponential decay"}
VALUES: Final[Mapping[str, tuple[Any, ...]]] = {
    "learning_rate": (0.7, _SCHEDULE),
    **dict.fromkeys(
        ("mask", "weight_decay_mask", "trust_ratio_mask", "param_mask"), ({"$": "mask"},)
    ),
    **dict.fromkeys(
        ("mu_dtype", "accumulator_dtype", "dtype_momentum", "state_dtype", "estim_lr0_dtype"),
        ("float32", "bfloat16"),
    ),
    "alpha": (0.6, 0.3),
    "beta": (0.6, 0.3),
    "end_value": (0.37, 0.7),
    "where": ({"$": "where"},),
    "weights": ({"$": "weights"},),
    "class_weights": ({"$": "class weights"},),
    "every_k_schedule": (3, {"$": "every schedule"}),
    "every_k": (3,),
    "decay": (0.6, 0.99),
    "max_norm": (0.05, 2.0),
    "linesearch": (None,),
    "seed": (11,),
    "key": (11,),
}
NAMED: Final[Mapping[str, Callable[[], Any]]] = {
    "exponential decay": lambda: optax.exponential_decay(0.3, 1, 0.5),
    "adam": lambda: optax.adam(0.1),
    "boundaries": lambda: {3: 0.5, 6: 0.1},
    "two schedules": lambda: [optax.exponential_decay(0.3, 1, 0.5), optax.linear_schedule(1, 0, 5)],
    "cosine cycles": lambda: [
        {"init_value": 0.1, "peak_value": 1.0, "decay_steps": 4, "warmup_steps": 1} for _ in "ab"
    ],
    "mask": lambda: {"layer0/kernel": True, "layer0/bias": False},
    "labels": lambda: {"layer0/kernel": "a", "layer0/bias": "b"},
    "two transformations": lambda: {"a": optax.adam(0.1), "b": optax.sgd(0.5, momentum=0.9)},
    "never": lambda: lambda *_: False,
    "never skip": lambda: lambda *_: (jnp.asarray(False), {}),
    "from step 3": lambda: lambda step, **_: step >= 3,
    "every schedule": lambda: lambda step: jnp.where(step < 1, 1, 2),
    "where": lambda: np.array([[True, False, True]] * 5),
    "weights": lambda: jnp.asarray(_uniform(5, 3, seed=9)),
    "class weights": lambda: jnp.asarray([0.5, 2.0, 3.0]),
}


def _uniform(*shape: int, seed: int = 3) -> Any:
    return np.random.default_rng(seed).uniform(0.1, 0.9, shape)


_LABELS = np.array([0, 1, 2, 1, 0])
_FAR = np.array([[-200.0, 0.0, 60.0], [1.0, -1.0, 200.0], [60.0, -60.0, 0.5], [0, 0, 0], [9, 8, 7]])
_ENDS = np.array([[0.0, 1, 0], [1, 0, 1], [1, 1, 0], [0, 1, 1], [0, 0, 1]])
FORMS: Final[Mapping[str, Callable[[Nudge], tuple[Any, ...]]]] = {
    "values": lambda n: (_in(n, _uniform(5, 3)), _in(n, _uniform(5, 3, seed=4))),
    "one-hot": lambda n: (_in(n, _uniform(5, 3)), jnp.eye(3)[_LABELS]),
    "one-hot, far": lambda n: (_in(n, _FAR), jnp.eye(3)[_LABELS]),
    "ends": lambda n: (_in(n, _FAR), jnp.asarray(_ENDS)),
    "labels": lambda n: (_in(n, _uniform(5, 3)), jnp.asarray(_LABELS)),
    "labels, far": lambda n: (_in(n, _FAR), jnp.asarray(_LABELS)),
    "signs, far": lambda n: (_in(n, _FAR), jnp.asarray(2 * _ENDS - 1)),
    "triplets": lambda n: tuple(_in(n, _uniform(5, 3, seed=s)) for s in (3, 4, 5)),
    "sequences": lambda n: (
        _in(n, _uniform(2, 6, 4)),
        jnp.zeros((2, 6)),
        jnp.asarray([[1, 2], [2, 3]]),
        jnp.zeros((2, 2)),
    ),
    "one": lambda n: (_in(n, _FAR),),
    "one and a number": lambda n: (_in(n, _uniform(5, 3)), 0.7),
}


def _in(nudge: Nudge, values: Any) -> Any:
    return jnp.asarray(nudge(values))
