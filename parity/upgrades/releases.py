"""The releases of a package: which there are, when each came out, and what speaks against it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from parity.upgrades.index import File, built, files
from parity.upgrades.interpreter import BuildError, Interpreter, default_index, describe, sources

__all__ = ["BuildError", "Release", "between", "releases"]

_NO_FILE: Final = "has no file for this platform"


@dataclass(frozen=True, slots=True)
class Release:
    """One version of a package on the indexes in use.

    `date` is the ISO day on which its first file was uploaded (where no index tells, that of the
    newest file in a wheel at hand), None if unknown. `yanked` is the reason, empty without one,
    None if it is not. `lack` is why it cannot be installed here, None if it can.
    """

    version: str
    date: str | None
    yanked: str | None
    lack: str | None


@dataclass(frozen=True, slots=True)
class _Listed:
    """A file with the version that its name says, and its wheel tags, None for a source."""

    file: File
    version: Version
    tags: frozenset[Tag] | None


def releases(
    name: str, *, python: str = sys.executable, prereleases: bool = False
) -> list[Release]:
    """Return the releases of a package in version order, over all indexes and find-links in use.

    What can be installed is judged for `python` on this machine. Pre-releases are left out unless
    asked for. Raises BuildError where an index cannot be reached or none has the package.
    """
    base = describe(python)
    wanted = canonicalize_name(name)
    listed = [_listed(file, wanted) for file in _files(wanted, base)]
    by_version: dict[Version, list[_Listed]] = {}
    for found in filter(None, listed):
        by_version.setdefault(found.version, []).append(found)
    if not by_version:
        raise BuildError(f"no index in use has a package named {name}")
    usable = frozenset(base.tags())
    return [
        _release(version, by_version[version], base, usable)
        for version in sorted(by_version)
        if prereleases or not version.is_prerelease
    ]


def between(found: Sequence[Release], old: str, new: str) -> list[Release]:
    """Return the releases from `old` to `new`, both included.

    Raises ValueError for a version that is not among them, or where `new` is not after `old`.
    """
    versions = [Version(release.version) for release in found]
    first, last = _place(versions, old), _place(versions, new)
    if last <= first:
        raise ValueError(f"expected the newer release second, got {old} and {new}")
    return list(found[first : last + 1])


def _place(versions: Sequence[Version], wanted: str) -> int:
    try:
        return versions.index(Version(wanted))
    except (InvalidVersion, ValueError):
        some = ", ".join(map(str, versions[-5:]))
        raise ValueError(f"no release {wanted}; the newest are {some}") from None


def _files(wanted: str, base: Interpreter) -> list[File]:
    where = sources(base)
    known = where.index or where.no_index
    return files(wanted, where, None if known else default_index(base))


def _listed(file: File, wanted: str) -> _Listed | None:
    """Return what a file's name says, None if it is no wheel or source of the package."""
    try:
        if file.name.endswith(".whl"):
            name, version, _, tags = parse_wheel_filename(file.name)
            return _Listed(file, version, tags) if name == wanted else None
        name, version = parse_sdist_filename(file.name)
        return _Listed(file, version, None) if name == wanted else None
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
        return None


def _release(
    version: Version, found: Sequence[_Listed], base: Interpreter, usable: frozenset[Tag]
) -> Release:
    days = sorted(entry.file.uploaded for entry in found if entry.file.uploaded)
    at_hand = () if days else filter(None, (built(entry.file) for entry in found))
    reasons = [entry.file.yanked for entry in found]
    return Release(
        version=str(version),
        date=days[0] if days else max(at_hand, default=None),
        # A file that is not yanked can be had, and the release with it.
        yanked=None if None in reasons else next(filter(None, reasons), ""),
        lack=_lack(found, base, usable),
    )


def _lack(found: Sequence[_Listed], base: Interpreter, usable: frozenset[Tag]) -> str | None:
    """Return why none of the files can be installed, None if one can."""
    fitting = [entry for entry in found if entry.tags is None or entry.tags & usable]
    if not fitting:
        # Wheels for other Pythons say by what they require which these are.
        needed = {entry.file.python for entry in found} - {""}
        unmet = [text for text in sorted(needed) if not _meets(base, text)]
        return f"needs Python {unmet[0]}" if unmet else _NO_FILE
    if any(_meets(base, entry.file.python) for entry in fitting):
        return None
    return f"needs Python {fitting[0].file.python}"


def _meets(base: Interpreter, required: str) -> bool:
    try:
        return SpecifierSet(required).contains(base.release, prereleases=True)
    except InvalidSpecifier:
        # As in pip, what cannot be read requires nothing.
        return True
