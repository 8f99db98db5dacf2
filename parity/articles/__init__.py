"""Five articles on linear models in several frameworks, as runnable case studies."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `parity articles`."""
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page there")


def main(options: argparse.Namespace) -> int:
    """Run every system; return 1 if one is not found to be what its row says. Raises ValueError."""
    from parity.articles.run import run_with_progress

    return run_with_progress(options)
