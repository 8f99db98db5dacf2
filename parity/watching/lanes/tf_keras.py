"""Watch a loop in tf_keras, the Keras 2 line: with its current optimizers and its legacy ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any

import tf_keras

from parity.lanes.spelling import LEGACY, TF_KERAS, kinds
from parity.watching.lanes import judged_as, keras_tensorflow
from parity.watching.lanes import keras_arguments as arguments
from parity.watching.lanes.keras_library import put
from parity.watching.lanes.keras_watcher import watched
from parity.watching.recording import Recording

_CURRENT, _LEGACY = tf_keras.optimizers, tf_keras.optimizers.legacy


_KINDS = kinds(_CURRENT, TF_KERAS) | kinds(_LEGACY, LEGACY)


@contextmanager
def watching(model: Any, optimizer: Any, loss: Any, recording: Recording) -> Iterator[Any]:
    """Record what happens to `model` and its optimizer until the block ends. Raises ValueError."""
    roots = (_CURRENT.Optimizer, _LEGACY.Optimizer)
    with watched(model, optimizer, loss, recording, TfKeras(), roots) as trained:
        yield trained


class TfKeras:
    """The Keras 2 line, for the watcher of both lines."""

    module = tf_keras
    native: Any = keras_tensorflow
    apply = "apply_gradients"

    def name(self, variable: Any) -> str:
        """Return a variable's name, which is its path."""
        return str(variable.name).partition(":")[0]

    def tensor(self, variable: Any) -> Any:
        """Return what a variable holds."""
        return variable

    def parameters(self, model: Any) -> Iterator[Any]:
        """Yield a model's parameters: what its layers made to be trained, frozen since or not."""
        for layer in model._flatten_layers():
            yield from layer._trainable_weights

    def built(self, optimizer: Any) -> Sequence[Any]:
        """Return nothing: what an optimizer trains is seen when gradients are applied."""
        return ()

    def rule(self, optimizer: Any) -> tuple[str | None, str]:
        """Return the oracle's name for an optimizer, or why there is none."""
        rule, why = judged_as(_KINDS.get(type(optimizer)), optimizer)
        beyond = why or arguments.why(optimizer, ())
        return (None, beyond) if beyond else (rule, "")

    def iteration(self, optimizer: Any) -> Any:
        """Return the number of steps taken, as a tensor."""
        return optimizer.iterations

    def rate(self, optimizer: Any) -> Any:
        """Return the rate that the next step takes; None if only a call would tell."""
        if isinstance(optimizer, _LEGACY.Optimizer):
            rate = optimizer._hyper["learning_rate"]
            if callable(rate) and not _is_schedule(rate) and not hasattr(rate, "assign"):
                return None
            # Nadam keeps the decay of its momentum where others have that of their rate.
            if isinstance(optimizer, _LEGACY.Nadam):
                return optimizer._get_hyper("learning_rate", "float32")
            return optimizer._decayed_lr("float32")
        rate = optimizer._learning_rate
        return rate(optimizer.iterations) if _is_schedule(rate) else rate

    def told(self, optimizer: Any) -> dict[str, Any]:
        """Return the other arguments in effect."""
        found = arguments.told(optimizer)
        if isinstance(optimizer, _LEGACY.Nadam):
            found["momentum_decay"] = float(optimizer._initial_decay)
        return found

    def decays(self, optimizer: Any, variable: Any) -> bool:
        """Return whether weight decay applies to a variable."""
        return bool(optimizer._use_weight_decay(variable))

    def path(self, optimizer: Any) -> str:
        """Return an optimizer's class as users write it."""
        kind = type(optimizer)
        if not kind.__module__.startswith("tf_keras."):
            return f"{kind.__module__}.{kind.__name__}"
        line = "legacy." if isinstance(optimizer, _LEGACY.Optimizer) else ""
        return f"tf_keras.optimizers.{line}{kind.__name__}"

    def lane(self, optimizer: Any, how: str) -> str:
        """Return the lane whose claims hold; those about fit are about what is compiled."""
        if isinstance(optimizer, _LEGACY.Optimizer):
            return "tf_keras:legacy"
        return "tf_keras:fit" if how in ("fit", "graph") else "tf_keras"

    def pairs(
        self, optimizer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[list[tuple[Any, Any]], tuple[Any, ...]]:
        """Return the gradients and variables of `apply_gradients(grads_and_vars, ...)`."""
        pairs = list(args[0] if args else kwargs["grads_and_vars"])
        if not args:
            kwargs["grads_and_vars"] = pairs  # it may have been an iterator
        return pairs, (pairs, *args[1:]) if args else ()

    def scope(self, model: Any, optimizer: Any, state: Any) -> Any:
        """Return an empty block: variables hold their values."""
        return nullcontext()

    @contextmanager
    def loss_seen(self, model: Any, seen: list[Any]) -> Iterator[None]:
        """Put a train step's loss into `seen`."""
        compute = model.compute_loss

        def noted(*args: Any, **kwargs: Any) -> Any:
            found = compute(*args, **kwargs)
            seen.append(found)
            return found

        with ExitStack() as stack:
            put(stack, model, "compute_loss", noted)
            yield


def _is_schedule(rate: Any) -> bool:
    return isinstance(rate, _CURRENT.schedules.LearningRateSchedule)
