"""The claims: where a lane differs from the textbook by design, stated as a dial and checked.

A claim is not an excuse: with its dial the oracle must agree within its bound, and without it the
lane must diverge on the claim's witness case, so that an upgrade which changes either fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from packaging.specifiers import SpecifierSet

from parity.case import Case


@dataclass(frozen=True, slots=True)
class Claim:
    """This lane, in these versions and on these cases, is the oracle with this dial turned.

    `lanes` are name patterns; `package` and `versions` a distribution and the specifier that was
    checked. `when` maps facts of a case (see `facts`) to the values that bring the claim about.
    """

    lanes: tuple[str, ...]
    dial: str
    value: Any
    when: Mapping[str, tuple[Any, ...]]
    why: str
    source: str
    package: str
    versions: str

    @property
    def name(self) -> str:
        """A short name for reports: the dial and its value, and what it is about."""
        about = "+".join(str(value) for values in self.when.values() for value in values)
        return f"{self.dial}={self.value}" + (f"[{about}]" if about else "")

    def covers(self, lane: str) -> bool:
        """Return whether the claim is about `lane`."""
        return any(fnmatchcase(lane, pattern) for pattern in self.lanes)

    def applies(self, lane: str, case: Case) -> bool:
        """Return whether the claim says something about `lane` on `case`."""
        if not self.covers(lane):
            return False
        seen = facts(case)
        return all(not seen[key].isdisjoint(values) for key, values in self.when.items())


def in_force(claims: Iterable[Claim], versions: Mapping[str, str]) -> tuple[Claim, ...]:
    """Return the claims about the installed versions; of what is not installed, all."""
    return tuple(
        claim
        for claim in claims
        if claim.package not in versions
        or SpecifierSet(claim.versions).contains(versions[claim.package], prereleases=True)
    )


def facts(case: Case) -> dict[str, set[Any]]:
    """Return what a claim's `when` can ask of a case."""
    given = case.optimizer.hyperparameters()
    return {
        "optimizer": {case.optimizer.name},
        "argument": {name for name, value in given.items() if value},
        "given": set(case.optimizer.arguments),
        "activation": {layer.activation for layer in case.layers},
        "loss": {case.loss.name},
        "labels": {case.loss.labels},
        "l2": {case.loss.l2 != 0},
        "class_weights": {case.loss.class_weights is not None},
        "weighted": {case.sample_weights is not None},
        "reduction": {case.loss.reduction},
        "clip": {case.clip.kind if case.clip else None},
        "schedule": {len(set(case.rates)) > 1},
        "dtype": {case.dtype},
    }


def claimed(claims: Iterable[Claim], lane: str, case: Case) -> tuple[Claim, ...]:
    """Return the claims that apply to `lane` on `case`."""
    return tuple(claim for claim in claims if claim.applies(lane, case))


def dials(claims: Iterable[Claim]) -> dict[str, Any]:
    """Return the dials that `claims` turn; names add up. Raises ValueError for a contradiction."""
    turned: dict[str, Any] = {}
    for claim in claims:
        if isinstance(claim.value, tuple):
            turned[claim.dial] = (*turned.get(claim.dial, ()), *claim.value)
        elif turned.setdefault(claim.dial, claim.value) != claim.value:
            raise ValueError(f"claims contradict each other on {claim.dial}: {claim.name}")
    return turned


def _claims(
    lanes: tuple[str, ...], package: str, versions: str, *rows: tuple[Any, ...]
) -> tuple[Claim, ...]:
    """Return a claim for each row: dial, value, when, why, source."""
    return tuple(
        Claim(lanes, dial, value, when, why, source, package, versions)
        for dial, value, when, why, source in rows
    )


_NORMS = {"clip": ("norm", "global_norm")}
_CLASS_WEIGHTS = {"class_weights": (True,)}
_DOUBLE = ("float64",)
_FULL = ("float32", "float64")
_ADAMS = ("adam", "adamw", "amsgrad")


def _by(*optimizers: str, **others: tuple[Any, ...]) -> dict[str, tuple[Any, ...]]:
    return {"optimizer": optimizers, **others}


