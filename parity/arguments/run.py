"""Runs `parity audit`: progress while it goes, the table in the end."""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from parity.arguments.audit import QUICK, run
from parity.arguments.claim import stale, unknown
from parity.arguments.framework import FRAMEWORKS
from parity.arguments.known import KNOWN
from parity.arguments.page import markdown
from parity.arguments.printing import show
from parity.arguments.record import Record
from parity.asked import one_of, writable
from parity.lanes.installed import missing


def audit_with_progress(options: argparse.Namespace) -> int:
    """Audit what the options ask for and print it; return the exit status."""
    console = Console()
    words = [part.strip() for part in options.frameworks.split(",") if part.strip()]
    names = [one_of("framework", word, FRAMEWORKS) for word in words]
    if options.report is not None:
        writable(options.report)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        tasks = {name: progress.add_task(name) for name in names or _installed()}

        def step(framework: str, target: str, done: int, total: int) -> None:
            progress.update(
                tasks[framework],
                description=f"{framework} {target.removeprefix(framework)}",
                completed=done,
                total=total,
            )

        outcomes = run(
            list(tasks),
            Record(options.json),
            classes=options.classes,
            kinds=QUICK if options.quick else (),
            progress=step,
        )
    # Of a few classes nobody can say that a claim about many is no longer true.
    untrue = [] if options.classes else stale(outcomes, KNOWN)
    news = unknown(outcomes, KNOWN)
    show(console, outcomes, untrue)
    if options.report is not None:
        options.report.write_text(markdown(outcomes), encoding="utf-8")
    console.print(f"{len(news)} ignored that parity/arguments/known does not name")
    return 1 if news or untrue else 0


def _installed() -> list[str]:
    return [name for name, source in FRAMEWORKS.items() if missing(source.needs) is None]
