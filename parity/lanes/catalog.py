"""The lanes that ship with Parity, and what each one's framework offers."""

from __future__ import annotations

from parity.case import LOSSES
from parity.lanes import Lane

_KERAS_ADAM = ("beta1", "beta2", "eps", "weight_decay")
_KERAS_OPTIMIZERS = {
    "sgd": ("momentum", "nesterov", "weight_decay"),
    "adam": _KERAS_ADAM,
    "adamw": _KERAS_ADAM,
    "amsgrad": _KERAS_ADAM,
    "adamax": _KERAS_ADAM,
    "nadam": _KERAS_ADAM,
    "rmsprop": ("rho", "eps", "centered", "momentum", "weight_decay"),
    "adagrad": ("eps", "initial_accumulator", "weight_decay"),
    "adadelta": ("rho", "eps", "weight_decay"),
    "lion": ("beta1", "beta2", "weight_decay"),
}
# Backend, mode and pace: fit traces or compiles almost every case anew.
_KERAS_MODES = (
    ("tensorflow", "apply", 1.0),
    ("tensorflow", "fit", 0.1),
    ("tensorflow", "eager", 0.1),
    ("torch", "apply", 1.0),
    ("torch", "fit", 0.1),
    ("torch", "eager", 0.1),
    ("jax", "apply", 0.5),
    ("jax", "fit", 0.05),
    ("jax", "eager", 0.05),
)
_KERAS = tuple(
    Lane(
        name=f"keras@{backend}" if mode == "apply" else f"keras@{backend}:{mode}",
        module="parity.lanes.keras",
        mode=mode,
        packages=("keras", backend),
        optimizers=_KERAS_OPTIMIZERS,
        losses=tuple(loss for loss in LOSSES if loss != "smooth_l1"),
        environment={"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "2"},
        x64={"JAX_ENABLE_X64": "1"} if backend == "jax" else {},
        pace=pace,
    )
    for backend, mode, pace in _KERAS_MODES
)

LANES: tuple[Lane, ...] = (*_KERAS,)
