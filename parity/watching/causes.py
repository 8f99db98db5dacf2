"""Why updates part from their arguments: what the oracle can follow that explains every step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from parity.bounds import ARITHMETICS, Array, Bounded, Value, near
from parity.case import Case
from parity.changes import SIMPLE
from parity.changes.precision import PRECISION
from parity.compare import scores
from parity.dials import Dials
from parity.parts import Layer, Loss, Optimizer
from parity.updates import Tensors, Training, exactly, updated
from parity.validity import CaseError


@dataclass(frozen=True, slots=True)
class Run:
    """T steps of some tensors; arrays are (T, elements): weights before, after, and gradients."""

    of: Training
    before: Mapping[str, Array]
    after: Mapping[str, Array]
    gradients: Mapping[str, Array]
    dials: Dials
    dtype: str

    def expected(self) -> Tensors:
        """Return the weights that the oracle expects after each step."""
        arithmetic = ARITHMETICS[self.dtype]
        with np.errstate(all="ignore"):
            given = {name: exactly(value, arithmetic) for name, value in self.gradients.items()}
            return updated(self.of, self.before, given, self.dials, arithmetic)[0]

    def scored(self) -> dict[str, tuple[Array, Array, Array]]:
        """Return of each tensor the expected weights, the scores, and what cannot be judged."""
        return {name: self._scored(name, wanted) for name, wanted in self.expected().items()}

    def agrees(self) -> bool:
        """Return whether no element is beyond its bound, and some are judged."""
        found = self.scored().values()
        judged = any(not waived.all() for _, _, waived in found)
        return judged and not any((scored > 1).any() for _, scored, _ in found)

    def apart(self, other: Run) -> bool:
        """Return whether this expects anything else than another run of the same tensors.

        A wider bound about the same numbers explains nothing.
        """
        here, there = self.expected(), other.expected()
        return not all(_near(value, there[name]).all() for name, value in here.items())

    def _scored(self, name: str, wanted: Value) -> tuple[Array, Array, Array]:
        assert isinstance(wanted, Bounded)
        change = np.abs(wanted.value - self.before[name])
        return wanted.value, *scores(self.after[name], wanted, change)


def causes(run: Run) -> Iterator[str]:
    """Yield the first change under which the oracle agrees at every step, if there is one."""
    rate = _rate(run)
    if rate is not None:
        again = replace(run, of=replace(run.of, rates=[rate] * len(run.of.rates)))
        if again.agrees():
            yield f"lr={rate:.6g} is in effect, not {run.of.rates[0]:.6g}"
            return
    stub = _stub(run)
    for change in SIMPLE if stub is not None else ():
        if change.part != "optimizer" or change.name.startswith("decay_biases"):
            continue
        assert stub is not None
        found = change.turn(stub, dict(run.dials))
        if found is None:
            continue
        again = _followed(run, *found)
        if again.agrees() and (change.name in PRECISION or again.apart(run)):
            yield change.says
            return


def _near(one: Value, other: Value) -> Array:
    assert isinstance(one, Bounded)
    assert isinstance(other, Bounded)
    return near(one, other)


def _followed(run: Run, case: Case, dials: Dials) -> Run:
    given = [case.optimizer.hyperparameters()] * case.steps
    of = replace(run.of, hyperparameters=given, rates=case.rates, clip=case.clip)
    return replace(run, of=of, dials=dials)


def _rate(run: Run) -> float | None:
    """Return the rate that explains the element that should have moved most in the first step."""
    rates = run.of.rates
    if len(set(rates)) > 1 or not rates[0]:
        return None
    moves = {n: value.value[0] - run.before[n][0] for n, value in run.expected().items()}
    name = max(moves, key=lambda n: float(np.max(np.abs(moves[n]), initial=0.0)))
    at = int(np.argmax(np.abs(moves[name])))
    if not moves[name][at]:
        return None
    ratio = float((run.after[name][0, at] - run.before[name][0, at]) / moves[name][at])
    # People type rates of a few digits; which of them it is, the bound decides.
    return float(f"{rates[0] * ratio:.3g}") if np.isfinite(ratio) and ratio > 0 else None


def _stub(run: Run) -> Case | None:
    """Return a case of one weight with the same optimizer call: changes are stated on cases."""
    of = run.of
    if any(now != of.hyperparameters[0] for now in of.hyperparameters):
        return None
    try:
        return Case(
            layers=(Layer(1, bias=False),),
            loss=Loss("squared_error"),
            optimizer=Optimizer(of.optimizer, dict(of.hyperparameters[0])),
            rates=tuple(of.rates),
            x=np.ones((1, 1)),
            y=np.ones((1, 1)),
            batches=((0,),) * len(of.rates),
            weights={"layer0/kernel": np.ones((1, 1))},
            clip=of.clip,
            dtype=run.dtype,
        )
    except CaseError:  # a value that is out of the oracle's range
        return None
