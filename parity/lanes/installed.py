"""Which lanes there are and which can run here, asked without importing a framework."""

from __future__ import annotations

import fnmatch
import functools
import importlib.metadata
import importlib.util
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from parity.asked import unknown
from parity.lanes import Lane
from parity.lanes.catalog import LANES
from parity.lanes.device import lacking
from parity.lanes.process import LaneError, Worker

GROUP = "parity.lanes"  # entry points: a name and the module that has LANES

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

    A part is a lane's name; a pattern (`torch:*`); a framework, for all of its lanes, where no
    lane has that very name; the path of a Python file with `LANES`; or the name of an entry point
    of the group `parity.lanes`. Raises ValueError for anything else, and for a file that cannot be
    asked.
    """
    parts = [part.strip() for part in selection.split(",")]
    found = [lane for part in parts if part for lane in _resolved(part)]
    if not found:
        raise unknown("lanes", selection, _choices())
    return list({lane.name: lane for lane in found}.values())


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
        raise unknown("lanes", part, _choices())
    return lanes


def _file(path: str) -> list[Lane]:
    if not Path(path).is_file():
        raise ValueError(f"{path}: no such file")
    return _described(str(Path(path).resolve()))


def _described(module: str) -> list[Lane]:
    """Ask a process of its own: the module is free to import its framework."""
    try:
        with Worker(Lane(name=module, module=module)) as worker:
            return [_lane(record) for record in worker.describe()]
    except (LaneError, TypeError) as error:
        raise ValueError(f"{module} has no lanes: {error}") from error


def _lane(record: Mapping[str, Any]) -> Lane:
    return Lane(**{name: _frozen(value) for name, value in record.items()})


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