_TORCH = _claims(
    ("torch", "torch:*"),
    "torch",
    ">=2.13",
    (
        "class_weights",
        "class",
        _CLASS_WEIGHTS,
        "CrossEntropyLoss(weight=) weighs each class's term of the sum, not the row",
        "torch.nn.CrossEntropyLoss documentation",
    ),
    (
        "class_weights_divisor",
        "weights",
        {**_CLASS_WEIGHTS, "labels": ("integer",), "weighted": (False,)},
        "CrossEntropyLoss(weight=) divides by the sum of the weights of the rows' labels",
        "torch.nn.CrossEntropyLoss documentation",
    ),
    (
        "clip_eps",
        1e-6,
        _NORMS,
        "clip_grad_norm_ divides by norm + 1e-6, so the clipped norm stays below the limit",
        "torch/nn/utils/clip_grad.py, _clip_grads_with_norm_",
    ),
    (
        "mu_product",
        "float32",
        _by("nadam"),
        "NAdam keeps the product of its momenta in a float32 tensor, in float64 runs too",
        "torch/optim/nadam.py, _init_group",
    ),
    (
        "softplus_threshold",
        20.0,
        {"activation": ("softplus",), "dtype": _DOUBLE},
        "softplus is the identity above its threshold of 20, 2e-9 off in float64",
        "torch.nn.Softplus documentation",
    ),
)

_TORCH_COMPILE = _claims(
    ("torch:compile",),
    "torch",
    ">=2.13",
    (
        "correction",
        "float32",
        _by("adam", "adamw", "amsgrad", "adamax", "nadam", "radam"),
        "compiled, the step counter is a float32 tensor, and so are the bias corrections",
        "torch/optim/adam.py, the branch for capturable",
    ),
)

# tf.cast and convert_to_tensor take a Python float through float32.
_THROUGH_FLOAT32 = "a Python float becomes a float32 tensor before it is cast to float64"

_TENSORFLOW_FUNCTIONS = (
    (
        "rounded",
        ("leaky_slope",),
        {"activation": ("leaky_relu",), "dtype": _DOUBLE},
        "the kernel's attribute alpha is a 32-bit float",
        "tf.nn.leaky_relu, op LeakyRelu",
    ),
    (
        "rounded",
        ("gelu",),
        {"activation": ("gelu", "gelu_tanh"), "dtype": _DOUBLE},
        f"gelu's constants are cast to the features' dtype: {_THROUGH_FLOAT32}",
        "tensorflow/python/ops/nn_ops.py, gelu",
    ),
)

_TENSORFLOW = _claims(
    ("tensorflow", "tensorflow:*", "tf_keras", "tf_keras:*"),
    "tensorflow",
    ">=2.21",
    *_TENSORFLOW_FUNCTIONS,
)

_TENSORFLOW_1 = _claims(
    ("tensorflow:v1",),
    "tensorflow",
    ">=2.21",
    (
        "eps",
        "hat",
        _by("adam"),
        "eps beside the root of the uncorrected moment",
        "tf.compat.v1.train.AdamOptimizer documentation",
    ),
    (
        "correction",
        "float32",
        _by("adam"),
        "beta**t is a running product in a float32 variable",
        "tensorflow/python/training/adam.py, _finish",
    ),
    (
        "constants",
        "working",
        {},
        "hyperparameters are tensors of the variable's dtype",
        "tensorflow/python/training/training_ops.cc by way of optimizer.py, _call_if_callable",
    ),
    (
        "rounded",
        ("lr", "beta1", "beta2", "eps", "rho", "momentum", "beta1**t", "beta2**t"),
        {"dtype": _DOUBLE},
        f"hyperparameters: {_THROUGH_FLOAT32}",
        "tensorflow/python/training/optimizer.py",
    ),
    (
        "eps",
        "inside",
        _by("rmsprop"),
        "eps inside the root",
        "tf.compat.v1.train.RMSPropOptimizer documentation",
    ),
    (
        "momentum",
        "inside",
        _by("rmsprop", argument=("momentum",)),
        "lr enters the momentum buffer",
        "tf.compat.v1.train.RMSPropOptimizer documentation",
    ),
    (
        "first_square",
        1.0,
        _by("rmsprop"),
        "the mean square starts at one",
        "tensorflow/python/training/rmsprop.py, _create_slots",
    ),
)

