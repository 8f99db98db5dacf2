"""The lanes that ship with Parity, and what each one's framework offers."""

from __future__ import annotations

from dataclasses import replace

from parity.lanes import OPTIONS, Lane
from parity.parts import DTYPES, LOSSES, OPTIMIZERS

# On a machine with an accelerator the frameworks would take it for these lanes too.
_ON_CPU = {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}

_FTRL = ("power", "beta", "initial_accumulator", "lambda1", "lambda2", "shrinkage")
_KERAS_ADAM = ("beta1", "beta2", "eps", "weight_decay")
_KERAS_ADAFACTOR = ("beta2_decay", "eps1", "eps2", "clip_threshold", "weight_decay")
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
    "lamb": _KERAS_ADAM,
    "ftrl": (*_FTRL, "weight_decay"),
    "adafactor": _KERAS_ADAFACTOR,
}
# A float64 model is one on TensorFlow only: on PyTorch Keras multiplies matrices in float32, and on
# both others it takes means in float32 (keras/src/backend/common/dtypes.py, BIT64_TO_BIT32_DTYPE).
_KERAS_DTYPES = {
    "tensorflow": DTYPES,
    "torch": ("float32", "bfloat16", "float16"),
    "jax": ("float32", "bfloat16", "float16"),
}
# SparseCategoricalCrossentropy has no label_smoothing.
_KERAS_OPTIONS = tuple(o for o in OPTIONS if o != "label_smoothing of integers")
# Backend, mode and pace: fit traces or compiles almost every case anew.
_KERAS_MODES = (
    ("tensorflow", "apply", 1.0),
    ("tensorflow", "fit", 0.04),
    ("tensorflow", "eager", 0.04),
    ("torch", "apply", 1.0),
    ("torch", "fit", 0.2),
    ("jax", "apply", 0.3),
    ("jax", "fit", 0.02),
    ("jax", "eager", 0.02),
)
_KERAS = tuple(
    Lane(
        name=f"keras@{backend}" if mode == "apply" else f"keras@{backend}:{mode}",
        module="parity.lanes.keras",
        mode=mode,
        packages=("keras", backend),
        optimizers=_KERAS_OPTIMIZERS,
        dtypes=_KERAS_DTYPES[backend],
        losses=tuple(loss for loss in LOSSES if loss != "smooth_l1"),
        options=_KERAS_OPTIONS,
        environment={"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "2", **_ON_CPU},
        pace=pace,
    )
    for backend, mode, pace in _KERAS_MODES
)

_OPTAX_ADAM = ("beta1", "beta2", "eps", "weight_decay")
_OPTAX_OPTIMIZERS = {
    "sgd": ("momentum", "nesterov", "weight_decay"),
    "adam": _OPTAX_ADAM,
    "adamw": _OPTAX_ADAM,
    "amsgrad": _OPTAX_ADAM,
    "adamax": _OPTAX_ADAM,
    "nadam": _OPTAX_ADAM,
    "radam": _OPTAX_ADAM,
    "rmsprop": ("rho", "eps", "centered", "momentum", "weight_decay"),
    "adagrad": ("eps", "initial_accumulator", "weight_decay"),
    "adadelta": ("rho", "eps", "weight_decay"),
    "lion": ("beta1", "beta2", "weight_decay"),
    "lamb": _OPTAX_ADAM,
    "adafactor": ("beta2_decay", "eps1", "clip_threshold", "weight_decay"),
}
_JAX = tuple(
    Lane(
        name=f"jax:{mode}" if mode else "jax",
        module="parity.lanes.jax",
        mode=mode,
        packages=("jax", "optax"),
        optimizers=_OPTAX_OPTIMIZERS,
        dtypes=DTYPES,
        clips=("value", "global_norm"),
        environment={
            "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
            **_ON_CPU,
        },
        x64={"JAX_ENABLE_X64": "1"},
        pace=pace,
    )
    for mode, pace in (("", 0.4), ("plain", 0.02), ("jit", 0.04))
)

_NUMPY32 = Lane(
    name="numpy32",
    module="parity.lanes.numpy32",
    mode="shuffled",
    packages=("numpy",),
    optimizers={name: tuple(arguments) for name, arguments in OPTIMIZERS.items()},
    dtypes=("float32", "float64", "float16"),
)

_TORCH_OPTIMIZERS = {
    name: tuple(arguments)
    for name, arguments in OPTIMIZERS.items()
    if name not in ("lion", "lamb", "ftrl")
}
_TORCH_FUSED = ("sgd", "adam", "adamw", "amsgrad", "adagrad")  # those with a kernel for the CPU
_TORCH = tuple(
    Lane(
        name="torch" if mode == "loop" else f"torch:{mode}",
        module="parity.lanes.torch",
        mode=mode,
        packages=("torch",),
        optimizers={name: _TORCH_OPTIMIZERS[name] for name in optimizers},
        dtypes=DTYPES,
        # Compiling in the worker itself: a pool of compilers would outweigh what it compiles.
        environment={"TORCHINDUCTOR_COMPILE_THREADS": "1", **_ON_CPU},
        pace=pace,
    )
    for mode, optimizers, pace in (
        ("loop", _TORCH_OPTIMIZERS, 1.0),
        ("foreach", _TORCH_OPTIMIZERS, 1.0),
        ("fused", _TORCH_FUSED, 1.0),
        ("compile", _TORCH_OPTIMIZERS, 0.01),
    )
)

_TENSORFLOW_BY_HAND = {
    "sgd": ("momentum", "nesterov", "weight_decay"),
    "adam": ("beta1", "beta2", "eps", "weight_decay"),
    "adamw": ("beta1", "beta2", "eps", "weight_decay"),
}
_TENSORFLOW_1 = {
    "sgd": ("momentum", "nesterov"),
    "adam": ("beta1", "beta2", "eps"),
    "rmsprop": ("rho", "eps", "centered", "momentum"),
    "adagrad": ("initial_accumulator",),
    "adadelta": ("rho", "eps"),
    "ftrl": _FTRL,
}
_TENSORFLOW_OPTIONS = ("sample_weights", "class_weights", "l2", "schedule")
_TENSORFLOW_ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    **_ON_CPU,
}
_TENSORFLOW = tuple(
    Lane(
        name="tensorflow" if mode == "graph" else f"tensorflow:{mode}",
        module="parity.lanes.tensorflow",
        mode=mode,
        packages=("tensorflow",),
        optimizers=_TENSORFLOW_1 if mode == "v1" else _TENSORFLOW_BY_HAND,
        dtypes=DTYPES,
        options=_TENSORFLOW_OPTIONS + (() if mode == "v1" else ("decay_biases",)),
        environment=_TENSORFLOW_ENVIRONMENT,
        pace=pace,
    )
    for mode, pace in (("graph", 1.0), ("eager", 1.0), ("xla", 0.04), ("v1", 1.0))
)

