"""Runs `parity articles`: progress while it goes, then what was found, and the page."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from parity.articles.lane import NEEDS, answers
from parity.articles.page import Rows, found, page
from parity.articles.study import Answer, System
from parity.articles.systems import SYSTEMS
from parity.asked import writable


def run(progress: Callable[[System], None] = lambda system: None) -> Rows:
    """Return every system with its answer, in the order of the articles. Raises StudyError."""
    seen: dict[tuple[str, str], Answer] = {}

    def lane(name: str) -> None:
        for system, answer in answers(name, [s for s in SYSTEMS if s.lane == name]):
            seen[system.lane, system.name] = answer
            progress(system)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lane, NEEDS))
    return [(system, seen[system.lane, system.name]) for system in SYSTEMS]


def run_with_progress(options: argparse.Namespace) -> int:
    """Run all systems, print what was found, and write the page; return the exit status."""
    if options.write is not None:
        writable(options.write)
    console = Console(soft_wrap=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("systems", total=len(SYSTEMS))
        rows = run(lambda system: progress.advance(task))
    for system, answer in rows:
        told = found(answer).replace("<br>", "; ").replace("**", "")
        console.print(f"{system.lane} {system.name}: {told}", markup=False, highlight=False)
    if options.write is not None:
        options.write.write_text(page(rows), encoding="utf-8")
    for system, answer in rows:
        if answer.kinds != system.found:
            console.print(f"{system.lane} {system.name}: its row says {system.found}", markup=False)
    return status(rows)


def status(rows: Rows) -> int:
    """Return 1 if a system was found to be something else than its row says."""
    return int(any(answer.kinds != system.found for system, answer in rows))
