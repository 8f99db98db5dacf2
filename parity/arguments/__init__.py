"""The argument audit: which arguments of every optimizer and loss do something."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parity.arguments.outcome import Outcome

OUTCOMES = Path("reports") / "audit.jsonl"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `parity audit`."""
    parser.add_argument(
        "--frameworks", default="", help="those to audit, by commas (default: all installed)"
    )
    parser.add_argument(
        "--class",
        dest="classes",
        action="append",
        default=[],
        metavar="NAME",
        help="audit only what has NAME, in whatever case, in its name; may be given again",
    )
    parser.add_argument(
        "--json",
        type=Path,
        default=OUTCOMES,
        metavar="FILE",
        help=f"where outcomes are kept, and read to go on from there (default: {OUTCOMES})",
    )
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="write the tables there, as Markdown"
    )
    parser.add_argument("--quick", action="store_true", help="single arguments and spellings only")


def main(options: argparse.Namespace) -> int:
    """Run the audit; return 1 if an ignored argument is not known, or a known one is not ignored.

    Raises ValueError for a framework that is unknown or not installed, or a class that none has.
    """
    from parity.arguments.run import audit_with_progress

    return audit_with_progress(options)


def audit_framework(name: str) -> list[Outcome]:
    """Return what single arguments, a value each, and foreign spellings do in one framework."""
    from parity.arguments.audit import audit_framework

    return audit_framework(name)
