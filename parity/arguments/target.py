"""Something with arguments, and how it is called: an optimizer, a loss, a schedule, `fit`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from inspect import Parameter, signature
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from parity.compare import Status

Array = NDArray[Any]
Arrays = Mapping[str, Array]

REQUIRED: Final = "(required)"
# The kinds of trials, as reports name them.
CONSTRUCTOR: Final = ("argument", "pair", "spelling", "falsy")
ATTRIBUTES: Final = ("assigned", "assigned late", "unknown attribute")
GROUPS: Final = ("group", "assigned group", "assigned group late", "unknown group key")


@dataclass(frozen=True, slots=True)
class Call:
    """A call: what the constructor is given, and what is set elsewhere.

    `setting` names one of the target's problems. `late` is set at `place` (an attribute, or a
    parameter group) once `after` steps are done. `steps`, if given, are how many are trained.
    """

    arguments: Mapping[str, Any] = field(default_factory=dict)
    setting: str = ""
    place: str = ""
    late: Mapping[str, Any] = field(default_factory=dict)
    after: int = 0
    steps: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """What came out: `seen` is what training is (weights, a loss), `state` what is kept beside.

    Of a run of fewer steps `seen` has only what was seen at each step, along the first axis.
    """

    seen: Arrays
    state: Arrays = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Target:
    """Something with arguments, by its full name, and how to run it.

    `arguments` are those of its signature with their defaults, `given` those that every call gives.
    `settings` are the problems to try it on, the main one first; `strict` says that an argument
    must matter in each. `trials` are the kinds of trials that make sense, `values` the values of
    arguments that need special ones. An argument without effect is tried beside up to `most`
    others. Where `early` is given, two runs may be told apart by their first `early` steps;
    `brief` says that no more is wanted. `has` tells whether what is made has an attribute. `judge`
    is the oracle on a run; None where it does not know one of the arguments.
    """

    name: str
    arguments: Mapping[str, Any]
    run: Callable[[Call], Run]
    doc: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)
    settings: tuple[str, ...] = ("",)
    strict: bool = False
    trials: tuple[str, ...] = CONSTRUCTOR
    values: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    most: int = 2
    early: int | None = None
    brief: bool = False
    has: Callable[[str], bool] | None = None
    judge: Callable[[Call, Run], Status | None] | None = None


def arguments_of(*makers: Callable[..., Any], without: Iterable[str] = ()) -> dict[str, Any]:
    """Return the named arguments of callables with their defaults; the first one's count."""
    found: dict[str, Any] = {}
    for maker in makers:
        for name, item in signature(maker).parameters.items():
            if item.kind in (Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL):
                continue
            default = REQUIRED if item.default is Parameter.empty else item.default
            found.setdefault(name, default)
    return {name: default for name, default in found.items() if name not in {"self", *without}}


def classes(module: Any, base: type) -> Iterator[tuple[str, type]]:
    """Yield the public subclasses of `base` that `module` offers, each once."""
    seen = {base}
    for name, value in sorted(vars(module).items()):
        if isinstance(value, type) and issubclass(value, base) and name[0] != "_":
            if value not in seen:
                yield name, value
            seen.add(value)


def begins(whole: Arrays, beginning: Arrays) -> bool:
    """Return whether a run of fewer steps is bit for bit the beginning of a whole one."""
    return all(
        np.array_equal(value, whole[name][: len(value)], equal_nan=True)
        for name, value in beginning.items()
    )


def same(one: Arrays, other: Arrays) -> bool:
    """Return whether two runs are bit for bit the same."""
    return one.keys() == other.keys() and all(
        np.array_equal(value, other[name], equal_nan=True) for name, value in one.items()
    )
