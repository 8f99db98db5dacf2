"""An environment: what an interpreter has installed, with a layer of other releases over it.

The layer is a folder that holds only what differs, put first on the path. Nothing that is installed
is touched.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from parity.upgrades import layers
from parity.upgrades.installing import install, resolve
from parity.upgrades.interpreter import BuildError, Interpreter, Sources, describe, sources
from parity.upgrades.provided import stand_ins
from parity.upgrades.releases import Release, releases

__all__ = [
    "INSTALLED",
    "BuildError",
    "Environment",
    "build",
    "read_constraints",
]

_NEWEST: Final = 5  # releases that are named where one is not there


@dataclass(frozen=True, slots=True)
class Environment:
    """An interpreter's environment with a layer over it.

    `layer` is a folder, None for what is installed; `pins` are the versions in it by canonical
    name, those asked for first; `asked` are those asked for, in the layer or not.
    """

    python: str
    layer: Path | None
    pins: Mapping[str, str]
    asked: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What it is called: `keras 3.9.2`, `jax 0.4.30, optax 0.2.3` or `installed`."""
        named = self.asked or self.pins
        return ", ".join(f"{name} {pin}" for name, pin in named.items()) or "installed"

    def variables(self) -> dict[str, str]:
        """Return the variables for a process of this environment that finds the harness.

        Raises BuildError where the harness cannot be put where another interpreter finds it.
        """
        paths = [] if self.layer is None else [str(self.layer)]
        if not describe(self.python).running:
            paths.append(str(_harness()))
        paths += filter(None, [os.environ.get("PYTHONPATH", "")])
        return {"PYTHONPATH": os.pathsep.join(paths)} if paths else {}


INSTALLED: Final = Environment(sys.executable, None, {})


def _silent(_: str) -> None:
    pass


def build(
    requirements: Sequence[str],
    *,
    python: str = sys.executable,
    prereleases: bool = False,
    tell: Callable[[str], None] = _silent,
) -> Environment:
    """Return an environment that meets the requirements, made over what `python` has installed.

    `requirements` are as pip has them: `keras==3.9.2`. `tell` gets short lines on the progress.
    What was made once is found again. Raises BuildError.
    """
    asked = [_requirement(text) for text in requirements]
    base = describe(python)
    installed = base.installed()
    pins = _pins(asked, base, installed, prereleases, tell)
    names: list[str] = list(dict.fromkeys(canonicalize_name(entry.name) for entry in asked))
    order = [name for name in names if name in pins]
    order += sorted(set(pins) - set(names))
    pins = {name: pins[name] for name in order}
    layer = _layer(pins, base, tell) if pins else None
    has = {**installed, **pins}
    return Environment(base.python, layer, pins, {name: has[name] for name in names if name in has})


def read_constraints(path: Path, python: str = sys.executable) -> list[str]:
    """Return the pins of a constraints file as `name==version`, without those not for `python`.

    Comments and hashes are passed over. Raises ValueError, with the line, for anything else.
    """
    about = describe(python).markers()
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    pins = []
    for number, line in enumerate(text.splitlines(), 1):
        bare = re.sub(r"(^|\s)#.*", "", line).strip()
        bare = re.sub(r"\s*(--hash=\S+\s*)*\\?$", "", bare)
        if not bare:
            continue
        try:
            pin = Requirement(bare)
        except InvalidRequirement as error:
            raise ValueError(
                f"{path}, line {number}: expected name==version, got {line!r}"
            ) from error
        exact = _exact(pin)
        if exact is None:
            raise ValueError(f"{path}, line {number}: expected name==version, got {line!r}")
        if pin.marker is None or pin.marker.evaluate(about):
            pins.append(f"{canonicalize_name(pin.name)}=={exact}")
    return pins


def _requirement(text: str) -> Requirement:
    try:
        found = Requirement(text)
    except InvalidRequirement as error:
        raise BuildError(f"expected a package such as keras==3.9.2, got {text!r}") from error
    if found.url is not None:
        # What lies at an address may change, so a layer could not be named by its versions.
        raise BuildError(f"expected a package such as keras==3.9.2, not an address, got {text!r}")
    return found


def _exact(requirement: Requirement) -> str | None:
    """Return the version that a requirement pins, None if it leaves a choice."""
    specifiers = list(requirement.specifier)
    if len(specifiers) != 1 or specifiers[0].operator not in ("==", "==="):
        return None
    pinned = specifiers[0].version
    return None if pinned.endswith(".*") else pinned


