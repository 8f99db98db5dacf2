"""What runs in a lane's own process: cases in, traces out; whatever else it prints stays apart."""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import functools
import importlib
import importlib.metadata
import importlib.util
import logging
import os
import platform
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from parity.case import Case
from parity.lanes import Lane, Refused, wire
from parity.lanes.catalog import LANES
from parity.trace import Trace, TraceError


def main(module: str, mode: str) -> int:
    """Answer requests until stdin closes; return the exit status.

    A request is `{"cases": [case, ...]}`, each of which is answered by
    `{"trace": ...}`, `{"refused": reason}` or `{"error": reason, "traceback": text}`; or it is
    `{"describe": true}`, answered by `{"lanes": [lane, ...]}` or an error.
    """
    return serve(module, lambda lane, request: _replies(lane, mode, request))


def serve(
    module: str,
    replies_to: Callable[[Any, Mapping[str, Any]], Iterable[bytes | Mapping[str, Any]]],
    *,
    prepare: Callable[[Any], Any] = lambda lane: lane,
) -> int:
    """Import a module, then send the replies to each request until stdin closes.

    `replies_to` gets what `prepare` makes of the module. The first message sent is
    `{"ready": true}`, or `{"import": reason, "traceback": text}` where either of them fails.
    Returns the exit status.
    """
    _contain()
    requests, replies = _streams()
    try:
        lane = prepare(load(module))
    except BaseException as error:  # noqa: BLE001  # sys.exit included: it becomes the reply
        _send(replies, {"import": sentence(error), "traceback": traceback.format_exc()})
        return 1
    _send(replies, {"ready": True})
    while True:
        try:
            request = wire.read(requests.read)
        except EOFError:
            return 0
        for message in replies_to(lane, request):
            _send(replies, message)


def load(module: str) -> Any:
    """Import a lane by its module's name or the path of its Python file."""
    if not module.endswith(".py"):
        return importlib.import_module(module)
    path = Path(module).resolve()
    # Last, so that what lies beside the file can be imported and shadows nothing.
    sys.path.append(str(path.parent))
    spec = importlib.util.spec_from_file_location(f"parity_lane_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{module} is not a Python file")
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = loaded
    spec.loader.exec_module(loaded)
    return loaded


def train(lane: Any, mode: str, case: Case) -> Trace:
    """Train `case` with a loaded lane; what was said and the versions are part of the trace."""
    with listening() as heard:
        trace = lane.train(case, mode)
    if not isinstance(trace, Trace):
        raise TraceError(f"train returned {type(trace).__name__}, expected a Trace")
    return replace(
        trace,
        messages=tuple(dict.fromkeys((*trace.messages, *heard))),
        versions={**_versions(lane), **trace.versions},
    )


def physical_memory() -> int | None:
    """Return the bytes of memory in this machine, where the platform tells."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _replies(lane: Any, mode: str, request: Mapping[str, Any]) -> Iterator[bytes]:
    if "describe" in request:
        yield _described(lane)
    for record in request.get("cases", ()):
        yield _answer(lane, mode, record)


def _answer(lane: Any, mode: str, record: Mapping[str, Any]) -> bytes:
    try:
        trace = train(lane, mode, Case.from_dict(record))
        return wire.pack({"trace": trace.to_dict()})
    except Refused as refusal:
        return wire.pack({"refused": str(refusal) or "it gave no reason"})
    except BaseException as error:  # noqa: BLE001  # sys.exit included: it becomes the reply
        return _error(error)


def _described(lane: Any) -> bytes:
    try:
        return wire.pack({"lanes": [_record(entry) for entry in lane.LANES]})
    except Exception as error:  # noqa: BLE001  # anything may stand in a file from outside
        return _error(error)


def _record(lane: Lane) -> dict[str, Any]:
    if not isinstance(lane, Lane):
        raise TypeError(f"LANES holds a {type(lane).__name__}, expected a Lane")
    values = {field.name: getattr(lane, field.name) for field in fields(lane)}
    return {
        name: dict(value) if isinstance(value, Mapping) else value for name, value in values.items()
    }


def _error(error: BaseException) -> bytes:
    return wire.pack({"error": sentence(error), "traceback": traceback.format_exc()})


def sentence(error: BaseException) -> str:
    """Return what is said of an error: its kind and message."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001  # its own __str__ may fail too
        return type(error).__name__


def _send(replies: IO[bytes], message: bytes | Mapping[str, Any]) -> None:
    replies.write(message if isinstance(message, bytes) else wire.pack(dict(message)))
    replies.flush()


def _streams() -> tuple[IO[bytes], IO[bytes]]:
    """Move the protocol off the standard streams, so that nothing printed or asked for meets it."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return requests, replies


def _contain() -> None:
    """Outlive Ctrl-C but not the parent, tell where a crash was, and let no allocation run away."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable(all_threads=False)
    if sys.platform == "linux":
        set_parent_death_signal = 1  # PR_SET_PDEATHSIG of linux/prctl.h
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
    if sys.platform != "win32":
        _limit("RLIMIT_CORE", 0)  # writing gigabytes to disk for each crash helps nobody
        memory = physical_memory()
        if memory is not None:
            _limit("RLIMIT_DATA", memory)


def _limit(resource_name: str, most: int) -> None:
    import resource  # absent on Windows

    kind = getattr(resource, resource_name)
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    # macOS refuses some limits; the lane runs without them there.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(kind, (most, hard))


@contextlib.contextmanager
def listening() -> Iterator[list[str]]:
    """Collect the warnings and log records of the block: the warnings, then the rest."""
    heard: list[str] = []
    logged: list[str] = []

    def hear(record: logging.LogRecord) -> bool:
        logged.append(f"log: {_text(record)}")
        return False  # nothing is left to emit

    listener = logging.Handler(logging.INFO)  # below that frameworks talk to themselves
    listener.addFilter(hear)
    # The root's handlers do not hear loggers such as torch's, which do not propagate.
    known = list(logging.root.manager.loggerDict.values())
    deaf = [logger for logger in known if isinstance(logger, logging.Logger)]
    loggers = [logging.root, *(logger for logger in deaf if not logger.propagate)]
    for logger in loggers:
        logger.addHandler(listener)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            # When garbage is collected is no property of the case.
            warnings.simplefilter("ignore", ResourceWarning)
            yield heard
        heard += [f"warning: {warning.message}" for warning in caught] + logged
    finally:
        for logger in loggers:
            logger.removeHandler(listener)


def _text(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):  # its arguments do not fit its format
        return str(record.msg)


def _versions(lane: Any) -> dict[str, str]:
    """Return the versions of what the lane imports and of the known frameworks that are loaded."""
    imported = {
        value.__name__.partition(".")[0]
        for value in vars(lane).values()
        if isinstance(value, ModuleType)
    }
    known = {name.partition(".")[0] for entry in LANES for name in entry.packages}
    names = {name for name in imported | known if name in sys.modules} - sys.stdlib_module_names
    found = {name: _version(name) for name in sorted(names)}
    return {
        "python": platform.python_version(),
        **{name: version for name, version in found.items() if version is not None},
    }


@functools.cache
def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        version = getattr(sys.modules[name], "__version__", None)
        return version if isinstance(version, str) else None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
