"""An interpreter, asked from outside: what it is, what it has installed, what pip may use."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import Distribution, distributions
from typing import Final

from packaging import tags
from packaging.utils import canonicalize_name

_PATIENCE: Final = 60.0  # seconds for an interpreter that only says what it is

_DESCRIBE: Final = """
import importlib.util, json, sys, sysconfig
print(json.dumps({
    "version": sys.version_info[:3],
    "implementation": sys.implementation.name,
    "tag": sys.implementation.cache_tag or "",
    "platform": sysconfig.get_platform(),
    "paths": [path for path in sys.path if path],
    "pip": importlib.util.find_spec("pip") is not None,
}))
"""

# What pip is told at the command line here; the same from outside would contradict it.
_CONTRADICTING: Final = (
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_REPORT",
    "PIP_QUIET",
    "PIP_VERBOSE",
    "PIP_UPGRADE",
    "PIP_REQUIREMENT",
    "PIP_EDITABLE",
    "PIP_NO_DEPS",
    "PIP_DRY_RUN",
)


class BuildError(ValueError):
    """Why an environment cannot be had, in one sentence."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python, and where it looks for packages.

    `tag` names the implementation and its version as `cpython-311`; `platform` is that of its
    binaries; `paths` is its `sys.path`, without the folder that it was started in.
    """

    python: str
    version: tuple[int, int, int]
    implementation: str
    tag: str
    platform: str
    paths: tuple[str, ...]
    pip: bool

    @property
    def running(self) -> bool:
        """Whether it is the interpreter that runs this."""
        return self.python == sys.executable

    @property
    def release(self) -> str:
        """The version as text, as 3.11.7."""
        return ".".join(map(str, self.version))

    def markers(self) -> dict[str, str]:
        """Return what markers of requirements ask of it; what else they ask is this machine's."""
        titles = {"cpython": "CPython", "pypy": "PyPy"}
        return {
            "python_version": ".".join(map(str, self.version[:2])),
            "python_full_version": self.release,
            "implementation_name": self.implementation,
            "platform_python_implementation": titles.get(self.implementation, self.implementation),
        }

    def distributions(self) -> Iterator[Distribution]:
        """Yield what is installed; of two with one name, the one that an import finds first."""
        seen = set()
        for found in distributions(path=list(self.paths)):
            name = found.name
            if name and canonicalize_name(name) not in seen:
                seen.add(canonicalize_name(name))
                yield found

    def installed(self) -> dict[str, str]:
        """Return the version of each installed distribution by its canonical name."""
        return {canonicalize_name(found.name): found.version for found in self.distributions()}

    def tags(self) -> list[tags.Tag]:
        """Return the tags of the wheels that it can use, the best first.

        For another interpreter they are those of a plain build of it on this machine.
        """
        same = self.implementation == sys.implementation.name
        if same and self.version[:2] == sys.version_info[:2]:
            return list(tags.sys_tags())
        short = self.version[:2]
        if self.implementation != "cpython":
            return list(tags.compatible_tags(short))
        name = f"cp{short[0]}{short[1]}"
        return [*tags.cpython_tags(short), *tags.compatible_tags(short, name)]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where packages are looked for, as pip is configured.

    `index` is None where pip's default is meant. `constraints` are files. `cert` is a file of
    certificates, `client_cert` one to present. What is a name for `no_binary` and `only_binary`
    may be `:all:`.
    """

    index: str | None = None
    extra: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    no_index: bool = False
    trusted: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    no_binary: tuple[str, ...] = ()
    only_binary: tuple[str, ...] = ()
    cert: str | None = None
    client_cert: str | None = None
    proxy: str | None = None


@lru_cache(maxsize=64)
def describe(python: str) -> Interpreter:
    """Ask an interpreter what it is. Raises BuildError where there is none, or it cannot say."""
    found = shutil.which(python)
    if found is None:
        raise BuildError(f"no interpreter is found at {python!r}")
    # Links are not followed: a virtual environment's interpreter is a link to another's.
    path = os.path.abspath(found)
    text = _asked([path, "-c", _DESCRIBE])
    if text is None:
        raise BuildError(f"{python!r} is not an interpreter that runs")
    said = json.loads(text)
    said["version"] = tuple(said["version"])
    said["paths"] = tuple(said["paths"])
    return Interpreter(path, **said)


def pip(base: Interpreter) -> list[str] | None:
    """Return the command that is pip for an interpreter, or None where there is none at all.

    Its own, or this interpreter's set to work on the other.
    """
    if base.pip:
        return [base.python, "-m", "pip"]
    if describe(sys.executable).pip:
        return [sys.executable, "-m", "pip", "--python", base.python]
    return None


def variables_for_pip() -> dict[str, str]:
    """Return this process's environment without what contradicts the options given to pip."""
    kept = {name: value for name, value in os.environ.items() if name not in _CONTRADICTING}
    return {**kept, "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0", "PIP_NO_INPUT": "1"}


