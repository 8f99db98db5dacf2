"""Distributions that are not installed by name, though a sibling provides what they hold.

`tensorflow` and `tensorflow-cpu` unpack into one folder. Where the one is installed, a package that
requires the other is not to bring it along. To the installer, an empty wheel stands in for it.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import Distribution
from pathlib import Path
from typing import Final

from packaging.utils import canonicalize_name
from packaging.version import Version

from parity.upgrades.interpreter import BuildError, Interpreter
from parity.upgrades.releases import releases

# As a local version it is above the release it stands for, and meets what that meets.
_LOCAL: Final = "installed"
# The last word of names that are given to one package built in several ways.
_BUILDS: Final = ("binary", "cpu", "gpu", "headless", "intel", "macos", "rocm")


@dataclass(frozen=True, slots=True)
class StandIns:
    """What is stood in for, each name with its provider's, and the folders of the wheels."""

    providers: Mapping[str, str]
    folders: Sequence[str]


@contextmanager
def stand_ins(
    base: Interpreter, asked: Collection[str], *, prereleases: bool
) -> Iterator[StandIns]:
    """Make wheels that stand in, at every release, for what a sibling provides and nobody asked.

    `asked` are canonical names. Raises BuildError for a folder that cannot be written.
    """
    provided = {name: by for name, by in siblings(base).items() if name not in asked}
    if not provided:
        yield StandIns({}, ())
        return
    with tempfile.TemporaryDirectory() as folder:
        for name in provided:
            _write(name, _versions(name, base, prereleases), Path(folder))
        yield StandIns(provided, (folder,))


def siblings(base: Interpreter) -> dict[str, str]:
    """Return what is provided without being installed: canonical names, each with its provider.

    A provider is named after what it provides and how it was built, as `tensorflow-cpu` is after
    `tensorflow`, and holds a package of that name.
    """
    there = {canonicalize_name(found.name): found for found in base.distributions()}
    found: dict[str, str] = {}
    for provider, distribution in there.items():
        name, _, built = provider.rpartition("-")
        if built in _BUILDS and name not in there and _holds(distribution, name.replace("-", "_")):
            found[name] = provider
    return found


def _holds(distribution: Distribution, package: str) -> bool:
    """Whether a distribution has a package of this name, and not only a part of its namespace."""
    start = Path(str(distribution.locate_file(package)), "__init__.py")
    if not start.is_file():
        return False
    listed = (distribution.read_text("top_level.txt") or "").split()
    if listed:
        return package in listed
    return any(file.as_posix() == f"{package}/__init__.py" for file in distribution.files or ())


def _versions(name: str, base: Interpreter, prereleases: bool) -> list[str]:
    try:
        found = releases(name, python=base.python, prereleases=prereleases)
    except BuildError:
        # Whoever requires it cannot have it either: the installer says so.
        return []
    return [release.version for release in found if Version(release.version).local is None]


def _write(name: str, versions: Sequence[str], folder: Path) -> None:
    for version in versions:
        full = f"{version}+{_LOCAL}"
        stem = f"{name.replace('-', '_')}-{full}"
        texts: Mapping[str, str] = {
            "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {full}\n",
            "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            "RECORD": "",
        }
        try:
            with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
                for file, text in texts.items():
                    wheel.writestr(f"{stem}.dist-info/{file}", text)
        except OSError as error:
            raise BuildError(f"{folder} cannot be written: {error.strerror}") from error
