"""What an update rule works with: its constants in a lane's precision, its dials and its slots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from parity import bounds, functions
from parity.bounds import ARITHMETICS, DOUBLE, Array, Bounded, Value
from parity.dials import DIALS, Dials, held
from parity.precision import representable

# What a lane does to a number of its own before arrays meet it. Most is done by torch's Adam, whose
# counter is a tensor where it is compiled (adam.py, the branch for capturable): lr is rounded and
# multiplied by a reciprocal, and eps is rounded and multiplied by the reciprocal of that.
NUMBER_ROUNDINGS = 6


@dataclass
class Run:
    """An optimizer's run over one vector of parameters: its constants, dials and slots so far.

    `decayed` is 1 where weight decay applies and 0 elsewhere; `shapes` are those of the tensors
    that lie end to end in the vector. `factors` is what a rule keeps that has another shape than
    the parameters; `before` are the weights before the step's decay.
    """

    hyperparameters: Mapping[str, float | bool]
    dials: Dials
    like: Value
    decayed: Array
    shapes: tuple[tuple[int, ...], ...]
    state: dict[str, Value] = field(default_factory=dict)
    scalars: dict[str, Value] = field(default_factory=dict)
    lr: Value = 0.0
    partial: bool = False
    factors: dict[str, Value] = field(default_factory=dict)
    before: Value = 0.0

    def parts(self) -> Iterator[tuple[slice, tuple[int, ...]]]:
        """Yield where each tensor stands in the vector, and its shape."""
        start = 0
        for shape in self.shapes:
            stop = start + int(np.prod(shape))
            yield slice(start, stop), shape
            start = stop

    def spread(self, numbers: list[Value]) -> Value:
        """Return a vector in which all elements of a tensor are that tensor's number."""
        sizes = [int(np.prod(shape)) for shape in self.shapes]
        return functions.spread(numbers, np.repeat(np.arange(len(sizes)), sizes))

    def dial(self, name: str, textbook: Any = None) -> Any:
        """Return the dial's setting; or the textbook's (by default the first)."""
        return self.dials.get(name, DIALS[name][0] if textbook is None else textbook)

    def constant(self, name: str) -> Value:
        """Return a hyperparameter in the precision in which the lane computes with it."""
        value = float(self.hyperparameters[name])
        if name == "eps" and not value:
            value = float(self.dial("eps_for_zero"))
        return self.number(value, name)

    def number(self, value: float, name: str, *, dial: str = "constants") -> Value:
        """Return a number in the precision in which the lane computes with it."""
        value = held(value, name, self.dials)
        if not isinstance(self.like, Bounded):
            return value
        if self.dial(dial) == "double":
            return bounds.exact(value, DOUBLE)
        own = self.like.arithmetic if self.dial(dial) == "working" else ARITHMETICS["float32"]
        return bounds.exact(representable(value, own.precision.name), own)

    def slot(self, name: str, start: float = 0.0) -> Value:
        """Return a slot as the last step left it; `start` everywhere at first."""
        if name not in self.state:
            full = np.full(self.decayed.shape, start)
            bounded = isinstance(self.like, Bounded)
            self.state[name] = bounds.constant(full, self.like) if bounded else full
        return self.state[name]

    def average(self, name: str, new: Value, beta: Value, start: float = 0.0) -> Value:
        """Move a slot towards `new`: beta * old + (1 - beta) * new."""
        self.state[name] = functions.mix(self.slot(name, start), new, beta, 1.0 - beta)
        return self.state[name]

    def correction(self, name: str, step: int) -> Value:
        """Return 1 - beta**step (step counts from one)."""
        how = self.dial("bias_correction")
        if how == "none" or how == {"beta1": "v only", "beta2": "m only"}[name]:
            return 1.0
        name = "beta1" if how == "v by beta1" else name
        return self.taken(1.0 - functions.power(self.base(name), step))

    def taken(self, number: Value) -> Value:
        """Return a number that was made in less precision than arrays have, as these take it.

        It stays as coarse as it was made, but what it meets does not become so.
        """
        if not isinstance(number, Bounded):
            return number
        if number.arithmetic.roundoff <= self.like.arithmetic.roundoff:
            return number
        made = functions.again(number, NUMBER_ROUNDINGS)
        return Bounded(made.value, made.error, self.like.arithmetic)

    def base(self, name: str) -> Value:
        """Return a beta as the bias correction sees it."""
        value = float(self.hyperparameters[name])
        return self.number(value, f"{name}**t", dial="correction")
