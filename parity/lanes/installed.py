"""Which lanes there are and which can run here, asked without importing a framework."""

from __future__ import annotations

import fnmatch
import functools
import importlib.metadata
import importlib.util
import platform
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from parity.asked import one_of
from parity.lanes import OPTIONS, Lane
from parity.lanes.catalog import LANES
from parity.lanes.device import lacking
from parity.lanes.process import LaneError, Worker
from parity.parts import ACTIVATIONS, CLIPS, DTYPES, LOSSES, OPTIMIZERS
from parity.validity import unknown

GROUP = "parity.lanes"  # entry points: a name and the module that has LANES

# The names that a lane may offer.
_CHOICES: Mapping[str, Iterable[str]] = {
    "optimizers": OPTIMIZERS,
    "dtypes": DTYPES,
    "activations": ACTIVATIONS,
    "losses": LOSSES,
    "clips": CLIPS,
    "options": OPTIONS,
}


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and "\0" not in value


def _are_variables(value: Any) -> bool:
    return isinstance(value, dict) and all(
        _is_word(name) and _is_word(text) and name and "=" not in name
        for name, text in value.items()
    )


# What the other fields of a lane may hold.
_FIELDS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "module": ("a module or the path of a file", lambda value: _is_word(value) and value != ""),
    "mode": ("a word", _is_word),
    "packages": (
        "a list of modules",
        lambda value: (
            isinstance(value, tuple)
            and all(_is_word(name) and _top(name).isidentifier() for name in value)
        ),
    ),
    "dtypes": ("one or more", bool),
    "environment": ("variables with their values", _are_variables),
    "x64": ("variables with their values", _are_variables),
    "device": ("cuda, or nothing", lambda value: value in ("", "cuda")),
    "pace": (
        "a number above 0, at most 1",
        lambda value: isinstance(value, int | float) and 0 < value <= 1,
    ),
}
# How to get what a lane of the catalog needs; tf_keras requires a distribution that would be
# unpacked over tensorflow-cpu.
_SOURCES: Mapping[str, str] = {
    "torch": '"parity[torch]"',
    "jax": '"parity[jax]"',
    "optax": '"parity[jax]"',
    "keras": '"parity[keras]"',
    "tensorflow": '"parity[tensorflow]"',
    "tf_keras": "--no-deps tf_keras",
}


def missing(lane: Lane) -> str | None:
    """Return what `lane` needs and is not installed, and how to get it; None if it can run."""
    for package in lane.packages:
        name = _top(package)
        if importlib.util.find_spec(name) is None:
            return f"{name} is not installed (pip install {_SOURCES.get(name, name)})"
    if lane.device:
        # Of what computes there: Keras runs on another framework.
        reasons = (lacking(_top(package)) for package in lane.packages)
        return next(filter(None, reasons), None)
    return None


def versions() -> dict[str, str]:
    """Return the versions of Python, NumPy and every installed package that a lane here needs."""
    names = dict.fromkeys(_top(package) for lane in LANES for package in lane.packages)
    found = {name: _version(name) for name in ("numpy", *names)}
    return {
        "python": platform.python_version(),
        **{name: version for name, version in found.items() if version is not None},
    }


def load_lanes(selection: str) -> list[Lane]:
    """Return the lanes that a comma-separated selection names, each once, in its order.

    As `chosen_lanes`. Raises ValueError.
    """
    return [lane for lane, _ in chosen_lanes(selection).values()]


def chosen_lanes(selection: str | None) -> dict[str, tuple[Lane, str]]:
    """Return the lanes that a comma-separated selection names, by name; the catalog's for None.

    Each is with the words that choose it. A part is a lane's name; a pattern (`torch:*`); a
    framework, for all of its lanes, where no lane has that very name; the path of a Python file
    with `LANES`; or the name of an entry point of the group `parity.lanes`. Raises ValueError for
    anything else, for a file that cannot be asked or whose lanes are none, and for two lanes of one
    name.
    """
    known = {lane.name: (lane, lane.name) for lane in LANES}
    if selection is None:
        return known
    found: dict[str, tuple[Lane, str]] = {}
    for part in filter(None, map(str.strip, selection.split(","))):
        for lane in _resolved(part):
            other = found.get(lane.name) or known.get(lane.name, (lane, part))
            if other[0] != lane:
                raise ValueError(f"{part}: its lane {lane.name} has the name of another lane")
            found[lane.name] = other
    if not found:
        raise ValueError(unknown("lanes", selection, _choices()))
    return found


