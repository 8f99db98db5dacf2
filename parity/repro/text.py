"""A repro's text: numbers that come back exactly, calls, loops, long lines, and its last lines."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence

import numpy as np

from parity.bounds import Array
from parity.repro.shown import Shown

WIDTH = 100


def number(value: float | bool, dtype: str) -> str:
    """Return a literal for a number that `dtype` can represent."""
    if isinstance(value, (bool, np.bool_, int, np.integer)):
        return str(value)
    if not np.isfinite(value):
        return f'float("{float(value)}")'
    if dtype == "float64":
        return repr(float(value))
    short = np.float16 if dtype == "float16" else np.float32
    text = str(short(value))
    # Read as a double first, and then rounded: all but never something else.
    return text if short(float(text)) == value else repr(float(value))


def literal(values: Array, dtype: str) -> str:
    """Return nested lists that hold an array's values."""
    if values.ndim == 0:
        return number(values.item(), dtype)
    return f"[{', '.join(literal(part, dtype) for part in values)}]"


def call(function: str, *positional: str, **named: object) -> str:
    """Return a call as text; named values are written as Python has them."""
    given = [f"{name}={_python(value)}" for name, value in named.items()]
    return f"{function}({', '.join([*positional, *given])})"


class Code(str):
    """A named value of a call that is code, not a string."""

    __slots__ = ()


def _python(value: object) -> str:
    if isinstance(value, Code):
        return value
    return f'"{value}"' if isinstance(value, str) else repr(value)


def loop(columns: Mapping[str, Sequence[str]], *, counted: bool = False) -> str:
    """Return the head of a loop over literals, one column for each name."""
    rows = list(zip(*columns.values(), strict=True))
    shown = [row[0] if len(row) == 1 else f"({', '.join(row)})" for row in rows]
    names, values = ", ".join(columns), f"[{', '.join(shown)}]"
    if not counted:
        return f"for {names} in {values}:"
    return f"for t, {names if len(columns) == 1 else f'({names})'} in enumerate({values}, 1):"


def steps(shown: Shown, *, counted: bool = False, rates: bool = True) -> str:
    """Return the head of the loop over an update's rates, where they change, and gradients."""
    case = shown.case
    columns = {"lr": [repr(rate) for rate in case.rates]} if shown.scheduled and rates else {}
    for name, values in shown.gradients.items():
        columns[gradient(name)] = [literal(value, case.dtype) for value in values]
    return loop(columns, counted=counted)


def gradient(name: str) -> str:
    """Return what the gradient of a weight is called."""
    return "g" if name == "w" else f"g_{name}"


def index(shown: Shown) -> str:
    """Return the element in brackets."""
    return f"[{', '.join(map(str, shown.index))}]"


def indented(lines: Sequence[str]) -> list[str]:
    """Return lines four columns further in."""
    return [f"    {line}" for line in lines]


def ending(shown: Shown) -> list[str]:
    """Return the lines that compare what was `seen`, say so, and exit."""
    return [
        f"expected, bound = {shown.expected!r}, {shown.bound!r}  # the derived rounding bound",
        'print("expected", expected, "seen", seen, "bound", bound)',
        "raise SystemExit(not abs(seen - expected) <= bound)",
    ]


def comment(words: str) -> list[str]:
    """Return comment lines."""
    return [f"# {line}" for line in textwrap.wrap(words, WIDTH - 2)]


def wrapped(lines: Sequence[str]) -> list[str]:
    """Return lines of at most WIDTH columns, broken after commas, which stand in brackets."""
    return [part for line in lines for part in _broken(line)]


def _broken(line: str) -> list[str]:
    if len(line) <= WIDTH:
        return [line]
    margin = " " * (len(line) - len(line.lstrip()) + 4)
    parts, last = [], ""
    for piece in re.split(r"(?<=,) ", line):
        joined = f"{last} {piece}" if last else piece
        if last and len(joined) > WIDTH:
            parts.append(last)
            joined = margin + piece
        last = joined
    return [*parts, last]
