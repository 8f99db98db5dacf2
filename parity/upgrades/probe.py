"""A probe: one call of something that a framework offers, in plain data, and what came of it.

The same probe is run in two releases, so nothing of a framework is in it. This module and what it
imports run in a release's own process, which may have NumPy and the framework and nothing else.
"""

from __future__ import annotations

import json
from ast import literal_eval
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Arrays = Mapping[str, Array]

REQUIRED: Final = "(required)"  # the default of an argument that has none


@dataclass(frozen=True, slots=True)
class Target:
    """Something that a framework offers, by its full name, as one release describes it.

    `kind` is optimizer, loss, schedule, regularizer, initializer, activation, constraint, metric,
    layer, transformation, wrapper, `fit` … `arguments` are those of its signature, in their order,
    each default as text (see `shown`), REQUIRED where there is none. `given` are the plain values
    that every call gives. `settings` are the ways to run it, the main one first; `alone` are those
    in which arguments are tried too, None for all. `values` are those an argument is tried with,
    where its name and default do not say them. `together` are groups of arguments that act on each
    other; None: every two of them may. `digest` stands for the source it is written in; where it is
    another one, a release is looked at first.
    """

    name: str
    kind: str
    arguments: Mapping[str, str]
    given: Mapping[str, Any] = field(default_factory=dict)
    settings: tuple[str, ...] = ("",)
    values: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    together: tuple[tuple[str, ...], ...] | None = None
    alone: tuple[str, ...] | None = None
    digest: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @staticmethod
    def from_dict(record: Mapping[str, Any]) -> Target:
        """Return the target that `to_dict` described."""
        values = {name: tuple(found) for name, found in record["values"].items()}
        together = record["together"]
        if together is not None:
            together = tuple(tuple(group) for group in together)
        alone = None if record["alone"] is None else tuple(record["alone"])
        settings = tuple(record["settings"])
        found = {"values": values, "together": together, "settings": settings, "alone": alone}
        return Target(**{**record, **found})


@dataclass(frozen=True, slots=True)
class Probe:
    """One call: a target, the arguments that are given beside `given`, and a setting.

    Arguments are plain values: numbers, texts, booleans, None, lists and dicts of them. What is
    none of these has a name that the framework's module knows: {"$": "exponential decay"}.
    """

    target: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    setting: str = ""

    @property
    def key(self) -> str:
        """The probe as text: what names it in files and reports, such as `optax.adam(b1=0.6)`."""
        given = ", ".join(f"{name}={shown(value)}" for name, value in self.arguments.items())
        return f"{self.target}({given})" + (f" {self.setting}" if self.setting else "")

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "target": self.target,
            "arguments": dict(self.arguments),
            "setting": self.setting,
        }

    @staticmethod
    def from_dict(record: Mapping[str, Any]) -> Probe:
        """Return the probe that `to_dict` described. Raises ValueError."""
        try:
            target, arguments = str(record["target"]), dict(record["arguments"])
            return Probe(target, arguments, str(record["setting"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a probe: {json.dumps(record)[:80]}") from error


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a probe: arrays by name, or the error; and what was said.

    An array that is seen at each step has the steps along its first axis, and a name that ends
    in ` by step`.
    """

    arrays: Arrays = field(default_factory=dict)
    error: str = ""
    messages: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values and arrays."""
        return {
            "arrays": dict(self.arrays),
            "error": self.error,
            "messages": list(self.messages),
        }

    @staticmethod
    def from_dict(record: Mapping[str, Any]) -> Seen:
        """Return what `to_dict` described."""
        return Seen(record["arrays"], record["error"], tuple(record["messages"]))


class Nudge:
    """Moves inputs by one unit in the last place, up or down by chance; by nothing for seed 0.

    What comes of it is the noise that rounding alone makes of a probe. A seed below 0 moves them by
    a unit of float32, which shows in what a framework computes in float32 inside of float64.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._random = np.random.default_rng(abs(seed))

    def __call__(self, values: Any) -> Any:
        """Return an array of floats of the same shape and dtype, moved."""
        array = np.asarray(values)
        if not self.seed or array.dtype.kind != "f":
            return array
        up = self._random.random(array.shape) < 0.5
        if self.seed < 0:
            unit = np.finfo(np.float32).eps
            return (array * np.where(up, 1 + unit, 1 - unit)).astype(array.dtype)
        far = np.where(up, np.inf, -np.inf).astype(array.dtype)
        return np.where(array == 0, array, np.nextafter(array, far))


def shown(value: Any) -> str:
    """Return a plain value or a default as text that is the same in every run."""
    if isinstance(value, dict) and set(value) == {"$"}:
        return f"<{value['$']}>"
    if isinstance(value, type) or callable(value):
        return f"<{getattr(value, '__name__', type(value).__name__)}>"
    text = repr(value)
    return f"<{type(value).__name__}>" if " at 0x" in text or len(text) > 80 else text


def literal(default: str) -> Any:
    """Return the value that a default's text shows; the text where it shows none."""
    if default == REQUIRED:
        return REQUIRED
    try:
        return literal_eval(default)  # literals alone: nothing that a text names is called
    except (ValueError, SyntaxError):
        return default
