"""The line that says how far a run is: what a person sees on a terminal, and what stays there."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from parity.parts import OPTIMIZERS
from parity.progress import Progress, wanted

pytest_plugins = ["pytester"]

LANES = Path(__file__).with_name("lanes")
PYTEST = [sys.executable, "-m", "pytest", "--pyargs", "parity", "--parity-profile=quick"]
LINEAR = ["--parity-lanes=numpy32", "-k", "linear"]
# Fewer rows than the header has, so that the screen scrolls; all that pytest writes fits in a row.
ROWS, COLUMNS = 8, 160
DOTS = ["." * count for count in range(len(OPTIMIZERS) + 1)]


class Screen:
    """A terminal, as far as pytest and the line need one: what is on it, and what has left it."""

    def __init__(self, columns: int = COLUMNS) -> None:
        self.columns = columns
        self.rows = [[" "] * columns for _ in range(ROWS)]
        self.left: list[str] = []
        self.y = self.x = 0
        self.kept: tuple[int, int] | None = None  # the cursor's place, while it is elsewhere
        self.wraps = True
        self.seen: list[tuple[str, str]] = []  # the cursor's row and the one below, when it is back
        self.spoiled: list[str] = []  # a line that was there when pytest wrote

    def feed(self, text: str) -> None:
        for token in re.findall(r"\x1b\[\??[\d;]*[A-Za-z]|\x1b.|[^\x1b]", text, re.DOTALL):
            self.take(token)

    def take(self, token: str) -> None:
        match token:
            case "\r":
                self.x = 0
            case "\n" | "\x1bD":
                self.down()
            case "\x1b[A":
                self.y -= 1
            case "\x1b7":
                self.kept = (self.y, self.x)
            case "\x1b8":
                assert self.kept is not None
                (self.y, self.x), self.kept = self.kept, None
                self.seen.append((self.row(self.y), self.below))
            case "\x1b[K":
                self.rows[self.y][self.x :] = [" "] * (self.columns - self.x)
            case "\x1b[J":
                self.take("\x1b[K")
                for row in self.rows[self.y + 1 :]:
                    row[:] = [" "] * self.columns
            case "\x1b[?7l" | "\x1b[?7h":
                self.wraps = token.endswith("h")
            case _ if token.startswith("\x1b"):
                assert token.endswith("m"), f"not a colour: {token!r}"
            case _:
                if self.kept is None:
                    rows = (self.row(self.y), self.below)
                    self.spoiled += [row for row in rows if "a second" in row]
                self.put(token)

    def put(self, letter: str) -> None:
        if self.x == self.columns and self.wraps:
            self.x = 0
            self.down()
        self.x = min(self.x, self.columns - 1)
        self.rows[self.y][self.x] = letter
        self.x += 1

    def down(self) -> None:
        self.y += 1
        if self.y == ROWS:
            self.left.append(self.row(0))
            self.rows = [*self.rows[1:], [" "] * self.columns]
            self.y -= 1

    def row(self, number: int) -> str:
        return "".join(self.rows[number]).rstrip()

    @property
    def below(self) -> str:
        return self.row(self.y + 1) if self.y + 1 < ROWS else ""

    @property
    def lines(self) -> list[str]:
        """All that a person finds when scrolling up."""
        return [*self.left, *(self.row(number) for number in range(ROWS))]


def on_terminal(folder: Path, words: Sequence[str], **variables: str) -> str:
    """Run the checks in a terminal; return all that it was sent."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (ROWS, COLUMNS))
    with subprocess.Popen(
        [*PYTEST, *words], cwd=folder, env=surroundings(TERM="xterm", **variables), stdout=theirs
    ):
        os.close(theirs)
        sent = b""
        while part := read(ours):
            sent += part
    os.close(ours)
    return sent.decode()


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # what Linux says when nobody has the other end
        return b""


