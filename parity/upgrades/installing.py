"""What an installer does for a layer: say what it would install, and install it into a folder.

uv is asked where it is found, pip otherwise, and pip again where uv fails: pip has the last word.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from packaging.utils import canonicalize_name

from parity.upgrades.failing import explained, final
from parity.upgrades.interpreter import (
    BuildError,
    Interpreter,
    Sources,
    pip,
    sources,
    variables_for_pip,
)
from parity.upgrades.layers import sentence

Result = TypeVar("Result")

_TIMEOUT: Final = "15"  # seconds of silence after which an index counts as unreachable
_RETRIES: Final = "1"
_GRACE: Final = 5.0  # seconds for an interrupted installer to tidy up


@dataclass(frozen=True, slots=True)
class Tool:
    """An installer: its command up to its options, with those that every call has.

    `prereleases` are the options that allow them, `bare` those for a folder without dependencies.
    What is installed is compiled: many processes import it, and some may not write what they did.
    """

    name: str
    command: tuple[str, ...]
    prereleases: tuple[str, ...]
    bare: tuple[str, ...]
    variables: Mapping[str, str]


class ToolError(Exception):
    """An installer that ended with an error; the message is all that it said."""


def resolve(
    requirements: Sequence[str],
    base: Interpreter,
    *,
    prereleases: bool = False,
    find_links: Sequence[str] = (),
) -> dict[str, str]:
    """Return what would be installed over `base`: versions by canonical name.

    `find_links` are folders of files to choose from beside the configured ones. Raises BuildError.
    """

    def ask(tool: Tool) -> dict[str, str]:
        options = [part for folder in find_links for part in ("--find-links", folder)]
        options += tool.prereleases if prereleases else ()
        return _asked(tool, [*options, *requirements])

    return _first(base, ask, f"resolving {', '.join(requirements)}")


def install(pins: Mapping[str, str], folder: Path, base: Interpreter) -> None:
    """Install exactly these versions into a folder, for `base`. Raises BuildError.

    What is in the folder goes first: what an installer left there that failed, too.
    """
    exact = [f"{name}=={version}" for name, version in pins.items()]

    def ask(tool: Tool) -> None:
        with sentence(f"{folder} cannot be written"):
            shutil.rmtree(folder)
            folder.mkdir()
        _run([*tool.command, *tool.bare, "--target", str(folder), *exact], tool.variables)

    _first(base, ask, f"installing {', '.join(exact)}")


def tools(base: Interpreter) -> list[Tool]:
    """Return the installers that are there, in the order in which they are asked."""
    found = []
    bare: tuple[str, ...]
    where = sources(base)
    if uv := shutil.which("uv"):
        command = (uv, "pip", "install", "--python", base.python, *_uv_options(where))
        allow = ("--prerelease", "allow")
        bare = ("--no-deps", "--compile-bytecode")
        found.append(Tool("uv", command, allow, bare, _uv_variables(where)))
    if command_of_pip := pip(base):
        limits = ("--retries", _RETRIES, "--timeout", _TIMEOUT)
        command = (*command_of_pip, "install", *limits)
        bare = ("--no-deps", "--compile", "--no-warn-script-location")
        found.append(Tool("pip", command, ("--pre",), bare, variables_for_pip()))
    return found


def _first(base: Interpreter, ask: Callable[[Tool], Result], doing: str) -> Result:
    """Return what the first installer answers that does not fail. Raises BuildError."""
    there = tools(base)
    if not there:
        raise BuildError(f"neither uv nor pip is found for {base.python}")
    for tool in there:
        try:
            return ask(tool)
        except ToolError as error:
            said = str(error)
            if final(said):
                break
    raise BuildError(explained(said, doing))


def _asked(tool: Tool, arguments: Sequence[str]) -> dict[str, str]:
    """Return the versions that an installer would install."""
    if tool.name == "uv":
        said = _run([*tool.command, "--dry-run", *arguments], tool.variables)
        chosen = re.findall(r"^ \+ ([\w.-]+)==(\S+)", said, re.MULTILINE)
    else:
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder, "report.json")
            options = ["--dry-run", "--report", str(report)]
            _run([*tool.command, *options, *arguments], tool.variables)
            items = json.loads(report.read_text("utf-8"))["install"]
        chosen = [(item["metadata"]["name"], item["metadata"]["version"]) for item in items]
    return {canonicalize_name(name): version for name, version in chosen}


def _uv_options(where: Sources) -> list[str]:
    """Return pip's configuration as uv's options."""
    # As in pip, the best version of all indexes is taken, not the first index's best.
    options = ["--index-strategy", "unsafe-best-match"]
    options += ["--default-index", where.index] if where.index else []
    options += ["--no-index"] if where.no_index else []
    for option, values in (
        ("--index", where.extra),
        ("--find-links", where.find_links),
        ("--allow-insecure-host", where.trusted),
        ("--constraints", where.constraints),
        ("--no-binary", where.no_binary),
        ("--only-binary", where.only_binary),
    ):
        options += [part for value in values for part in (option, value)]
    return options


def _uv_variables(where: Sources) -> dict[str, str]:
    """Return this process's environment with what uv takes from there alone."""
    wanted = {
        "NO_COLOR": "1",
        "UV_NO_PROGRESS": "1",
        "UV_HTTP_RETRIES": _RETRIES,
        "UV_HTTP_TIMEOUT": _TIMEOUT,
        "UV_LINK_MODE": "copy",  # a link would let a layer's change reach uv's cache
    }
    if where.cert:
        wanted["SSL_CERT_FILE"] = where.cert
    if where.client_cert:
        wanted["SSL_CLIENT_CERT"] = where.client_cert
    if where.proxy:
        wanted["ALL_PROXY"] = where.proxy
    return {**os.environ, **wanted}


def _run(command: Sequence[str], variables: Mapping[str, str]) -> str:
    """Run an installer to its end and return all that it says. Raises ToolError.

    Interrupted, it is ended with all that it started.
    """
    child = subprocess.Popen(
        list(command),
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        said, _ = child.communicate()
    except BaseException:  # Ctrl-C above all
        _end(child)
        raise
    if child.returncode != 0:
        raise ToolError(said)
    return said


def _end(child: subprocess.Popen[str]) -> None:
    """End a process and its group: asked first, so that it removes what it wrote aside."""
    try:
        _signal(child, signal.SIGINT)
        child.wait(timeout=_GRACE)
    except subprocess.TimeoutExpired:
        pass
    finally:
        # Also where the wait is interrupted, and for what the process left behind.
        _signal(child, signal.SIGKILL)
        child.wait()
        if child.stdout is not None:
            child.stdout.close()


def _signal(child: subprocess.Popen[str], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # it has ended; macOS says the second
        os.killpg(child.pid, number)