_TF_KERAS_SHARED = _claims(
    ("tf_keras", "tf_keras:*"),
    "tf_keras",
    ">=2.21",
    (
        "sum",
        "row means",
        {"reduction": ("sum",)},
        "reduction='sum' adds up the rows, and a row's loss is its mean over the units",
        "tf_keras/src/losses.py, mean_squared_error",
    ),
    (
        "eps",
        "hat",
        _by(*_ADAMS, "adamax"),
        "eps beside the root of the uncorrected moment",
        "tf_keras/src/optimizers/adam.py; legacy: optimizer_v2/adam.py",
    ),
    (
        "momentum",
        "velocity",
        _by("sgd", argument=("momentum",)),
        "lr enters the momentum buffer, with its sign",
        "tf_keras/src/optimizers/sgd.py; legacy: gradient_descent.py",
    ),
    (
        "rounded",
        ("delta",),
        {"loss": ("huber",), "dtype": _DOUBLE},
        f"delta: {_THROUGH_FLOAT32}",
        "tf_keras/src/losses.py, huber",
    ),
)

_TF_KERAS = _claims(
    ("tf_keras", "tf_keras:fit"),
    "tf_keras",
    ">=2.21",
    (
        "weight_decay",
        "decoupled",
        {
            "optimizer": (
                "sgd",
                "adam",
                "amsgrad",
                "adamax",
                "nadam",
                "rmsprop",
                "adagrad",
                "adadelta",
            ),
            "argument": ("weight_decay",),
        },
        "weight_decay shrinks the weights by lr * weight_decay in every optimizer",
        "tf_keras/src/optimizers/optimizer.py, apply_weight_decay",
    ),
    (
        "rounded",
        ("weight_decay",),
        {"argument": ("weight_decay",), "dtype": _DOUBLE},
        f"weight_decay: {_THROUGH_FLOAT32}",
        "tf_keras/src/optimizers/optimizer.py, apply_weight_decay",
    ),
    (
        "rounded",
        ("momentum",),
        _by("sgd", argument=("momentum",), dtype=_DOUBLE),
        f"momentum: {_THROUGH_FLOAT32}",
        "tf_keras/src/optimizers/sgd.py",
    ),
    (
        "rounded",
        ("beta1**t", "beta2**t"),
        _by(*_ADAMS, "adamax", dtype=_DOUBLE),
        f"the betas of the bias corrections: {_THROUGH_FLOAT32}",
        "tf_keras/src/optimizers/adam.py, update_step",
    ),
    (
        "correction",
        "working",
        _by(*_ADAMS, "adamax"),
        "beta**t is computed in the variable's dtype",
        "tf_keras/src/optimizers/adam.py, update_step",
    ),
    (
        "momentum_decay",
        1.0,
        _by("nadam"),
        "the momentum schedule is 0.96**t, not 0.96**(0.004 t)",
        "tf_keras/src/optimizers/nadam.py, update_step",
    ),
    (
        "rounded",
        ("beta1", "beta2", "beta2**t", "0.96", "mu_product/beta1", "mu_product/0.96"),
        _by("nadam", dtype=_DOUBLE),
        f"the betas and 0.96: {_THROUGH_FLOAT32}",
        "tf_keras/src/optimizers/nadam.py, update_step",
    ),
    (
        "constants",
        "working",
        _by("nadam", "lion"),
        "1 - beta is computed in the variable's dtype",
        "tf_keras/src/optimizers/nadam.py, lion.py",
    ),
    (
        "correction",
        "working",
        _by("nadam"),
        "beta**t is computed in the variable's dtype",
        "tf_keras/src/optimizers/nadam.py, update_step",
    ),
    (
        "eps",
        "inside",
        _by("rmsprop", "adagrad"),
        "eps inside the root",
        "tf_keras/src/optimizers/rmsprop.py, adagrad.py",
    ),
    (
        "momentum",
        "inside",
        _by("rmsprop", argument=("momentum",)),
        "lr enters the momentum buffer",
        "tf_keras/src/optimizers/rmsprop.py, update_step",
    ),
    (
        "rounded",
        ("beta1", "beta2"),
        _by("lion", dtype=_DOUBLE),
        f"the betas: {_THROUGH_FLOAT32}",
        "tf_keras/src/optimizers/lion.py, update_step",
    ),
)

_TF_KERAS_COMPILED = _claims(
    ("tf_keras:fit",),
    "tf_keras",
    ">=2.21",
    (
        "mu_product",
        "per tensor",
        _by("nadam"),
        "compiled, Nadam's momentum product is multiplied once for each tensor, not for each step: "
        "the Python counter that should prevent it does not run in the graph",
        "tf_keras/src/optimizers/nadam.py, update_step",
    ),
)

