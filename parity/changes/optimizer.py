"""What a lane may do otherwise in its optimizer: arguments, learning rates, clipping."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from parity.case import Case
from parity.changes.change import Change, Followed, Turn, of_case
from parity.dials import Dials
from parity.parts import CLIPS, OPTIMIZERS

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
    "power": (0.5,),
    "beta": (0.0, 1.0),
    "lambda1": (0.0,),
    "lambda2": (0.0,),
    "shrinkage": (0.0,),
    "beta2_decay": (0.8,),
    "eps1": (1e-30, 0.0),
    "eps2": (1e-3,),
    "clip_threshold": (1.0,),
}
RATES = (0.01, 0.001, 0.1, 1.0, 1e-4, 2e-3)
NUMBERS = tuple(name for name, values in IGNORED.items() if not isinstance(values[0], bool))
# Those that may be taken for another number: a threshold of twice as much is none in a short run.
TAKEN = tuple(name for name in NUMBERS if name != "clip_threshold")


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

    return of_case(change)


def _always(value: Any) -> Callable[[Mapping[str, Any]], Any]:
    return lambda given: value


def _ignored() -> list[Change]:
    found = []
    for name, values in IGNORED.items():
        for value in values:
            says = f"{name} was ignored: {value:g} was used"
            says = f"{name} was left out" if name in ("eps", "eps1") and not value else says
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

# What a dial says already.
DIALED = {("lambda2", "2 * {}"), ("lambda2", "{} / 2")}


def _changed(name: str, change: Callable[[float], float]) -> Callable[[Mapping[str, Any]], Any]:
    return lambda given: change(given[name])


def _transformed() -> list[Change]:
    found = []
    for name in TAKEN:
        for form, change in TRANSFORMED.items():
            if (name, form) in DIALED:
                continue
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

    return of_case(change)


def _rates(change: Callable[[Case], list[float]]) -> Turn:
    def changed(case: Case) -> Case | None:
        rates = tuple(change(case))
        return None if rates == case.rates else replace(case, rates=rates)

    return of_case(changed)


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


def _clip(wanted: str, used: str | None) -> Turn:
    def change(case: Case) -> Case | None:
        if case.clip is None or wanted not in ("", case.clip.kind) or used == case.clip.kind:
            return None
        return replace(case, clip=None if used is None else replace(case.clip, kind=used))

    return of_case(change)


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


SIMPLE: tuple[Change, ...] = (
    *_ignored(),
    *_switched(),
    Change("optimizer", "decay_biases", True, "biases decay too", _biases(True)),
    Change("optimizer", "decay_biases", False, "biases do not decay", _biases(False)),
    *_clips(),
    *_schedules(),
)
CONFUSED: tuple[Change, ...] = (*_of_another(), *_transformed())
assert all(set(OPTIMIZERS[name]) <= IGNORED.keys() for name in OPTIMIZERS)
