"""What a lane may do other than it was asked to: the elementary changes that a diagnosis tries.

A change turns a case and dials into those that the lane may have followed instead. It is a rule,
not a number, so that what was found on one case can be tried on another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from parity.case import ACTIVATIONS, CLIPS, LOSSES, OPTIMIZERS, REDUCTIONS, Case
from parity.dials import DIALS
from parity.precision import representable

Dials = dict[str, Any]
Followed = tuple[Case, Dials]  # what a lane may have followed
Turn = Callable[[Case, Dials], Followed | None]  # None: the case has nothing to change


@dataclass(frozen=True, slots=True)
class Change:
    """One thing done otherwise: `name`, the `value` it was done with, and a sentence for a person.

    A change of the `part` model is about loss and gradients, of the part optimizer about state and
    weights, of no part about both. With a `scope`, only the loss or only the gradient follows it.
    """

    part: str
    name: str
    value: Any
    says: str
    turn: Turn = field(compare=False, repr=False)
    scope: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"name": self.name, "value": self.value, "scope": self.scope, "says": self.says}


def _case(change: Callable[[Case], Case | None]) -> Turn:
    def turn(case: Case, dials: Dials) -> Followed | None:
        changed = change(case)
        return None if changed is None else (changed, dials)

    return turn


# Arguments of the optimizer call.

# What is used where an argument does nothing: nothing at all, and the defaults in use.
IGNORED: Mapping[str, tuple[float | bool, ...]] = {
    "momentum": (0.0,),
    "nesterov": (False,),
    "dampening": (0.0,),
    "weight_decay": (0.0, 0.01, 0.004),
    "beta1": (0.9,),
    "beta2": (0.999, 0.99),
    "rho": (0.9, 0.99, 0.95),
    "eps": (1e-8, 1e-7, 1e-10, 1e-6, 0.0),
    "centered": (False,),
    "momentum_decay": (0.004, 1.0),
    "initial_accumulator": (0.0, 0.1),
}
RATES = (0.01, 0.001, 0.1, 1.0, 1e-4, 2e-3)
NUMBERS = tuple(name for name, values in IGNORED.items() if not isinstance(values[0], bool))


def _argument(name: str, value: Callable[[Mapping[str, Any]], Any]) -> Turn:
    def change(case: Case) -> Case | None:
        given = case.optimizer.hyperparameters()
        if name not in given:
            return None
        wanted = value(given)
        if wanted is None or wanted == given[name]:
            return None
        arguments = {**given, name: wanted}
        return replace(case, optimizer=replace(case.optimizer, arguments=arguments))

    return _case(change)


def _always(value: Any) -> Callable[[Mapping[str, Any]], Any]:
    return lambda given: value


def _ignored() -> list[Change]:
    found = []
    for name, values in IGNORED.items():
        for value in values:
            says = f"{name} was ignored: {value:g} was used"
            says = f"{name} was left out" if name == "eps" and not value else says
            turn = _argument(name, _always(value))
            found.append(Change("optimizer", f"{name} ignored", value, says, turn))
    return found


def _switched() -> list[Change]:
    return [
        Change("optimizer", name, True, f"{name} was on", _argument(name, lambda given: True))
        for name in ("nesterov", "centered")
    ]


TRANSFORMED: Mapping[str, Callable[[float], float]] = {
    "1 - {}": lambda value: 1 - value,
    "{} / 2": lambda value: value / 2,
    "2 * {}": lambda value: 2 * value,
    "-{}": lambda value: -value,
    "{} ** 2": lambda value: value**2,
    "sqrt({})": lambda value: math.sqrt(value) if value > 0 else value,
}


def _changed(name: str, change: Callable[[float], float]) -> Callable[[Mapping[str, Any]], Any]:
    return lambda given: change(given[name])


def _transformed() -> list[Change]:
    found = []
    for name in NUMBERS:
        for form, change in TRANSFORMED.items():
            turn = _argument(name, _changed(name, change))
            taken = form.format(name)
            found.append(Change("optimizer", name, taken, f"{name} was taken for {taken}", turn))
    return found


def _of(name: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda given: given.get(name)


def _of_another() -> list[Change]:
    found = []
    for name in NUMBERS:
        for other in NUMBERS:
            if name != other:
                turn = _argument(name, _of(other))
                says = f"{other} was taken for {name}"
                found.append(Change("optimizer", name, other, says, turn))
    swapped = Change(
        "optimizer", "beta1 and beta2", "swapped", "beta1 and beta2 are swapped", _swap
    )
    return [swapped, *found]


def _swap(case: Case, dials: Dials) -> Followed | None:
    given = case.optimizer.hyperparameters()
    if "beta2" not in given or given["beta1"] == given["beta2"]:
        return None
    arguments = {**given, "beta1": given["beta2"], "beta2": given["beta1"]}
    return replace(case, optimizer=replace(case.optimizer, arguments=arguments)), dials


def _biases(decayed: bool) -> Turn:
    def change(case: Case) -> Case | None:
        if case.optimizer.decay_biases is decayed:
            return None
        return replace(case, optimizer=replace(case.optimizer, decay_biases=decayed))

    return _case(change)


# Learning rates.


def _rates(change: Callable[[Case], list[float]]) -> Turn:
    def changed(case: Case) -> Case | None:
        rates = tuple(change(case))
        return None if rates == case.rates else replace(case, rates=rates)

    return _case(changed)


def _constant(rate: float) -> Callable[[Case], list[float]]:
    return lambda case: [rate] * case.steps


def _schedules() -> list[Change]:
    rows: list[tuple[str, str, Callable[[Case], list[float]]]] = [
        ("first", "the schedule was ignored", lambda c: [c.rates[0]] * c.steps),
        ("last", "each step took the rate of the step before", lambda c: [
            c.rates[0], *c.rates[:-1]]),
        ("next", "each step took the rate of the step after", lambda c: [
            *c.rates[1:], c.rates[-1]]),
    ]  # fmt: skip
    found = [
        Change("optimizer", "lr ignored", rate, f"lr was ignored: {rate:g} was used",
               _rates(_constant(rate)))
        for rate in RATES
    ]  # fmt: skip
    return found + [Change("optimizer", "lr", v, says, _rates(turn)) for v, says, turn in rows]


# Clipping.


def _clip(wanted: str, used: str | None) -> Turn:
    def change(case: Case) -> Case | None:
        if case.clip is None or wanted not in ("", case.clip.kind) or used == case.clip.kind:
            return None
        return replace(case, clip=None if used is None else replace(case.clip, kind=used))

    return _case(change)


def _clips() -> list[Change]:
    found = [Change("optimizer", "clip ignored", "", "clipping was ignored", _clip("", None))]
    for wanted in CLIPS:
        says = f"clipping by {wanted} was ignored"
        found.append(Change("optimizer", "clip ignored", wanted, says, _clip(wanted, None)))
        for used in CLIPS:
            if used != wanted:
                says = f"{used} was taken for {wanted} in clipping"
                found.append(Change("optimizer", "clip", used, says, _clip(wanted, used)))
    return found


# Loss and model.

FACTOR_SAYS = {
    "-1": "negated",
    "1/2": "halved",
    "2": "doubled",
    "units": "averaged over rows, not elements",
    "1/units": "averaged over elements, not rows",
    "rows": "multiplied by the batch size",
    "1/rows": "divided by the batch size",
    "rows/full": "divided by a full batch's size where the batch is partial",
    "tensors": "multiplied by the number of tensors",
    "1/tensors": "divided by the number of tensors",
}


def _loss(**fields: Any) -> Turn:
    def change(case: Case) -> Case | None:
        changed = replace(case.loss, **fields)
        return None if changed == case.loss else replace(case, loss=changed)

    return _case(change)


def _l2(factor: float) -> Turn:
    return _case(
        lambda case: (
            replace(case, loss=replace(case.loss, l2=factor * case.loss.l2))
            if case.loss.l2
            else None
        )
    )


def _other_loss(wanted: str, used: str) -> Turn:
    def change(case: Case) -> Case | None:
        fits = case.loss.name == wanted and case.loss.labels in LOSSES[used]
        return replace(case, loss=replace(case.loss, name=used)) if fits else None

    return _case(change)


def _reduction(wanted: str, used: str) -> Turn:
    def change(case: Case) -> Case | None:
        fits = case.loss.reduction == wanted
        return replace(case, loss=replace(case.loss, reduction=used)) if fits else None

    return _case(change)


def _sample_weights(case: Case, power: int) -> Case | None:
    weights = case.sample_weights
    if weights is None:
        return None
    return replace(case, sample_weights=None if power == 0 else weights**power)


def _hard(case: Case) -> Case | None:
    if case.loss.labels != "dense":
        return None
    return replace(case, y=np.eye(case.y.shape[1])[case.y.argmax(1)])


def _activation(wanted: str, used: str) -> Turn:
    def change(case: Case) -> Case | None:
        if all(layer.activation != wanted for layer in case.layers):
            return None
        swapped = [
            replace(layer, activation=used) if layer.activation == wanted else layer
            for layer in case.layers
        ]
        return replace(case, layers=tuple(swapped))

    return _case(change)


def _batches(change: Callable[[Case], list[tuple[int, ...]]]) -> Turn:
    def changed(case: Case) -> Case | None:
        batches = tuple(change(case))
        return None if batches == case.batches else replace(case, batches=batches)

    return _case(changed)


def _full_only(case: Case) -> list[tuple[int, ...]]:
    full = [rows for rows in case.batches if len(rows) == len(case.batches[0])]
    return [full[step % len(full)] for step in range(case.steps)]


def _padded(case: Case) -> list[tuple[int, ...]]:
    size = len(case.batches[0])
    return [rows + rows[-1:] * (size - len(rows)) for rows in case.batches]


def _factor(loss: str, value: str) -> Turn:
    def turn(case: Case, dials: Dials) -> Followed | None:
        able = loss in ("", case.loss.name) and "loss_factor" not in dials
        return (case, {**dials, "loss_factor": value}) if able else None

    return turn


def _only(scope: str, says: str) -> str:
    if not scope:
        return says
    both = "loss and gradient are "
    if says.startswith(both):
        return f"the {scope} is {says.removeprefix(both)}"
    return f"in the {scope} only, {says}"


Row = tuple[str, Any, str, Turn]  # name, value, what it says, turn


def _in_scopes(rows: list[Row]) -> list[Change]:
    """Return changes of loss and gradient, then those of one of the two only."""
    return [
        Change("model", name, value, _only(scope, says), turn, scope)
        for scope in ("", "gradient", "loss")
        for name, value, says, turn in rows
    ]


def _of_one_loss() -> list[Change]:
    return _in_scopes(
        [
            ("loss_factor", value, f"{name} is {says}", _factor(name, value))
            for name in LOSSES
            for value, says in FACTOR_SAYS.items()
            if "units" not in value  # which are about the kind of loss already
        ]
    )


def _model() -> list[Change]:
    rows: list[Row] = [
        ("label_smoothing ignored", 0.0, "label_smoothing was ignored", _loss(label_smoothing=0.0)),
        ("class_weights ignored", None, "class weights were ignored", _loss(class_weights=None)),
        ("sample_weights ignored", None, "sample weights were ignored",
         _case(lambda case: _sample_weights(case, 0))),
        ("delta ignored", 1.0, "delta was ignored: 1 was used", _loss(delta=1.0)),
        ("l2 ignored", 0.0, "the penalty was left out", _l2(0.0)),
        *(("reduction", used, f"{used} was taken for {wanted}", _reduction(wanted, used))
          for wanted in REDUCTIONS for used in REDUCTIONS if wanted != used),
        ("sample_weights", "squared", "sample weights were multiplied in twice",
         _case(lambda case: _sample_weights(case, 2))),
        ("l2", "l2 / 2", "half of the penalty was taken", _l2(0.5)),
        ("l2", "2 * l2", "twice the penalty was taken", _l2(2.0)),
        ("labels", "hard", "dense labels were taken for hard ones", _case(_hard)),
        *(("loss", used, f"{used} was taken for {wanted}", _other_loss(wanted, used))
          for wanted in LOSSES for used in LOSSES if wanted != used),
        *(("loss_factor", value, f"loss and gradient are {says}", _factor("", value))
          for value, says in FACTOR_SAYS.items()),
    ]  # fmt: skip
    found = _in_scopes(rows)
    data: list[tuple[str, str, Turn]] = [
        ("full only", "partial batches were dropped", _batches(_full_only)),
        ("padded", "partial batches were padded with their last row", _batches(_padded)),
        ("without last row", "each batch's last row was dropped", _batches(
            lambda case: [rows[:-1] or rows for rows in case.batches])),
        ("first", "every step trained the first batch", _batches(
            lambda case: [case.batches[0]] * case.steps)),
    ]  # fmt: skip
    found += [Change("model", "batches", value, says, turn) for value, says, turn in data]
    found += [
        Change("model", "activation", used, f"{used} was taken for {wanted}"
               if used != "linear" else f"{wanted} was left out", _activation(wanted, used))
        for wanted in ACTIVATIONS
        for used in ACTIVATIONS
        if wanted != used
    ]  # fmt: skip
    return found


# Dials.

MODEL_DIALS = {
    "loss_at", "gradient", "sum", "class_weights",
    "class_weights_divisor", "leaky_relu_at_zero", "absolute_error_at_zero", "softplus_threshold",
}  # fmt: skip
# Numbers that the dial `rounded` knows beside the hyperparameters.
ROUNDED_MODEL = ("leaky_slope", "gelu", "delta", "l2")
ROUNDED = ("lr", *NUMBERS, "beta1**t", "beta2**t", "0.96", "clip")
SAYS: Mapping[str, Mapping[Any, str]] = {
    "eps": {
        "after": "eps stands beside the root of the corrected moment",
        "hat": "eps stands beside the root of the uncorrected moment",
        "inside": "eps stands inside the root",
        "squared inside": "eps stands inside the root, squared",
        "at least": "the root is at least eps, and nothing is added to it",
        "no root": "no root is taken",
    },
    "weight_decay": {
        "coupled": "weight decay is part of the gradient",
        "decoupled": "weight decay is decoupled from the gradient",
    },
    "momentum": {
        "outside": "lr multiplies the momentum buffer",
        "inside": "lr enters the momentum buffer",
        "velocity": "lr enters the momentum buffer, with its sign",
    },
    "gradient": {
        "accumulated": "gradients accumulate from step to step",
        "last step's": "gradients are those of the step before",
        "transposed": "gradients are transposed",
    },
    "loss_at": {
        "after": "the loss is that after the step",
        "mean so far": "the loss is the mean of the losses so far",
    },
    "decay_sign": {"negative": "weight decay makes the weights grow"},
    "decay_at": {
        "after the step": "weights decay after the step",
        "twice": "weights decay twice",
        "without lr": "weight decay is not multiplied by lr",
    },
    "nadam": {"plain": "momentum has no schedule"},
    "constants": {
        "working": "1 - beta and the like are computed in the lane's precision",
        "float32": "1 - beta and the like are computed in float32",
    },
    "correction": {
        "working": "bias corrections are computed in the lane's precision",
        "float32": "bias corrections are computed in float32",
    },
    "sum": {"row means": "the sum is that of the rows' means"},
    "class_weights": {"class": "class weights multiply each class's term, not the row"},
    "class_weights_divisor": {
        "weights": "the mean is divided by the class weights' sum, for integer labels",
        "all weights": "the mean is divided by the class weights' sum",
    },
    "zero_sum": {"no step": "where the sum is zero no step is taken"},
    "clip_eps": {1e-6: "norms are clipped a little more, as if 1e-6 larger"},
    "eps_for_zero": {1e-7: "for an eps of 0 it takes 1e-7"},
    "first_square": {1.0: "the mean square starts at one"},
    "updates": {2: "every update was applied twice"},
    "frozen": {("kernel",): "kernels were not updated", ("bias",): "biases were not updated"},
    "counted": {
        "from two": "steps are counted from two",
        "not": "steps are not counted",
        "per tensor": "a step is counted for each tensor",
        "per tensor, last first": "a step is counted for each tensor, the last of them first",
    },
    "bias_correction": {
        "none": "there is no bias correction",
        "m only": "the second moment has no bias correction",
        "v only": "the first moment has no bias correction",
        "v by beta1": "the second moment is corrected by beta1",
    },
    "dampening": {"always": "the first step is dampened too"},
    "amsgrad_maximum": {
        "corrected": "the maximum is taken of corrected moments",
        "ignored": "the maximum was ignored",
    },
}


def _dial(name: str, value: Any) -> Turn:
    def turn(case: Case, dials: Dials) -> Followed | None:
        return None if dials.get(name) == value else (case, {**dials, name: value})

    return turn


def _dials() -> list[Change]:
    found = []
    for name, settings in DIALS.items():
        part = "model" if name in MODEL_DIALS else "optimizer"
        for value in settings:
            if name.endswith("_factor") or name == "rounded" or value in (None, ()):
                continue
            says = SAYS.get(name, {}).get(value, f"the dial {name} is {value}")
            found.append(Change(part, name, value, says, _dial(name, value)))
    for value, says in FACTOR_SAYS.items():
        turn = _dial("lr_factor", value)
        found.append(Change("optimizer", "lr_factor", value, f"lr is {says}", turn))
    return found


def _round(names: tuple[str, ...]) -> Turn:
    def turn(case: Case, dials: Dials) -> Followed | None:
        before = dials.get("rounded", ())
        more = tuple(name for name in names if name not in before)
        if case.dtype != "float64" or not more:
            return None
        return case, {**dials, "rounded": (*before, *more)}

    return turn


def _rounded() -> list[Change]:
    found = []
    for part, names in (("optimizer", ROUNDED), ("model", ROUNDED_MODEL)):
        for name in names:
            says = f"{name} was rounded to float32"
            found.append(Change(part, "rounded", (name,), says, _round((name,))))
        says = "all hyperparameters were rounded to float32"
        found.append(Change(part, "rounded", names, says, _round(names)))
    return found


def _in_float32(case: Case, dials: Dials) -> Followed | None:
    if case.dtype != "float64":
        return None
    weights = {name: representable(value, "float32") for name, value in case.weights.items()}
    x = representable(case.x, "float32")
    y = case.y if case.y.dtype.kind == "i" else representable(case.y, "float32")
    return replace(case, x=x, y=y, weights=weights, dtype="float32"), dials


# How finely something is held, which widens a bound about the same numbers. Of any other change a
# wider bound explains nothing.
PRECISION = ("constants", "correction", "rounded", "dtype")
# The simplest come first. Two at a time only SIMPLE ones are tried.
SIMPLE: tuple[Change, ...] = (
    *_ignored(),
    *_switched(),
    Change("optimizer", "decay_biases", True, "biases decay too", _biases(True)),
    Change("optimizer", "decay_biases", False, "biases do not decay", _biases(False)),
    *_clips(),
    *_schedules(),
    *_model(),
    *_dials(),
)  # fmt: skip
CHANGES: tuple[Change, ...] = (
    *SIMPLE,
    *_of_one_loss(),
    *_of_another(),
    *_transformed(),
    *_rounded(),
)
# What is true of a whole run or not at all.
WHOLE = (Change("", "dtype", "float32", "it was computed in float32", _in_float32),)
assert all(set(OPTIMIZERS[name]) <= IGNORED.keys() for name in OPTIMIZERS)
