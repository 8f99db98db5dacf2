"""What adaptive rules divide by: a root, and eps where the dial puts it."""

from __future__ import annotations

from parity import functions
from parity.bounds import Value
from parity.constants import Run


def divisor(run: Run, v: Value, correction: Value, textbook: str = "after") -> Value:
    """Return the divisor of an Adam step: sqrt(v / correction) and eps where the dial puts it."""
    eps, where = run.constant("eps"), run.dial("eps", textbook)
    if where == "hat":
        return (functions.sqrt(v) + eps) / functions.sqrt(correction)
    if where != "after":
        return with_eps(v / correction, eps, where)
    return functions.any_of(
        functions.sqrt(v / correction) + eps, functions.sqrt(v) / functions.sqrt(correction) + eps
    )


def with_eps(x: Value, eps: Value, where: str) -> Value:
    """Return the root of x, and eps where the dial puts it."""
    if where == "inside":
        return functions.sqrt(x + eps)
    if where == "squared inside":
        return functions.sqrt(x + eps * eps)
    if where == "at least":
        return functions.maximum(functions.sqrt(x), eps)
    return (x if where == "no root" else functions.sqrt(x)) + eps


def divided(run: Run, x: Value, root: Value) -> Value:
    """Return lr * x / root, whichever is done first: near zero, lr * x may underflow."""
    return functions.any_of(run.lr * (x / root), (run.lr * x) / root)
