"""The report: one HTML file of everything that runs found, and the same as Markdown and JSON.

`parity report RESULTS.json… --out DIR` makes it of what runs left behind, and
`pytest parity --parity-report=DIR` at the end of a run.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

NAMES = ("report.html", "report.md", "report.json")
# Pages of other commands that are taken along where a run finds them beside it.
PAGES = ("semantics.md", "arguments.md")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `parity report` takes."""
    parser.add_argument(
        "results",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="what --parity-json or --benchmark-json wrote, of one run or several; pages in "
        "Markdown (reports/semantics.md, reports/arguments.md) become sections",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("reports"),
        metavar="DIR",
        help="the folder for report.html, report.md and report.json (default: %(default)s)",
    )


def main(options: argparse.Namespace) -> int:
    """Make the report of files; return the exit status. Raises ResultsError, nothing written."""
    from parity.report.reading import read

    pages = [path for path in options.results if path.suffix == ".md"]
    found = read([path for path in options.results if path.suffix != ".md"])
    for path in write(folder(options.out), found, pages):
        sys.stdout.write(f"{path}\n")
    return 0


def folder(path: Path) -> Path:
    """Return the path of a folder to write to, there or not. Raises ValueError for a file."""
    taken = next((part for part in (path, *path.parents) if part.exists()), path)
    if taken.exists() and not taken.is_dir():
        raise ValueError(f"{path}: {taken} is no folder")
    return path


def finish(
    facts: Mapping[str, Any],
    records: Sequence[Mapping[str, Any]],
    path: Path | None,
    beside: Path,
) -> list[str]:
    """End a run: keep it in the history, and write its report where one was asked for.

    `facts` and `records` are what `records.write` is given, `path` the report's folder. `beside` is
    the folder in which the run was started, whose `reports` may hold pages to be taken along.
    Return what a person should read: where the report is, or why the history was not kept.
    """
    from parity import history
    from parity.records import FORMAT
    from parity.report.reading import Results, run_of

    told = {"format": FORMAT, "at": datetime.now(UTC).isoformat(), **facts}
    found = Results(runs=[run_of({**told, "verdicts": list(records)}, Path("this run"))])
    lines = []
    # A run that was broken off, or of one case, has no scores to be compared.
    if facts.get("exit_status") in (0, 1) and records and not facts.get("case"):
        trouble = history.append(found)
        lines += [] if trouble is None else [f"history: {trouble}"]
    if path is not None:
        pages = [beside / "reports" / name for name in PAGES]
        written = write(path, found, [page for page in pages if page.is_file()])
        lines.append(f"report: {written[0]}")
    return lines


def write(path: Path, results: Any, pages: Sequence[Path] = ()) -> list[Path]:
    """Write `reading.Results` as the three files into a folder; return their paths.

    Nothing is written unless all of it can be made. Raises ValueError.
    """
    from parity import history
    from parity.report.data import content
    from parity.report.markdown import markdown
    from parity.report.page import html

    made = datetime.now(UTC).replace(tzinfo=None).isoformat(" ", "seconds")
    tables = [_page(page) for page in pages]
    page = content(results, made=made, tables=tables, history=history.scores())
    texts = (html(page), markdown(page), json.dumps(page, allow_nan=False) + "\n")
    # A message of a framework may hold what UTF-8 cannot.
    encoded = [text.encode("utf-8", "backslashreplace") for text in texts]
    path.mkdir(parents=True, exist_ok=True)
    written = [path / name for name in NAMES]
    for file, text in zip(written, encoded, strict=True):
        file.write_bytes(text)
    return written


def _page(path: Path) -> dict[str, str]:
    """Return a page in Markdown by its title."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a text file: {error.reason}") from error
    first = text.partition("\n")[0]
    return {"title": first.lstrip("# ") or path.stem, "text": text}
