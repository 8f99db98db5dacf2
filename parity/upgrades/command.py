"""The command `parity upgrade`: environments, comparison, report, findings."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from parity.asked import positive, writable
from parity.upgrades.change import Kind
from parity.upgrades.environment import Environment, build
from parity.upgrades.findings import save
from parity.upgrades.metadata import changelog
from parity.upgrades.report import beside, fails, markdown, show, to_json
from parity.upgrades.sides import NoneNewerError, sides
from parity.upgrades.upgrade import Report, Tell, compared, selected

_SCRIPTS = 0.1  # of the budget, beside it: for scripts that show what lanes do


def upgrade(options: argparse.Namespace) -> int:
    """Compare the sides that the options name; return the exit status."""
    budget = 60 * positive("budget", "minutes", options.budget)
    for path in (options.json, options.markdown):
        if path is not None:
            writable(path)
    only, failing = selected(options.only), configured()
    console = Console()
    with telling(console) as tell:
        try:
            old, new = built(options, tell)
        except NoneNewerError as newest:
            console.print(escape(str(newest)), soft_wrap=True, highlight=False)
            return 0
        report = compared(
            old,
            new,
            only=only,
            match=options.match,
            budget=budget,
            seed=options.seed,
            tell=tell,
        )
        links = changelogs(report, new)
    if report.empty:
        raise ValueError(
            f"nothing could be compared: {'; '.join(beside(report)) or 'no framework'}"
        )
    files: Mapping[str, str] = {}
    try:
        if options.json:
            options.json.write_text(to_json(report, links, failing), encoding="utf-8")
        if options.markdown:
            options.markdown.write_text(markdown(report, links), encoding="utf-8")
        with telling(console) as tell:
            files = save(report, old, new, options.findings, tell, _SCRIPTS * budget)
    finally:  # what took minutes is shown, on a full disk too
        show(console, report, files)
        for name, link in links.items():
            console.print(f"changelog of {name}: {link}")
    return int(any(fails(change, failing) for change in report.changes))


@contextmanager
def telling(console: Console) -> Iterator[Tell]:
    """Yield what shows the progress: a bar on a terminal, lines on stderr elsewhere."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("environments", total=None)
        aside, told = Console(stderr=True), set[str]()

        def tell(what: str, share: float = 0.0) -> None:
            progress.update(task, description=what, total=1.0, completed=min(share, 1.0))
            # In a log each framework and lane has one line.
            name = what.partition(" ")[0].rstrip(":")
            if not console.is_terminal and name not in told:
                told.add(name)
                aside.print(escape(what), soft_wrap=True, highlight=False)

        yield tell


def built(options: argparse.Namespace, tell: Tell) -> tuple[Environment, Environment]:
    """Return the environments of both sides. Raises ValueError where they are one."""
    pythons = (options.old_python or sys.executable, options.new_python or sys.executable)
    words: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    if options.packages or options.before or options.after or pythons[0] == pythons[1]:
        asked = (options.packages, options.before, options.after)
        words = sides(*asked, prereleases=options.pre, pythons=pythons)
    old, new = (
        build(side, python=python, prereleases=options.pre, tell=tell)
        for side, python in zip(words, pythons, strict=True)
    )
    if (old.python, old.layer) == (new.python, new.layer):
        raise ValueError(f"both sides are the same: {new.name}")
    return old, new


def configured() -> Collection[Kind]:
    """Return the kinds of changes that fail the gate: those of [tool.parity], where it has any."""
    from parity.baseline.config import settings

    return settings(Path.cwd()).fail


def changelogs(report: Report, new: Environment) -> Mapping[str, str]:
    """Return where each package that moved tells of its changes, as far as it says so."""
    moved = [
        name for name in report.new if report.old.get(name, report.new[name]) != report.new[name]
    ]
    found = {name: changelog(new, name) for name in moved}
    return {name: link for name, link in found.items() if link}
