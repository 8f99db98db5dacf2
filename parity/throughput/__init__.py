"""Training steps per second: lanes timed on cases that the oracle has judged."""

from __future__ import annotations

import argparse
from pathlib import Path

EPILOG = """\
exit status: 0 B is not slower than A by the threshold; 1 it is; 3 abstained: the spread of A
against A, or of the ratio, is too large to tell; 2 it cannot be timed: a wrong word, an environment
that cannot be made, a step that is wrong."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `parity bench`."""
    parser.epilog = EPILOG
    parser.add_argument(
        "a", metavar="A", help="a lane, or packages of an environment: torch, keras==3.9.2"
    )
    parser.add_argument("b", metavar="B", help="the other one, which must not be slower")
    parser.add_argument("--lane", metavar="LANE", help="what is timed where A or B names packages")
    parser.add_argument("--problem", default="mlp", help="linear, softmax or mlp (default: mlp)")
    parser.add_argument("--size", default="tiny", help="tiny, medium or large (default: tiny)")
    parser.add_argument("--optimizer", default="adam", help="(default: adam)")
    parser.add_argument(
        "--threshold",
        default="10",
        metavar="PERCENT",
        help="that B may be slower (default: %(default)s)",
    )
    parser.add_argument(
        "--repeats", default="6", help="fresh processes of each (default: %(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result as JSON")


def main(options: argparse.Namespace) -> int:
    """Time both; return the exit status. Raises ValueError, TimingError among them."""
    from parity.throughput.command import bench

    return bench(options)
