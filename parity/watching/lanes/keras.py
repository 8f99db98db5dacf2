"""Watch a loop in Keras 3, on the backend with which Keras was imported."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import keras

from parity.lanes.spelling import KERAS, kinds
from parity.watching.lanes import judged_as
from parity.watching.lanes import keras_arguments as arguments
from parity.watching.lanes.keras_library import put
from parity.watching.lanes.keras_watcher import watched
from parity.watching.recording import Recording

_BACKEND = keras.backend.backend()
_KINDS = kinds(keras.optimizers, KERAS)


@contextmanager
def watching(model: Any, optimizer: Any, loss: Any, recording: Recording) -> Iterator[Any]:
    """Record what happens to `model` and its optimizer until the block ends. Raises ValueError."""
    roots = (keras.optimizers.Optimizer,)
    with watched(model, optimizer, loss, recording, Keras(), roots) as trained:
        yield trained


class Keras:
    """Keras 3, for the watcher of both lines."""

    module = keras
    native = importlib.import_module(f"parity.watching.lanes.keras_{_BACKEND}")
    apply = "apply"  # which apply_gradients calls

    def name(self, variable: Any) -> str:
        """Return a variable's path."""
        return str(getattr(variable, "path", variable.name))

    def tensor(self, variable: Any) -> Any:
        """Return what a variable holds."""
        return variable.value if isinstance(variable, keras.Variable) else variable

    def parameters(self, model: Any) -> Iterator[Any]:
        """Yield a model's parameters: what its layers made to be trained, frozen since or not."""
        for layer in model._flatten_layers():
            yield from layer._trainable_variables

    def built(self, optimizer: Any) -> Sequence[Any]:
        """Return the variables that an optimizer was built for."""
        variables: Sequence[Any] = optimizer._trainable_variables if optimizer.built else ()
        return variables

    def rule(self, optimizer: Any) -> tuple[str | None, str]:
        """Return the oracle's name for an optimizer, or why there is none."""
        rule, why = judged_as(_KINDS.get(_public(optimizer)), optimizer)
        beyond = why or arguments.why(optimizer, self.built(optimizer))
        return (None, beyond) if beyond else (rule, "")

    def iteration(self, optimizer: Any) -> Any:
        """Return the number of steps taken, as a tensor."""
        return optimizer._iterations.value

    def rate(self, optimizer: Any) -> Any:
        """Return the rate that the next step takes; None if only a call would tell."""
        rate = optimizer._learning_rate
        schedule = isinstance(rate, keras.optimizers.schedules.LearningRateSchedule)
        if not schedule and not isinstance(rate, keras.Variable):
            return None
        return self.tensor(optimizer.learning_rate)

    def told(self, optimizer: Any) -> dict[str, Any]:
        """Return the other arguments in effect."""
        return arguments.told(optimizer)

    def decays(self, optimizer: Any, variable: Any) -> bool:
        """Return whether weight decay applies to a variable."""
        return bool(optimizer._use_weight_decay(variable))

    def path(self, optimizer: Any) -> str:
        """Return an optimizer's class as users write it."""
        kind = _public(optimizer)
        own = kind.__module__.startswith("keras.")
        return f"keras.optimizers.{kind.__name__}" if own else f"{kind.__module__}.{kind.__name__}"

    def lane(self, optimizer: Any, how: str) -> str:
        """Return the lane whose claims hold."""
        mode = {"fit": ":fit", "eager fit": ":eager"}.get(how, "")
        # PyTorch's lanes are eager all the same.
        return f"keras@{_BACKEND}" + (":fit" if mode and _BACKEND == "torch" else mode)

    def pairs(
        self, optimizer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[list[tuple[Any, Any]], tuple[Any, ...]]:
        """Return the gradients and variables of `apply(grads, trainable_variables=None)`."""
        given = dict(zip(("grads", "trainable_variables"), args, strict=False), **kwargs)
        gradients, variables = list(given["grads"]), given.get("trainable_variables")
        known = list(self.built(optimizer) if variables is None else variables)
        for name, values in (("grads", gradients), ("trainable_variables", known)):
            if name in kwargs and kwargs[name] is not None:
                kwargs[name] = values  # it may have been an iterator
        again = (gradients, known)[: len(args)] if variables is not None else args
        return list(zip(gradients, known, strict=False)), again

    @contextmanager
    def scope(self, model: Any, optimizer: Any, state: Any) -> Iterator[None]:
        """Give variables the values that they have in the state of a train function on JAX."""
        variables = (
            model.trainable_variables,
            model.non_trainable_variables,
            optimizer.variables,
        )
        pairs = [
            pair
            for some, values in zip(variables, state, strict=False)
            for pair in zip(some, values, strict=True)
        ]
        with keras.StatelessScope(state_mapping=pairs):
            yield

    @contextmanager
    def loss_seen(self, model: Any, seen: list[Any]) -> Iterator[None]:
        """Put a train step's loss, which Keras averages for its logs, into `seen`."""
        tracker = getattr(model, "_loss_tracker", None)
        if tracker is None:
            yield
            return
        update = tracker.update_state

        def noted(values: Any, *args: Any, **kwargs: Any) -> Any:
            seen.append(values)
            return update(values, *args, **kwargs)

        with ExitStack() as stack:
            put(stack, tracker, "update_state", noted)
            yield


def _public(optimizer: Any) -> type:
    """Return an optimizer's class; on PyTorch Keras makes one of its own below it."""
    kind = type(optimizer)
    if kind.__module__.startswith("keras.src.backend."):
        return next(each for each in kind.__mro__ if each in _KINDS)
    return kind
