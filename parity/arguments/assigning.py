"""Sets an argument on an object that is made already, as a user would."""

from __future__ import annotations

from typing import Any

from parity.arguments.target import Call


class Absent(Exception):
    """There is no such attribute to set."""


def assign(made: Any, name: str, value: Any, call: Call) -> None:
    """Set an attribute. Raises Absent for a known one if an unknown one is wanted, or reverse.

    Of several unknown ones at once, those that are known are left out.
    """
    if hasattr(made, name) is not call.place.startswith("unknown"):
        setattr(made, name, value)
    elif len(call.late) == 1:
        raise Absent(name)