_TF_KERAS_ADAM = ("beta1", "beta2", "eps")
_TF_KERAS_LEGACY = {
    "sgd": ("momentum", "nesterov"),
    "adam": _TF_KERAS_ADAM,
    "amsgrad": _TF_KERAS_ADAM,
    "adamax": _TF_KERAS_ADAM,
    "nadam": (*_TF_KERAS_ADAM, "momentum_decay"),
    "rmsprop": ("rho", "eps", "centered", "momentum"),
    "adagrad": ("eps", "initial_accumulator"),
    "adadelta": ("rho", "eps"),
    "ftrl": _FTRL,
}
_TF_KERAS_CURRENT = {
    **{name: (*arguments, "weight_decay") for name, arguments in _TF_KERAS_LEGACY.items()},
    "nadam": (*_TF_KERAS_ADAM, "weight_decay"),
    "adamw": (*_TF_KERAS_ADAM, "weight_decay"),
    "lion": ("beta1", "beta2", "weight_decay"),
    "adafactor": _KERAS_ADAFACTOR,
}
_TF_KERAS = tuple(
    Lane(
        name="tf_keras" if mode == "current" else f"tf_keras:{mode}",
        module="parity.lanes.tf_keras",
        mode=mode,
        packages=("tf_keras", "tensorflow"),
        optimizers=_TF_KERAS_LEGACY if mode == "legacy" else _TF_KERAS_CURRENT,
        dtypes=DTYPES,
        losses=tuple(loss for loss in LOSSES if loss != "smooth_l1"),
        options=tuple(o for o in _KERAS_OPTIONS if o != "decay_biases" or mode != "legacy"),
        environment=_TENSORFLOW_ENVIRONMENT,
        pace=pace,
    )
    for mode, pace in (("current", 1.0), ("legacy", 1.0), ("fit", 0.04))
)

_ON_CPUS = (*_TORCH, *_KERAS, *_TENSORFLOW, *_TF_KERAS, *_JAX, _NUMPY32)


def _named(name: str) -> Lane:
    return next(lane for lane in _ON_CPUS if lane.name == name)


# What turns a lane into one on a CUDA device: its name there, the lane that it is otherwise, and
# whether its products are in TF32. Off, it is for every CUDA library, since frameworks differ in
# what they do by default.
_IEEE = {"NVIDIA_TF32_OVERRIDE": "0", "JAX_DEFAULT_MATMUL_PRECISION": "highest"}
_TF32 = {"TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": "1", "JAX_DEFAULT_MATMUL_PRECISION": "tensorfloat32"}
_CUDA = tuple(
    replace(
        lane,
        name=name,
        mode="cuda" if lane.module == "parity.lanes.torch" else lane.mode,
        dtypes=tuple(dtype for dtype in lane.dtypes if dtype in ("float32", "float64")),
        environment={
            **{key: value for key, value in lane.environment.items() if key not in _ON_CPU},
            **({"JAX_PLATFORMS": "cuda"} if "jax" in lane.packages else {}),
            **precision,
        },
        device="cuda",
        pace=min(lane.pace, 0.3),
    )
    for name, lane, precision in (
        ("torch:cuda", _TORCH[0], _IEEE),
        ("torch:cuda-tf32", _TORCH[0], _TF32),
        ("keras@torch:cuda", _named("keras@torch"), _IEEE),
        ("keras@jax:gpu", _named("keras@jax"), _IEEE),
        ("jax:gpu", _named("jax"), _IEEE),
        ("jax:gpu-tf32", _named("jax"), _TF32),
        ("tensorflow:gpu", _named("tensorflow"), _IEEE),
        ("tensorflow:gpu-tf32", _named("tensorflow"), _TF32),
    )
)

LANES: tuple[Lane, ...] = (*_ON_CPUS, *_CUDA)