_TF_KERAS_LEGACY = _claims(
    ("tf_keras:legacy",),
    "tf_keras",
    ">=2.21",
    (
        "constants",
        "working",
        {},
        "hyperparameters are tensors of the variable's dtype",
        "tf_keras/src/optimizers/legacy/optimizer_v2.py, _get_hyper",
    ),
    (
        "correction",
        "working",
        _by("adam", "amsgrad", "adamax", "nadam"),
        "beta**t is computed in the variable's dtype",
        "tf_keras/src/optimizers/legacy/adam.py, _prepare_local",
    ),
    (
        "rounded",
        (
            *("lr", "rho", "momentum", "clip"),
            *("beta1", "beta2", "beta1**t", "beta2**t"),
            *("0.96", "mu_product/beta1", "mu_product/0.96"),
        ),
        {"dtype": _DOUBLE},
        f"hyperparameters: {_THROUGH_FLOAT32}",
        "tf_keras/src/optimizers/legacy/optimizer_v2.py, _create_hypers",
    ),
    (
        "eps_for_zero",
        1e-7,
        _by("adagrad"),
        "epsilon=0 is taken for none given, which is 1e-7",
        "tf_keras/src/optimizers/legacy/adagrad.py, __init__",
    ),
    (
        "eps",
        "inside",
        _by("rmsprop", argument=("momentum",)),
        "with momentum a fused kernel runs, which has eps inside the root; without, beside it",
        "tf_keras/src/optimizers/legacy/rmsprop.py, _resource_apply_dense",
    ),
    (
        "momentum",
        "inside",
        _by("rmsprop", argument=("momentum",)),
        "lr enters the momentum buffer",
        "tf_keras/src/optimizers/legacy/rmsprop.py, _resource_apply_dense",
    ),
)

_KERAS = _claims(
    ("keras@*",),
    "keras",
    ">=3.15.1",
    (
        "sum",
        "row means",
        {"reduction": ("sum",)},
        "reduction='sum' adds up the rows, and a row's loss is its mean over the units",
        "keras/src/losses/losses.py, mean_squared_error",
    ),
    (
        "weight_decay",
        "decoupled",
        {
            "optimizer": (
                "sgd",
                "adam",
                "amsgrad",
                "adamax",
                "nadam",
                "rmsprop",
                "adagrad",
                "adadelta",
            ),
            "argument": ("weight_decay",),
        },
        "weight_decay shrinks the weights by lr * weight_decay in every optimizer",
        "keras/src/optimizers/base_optimizer.py, _apply_weight_decay",
    ),
    (
        "momentum",
        "velocity",
        _by("sgd", argument=("momentum",)),
        "lr enters the momentum buffer, with its sign",
        "keras/src/optimizers/sgd.py, update_step",
    ),
    (
        "eps",
        "hat",
        _by(*_ADAMS, "adamax"),
        "eps beside the root of the uncorrected moment",
        "keras/src/optimizers/adam.py, adamax.py",
    ),
    (
        "correction",
        "working",
        _by(*_ADAMS, "adamax", "nadam"),
        "beta**t is computed in the variable's dtype",
        "keras/src/optimizers/adam.py, adamax.py, nadam.py",
    ),
    (
        "momentum_decay",
        1.0,
        _by("nadam"),
        "the momentum schedule is 0.96**t, not 0.96**(0.004 t)",
        "keras/src/optimizers/nadam.py, update_step",
    ),
    (
        "eps",
        "inside",
        _by("rmsprop", "adagrad"),
        "eps inside the root",
        "keras/src/optimizers/rmsprop.py, adagrad.py",
    ),
    (
        "momentum",
        "inside",
        _by("rmsprop", argument=("momentum",)),
        "lr enters the momentum buffer",
        "keras/src/optimizers/rmsprop.py, update_step",
    ),
)
_KERAS_CAST = _claims(
    ("keras@tensorflow", "keras@tensorflow:*", "keras@jax", "keras@jax:*"),
    "keras",
    ">=3.15.1",
    (
        "constants",
        "working",
        _by("nadam", "lion"),
        "1 - beta is computed in the variable's dtype",
        "keras/src/optimizers/nadam.py, lion.py",
    ),
)
_KERAS_TENSORFLOW = _claims(
    ("keras@tensorflow", "keras@tensorflow:*"),
    "keras",
    ">=3.15.1",
    *_TENSORFLOW_FUNCTIONS,
    (
        "rounded",
        ("weight_decay",),
        {"argument": ("weight_decay",), "dtype": _DOUBLE},
        f"weight_decay: {_THROUGH_FLOAT32}",
        "keras/src/optimizers/base_optimizer.py, _apply_weight_decay",
    ),
    (
        "rounded",
        ("momentum",),
        _by("sgd", argument=("momentum",), dtype=_DOUBLE),
        f"momentum: {_THROUGH_FLOAT32}",
        "keras/src/optimizers/sgd.py, update_step",
    ),
    (
        "rounded",
        ("beta1**t", "beta2**t"),
        _by(*_ADAMS, "adamax", dtype=_DOUBLE),
        f"the betas of the bias corrections: {_THROUGH_FLOAT32}",
        "keras/src/optimizers/adam.py, update_step",
    ),
    (
        "rounded",
        ("beta1", "beta2", "beta2**t", "0.96"),
        _by("nadam", dtype=_DOUBLE),
        f"the betas and 0.96: {_THROUGH_FLOAT32}",
        "keras/src/optimizers/nadam.py, update_step",
    ),
    (
        "rounded",
        ("beta1", "beta2"),
        _by("lion", dtype=_DOUBLE),
        f"the betas: {_THROUGH_FLOAT32}",
        "keras/src/optimizers/lion.py, update_step",
    ),
    (
        "rounded",
        ("initial_accumulator",),
        _by("adagrad", argument=("initial_accumulator",), dtype=_DOUBLE),
        f"the initial accumulator: {_THROUGH_FLOAT32}",
        "keras/src/optimizers/adagrad.py, build",
    ),
    (
        "rounded",
        ("l2",),
        {"l2": (True,), "dtype": _DOUBLE},
        f"the factor of regularizers.L2: {_THROUGH_FLOAT32}",
        "keras/src/regularizers/regularizers.py, L2",
    ),
)

