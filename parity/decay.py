"""Weight decay: part of the gradient, of the weights, or of the step, as the dials say."""

from __future__ import annotations

from parity import functions
from parity.bounds import Array, Bounded, Value
from parity.constants import Run

STEPS_WITH_DECAY = ("lamb",)
DECOUPLED = ("adamw", "lion", "adafactor", *STEPS_WITH_DECAY)


def decay(run: Run, name: str, w: Value, g: Value) -> tuple[Value, Value]:
    """Return weights and gradient after weight decay.

    Coupled, decay is part of the gradient; decoupled, weights shrink by lr * weight_decay first
    (I. Loshchilov, F. Hutter, Decoupled weight decay regularization, arXiv:1711.05101). Decay that
    is part of the step is left to the rule.
    """
    run.before = w
    if not run.hyperparameters["weight_decay"]:
        return w, g
    if _is_coupled(run, name):
        return w, g + pull(run, w)
    if is_in_step(run, name) or run.dial("decay_at") == "after the step":
        return w, g
    for _ in range(2 if run.dial("decay_at") == "twice" else 1):
        w = _shrunk(run, w)
    return w, g


def decay_late(run: Run, name: str, w: Value) -> Value:
    """Return weights after the decay that the dial `decay_at` puts behind the step."""
    late = run.dial("decay_at") == "after the step" and run.hyperparameters["weight_decay"]
    return _shrunk(run, w) if late and not _is_coupled(run, name) else w


def is_in_step(run: Run, name: str) -> bool:
    """Return whether the rule adds the decay to its own step: the textbook's Lamb does."""
    inside = name in STEPS_WITH_DECAY and run.dial("decay_at", "in the step") == "in the step"
    return inside and bool(run.hyperparameters["weight_decay"]) and not _is_coupled(run, name)


def pull(run: Run, w: Value) -> Value:
    """Return weight_decay * w, zero where weights do not decay."""
    return _masked(_rate(run) * w, run.decayed)


def _is_coupled(run: Run, name: str) -> bool:
    textbook = "decoupled" if name in DECOUPLED else "coupled"
    coupled: bool = run.dials.get("weight_decay", textbook) == "coupled"
    return coupled


def _rate(run: Run) -> Value:
    rate = run.constant("weight_decay")
    return -rate if run.dial("decay_sign") == "negative" else rate


def _shrunk(run: Run, w: Value) -> Value:
    rate = _rate(run)
    share = rate if run.dial("decay_at") == "without lr" else run.lr * rate
    return functions.again(functions.move(w, _masked(share * w, run.decayed)))


def _masked(x: Value, mask: Array) -> Value:
    if isinstance(x, Bounded):
        return Bounded(x.value * mask, x.error * mask, x.arithmetic)
    return x * mask