def _pins(
    asked: Sequence[Requirement],
    base: Interpreter,
    installed: Mapping[str, str],
    prereleases: bool,
    tell: Callable[[str], None],
) -> dict[str, str]:
    """Return what the layer has to hold, from the cache where the requirements leave no choice."""
    if all(_is_installed(entry, installed) for entry in asked):
        return {}
    exact = all(_exact(entry) is not None for entry in asked)
    texts = sorted(map(str, asked))
    key = layers.digest(
        texts, installed, base.tag, base.platform, prereleases, *_configured(sources(base))
    )
    memory = layers.place() / "resolved" / f"{key}.json"
    if exact and (known := _remembered(memory)) is not None:
        return known
    tell(f"{_titles(asked)}: resolving")
    pins = _resolved(asked, base, prereleases, tell)
    if exact:
        layers.write(memory, json.dumps({"requirements": texts, "pins": pins}, indent=1))
    return pins


def _configured(where: Sources) -> tuple[dict[str, object], list[str]]:
    """Return what the installers' configuration says, the lines of its constraints files too."""
    texts = []
    for name in where.constraints:
        with suppress(OSError):  # an address, or a file that the installer will miss
            texts.append(Path(name).read_text("utf-8", errors="replace"))
    return asdict(where), texts


def _is_installed(requirement: Requirement, installed: Mapping[str, str]) -> bool:
    """Whether exactly the version that is asked for is installed."""
    exact, there = _exact(requirement), installed.get(canonicalize_name(requirement.name))
    if exact is None or there is None or requirement.extras:
        return False
    try:
        return requirement.specifier.contains(there, prereleases=True)
    except InvalidVersion:
        return exact == there


def _remembered(memory: Path) -> dict[str, str] | None:
    try:
        pins = json.loads(memory.read_text("utf-8"))["pins"]
        return {str(name): str(pin) for name, pin in pins.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _resolved(
    asked: Sequence[Requirement],
    base: Interpreter,
    prereleases: bool,
    tell: Callable[[str], None],
) -> dict[str, str]:
    names = {canonicalize_name(entry.name) for entry in asked}
    try:
        with stand_ins(base, names, prereleases=prereleases) as provided:
            pins = resolve(
                list(map(str, asked)), base, prereleases=prereleases, find_links=provided.folders
            )
    except BuildError as error:
        raise BuildError(_missing(asked, base) or str(error)) from error
    for name in pins.keys() & provided.providers:
        release = f"{name} {pins.pop(name).partition('+')[0]}"
        tell(f"{release} is left out: {provided.providers[name]} is there")
    return pins


def _missing(asked: Sequence[Requirement], base: Interpreter) -> str | None:
    """Return which of the requirements the indexes cannot meet and why; None if they can."""
    for requirement in asked:
        try:
            found = releases(requirement.name, python=base.python, prereleases=True)
        except BuildError as error:
            return str(error)
        meeting = [
            release
            for release in found
            if requirement.specifier.contains(release.version, prereleases=True)
        ]
        if not meeting:
            return f"there is no release {requirement}; {_nearest(requirement, found)}"
        if all(release.lack for release in meeting):
            last = f"{requirement.name} {meeting[-1].version} {meeting[-1].lack}"
            return f"{last}, and {base.python} is Python {base.release}"
    return None


def _nearest(requirement: Requirement, found: Sequence[Release]) -> str:
    """Return the releases around a version that is not there, or the newest."""
    final = [entry.version for entry in found if not Version(entry.version).is_prerelease]
    versions = final or [entry.version for entry in found]
    newest = f"the newest are {', '.join(versions[-_NEWEST:])}"
    exact = _exact(requirement)
    try:
        before = [entry for entry in versions if exact and Version(entry) < Version(exact)]
    except InvalidVersion:
        before = []
    if not before or before[-1] in versions[-_NEWEST:]:
        return newest
    after = versions[versions.index(before[-1]) + 1]
    return f"{before[-1]} and {after} are nearest"


def _layer(pins: Mapping[str, str], base: Interpreter, tell: Callable[[str], None]) -> Path:
    def fill(folder: Path) -> None:
        count = f"{len(pins)} package{'s' if len(pins) > 1 else ''}"
        tell(f"installing {count}: {', '.join(f'{name} {pin}' for name, pin in pins.items())}")
        install(pins, folder, base)

    return layers.kept(layers.digest(pins, base.tag, base.platform), pins, fill, tell)


def _harness() -> Path:
    """Return a folder where another interpreter finds this package and nothing else of ours.

    A checkout's own; otherwise one in the cache with a link to the package, or a copy of it.
    """
    package = Path(__file__).resolve().parents[1]
    root = package.parent
    if root.name not in ("site-packages", "dist-packages"):
        return root
    return layers.linked(package)


def _titles(asked: Sequence[Requirement]) -> str:
    return ", ".join(f"{entry.name} {_exact(entry) or entry.specifier}".strip() for entry in asked)
