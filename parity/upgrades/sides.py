"""What the words of `parity upgrade` mean: the requirements of both sides."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from parity.upgrades.environment import Environment, read_constraints
from parity.upgrades.interpreter import describe
from parity.upgrades.metadata import version
from parity.upgrades.releases import releases

Requirements = tuple[str, ...]


class NoneNewerError(ValueError):
    """What is installed is the newest release: there is nothing to compare, and nothing changed."""


def sides(
    words: Sequence[str],
    before: Path | None,
    after: Path | None,
    *,
    prereleases: bool = False,
    pythons: tuple[str, str] = (sys.executable, sys.executable),
) -> tuple[Requirements, Requirements]:
    """Return both sides' requirements, of which each is for an interpreter of its own.

    A package that is named twice is the one before and the one after; one that is named once stands
    on both sides then. Where none is named twice, what is installed is the side before, and the
    newest release stands for a name alone. Constraints files take part with what is installed of
    what they pin. Raises ValueError for words that name no two sides, BuildError for an index that
    does not answer.
    """
    if before is not None or after is not None:
        if words or before is None or after is None:
            raise ValueError("expected packages, or --from FILE and --to FILE, not a mixture")
        return _pinned(before, pythons[0]), _pinned(after, pythons[1])
    if not words:
        raise ValueError("expected packages, such as keras==3.9.2 keras==3.15.1, or keras")
    named = _named(words)
    if not any(len(pair) == 2 for pair in named.values()):
        return (), tuple(_newest(one, prereleases, *pythons) for [one] in named.values())
    sides: tuple[list[str], list[str]] = [], []
    for pair in named.values():
        sides[0].append(str(pair[0]))
        sides[1].append(str(pair[-1]))
    if sides[0] == sides[1]:
        raise ValueError(f"both sides are {' '.join(sides[0])}")
    return tuple(sides[0]), tuple(sides[1])


def _named(words: Sequence[str]) -> Mapping[str, list[Requirement]]:
    named: dict[str, list[Requirement]] = defaultdict(list)
    for word in words:
        try:
            requirement = Requirement(word)
        except InvalidRequirement as error:
            raise ValueError(f"expected a package such as keras==3.9.2, got {word!r}") from error
        pair = named[canonicalize_name(requirement.name)]
        pair.append(requirement)
        if len(pair) > 2:
            raise ValueError(f"{requirement.name} is named {len(pair)} times: expected two sides")
    return named


def _newest(requirement: Requirement, prereleases: bool, before: str, after: str) -> str:
    """Return a requirement as it is, or that of the newest release where it names none.

    `before` is the interpreter that has something installed, `after` the one that gets the release.
    """
    if requirement.specifier:
        return str(requirement)
    found = releases(requirement.name, python=after, prereleases=prereleases)
    able = [release for release in found if _able(release)]
    if not able:
        raise ValueError(f"{requirement.name}: no release can be installed here")
    newest = able[-1].version
    same = describe(before).python == describe(after).python
    if same and newest == version(Environment(before, None, {}), requirement.name):
        raise NoneNewerError(f"{requirement.name} {newest} is installed, and there is none newer")
    return f"{requirement.name}=={newest}"


def _able(release: object) -> bool:
    return getattr(release, "lack", None) is None and getattr(release, "yanked", None) is None


def _pinned(path: Path, python: str) -> Requirements:
    """Return the pins of a constraints file that are about something installed there."""
    found, base = [], Environment(python, None, {})
    for pin in read_constraints(path, python):
        name, _, wanted = pin.partition("==")
        installed = version(base, name)
        if installed is not None and installed.partition("+")[0] != wanted.partition("+")[0]:
            found.append(pin)
    return tuple(found)