def in_a_log(folder: Path, words: Sequence[str]) -> str:
    """Run the checks with their output in a pipe; return it."""
    seen = subprocess.run(
        [*PYTEST, *words],
        cwd=folder,
        env=surroundings(COLUMNS=str(COLUMNS), TERM="xterm"),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return seen.stdout


def surroundings(**variables: str) -> Mapping[str, str]:
    """Return the environment without what decides about colours and widths."""
    deciding = {"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "PY_COLORS", "CI", "PYTEST_ADDOPTS"}
    return {name: os.environ[name] for name in os.environ.keys() - deciding} | variables


def shown(screen: Screen) -> list[str]:
    """Return the lines of progress that a person saw, one after the other."""
    told = [below for _, below in screen.seen if below]
    return [line for line, before in zip(told, ["", *told], strict=False) if line != before]


def results(lines: Sequence[str]) -> list[str]:
    """Return what stays of a run from its first result on, without times and xdist's choice."""
    lines = [re.sub(r"in [\d.]+s|gw\d|=", "", line).rstrip() for line in lines]
    begin = rf"numpy32 \.|\.{{{len(OPTIMIZERS)}}}|.* PASSED"
    first = next(number for number, line in enumerate(lines) if re.match(begin, line))
    last = max(number for number, line in enumerate(lines) if " passed" in line)
    return lines[first : last + 1]


@pytest.mark.parametrize("words", [[], ["-v"], ["-n2"]], ids=" ".join)
def test_a_line_below_the_results_comes_and_goes(tmp_path: Path, words: list[str]) -> None:
    screen = Screen()
    screen.feed(on_terminal(tmp_path, [*LINEAR, *words]))
    assert not screen.spoiled
    told = shown(screen)
    pattern = r"parity: (\d+) cases, \d+\.\d a second, 0 findings"
    cases = [int(match[1]) for line in told if (match := re.fullmatch(pattern, line))]
    assert len(told) == len(cases), told
    assert list(range(0, 2 * len(OPTIMIZERS) + 1, 2)) == list(dict.fromkeys(cases))  # two each
    if not words:
        rows = [row for row, below in screen.seen if below]
        assert list(dict.fromkeys(rows)) == [f"numpy32 {dots}".rstrip() for dots in DOTS]
    log = in_a_log(tmp_path, [*LINEAR, *words])
    assert "\x1b" not in log
    assert results(log.splitlines()) == results(screen.lines)


@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}], ids=["colours", "no colours"])
def test_findings_are_counted_and_a_run_that_stops_is_clean(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    lanes = f"--parity-lanes={LANES / 'healthy.py'},{LANES / 'faulty.py'}"
    words = [lanes, "-k", "linear-sgd", "-x", "--tb=no"]
    sent = on_terminal(tmp_path, words, **variables)
    screen = Screen()
    screen.feed(sent)
    first, *_, last = shown(screen)
    assert first == "parity: 0 cases, 0.0 a second, 0 findings"
    assert re.fullmatch(r"parity: [1-9] cases, \d+\.\d a second, 2 findings", last)
    assert ("\x1b[31m2 findings" in sent) == (not variables)
    assert bool(re.search(r"\x1b\[[\d;]*m", sent)) == (not variables)
    assert not screen.spoiled
    assert not [line for line in screen.lines if "a second" in line]
    assert [line for line in screen.lines if "stopping after 1 failures" in line]


# Where it is left out


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Put a terminal in the place of the output.

    It is no fixture, since pytest puts its own output there between a fixture's setup and the call.
    """
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    return stream


@pytest.mark.parametrize(
    "words",
    [
        ["-q"],
        ["-s"],
        ["--capture=tee-sys"],
        ["--setup-show"],
        ["--pdb"],
        ["--log-cli-level=INFO"],
        ["-o", "log_cli=true"],
        ["-o", "console_output_style=classic"],
        ["-p", "no:terminal"],
    ],
    ids=" ".join,
)
def test_what_writes_while_checks_run_has_the_terminal(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    terminal(monkeypatch)
    assert wanted(pytester.parseconfigure())
    assert not wanted(pytester.parseconfigure(*words))


@pytest.mark.parametrize("words", [["-v"], ["--color=no"], ["-p", "no:logging"]], ids=" ".join)
def test_what_does_not_write_leaves_it(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    terminal(monkeypatch)
    assert wanted(pytester.parseconfigure(*words))


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("COLUMNS", "30")])
def test_a_terminal_that_cannot_or_is_narrow_is_left_alone(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    terminal(monkeypatch)
    config = pytester.parseconfigure()
    assert wanted(config)
    monkeypatch.setenv(name, value)
    assert not wanted(config)


def test_it_can_be_switched_off(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    def taking_part(*words: str) -> bool:
        config = pytester.parseconfigure("--pyargs", "parity", "--parity-lanes=numpy32", *words)
        config.pluginmanager.get_plugin("parity-run").pytest_sessionstart()
        return config.pluginmanager.hasplugin("parity-progress")

    terminal(monkeypatch)
    assert taking_part()
    assert not taking_part("-p", "no:parity-progress")


# What is counted


def report(*statuses: str, outcome: str = "passed", when: str = "call") -> SimpleNamespace:
    return SimpleNamespace(
        parity=[{"status": status} for status in statuses],
        when=when,
        passed=outcome == "passed",
        failed=outcome == "failed",
    )


@pytest.mark.parametrize(
    ("reports", "told"),
    [
        ([], "0 cases, 0.0 a second, 0 findings"),
        ([report("agree")], "1 case, 0.5 a second, 0 findings"),
        ([report("agree", "abstain"), report("agree")], "3 cases, 1.5 a second, 0 findings"),
        (
            [report("agree", "diverge", "error", outcome="failed")],
            "3 cases, 1.5 a second, 2 findings",
        ),
        # A claim that is not needed any more, and a framework that can't be set up.
        ([report(outcome="failed")], "0 cases, 0.0 a second, 1 finding"),
        ([report(outcome="failed", when="setup")], "0 cases, 0.0 a second, 1 finding"),
        # A baseline knows of it.
        ([report("diverge", outcome="skipped")], "1 case, 0.5 a second, 0 findings"),
        ([report(*["agree"] * 2500)], "2,500 cases, 1250.0 a second, 0 findings"),
    ],
)
def test_verdicts_become_cases_and_findings(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    reports: list[SimpleNamespace],
    told: str,
) -> None:
    stream = terminal(monkeypatch)
    now = 100.0
    progress = Progress(pytester.parseconfigure("--color=no"), clock=lambda: now)
    loop = progress.pytest_runtestloop()
    next(loop)
    now += 2
    for one in reports:
        assert len(list(progress.pytest_runtest_logreport(one))) == 1
    assert len(list(progress.pytest_runtest_logstart())) == 1
    screen = Screen()
    screen.feed(stream.getvalue().replace("\n", "\r\n"))
    assert shown(screen)[-1] == f"parity: {told}"
    loop.close()


def test_what_xdist_says_of_a_crash_finds_no_line(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = terminal(monkeypatch)
    progress = Progress(pytester.parseconfigure("--color=no"))
    list(progress.pytest_runtest_logstart())
    progress.pytest_testnodedown()
    list(progress.pytest_runtest_logreport(report(outcome="failed", when="???")))
    screen = Screen()
    screen.feed(stream.getvalue().replace("\n", "\r\n"))
    assert shown(screen)
    assert not any(screen.lines)


def test_a_line_that_does_not_fit_is_cut(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = terminal(monkeypatch)
    progress = Progress(pytester.parseconfigure("--color=no"))
    screen = Screen(columns=20)
    screen.feed("\r\n" * ROWS + "...")
    list(progress.pytest_runtest_logstart())
    screen.feed(stream.getvalue().replace("\n", "\r\n"))
    assert screen.seen[-1] == ("...", "parity: 0 cases, 0.s")
