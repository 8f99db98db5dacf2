"""What frameworks call optimizers, their hyperparameters and slots: names, no framework imported.

Lanes, watches and the audit of arguments look them up; repros write them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from parity.lanes import Refused

Names = Mapping[str, str]


def _same(*names: str) -> Names:
    return {name: name for name in names}


@dataclass(frozen=True, slots=True)
class Spelling:
    """An optimizer in a framework; slots and arguments by the case's names.

    A hyperparameter that `arguments` lacks is not passed on, one in `negated` with the other sign.
    `switches` are given beside what a case gives.
    """

    name: str
    slots: Names
    arguments: Names
    negated: tuple[str, ...] = ()
    switches: Mapping[str, bool] = field(default_factory=dict)

    def spelled(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a case gives as the framework takes it."""
        return {
            self.arguments[name]: -value if name in self.negated else value
            for name, value in given.items()
            if name in self.arguments
        }

    def read(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the case's hyperparameters among what a framework was given; for none, zero."""
        values = {
            name: 0.0 if given[theirs] is None else given[theirs]
            for name, theirs in self.arguments.items()
            if theirs in given
        }
        return {name: -v if name in self.negated else v for name, v in values.items()}

    def of(self, names: Iterable[str]) -> Spelling:
        """Return the spelling of these hyperparameters alone."""
        kept = {name: self.arguments[name] for name in names if name in self.arguments}
        return replace(self, arguments=kept)

    def is_of(self, module: Any, kind: Callable[..., Any], given: Mapping[str, Any]) -> bool:
        """Return whether this is what the module's class or function does with such arguments."""
        if getattr(module, self.name, None) is not kind:
            return False
        if not self.switches:
            return not given.get("amsgrad")
        return all(given.get(name) is value for name, value in self.switches.items())

    def found_in(self, module: Any) -> Callable[..., Any]:
        """Return the optimizer. Raises Refused where this version of the framework has none."""
        make: Callable[..., Any] | None = getattr(module, self.name, None)
        if make is None:
            raise Refused(f"{module.__name__} has no {self.name}")
        return functools.partial(make, **self.switches) if self.switches else make


def kinds(module: Any, spellings: Mapping[str, Spelling]) -> dict[type, str]:
    """Return the optimizers' classes that the module has; what is a switch of one is left out."""
    return {
        getattr(module, spelling.name): name
        for name, spelling in spellings.items()
        if not spelling.switches and hasattr(module, spelling.name)
    }


KERAS_ARGUMENTS: Names = {
    **_same("momentum", "nesterov", "rho", "centered", "beta", "clip_threshold"),
    "beta1": "beta_1",
    "beta2": "beta_2",
    "eps": "epsilon",
    "initial_accumulator": "initial_accumulator_value",
    "power": "learning_rate_power",
    "lambda1": "l1_regularization_strength",
    "lambda2": "l2_regularization_strength",
    "shrinkage": "l2_shrinkage_regularization_strength",
    "beta2_decay": "beta_2_decay",
    "eps1": "epsilon_1",
    "eps2": "epsilon_2",
}
KERAS_NEGATED = ("power", "beta2_decay")
KERAS_CLIPS: Names = {"value": "clipvalue", "norm": "clipnorm", "global_norm": "global_clipnorm"}


def _keras(name: str, slots: Names, **switches: bool) -> Spelling:
    arguments = {**KERAS_ARGUMENTS, "weight_decay": "weight_decay"}
    return Spelling(name, slots, arguments, KERAS_NEGATED, switches)


# Each slot with how the names of its variables end.
_MOMENTS = {"m": "momentum", "v": "velocity"}
KERAS: Mapping[str, Spelling] = {
    "sgd": _keras("SGD", _same("momentum")),
    "adam": _keras("Adam", _MOMENTS),
    "adamw": _keras("AdamW", _MOMENTS),
    "amsgrad": _keras("Adam", {**_MOMENTS, "v_max": "velocity_hat"}, amsgrad=True),
    "adamax": _keras("Adamax", {"m": "momentum", "u": "norm"}),
    "nadam": _keras("Nadam", _MOMENTS),
    "rmsprop": _keras(
        "RMSprop", {"v": "velocity", "mean": "average_gradient", "momentum": "momentum"}
    ),
    "adagrad": _keras("Adagrad", {"sum": "accumulator"}),
    "adadelta": _keras("Adadelta", {"v": "accumulated_grad", "delta": "accumulated_delta_var"}),
    "lion": _keras("Lion", {"m": "momentum"}),
    "lamb": _keras("Lamb", _MOMENTS),
    "ftrl": _keras("Ftrl", {"sum": "accumulator", "z": "linear"}),
    "adafactor": _keras("Adafactor", {"v": "velocity"}),
}
TF_KERAS: Mapping[str, Spelling] = {
    "sgd": _keras("SGD", {"momentum": "m"}),
    "adam": _keras("Adam", _same("m", "v")),
    "adamw": _keras("AdamW", _same("m", "v")),
    "amsgrad": _keras("Adam", {**_same("m", "v"), "v_max": "vhat"}, amsgrad=True),
    "adamax": _keras("Adamax", _same("m", "u")),
    "nadam": _keras("Nadam", _same("m", "v")),
    "rmsprop": KERAS["rmsprop"],
    "adagrad": KERAS["adagrad"],
    "adadelta": KERAS["adadelta"],
    "lion": _keras("Lion", _same("m")),
    "ftrl": KERAS["ftrl"],
    "adafactor": _keras("Adafactor", _same("v")),
}


def _legacy(name: str, slots: Names, **switches: bool) -> Spelling:
    arguments = {**KERAS_ARGUMENTS, "momentum_decay": "schedule_decay"}
    return Spelling(name, slots, arguments, KERAS_NEGATED, switches)


LEGACY: Mapping[str, Spelling] = {
    "sgd": _legacy("SGD", _same("momentum")),
    "adam": _legacy("Adam", _same("m", "v")),
    "amsgrad": _legacy("Adam", {**_same("m", "v"), "v_max": "vhat"}, amsgrad=True),
    "adamax": _legacy("Adamax", {"m": "m", "u": "v"}),
    "nadam": _legacy("Nadam", _same("m", "v")),
    "rmsprop": _legacy("RMSprop", {"v": "rms", "mean": "mg", "momentum": "momentum"}),
    "adagrad": _legacy("Adagrad", {"sum": "accumulator"}),
    "adadelta": _legacy("Adadelta", {"v": "accum_grad", "delta": "accum_var"}),
    "ftrl": _legacy("Ftrl", {"sum": "accumulator", "z": "linear"}),
}
# tf.compat.v1.train, where SGD without momentum is an optimizer of its own.
GRADIENT_DESCENT = Spelling("GradientDescentOptimizer", {}, {})
VERSION_1: Mapping[str, Spelling] = {
    "sgd": Spelling(
        "MomentumOptimizer",
        _same("momentum"),
        {"momentum": "momentum", "nesterov": "use_nesterov"},
    ),
    "adam": Spelling(
        "AdamOptimizer", _same("m", "v"), {**_same("beta1", "beta2"), "eps": "epsilon"}
    ),
    "rmsprop": Spelling(
        "RMSPropOptimizer",
        {"v": "rms", "mean": "mg", "momentum": "momentum"},
        {"rho": "decay", "eps": "epsilon", **_same("centered", "momentum")},
    ),
    "adagrad": Spelling(
        "AdagradOptimizer",
        {"sum": "accumulator"},
        {"initial_accumulator": "initial_accumulator_value"},
    ),
    "adadelta": Spelling(
        "AdadeltaOptimizer",
        {"v": "accum", "delta": "accum_update"},
        {"rho": "rho", "eps": "epsilon"},
    ),
    "ftrl": Spelling(
        "FtrlOptimizer", {"sum": "accum", "z": "linear"}, KERAS_ARGUMENTS, KERAS_NEGATED
    ),
}

# torch's arguments that are pairs of hyperparameters; the others go by name.
TORCH_PAIRS: Mapping[str, tuple[str, str]] = {"betas": ("beta1", "beta2"), "eps": ("eps1", "eps2")}
_TORCH = _same(
    "momentum", "dampening", "nesterov", "eps", "momentum_decay", "rho", "centered", "weight_decay"
)


def _torch(name: str, slots: Names, own: Names | None = None, **switches: bool) -> Spelling:
    return Spelling(name, slots, {**_TORCH, **(own or {})}, ("beta2_decay",), switches)


_EXP = {"m": "exp_avg", "v": "exp_avg_sq"}
TORCH: Mapping[str, Spelling] = {
    "sgd": _torch("SGD", {"momentum": "momentum_buffer"}),
    "adam": _torch("Adam", _EXP),
    "adamw": _torch("AdamW", _EXP),
    "amsgrad": _torch("Adam", {**_EXP, "v_max": "max_exp_avg_sq"}, amsgrad=True),
    "adamax": _torch("Adamax", {"m": "exp_avg", "u": "exp_inf"}),
    "nadam": _torch("NAdam", _EXP),
    "radam": _torch("RAdam", _EXP),
    "rmsprop": _torch(
        "RMSprop",
        {"v": "square_avg", "mean": "grad_avg", "momentum": "momentum_buffer"},
        {"rho": "alpha"},
    ),
    "adagrad": _torch(
        "Adagrad", _same("sum"), {"initial_accumulator": "initial_accumulator_value"}
    ),
    "adadelta": _torch("Adadelta", {"v": "square_avg", "delta": "acc_delta"}),
    # Of a matrix it keeps the factors, which have not its shape: v is shown of vectors only.
    "adafactor": _torch(
        "Adafactor", {"v": "variance"}, {"beta2_decay": "beta2_decay", "clip_threshold": "d"}
    ),
}

_OPTAX: Names = {
    **_same("momentum", "nesterov", "centered", "eps", "weight_decay"),
    "beta1": "b1",
    "beta2": "b2",
    "initial_accumulator": "initial_accumulator_value",
}
_MU = {"m": "mu", "v": "nu"}
# By each slot the field of a state that holds it.
OPTAX: Mapping[str, Spelling] = {
    "sgd": Spelling("sgd", {"momentum": "trace"}, _OPTAX),
    "adam": Spelling("adam", _MU, _OPTAX),
    "adamw": Spelling("adamw", _MU, _OPTAX),
    "amsgrad": Spelling("amsgrad", {**_MU, "v_max": "nu_max"}, _OPTAX),
    "adamax": Spelling("adamax", {"m": "mu", "u": "nu"}, _OPTAX),
    "nadam": Spelling("nadam", _MU, _OPTAX),
    "radam": Spelling("radam", _MU, _OPTAX),
    "rmsprop": Spelling(
        "rmsprop", {"v": "nu", "mean": "mu", "momentum": "trace"}, {**_OPTAX, "rho": "decay"}
    ),
    "adagrad": Spelling("adagrad", {"sum": "sum_of_squares"}, _OPTAX),
    "adadelta": Spelling("adadelta", {"v": "e_g", "delta": "e_x"}, {**_OPTAX, "rho": "rho"}),
    "lion": Spelling("lion", {"m": "mu"}, _OPTAX),
    "lamb": Spelling("lamb", _MU, _OPTAX),
    "adafactor": Spelling(
        "adafactor",
        _same("v"),
        {
            "beta2_decay": "decay_rate",
            "eps1": "eps",
            "clip_threshold": "clipping_threshold",
            "weight_decay": "weight_decay_rate",
        },
    ),
}
# optax's own argument for the mask of its own weight decay; others get add_decayed_weights.
OPTAX_MASKS: Names = {
    **dict.fromkeys(("adamw", "lion", "lamb"), "mask"),
    **dict.fromkeys(("adadelta", "adafactor"), "weight_decay_mask"),
}
