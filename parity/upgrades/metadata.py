"""What the distributions of an environment say of themselves, read without importing any."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import Distribution
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from parity.upgrades.environment import Environment
from parity.upgrades.interpreter import describe

_CHANGELOG: Final = re.compile(r"change|release ?notes|history|what'?s ?new|news", re.IGNORECASE)
_FORGE: Final = re.compile(r"^(https?://(?:github|gitlab)\.com/[^/]+/[^/#?]+?)(?:\.git)?/?$")


def version(environment: Environment, distribution: str) -> str | None:
    """Return the version of a distribution; None if it is not there."""
    found = _distribution(environment, distribution)
    return None if found is None else found.version


def requirements(environment: Environment) -> dict[str, set[str]]:
    """Return what each distribution requires there, extras apart, by canonical names."""
    about = {**describe(environment.python).markers(), "extra": ""}
    found: dict[str, set[str]] = {}
    for one in _distributions(environment):
        required = found[canonicalize_name(one.name)] = set()
        for text in one.requires or ():
            with suppress(InvalidRequirement):  # as some old releases have it
                requirement = Requirement(text)
                if requirement.marker is None or requirement.marker.evaluate(about):
                    required.add(canonicalize_name(requirement.name))
    return found


def changelog(environment: Environment, distribution: str) -> str | None:
    """Return the address of a distribution's changelog as its metadata has it.

    Else that of its repository's releases, else its homepage; None if it names none of them.
    """
    found = _distribution(environment, distribution)
    if found is None:
        return None
    entries: list[str] = found.metadata.get_all("Project-URL") or []
    listed = [entry.partition(",") for entry in entries]
    addresses = {label.strip(): address.strip() for label, _, address in listed}
    for label, address in addresses.items():
        if _CHANGELOG.search(label):
            return address
    home = str(found.metadata["Home-page"] or "") if "Home-page" in found.metadata else ""
    candidates = [*addresses.values(), home]
    for address in candidates:
        if repository := _FORGE.match(address):
            return f"{repository[1]}/releases"
    return next(filter(None, [home, *addresses.values()]), None)


def _distribution(environment: Environment, distribution: str) -> Distribution | None:
    wanted = canonicalize_name(distribution)
    found = _distributions(environment)
    return next((one for one in found if canonicalize_name(one.name) == wanted), None)


def _distributions(environment: Environment) -> Iterator[Distribution]:
    """Yield what an import finds there: the layer's, and what it does not hide."""
    base = describe(environment.python)
    layer = () if environment.layer is None else (str(environment.layer),)
    return replace(base, paths=(*layer, *base.paths)).distributions()
