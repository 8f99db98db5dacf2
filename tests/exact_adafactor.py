"""Adafactor in mpmath, tensor by tensor, as Shazeer and Stern 2018 have it in algorithms 4 to 6."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mpmath import mp, mpf

Numbers = list[Any]


def adafactor(
    s: Any,
    kept: dict[str, Numbers],
    shapes: Sequence[tuple[int, ...]],
    before: Numbers,
    w: Numbers,
    g: Numbers,
    t: int,
) -> tuple[Numbers, Numbers]:
    """Return weights after the step and V; `before` are the weights before decay, `w` after it."""
    moved: Numbers = []
    estimates: Numbers = []
    for number, shape in enumerate(shapes):
        size = shape[0] if len(shape) == 1 else shape[0] * shape[1]
        part = slice(len(moved), len(moved) + size)
        v = estimate(s, kept, number, shape, g[part], t)
        scaled_by = w if s.dial("parameter_scale") == "after decay" else before
        alpha = max(s.eps2, rms(scaled_by[part])) * relative_step(s, t)
        u = [gradient / root(s, one) for gradient, one in zip(g[part], v, strict=True)]
        share = max(mpf(1), rms(u) / s.clip_threshold)
        moved += [x - alpha * one / share for x, one in zip(w[part], u, strict=True)]
        estimates += v
    return moved, estimates


def estimate(
    s: Any, kept: dict[str, Numbers], number: int, shape: tuple[int, ...], g: Numbers, t: int
) -> Numbers:
    """Return V of one tensor: of a matrix, R C over the sum of R."""
    added = s.eps1 if s.dial("eps", "inside") == "inside" else mpf(0)
    squares = [gradient**2 + added for gradient in g]
    beta2 = 1 - mpf(t) ** -s.beta2_decay

    def averaged(slot: str, new: Numbers) -> Numbers:
        last = kept.get(f"{slot} {number}", [mpf(0)] * len(new))
        now = [beta2 * old + (1 - beta2) * one for old, one in zip(last, new, strict=True)]
        kept[f"{slot} {number}"] = now
        return now

    if len(shape) == 1 or s.dial("factored") != "matrices":
        return averaged("v", squares)
    rows, columns = shape
    matrix = [squares[i * columns : (i + 1) * columns] for i in range(rows)]
    r = averaged("r", [sum(row) for row in matrix])
    c = averaged("c", [sum(row[j] for row in matrix) for j in range(columns)])
    whole = sum(r)
    if s.dial("eps", "inside") == "at least":  # of the mean of R, where rows are means too
        whole = max(whole, s.eps1 * rows * columns)
    return [one * other / whole for one in r for other in c]


def root(s: Any, v: Any) -> Any:
    """Return what the gradient is divided by."""
    forms: Mapping[str, Any] = {
        "inside": mp.sqrt(v),
        "at least": max(mp.sqrt(v), s.eps1),
        "after": mp.sqrt(v) + s.eps1,
    }
    return forms[s.dial("eps", "inside")]


def relative_step(s: Any, t: int) -> Any:
    """Return rho_t."""
    return min(s.lr, 1 / mp.sqrt(t)) if s.dial("relative_step") else s.lr


def rms(x: Numbers) -> Any:
    """Return the root mean square."""
    return mp.sqrt(sum(one**2 for one in x) / len(x))
