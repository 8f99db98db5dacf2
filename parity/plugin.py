"""The pytest plugin's entry point: the options, and whether this is a run of `pytest parity`.

Nothing but pytest is imported at the top, and the hooks that act on tests are registered only when
they are needed, since every pytest run of the environment loads this file.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent
CHECKS = PACKAGE / "checks"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, all of them `--parity-…`."""
    group = parser.getgroup("parity", "cross-framework differential testing (pytest parity)")
    group.addoption(
        "--parity-lanes",
        metavar="LANES",
        help="lanes to run: names, patterns (torch:*), frameworks, entry points, paths of Python "
        "files; separated by commas; default: every lane whose framework is installed",
    )
    group.addoption(
        "--parity-profile",
        metavar="PROFILE",
        help="how many cases are drawn: quick, standard or deep (default: standard, or what the "
        "baseline was made with)",
    )
    group.addoption(
        "--parity-cases",
        metavar="N",
        help="draw N cases or more for each lane, over its problems and optimizers, slow or not",
    )
    group.addoption(
        "--parity-case",
        metavar="FILE",
        help="run this one case, as a finding saved it, instead of drawing any",
    )
    group.addoption(
        "--parity-save",
        metavar="NAME",
        help="write what this environment does to a baseline; the run fails once where it changed",
    )
    group.addoption(
        "--parity-compare",
        metavar="NAME",
        help="run what a baseline was made with, and fail where something but rounding changed",
    )
    group.addoption(
        "--parity-report",
        metavar="DIR",
        help="write the report to this folder: a page that opens from disk, Markdown and JSON",
    )
    group.addoption("--parity-json", metavar="FILE", help="write all verdicts to this file")
    group.addoption(
        "--parity-timeout",
        metavar="SECONDS",
        default="120",
        help="seconds after which a lane's case is given up as hung (default: %(default)s)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Take part in a run of `pytest parity`; leave any other alone."""
    here = config.invocation_params.dir
    # `pytest parity` means the checks wherever no folder of its own has that name.
    config.args[:] = [
        str(PACKAGE) if word == "parity" and not (here / word).exists() else word
        for word in config.args
    ]
    if _asked(config):
        from parity.run import start

        start(config)
        return
    typed = [str(word) for word in config.invocation_params.args]
    options = [word for word in typed if word.startswith("--parity-")]
    # Words that ask for something else than a run.
    if options and not {"-h", "--help", "--version", "--fixtures", "--markers"} & set(typed):
        words = shlex.join(word for word in typed if word not in ("parity", *config.args))
        # A folder of that name lies here, which is not the checks'.
        checks = "--pyargs parity" if "parity" in typed else "parity"
        raise pytest.UsageError(f"{options[0]} is for `pytest {checks} {words}`")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Keep the checks out of a run that only passes by (`pytest .` in a checkout)."""
    return True if collection_path == CHECKS and not _asked(config) else None


def _asked(config: pytest.Config) -> bool:
    """Return whether this run is one of `pytest parity`, by its arguments."""
    for argument in config.args:
        name = argument.split("::")[0]
        if config.getoption("pyargs") and name.split(".")[0] == "parity":
            return True
        # resolve() raises where links go round in a circle.
        path = Path(os.path.realpath(config.invocation_params.dir / name))
        if path == PACKAGE or PACKAGE in path.parents:
            return True
    return False
