"""A running worker and the pipes to it: messages out, messages back, or the reason why not."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, Any, Literal

from parity.lanes import wire

Kind = Literal["refused", "raised", "crashed", "hung", "garbage", "import"]

_GRACE = 5.0  # seconds for a dying process to be gone
_PIECE = 1 << 20  # bytes read at once, so that a damaged length claims no memory
_TAIL = 30  # lines of stderr that are kept

# The kernel kills a worker when the thread that started it ends (PR_SET_PDEATHSIG), so that one
# thread, which lives as long as the interpreter, starts them all.
_STARTER = ThreadPoolExecutor(1, "parity-starter")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no trace: a reason in one sentence; a traceback or the last lines of stderr."""

    kind: Kind
    reason: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.reason}\n{self.detail}".rstrip()


class Lost(Exception):
    """The process is of no further use; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure


class Process:
    """A running worker and the threads that write to it and read from it.

    Raises Lost if there is no such interpreter.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        # TensorFlow's generated code, say, stays where temporary files go when it is killed.
        folder = tempfile.TemporaryDirectory(prefix="parity-", ignore_cleanup_errors=True)
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  # closed by _release
        self._messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        try:
            variables = {**environment, "TMPDIR": folder.name}
            self._popen = _STARTER.submit(_start, command, variables, self._stderr).result()
        except OSError as error:
            self._stderr.close()
            folder.cleanup()
            raise Lost(Failure("import", f"no process: {error}")) from error
        # At the interpreter's end too, the last of these first, and when nobody refers to this any
        # more. Each once: the number of a group that has ended may be another's later.
        self._release = weakref.finalize(self, _release, self._popen, self._stderr, folder)
        self._kill = weakref.finalize(self, _kill, self._popen)
        self._reader = _thread(_read, self._popen.stdout, self._messages)

    @property
    def alive(self) -> bool:
        """Whether it can be asked: it runs, and nothing but messages has come from it."""
        return self._popen.poll() is None and self._reader.is_alive()

    def send(self, message: Mapping[str, Any]) -> None:
        """Write in a thread: a process that does not read must not stop this one."""
        self._join_writer()
        self._writer = _thread(_write, self._popen.stdin, wire.pack(dict(message)))

    def receive(self, timeout: float) -> Any:
        """Return the next message. Raises Lost if none comes, for whatever reason."""
        try:
            message = self._messages.get(timeout=timeout)
        except queue.Empty:
            raise Lost(self._hung(timeout)) from None
        if isinstance(message, EOFError):
            raise Lost(self._crashed())
        if isinstance(message, Exception):
            raise Lost(Failure("garbage", f"not a reply: {message}", self._last_words()))
        if not isinstance(message, dict):
            reason = f"not a reply: a message that is a {type(message).__name__}"
            raise Lost(Failure("garbage", reason, self._last_words()))
        return message

    def close(self) -> None:
        """End the process and its children."""
        self._kill()
        self._release()
        self._reader.join(_GRACE)
        self._join_writer()

    def _join_writer(self) -> None:
        if self._writer is not None:
            self._writer.join(_GRACE)

    def _crashed(self) -> Failure:
        try:
            status = self._popen.wait(_GRACE)
        except subprocess.TimeoutExpired:
            reason = "closed the stream of replies and went on"
            return Failure("garbage", reason, self._last_words())
        return Failure("crashed", _ending(status), self._last_words())

    def _hung(self, timeout: float) -> Failure:
        if self._popen.poll() is not None:  # but a child of its own held the stream open
            return self._crashed()
        # Python's fault handler then writes where it hangs.
        self._popen.send_signal(signal.SIGABRT)
        with contextlib.suppress(subprocess.TimeoutExpired):  # it is killed below, then
            self._popen.wait(_GRACE)
        return Failure("hung", f"no reply within {timeout:g} s", self._last_words())

    def _last_words(self) -> str:
        """Return the last lines of stderr; the process, which shares the offset, is ended first."""
        self._kill()
        if self._stderr.closed:
            return ""
        size = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, size - 200 * _TAIL))
        lines = self._stderr.read().decode(errors="replace").splitlines()
        told = [line for line in lines if line and not line.startswith("Extension modules:")]
        return "\n".join(told[-_TAIL:])


def _start(
    command: Sequence[str], environment: Mapping[str, str], stderr: IO[bytes]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env=environment,
        start_new_session=True,  # a group of its own, to be killed with its children
    )


def _kill(popen: subprocess.Popen[bytes]) -> None:
    """End a process and its group, which goes on where the process died by itself."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody is left
            os.killpg(popen.pid, signal.SIGKILL)
    popen.kill()
    popen.wait()


def _release(
    popen: subprocess.Popen[bytes],
    stderr: IO[bytes],
    folder: tempfile.TemporaryDirectory[str],
) -> None:
    if popen.stdin is not None:
        # What could not be written is lost on purpose.
        with contextlib.suppress(OSError):
            popen.stdin.close()
    stderr.close()
    folder.cleanup()


def _thread(target: Any, *arguments: Any) -> threading.Thread:
    thread = threading.Thread(target=target, args=arguments, daemon=True)
    thread.start()
    return thread


def _write(stream: IO[bytes], message: bytes) -> None:
    # A process that died while being written to is noticed by its reader.
    with contextlib.suppress(OSError, ValueError):
        stream.write(message)
        stream.flush()


def _read(stream: IO[bytes], messages: queue.SimpleQueue[Any]) -> None:
    """Put each message in the queue, and then the exception that ended them."""
    ended = False

    def source(size: int) -> bytes:
        nonlocal ended
        data = bytearray()
        while len(data) < size:
            piece = stream.read(min(size - len(data), _PIECE))
            if not piece:
                ended = True
                break
            data += piece
        return bytes(data)

    with stream:
        try:
            while True:
                messages.put(wire.read(source))
        except Exception as error:  # noqa: BLE001  # a thread that dies in silence would be a hang
            messages.put(EOFError() if ended else error)


def _ending(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    hint = " (out of memory?)" if name == "SIGKILL" else ""
    return f"killed by {name}{hint}"
