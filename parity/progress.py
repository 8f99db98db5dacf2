"""How far a run is, in one line below the dots of a terminal: cases, their rate, findings.

A log gets no such line, nor does a terminal on which something else is written while checks run.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Generator
from typing import Any

import pytest

# What terminals since the VT100 do. There must be a line below before the cursor's place is kept,
# since a screen may scroll; and what is too long is cut, since a line that wraps may scroll it.
_BELOW = "\x1bD\x1b[A\x1b7\n\x1b[?7l{}\x1b[K\x1b[?7h\x1b8"
_CLEAR = "\x1b7\n\x1b[J\x1b8"
_NARROW = 40  # columns, below which pytest takes a terminal for a wider one


def wanted(config: pytest.Config) -> bool:
    """Return whether the output is a terminal that pytest has for itself, and shows progress on."""
    plugins = config.pluginmanager
    reporter = plugins.get_plugin("terminalreporter")
    writing = ("log_cli_level", "setupshow", "usepdb", "trace")
    return (
        sys.stdout.isatty()
        and type(reporter).__module__ == "_pytest.terminal"  # another's has progress of its own
        and os.name == "posix"
        and os.environ.get("TERM", "dumb") != "dumb"
        and shutil.get_terminal_size().columns >= _NARROW
        and config.get_verbosity() >= 0
        and config.getini("console_output_style") != "classic"
        and config.getoption("capture", "no") in ("fd", "sys")
        and not any(config.getoption(name, None) for name in writing)
        and not (plugins.hasplugin("logging") and config.getini("log_cli"))
    )


class Progress:
    """The hooks that write the line, and take it away before anything else is written."""

    def __init__(self, config: pytest.Config, clock: Callable[[], float] = time.monotonic) -> None:
        # While no check runs, this is what pytest's reporter writes to.
        self._stream = sys.stdout
        self._writer = config.get_terminal_writer()
        self._clock = clock
        self._start = clock()
        self._shown = False
        self._cases = 0
        self._findings = 0

    @pytest.hookimpl(wrapper=True, trylast=True)  # its end is before pytest's own 100%
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Leave nothing behind, in whatever way the run ends."""
        self._start = self._clock()
        try:
            return (yield)
        finally:
            self._clear()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_logstart(self) -> Generator[None, None, None]:
        """Show the line while a check runs."""
        self._clear()
        yield
        self._show()

    pytest_runtest_logfinish = pytest_runtest_logstart  # where pytest 8 writes percentages

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_logreport(self, report: Any) -> Generator[None, None, None]:
        """Count what a check has found."""
        if report.passed and report.when != "call":
            return (yield)  # pytest writes nothing of it
        self._clear()
        yield
        verdicts = getattr(report, "parity", ())
        self._cases += len(verdicts)
        if report.failed:
            bad = [verdict for verdict in verdicts if verdict["status"] in ("diverge", "error")]
            self._findings += len(bad) or 1
        # When a worker of xdist has crashed, xdist says more at once.
        if report.when in ("setup", "call", "teardown"):
            self._show()

    @pytest.hookimpl(tryfirst=True, optionalhook=True)
    def pytest_runtest_protocol(self) -> None:
        """Make room for a lane's name, for what xdist says, for an error of pytest."""
        self._clear()

    pytest_testnodedown = pytest_internalerror = pytest_runtest_protocol

    def _show(self) -> None:
        passed = self._clock() - self._start
        rate = self._cases / passed if passed else 0.0
        found = self._writer.markup(_count(self._findings, "finding"), red=self._findings > 0)
        told = f"parity: {_count(self._cases, 'case')}, {rate:.1f} a second, {found}"
        self._write(_BELOW.format(told))
        self._shown = True

    def _clear(self) -> None:
        if self._shown:
            self._write(_CLEAR)
            self._shown = False

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