def sources(base: Interpreter) -> Sources:
    """Return where packages are looked for: what pip's files and PIP_ variables say."""
    return _sources(base, tuple(sorted(_pip_variables().items())))


@lru_cache(maxsize=64)
def _sources(base: Interpreter, variables: tuple[tuple[str, str], ...]) -> Sources:
    command = pip(base)
    listed = None if command is None else _asked([*command, "config", "list"], variables_for_pip())
    found = {**_settings(listed or ""), **dict(variables)}
    index = found.get("index-url")
    return Sources(
        index=index or None,
        extra=_words(found, "extra-index-url"),
        find_links=_words(found, "find-links"),
        no_index=found.get("no-index", "0").lower() in ("1", "true", "yes", "on"),
        trusted=_words(found, "trusted-host"),
        constraints=_words(found, "constraint"),
        no_binary=_names(found, "no-binary"),
        only_binary=_names(found, "only-binary"),
        cert=found.get("cert") or None,
        client_cert=found.get("client-cert") or None,
        proxy=found.get("proxy") or None,
    )


def default_index(base: Interpreter) -> str | None:
    """Return the address of the index that pip uses where none is configured; None if unknown."""
    command = pip(base)
    text = None if command is None else _help((*command, "install", "--help"))
    if text is None and (uv := shutil.which("uv")):
        text = _help((uv, "pip", "install", "--help"))
    found = re.search(r"default:? <?(https?://[^\s>)]+)", re.sub(r"\s+", " ", text or ""))
    return found[1].rstrip(".") if found else None


@lru_cache(maxsize=8)
def _help(command: Sequence[str]) -> str | None:
    # Wide, or the address is broken in two.
    return _asked(list(command), {**variables_for_pip(), "COLUMNS": "300"})


def _pip_variables() -> dict[str, str]:
    """Return pip's settings that are in the environment, by the names that they have in files."""
    prefix = "PIP_"
    return {
        name.removeprefix(prefix).lower().replace("_", "-"): value
        for name, value in os.environ.items()
        if name.startswith(prefix) and value
    }


def _settings(listed: str) -> dict[str, str]:
    """Return the settings that `pip config list` printed, those for installing over the global."""
    found: dict[str, dict[str, str]] = {"global": {}, "install": {}}
    for line in listed.splitlines():
        key, equals, value = line.partition("=")
        section, _, name = key.rpartition(".")
        if equals and section in found:
            try:
                # pip prints a repr. Literals alone are read: nothing that a value names is called.
                found[section][name] = str(ast.literal_eval(value))
            except (SyntaxError, ValueError):
                found[section][name] = value
    return {**found["global"], **found["install"]}


def _words(found: Mapping[str, str], key: str) -> tuple[str, ...]:
    return tuple(found.get(key, "").split())


def _names(found: Mapping[str, str], key: str) -> tuple[str, ...]:
    return tuple(filter(None, re.split(r"[\s,]+", found.get(key, ""))))


def _asked(command: list[str], variables: Mapping[str, str] | None = None) -> str | None:
    """Return what a command prints, or None where it fails."""
    try:
        done = subprocess.run(
            command,
            env=None if variables is None else dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE,
            check=True,
            text=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
