"""What a lane may do otherwise in its loss, its model, and with the data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from parity.case import Case
from parity.changes.change import Change, Followed, Turn, of_case
from parity.dials import Dials
from parity.parts import ACTIVATIONS, LOSSES, REDUCTIONS

# What the dials that end in _factor can say, for a person.
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

    return of_case(change)


def _l2(factor: float) -> Turn:
    return of_case(
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

    return of_case(change)


def _reduction(wanted: str, used: str) -> Turn:
    def change(case: Case) -> Case | None:
        fits = case.loss.reduction == wanted
        return replace(case, loss=replace(case.loss, reduction=used)) if fits else None

    return of_case(change)


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

    return of_case(change)


def _batches(change: Callable[[Case], list[tuple[int, ...]]]) -> Turn:
    def changed(case: Case) -> Case | None:
        batches = tuple(change(case))
        return None if batches == case.batches else replace(case, batches=batches)

    return of_case(changed)


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
         of_case(lambda case: _sample_weights(case, 0))),
        ("delta ignored", 1.0, "delta was ignored: 1 was used", _loss(delta=1.0)),
        ("l2 ignored", 0.0, "the penalty was left out", _l2(0.0)),
        *(("reduction", used, f"{used} was taken for {wanted}", _reduction(wanted, used))
          for wanted in REDUCTIONS for used in REDUCTIONS if wanted != used),
        ("sample_weights", "squared", "sample weights were multiplied in twice",
         of_case(lambda case: _sample_weights(case, 2))),
        ("l2", "l2 / 2", "half of the penalty was taken", _l2(0.5)),
        ("l2", "2 * l2", "twice the penalty was taken", _l2(2.0)),
        ("labels", "hard", "dense labels were taken for hard ones", of_case(_hard)),
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


SIMPLE: tuple[Change, ...] = tuple(_model())
OF_ONE_LOSS: tuple[Change, ...] = tuple(_of_one_loss())
