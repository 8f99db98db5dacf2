"""What a loop of the user's own computed since its last update: tapes, losses, clipping."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from parity.watching.lanes.keras_steps import Steps

Pairs = list[tuple[Any, Any]]  # gradients and variables


class Notes:
    """Takes down what is called, but for what Keras itself calls, while `inside`."""

    def __init__(self, steps: Steps, model: Any, loss: Any) -> None:
        self.steps, self.model, self.loss = steps, model, loss
        self.native = steps.library.native
        self.inside = False  # a train step or an update
        self._used: Pairs = []  # that of the last update
        self._inputs: list[Any] = []  # of the model since a tape began
        self._losses: list[tuple[Any, Any]] = []
        self._tapes: dict[int, tuple[Any, int]] = {}  # a variable's last gradient, and how many
        self._target: Any = None  # what was differentiated

    def entered(self) -> None:
        """Forget what was computed before a tape began."""
        if not self.inside:
            self._inputs, self._losses = [], []

    def differentiated(self, target: Any, sources: list[Any], gradients: list[Any]) -> None:
        """Note which gradients a tape gave."""
        if self.inside or len(sources) != len(gradients):
            return
        self._target = target
        for source, gradient in zip(sources, gradients, strict=True):
            if gradient is not None:
                count = self._tapes.get(id(source), (None, 0))[1]
                self._tapes[id(source)] = gradient, count + 1

    def clipped(self, given: list[Any], clipped: list[Any]) -> None:
        """Take down gradients that are clipped after the update that used them."""
        if self.inside or len(given) != len(clipped):
            return
        changed = {
            name: now
            for before, now in zip(given, clipped, strict=True)
            for used, name in self._names(self._used)
            if before is used and not self.native.symbolic(now)
        }
        if changed:
            self.steps.changed(changed)

    def updated(self, pairs: Pairs | None) -> None:
        """Begin anew: these gradients were used, if they can be recognised."""
        self._used = [] if pairs is None else pairs
        self._inputs, self._losses, self._tapes, self._target = [], [], {}, None

    def told(self, pairs: Pairs) -> dict[str, Any]:
        """Return the gradients, and those of the tape where they were changed, as tensors."""
        told: dict[str, Any] = {"gradients": {}, "own": {}, "backwards": 1}
        for gradient, variable in pairs:
            if gradient is None:
                continue
            name = self.steps.ones[id(variable)].name
            told["gradients"][name] = self.native.dense(gradient)
            own, count = self._tapes.get(id(variable), (gradient, 1))
            if own is not gradient:
                told["own"][name] = self.native.dense(own)
                told["backwards"] = max(told["backwards"], count)
        return told

    def computed(self) -> dict[str, Any]:
        """Return batch and loss, where there was one of each and the loss was differentiated."""
        single = len(self._inputs) == len(self._losses) == 1
        if not single or self._losses[0][1] is not self._target:
            return {}
        y, value = self._losses[0]
        return {"x": self._inputs[0], "y": y, "loss": value}

    def called(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return a model's call that takes down its input."""

        def noted(subject: Any, *args: Any, **kwargs: Any) -> Any:
            found = call(subject, *args, **kwargs)
            if subject is self.model and not self.inside and args:
                self._inputs.append(args[0])
            return found

        return noted

    def lost(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return a loss's call that takes down its target and value."""

        def noted(subject: Any, *args: Any, **kwargs: Any) -> Any:
            found = call(subject, *args, **kwargs)
            if subject is self.loss and not self.inside and len(args) == 2 and not kwargs:
                self._losses.append((args[0], found))
            return found

        return noted

    def _names(self, pairs: Pairs) -> Pairs:
        return [(gradient, self.steps.ones[id(variable)].name) for gradient, variable in pairs]
