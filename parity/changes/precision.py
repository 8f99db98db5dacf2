"""How finely a lane may hold its numbers: constants rounded to float32, or the whole run in it."""

from __future__ import annotations

from dataclasses import replace

from parity.case import Case
from parity.changes.change import Change, Followed, Turn
from parity.changes.optimizer import NUMBERS
from parity.dials import Dials
from parity.precision import representable

# These widen a bound about the same numbers. Of any other change a wider bound explains nothing.
PRECISION = ("constants", "correction", "rounded", "dtype")
# Numbers that the dial `rounded` knows beside the hyperparameters.
ROUNDED_MODEL = ("leaky_slope", "gelu", "delta", "l2")
ROUNDED = ("lr", *NUMBERS, "beta1**t", "beta2**t", "0.96", "clip")


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


OF_CONSTANTS: tuple[Change, ...] = tuple(_rounded())
# What is true of a whole run or not at all.
WHOLE = (Change("", "dtype", "float32", "it was computed in float32", _in_float32),)
