"""The pytest plugin: options, header, parametrization, summary; it costs nothing when unused.

Nothing but pytest is imported at the top, since every pytest run of the environment loads this
file. What runs is in `parity.checks`; `parity.session` holds what they share.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

    from parity.session import Session

PACKAGE = Path(__file__).parent
SESSION = pytest.StashKey["Session"]()
PARAMETERS = ("lane", "problem", "optimizer", "case", "claim")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, all of them `--parity-…`."""
    group = parser.getgroup("parity", "cross-framework differential testing (pytest parity)")
    group.addoption(
        "--parity-lanes",
        metavar="LANES",
        help="lanes to run: names, patterns (torch:*), frameworks, paths of Python files; "
        "separated by commas; default: every lane whose framework is installed",
    )
    group.addoption(
        "--parity-profile",
        choices=("quick", "standard", "deep"),
        default="standard",
        help="how many cases are drawn (default: %(default)s)",
    )
    group.addoption(
        "--parity-case",
        metavar="FILE",
        help="run this one case, as a finding saved it, instead of drawing any",
    )
    group.addoption("--parity-json", metavar="FILE", help="write all verdicts to this file")
    group.addoption(
        "--parity-timeout",
        metavar="SECONDS",
        type=float,
        default=120.0,
        help="seconds after which a lane's case is given up as hung (default: %(default)s)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse what cannot run before anything starts; keep a lane on one xdist worker."""
    if not _asked(config):
        return
    if getattr(config.option, "dist", "no") == "load":
        config.option.dist = "loadgroup"
    from parity.session import Session

    try:
        config.stash[SESSION] = Session(
            lanes=config.getoption("parity_lanes"),
            profile=config.getoption("parity_profile"),
            case=config.getoption("parity_case"),
            seed=config.getoption("hypothesis_seed", None),
            timeout=config.getoption("parity_timeout"),
            folder=config.rootpath,
        )
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the worker processes."""
    session = config.stash.get(SESSION, None)
    if session is not None:
        session.close()


def pytest_report_header(config: pytest.Config) -> list[str] | None:
    """Say which lanes run, which cannot and why, and how much is drawn."""
    session = config.stash.get(SESSION, None)
    return None if session is None else session.header()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize the checks over lanes."""
    session = metafunc.config.stash.get(SESSION, None)
    if session is None or not metafunc.module.__name__.startswith("parity.checks."):
        return
    names = [name for name in PARAMETERS if name in metafunc.fixturenames]
    rows = session.rows(metafunc.function.__name__)
    metafunc.parametrize(
        names,
        [
            pytest.param(*row.values, id=row.id, marks=pytest.mark.xdist_group(row.group))
            for row in rows
        ],
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Drop the checks that this run has no rows for."""
    if config.stash.get(SESSION, None) is not None:
        items[:] = [item for item in items if not item.name.endswith("[NOTSET]")]


@pytest.fixture(scope="session")
def parity_session(request: pytest.FixtureRequest) -> Session:
    """What the checks share: lanes, workers, claims, profile."""
    return request.config.stash[SESSION]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Hand the verdicts of a check on with its report, across xdist too."""
    report = yield
    session = item.config.stash.get(SESSION, None)
    if session is not None and call.when == "call":
        report.parity = session.taken(item.nodeid)
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Show the table of lanes, and write the verdicts where they were asked for."""
    session = config.stash.get(SESSION, None)
    if session is None:
        return
    records = [
        record
        for reports in terminalreporter.stats.values()
        for report in reports
        for record in getattr(report, "parity", None) or ()
    ]
    if records:
        from parity.summary import table

        terminalreporter.section("parity")
        terminalreporter.write(table(records))
    path = config.getoption("parity_json")
    if path:
        session.write_json(Path(path), records)
        terminalreporter.write_line(f"verdicts: {path}")


def _asked(config: pytest.Config) -> bool:
    """Return whether this run is one of `pytest parity`, by its arguments."""
    if config.getoption("parity_case") or config.getoption("parity_lanes"):
        return True
    for argument in config.args:
        name = argument.split("::")[0]
        if config.getoption("pyargs", False) and name.split(".")[0] == "parity":
            return True
        path = (config.invocation_params.dir / name).resolve()
        if path == PACKAGE or PACKAGE in path.parents:
            return True
    return False
