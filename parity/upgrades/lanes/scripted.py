"""A probe as a short function that runs here, and whose source stands in the script.

So neither can say anything else than the other. The function may use NumPy and the names that the
script imports, nothing else of the module it stands in.
"""

from __future__ import annotations

import importlib
import inspect
import math
import textwrap
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from inspect import Parameter
from typing import Any, Final

import numpy as np

from parity.upgrades.probe import REQUIRED, Array, Arrays, Nudge, Probe, Target, shown

_WIDTH: Final = 96

Named = Mapping[str, Callable[[], Any]]


@dataclass(frozen=True, slots=True)
class Play:
    """A probe ready to run: `call(what, arguments, inputs, **options)` gives what is seen.

    `what` is the full name of what is called. Arguments are plain; what is not is a name of
    `named`, which holds functions that make it. Of `inputs`, arrays by name, those of floats are
    what a nudge moves, in their order.
    """

    call: Callable[..., dict[str, Array]]
    what: str
    arguments: Mapping[str, Any]
    inputs: Arrays
    options: Mapping[str, Any] = field(default_factory=dict)
    named: Named = field(default_factory=dict)

    def run(self, nudge: Nudge) -> Arrays:
        """Return what is seen. Raises KeyError for an unknown name, and what the call raises."""
        inputs = {name: nudge(value) for name, value in self.inputs.items()}
        return self.call(get(self.what), self.made(), inputs, **self.options)

    def made(self) -> dict[str, Any]:
        """Return the arguments with what stands for their names."""
        return {name: _made(value, self.named) for name, value in self.arguments.items()}

    def script(self, title: str, head: Iterable[str]) -> str:
        """Return a script that does the same and prints what is seen, a line each.

        `head` are the lines that import what the function uses beside NumPy.
        """
        made = [self.named[name] for name in dict.fromkeys(_names(self.arguments))]
        given = [f"{name!r}: {_text(value, self.named)}" for name, value in self.arguments.items()]
        options = "".join(f", {name}={_text(value)}" for name, value in self.options.items())
        module = self.what.rpartition(".")[0]
        body = [
            *("\n\n" + inspect.getsource(one).rstrip() for one in (*made, self.call)),
            "\n",
            "inputs = {",
            *(f"    {name!r}: {_array(value)}," for name, value in self.inputs.items()),
            "}",
            f"arguments = {{{', '.join(given)}}}",
            f"seen = {self.call.__name__}({self.what}, arguments, inputs{options})",
            "for name, value in seen.items():",
            '    print(f"{name}: {np.asarray(value).tolist()}")',
            "",
        ]
        start = [f'"""{title}"""', "", "from __future__ import annotations", "", *head]
        numbers = "from numpy import inf, nan  # noqa: F401  # where the numbers need them"
        own = [f"import {module}", "import numpy as np", numbers]
        return "\n".join([*start, *own, *body])


Plays = Callable[[Mapping[str, Any], str], Play]  # of arguments, and in a setting


def plays(
    call: Callable[..., dict[str, Array]],
    what: str,
    inputs: Arrays,
    forms: Mapping[str, Mapping[str, Any]],
    named: Named,
) -> Plays:
    """Return the plays of a call whose settings differ in options alone: `forms` has them."""
    return lambda arguments, setting: Play(call, what, arguments, inputs, forms[setting], named)


def get(what: str) -> Any:
    """Return what stands at a full name. Raises AttributeError."""
    parts = what.split(".")
    found = importlib.import_module(parts[0])
    for number, name in enumerate(parts[1:], 2):
        if not hasattr(found, name):
            try:
                importlib.import_module(".".join(parts[:number]))
            except ImportError as error:
                raise AttributeError(f"{what} is not offered here") from error
        found = getattr(found, name)
    return found


def arguments_of(maker: Callable[..., Any], *, without: Iterable[str] = ()) -> dict[str, str]:
    """Return the arguments of a class or function with their defaults as text; {} for none known.

    `without` names those that a probe gives itself.
    """
    try:
        parameters = inspect.signature(maker).parameters
    except (TypeError, ValueError):
        return {}
    left = {*without}
    return {
        name: REQUIRED if item.default is Parameter.empty else shown(item.default)
        for name, item in parameters.items()
        if item.kind not in (Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL) and name not in left
    }


def given_for(arguments: Mapping[str, str], known: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a value for each argument that needs one; None where one is not known."""
    required = [name for name, default in arguments.items() if default == REQUIRED]
    return {n: known[n] for n in required} if all(n in known for n in required) else None


def works(play: Play) -> bool:
    """Return whether a call gives something, without the warning on shapes of PyTorch."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", "Using a target size")
            return bool(play.run(Nudge(0)))
    except Exception:  # noqa: BLE001  # not made for these inputs
        return False


def classes(module: Any, base: type) -> Iterator[tuple[str, type]]:
    """Yield the public subclasses of `base` in `module` under their own names, in order."""
    for name, kind in sorted(vars(module).items()):
        named = name[0] != "_" and getattr(kind, "__name__", "") == name
        if named and isinstance(kind, type) and issubclass(kind, base) and kind is not base:
            yield name, kind


@dataclass(frozen=True, slots=True)
class Probed:
    """A target, and the play of a call of it."""

    target: Target
    play: Plays

    def of(self, probe: Probe) -> Play:
        """Return the play of a probe of the target."""
        return self.play({**self.target.given, **probe.arguments}, probe.setting)


def gathered(*finders: Callable[[], Iterable[Probed]]) -> dict[str, Probed]:
    """Return all that the finders find, by the targets' names."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # asking is not calling
        return {item.target.name: item for finder in finders for item in finder()}


def _made(value: Any, named: Named) -> Any:
    if isinstance(value, dict):
        if set(value) == {"$"}:
            return named[value["$"]]()
        return {name: _made(item, named) for name, item in value.items()}
    return tuple(_made(item, named) for item in value) if isinstance(value, list | tuple) else value


def _names(value: Any) -> list[str]:
    """Return the names in a value, of what is not plain."""
    if isinstance(value, dict):
        if set(value) == {"$"}:
            return [value["$"]]
        value = list(value.values())
    return [name for item in value for name in _names(item)] if isinstance(value, list) else []


def _text(value: Any, named: Named | None = None) -> str:
    """Return a value as Python text."""
    if named and isinstance(value, dict) and set(value) == {"$"}:
        return f"{named[value['$']].__name__}()"
    if isinstance(value, list | tuple):
        return f"({''.join(f'{_text(item, named)}, ' for item in value)})"
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return repr(value)


def _array(value: Array) -> str:
    plain = value.dtype in (np.dtype(float), np.dtype(int), np.dtype(bool))
    kind = "" if plain else f", dtype={str(value.dtype)!r}"
    lines = textwrap.wrap(f"{value.tolist()!r}{kind}", _WIDTH - 12, break_long_words=False)
    return "np.array(" + "\n        ".join(lines) + ")"