_JAX = _claims(
    ("jax", "jax:*"),
    "optax",
    ">=0.2.8",
    (
        "amsgrad_maximum",
        "corrected",
        _by("amsgrad"),
        "the maximum is taken of the bias-corrected moments",
        "optax/_src/transform.py, scale_by_amsgrad",
    ),
    (
        "nadam",
        "plain",
        _by("nadam"),
        "Adam with a Nesterov term and no momentum schedule",
        "optax/_src/transform.py, scale_by_adam",
    ),
    (
        "eps",
        "after",
        _by("radam"),
        "eps beside the root of the corrected moment",
        "optax/_src/transform.py, scale_by_radam",
    ),
    (
        "eps",
        "inside",
        _by("rmsprop", "adagrad"),
        "eps inside the root",
        "optax/_src/transform.py, scale_by_rms, scale_by_rss",
    ),
    (
        "momentum",
        "velocity",
        _by("rmsprop", argument=("momentum",)),
        "lr enters the momentum buffer, with its sign",
        "optax/_src/alias.py, rmsprop",
    ),
    (
        "zero_sum",
        "no step",
        _by("adagrad"),
        "nothing moves where the sum of squares is zero, which tiny gradients leave it",
        "optax/_src/transform.py, scale_by_rss",
    ),
    (
        "correction",
        "working",
        _by("adam", "adamw", "amsgrad", "adamax", "nadam", "radam", dtype=_FULL),
        "beta**t is computed in the parameters' dtype, or in float32 if that is finer",
        "optax/_src/transform.py, by way of optax.tree.bias_correction",
    ),
)
_JAX_FUNCTIONS = _claims(
    ("jax", "jax:*", "keras@jax", "keras@jax:*"),
    "jax",
    ">=0.10",
    (
        "leaky_relu_at_zero",
        "one",
        {"activation": ("leaky_relu",)},
        "the slope at exactly zero is that of the positive side",
        "jax/_src/nn/functions.py, leaky_relu",
    ),
)
_JAX_TRACED = _claims(
    ("jax",),
    "optax",
    ">=0.2.8",
    (
        "constants",
        "working",
        {"dtype": _FULL},
        "the lane traces hyperparameters, so that they are arrays of the parameters' dtype, or of "
        "float32 if that is finer",
        "parity/lanes/jax.py",
    ),
)

CLAIMS: tuple[Claim, ...] = (
    *_KERAS,
    *_KERAS_CAST,
    *_KERAS_TENSORFLOW,
    *_JAX,
    *_JAX_FUNCTIONS,
    *_JAX_TRACED,
    *_TORCH,
    *_TORCH_COMPILE,
    *_TENSORFLOW,
    *_TENSORFLOW_1,
    *_TF_KERAS_SHARED,
    *_TF_KERAS,
    *_TF_KERAS_COMPILED,
    *_TF_KERAS_LEGACY,
)
