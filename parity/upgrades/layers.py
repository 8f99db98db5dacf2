"""Layers on disk: folders of installed packages, named by what is in them, never half made."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from parity.cache import cache
from parity.upgrades.interpreter import BuildError

_DIGITS: Final = 24  # of a name that is a hash
_PART: Final = ".part"
_LOCK: Final = ".lock"


def place() -> Path:
    """Return the folder of the layers, made if need be. Raises BuildError."""
    folder = cache() / "environments"
    with sentence(f"the folder {folder} cannot be written (PARITY_CACHE names another)"):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def digest(*parts: object) -> str:
    """Return a name for plain values: the same for the same values, on every machine."""
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def kept(
    name: str,
    pins: Mapping[str, str],
    make: Callable[[Path], None],
    tell: Callable[[str], None],
) -> Path:
    """Return the layer of this name, which `make` fills where it is not there yet.

    It is made beside its place and put there whole; two who want it wait for each other. Raises
    BuildError; whatever ends it, Ctrl-C too, leaves nothing half made.
    """
    folder = place() / name
    if _whole(folder, pins):
        return folder
    with _alone(folder, tell):
        if _whole(folder, pins):
            return folder
        _clear(folder)
        # A name of its own: an installer that outlived its parent may still write into another.
        part = folder.with_name(f"{name}.{secrets.token_hex(4)}{_PART}")
        try:
            with sentence(f"{part} cannot be written"):
                shutil.rmtree(folder, ignore_errors=True)
                part.mkdir()
            make(part)
            if not _whole(part, pins):
                raise BuildError(f"the installer did not install {_named(pins)}")
            with sentence(f"{folder} cannot be written"):
                part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return folder


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all. Raises BuildError."""
    with sentence(f"{path} cannot be written"):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, aside = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(aside).replace(path)
        except BaseException:  # Ctrl-C too: what is half-written goes
            Path(aside).unlink(missing_ok=True)
            raise


@contextmanager
def sentence(start: str) -> Iterator[None]:
    """Turn an error of the file system into a BuildError."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        reason = "no space is left on the disk" if full else error.strerror or str(error)
        raise BuildError(f"{start}: {reason}") from error


@contextmanager
def _alone(folder: Path, tell: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of a layer, which the system releases if its holder dies."""
    lock = FileLock(folder.with_name(folder.name + _LOCK))
    with sentence(f"{folder.parent} cannot be written"):
        try:
            lock.acquire(timeout=0)
        except Timeout:
            tell("waiting for another run that installs the same")
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _clear(folder: Path) -> None:
    """Remove the half-made layers whose makers are dead: their locks are free, or ours."""
    for part in folder.parent.glob(f"*{_PART}"):
        name = part.name.partition(".")[0]
        if name == folder.name:
            shutil.rmtree(part, ignore_errors=True)
            continue
        # Left alone where its maker lives, or where it is not ours to lock.
        with suppress(Timeout, OSError), FileLock(part.with_name(name + _LOCK), timeout=0):
            shutil.rmtree(part, ignore_errors=True)


def _whole(folder: Path, pins: Mapping[str, str]) -> bool:
    """Whether a folder has exactly these versions."""
    if not folder.is_dir():
        return False
    found: dict[str, str] = {
        canonicalize_name(entry.name): entry.version for entry in distributions(path=[str(folder)])
    }
    return all(name in found and _same(found[name], pins[name]) for name in pins)


def _same(one: str, other: str) -> bool:
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return one == other


def _named(pins: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in pins.items())


def linked(package: Path) -> Path:
    """Return a folder that holds nothing but a package: a link to it, or a copy where none can be.

    Raises BuildError.
    """
    folder = cache() / "harness" / digest(str(package))
    target = folder / package.name
    with sentence(f"{folder} cannot be written"):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            target.symlink_to(package, target_is_directory=True)
        except FileExistsError:
            pass
        except OSError:
            shutil.copytree(package, target, dirs_exist_ok=True)
    return folder