def _resolved(part: str) -> Iterable[Lane]:
    if part.endswith(".py"):
        return _file(part)
    entries = importlib.metadata.entry_points(group=GROUP)
    lanes = (
        [lane for lane in LANES if lane.name == part]
        or [lane for lane in LANES if fnmatch.fnmatchcase(lane.name, part)]
        or [lane for lane in LANES if _framework(lane) == part]
        or [lane for entry in entries if entry.name == part for lane in _described(entry.value)]
    )
    if not lanes:
        raise ValueError(unknown("lanes", part, _choices()))
    return lanes


def _file(path: str) -> list[Lane]:
    if not Path(path).is_file():
        raise ValueError(f"{path}: {'is a folder' if Path(path).is_dir() else 'no such file'}")
    return _described(str(Path(path).resolve()))


def _described(module: str) -> list[Lane]:
    """Ask a process of its own: the module is free to import its framework."""
    try:
        with Worker(Lane(name=module, module=module)) as worker:
            lanes = [_lane(record) for record in worker.describe()]
    except (LaneError, TypeError) as error:
        raise ValueError(f"{module} has no lanes: {error}") from error
    except ValueError as error:
        raise ValueError(f"{module}: {error}") from error
    if not lanes:
        raise ValueError(f"{module} has no lanes: LANES is empty")
    return lanes


def _lane(record: Mapping[str, Any]) -> Lane:
    """Return the lane that a file describes. Raises ValueError for what is no lane's."""
    lane = Lane(**{name: _frozen(value) for name, value in record.items()})
    if not isinstance(lane.name, str) or not re.fullmatch(r"[\w.@:+-]+", lane.name):
        raise ValueError(f"expected a lane's name of letters, digits and .@:+-, got {lane.name!r}")
    for what, choices in _CHOICES.items():
        found = getattr(lane, what)
        if not isinstance(found, (tuple, dict) if what == "optimizers" else tuple):
            raise ValueError(f"{what} of {lane.name}: expected a list of names, got {found!r}")
        for name in found:
            one_of(f"{what} of {lane.name}", name, choices)
    if not isinstance(lane.optimizers, dict) or not lane.optimizers:
        told = f"optimizers of {lane.name}: expected each with its hyperparameters"
        raise ValueError(f"{told}, got {lane.optimizers!r}")
    for optimizer, names in lane.optimizers.items():
        for name in names:
            one_of(f"{optimizer} of {lane.name}", name, OPTIMIZERS[optimizer])
    for what, (told, fits) in _FIELDS.items():
        value = getattr(lane, what)
        if not fits(value):
            raise ValueError(f"{what} of {lane.name}: expected {told}, got {value!r}")
    return lane


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, dict):
        return {name: _frozen(item) for name, item in value.items()}
    return value


def _choices() -> list[str]:
    entries = importlib.metadata.entry_points(group=GROUP)
    names = [*(lane.name for lane in LANES), *(entry.name for entry in entries)]
    return list(dict.fromkeys([*names, *map(_framework, LANES)]))


def _framework(lane: Lane) -> str:
    return lane.name.partition(":")[0].partition("@")[0]


def _top(package: str) -> str:
    return package.partition(".")[0]


def _version(name: str) -> str | None:
    found = _of_distribution(name) or _of_distribution(f"{name}-cpu")
    if found is None and importlib.util.find_spec(name) is not None:
        # Slow: it reads the list of files of everything installed.
        named = map(_of_distribution, _distributions().get(name, ()))
        found = next(filter(None, named), None)
    return found


def _of_distribution(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


@functools.cache
def _distributions() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()
