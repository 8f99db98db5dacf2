"""Two releases side by side: their surfaces asked for, their cases trained, what parts named."""

from __future__ import annotations

import argparse
from pathlib import Path

EPILOG = """\
exit status: 0 nothing that fails the gate changed, or no release is newer; 1 something did; 2 it
cannot be told: a wrong word, an environment that cannot be made. What fails is `fail` of
[tool.parity] in pyproject.toml, and everything but rounding where nothing stands there."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `parity upgrade`."""
    parser.epilog = EPILOG
    parser.add_argument(
        "packages",
        nargs="*",
        metavar="PACKAGE",
        help="both sides, as in keras==3.9.2 keras==3.15.1; one package alone: what is installed "
        "against that release, or against the newest one",
    )
    parser.add_argument("--from", dest="before", type=Path, metavar="FILE", help="old constraints")
    parser.add_argument("--to", dest="after", type=Path, metavar="FILE", help="new constraints")
    parser.add_argument(
        "--old-python",
        metavar="PATH",
        help="the interpreter of the old side; without packages, what it has installed is compared",
    )
    parser.add_argument("--new-python", metavar="PATH", help="the new side's interpreter")
    parser.add_argument("--pre", action="store_true", help="prereleases and nightlies too")
    parser.add_argument(
        "--only", default="", metavar="NAMES", help="frameworks and lanes, separated by commas"
    )
    parser.add_argument(
        "--match", default="", metavar="TEXT", help="a part of the names of what is tried"
    )
    parser.add_argument(
        "--budget", default="10", metavar="MINUTES", help="of trying (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the drawn cases (default: 0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write it for a pull request")
    parser.add_argument(
        "--findings",
        type=Path,
        metavar="FOLDER",
        help="write each finding and its repro there (default: reports/findings)",
        default=Path("reports") / "findings",
    )


def main(options: argparse.Namespace) -> int:
    """Compare both sides; return the exit status. Raises ValueError, BuildError among them."""
    from parity.upgrades.command import upgrade

    return upgrade(options)
