"""A run of `pytest parity`: the hooks that parametrize, show progress, carry verdicts, sum up."""

from __future__ import annotations

import shlex
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from parity.plugin import CHECKS, PACKAGE
from parity.session import Session

if TYPE_CHECKING:
    from parity.baseline.gate import Gate

MODULES = "parity.checks."


def start(config: pytest.Config) -> None:
    """Refuse what cannot run before anything starts, then take part in the run."""
    told = getattr(config, "workerinput", {})  # by the controller of xdist
    try:
        gate = _gate(config)
        asked = gate.asked if gate is not None else None
        words = asked.lanes if asked is not None else None
        seed = told.get("parity_seed", config.getoption("hypothesis_seed", None))
        session = Session(
            lanes=_first(config.getoption("parity_lanes"), ",".join(words) if words else None),
            profile=_first(config.getoption("parity_profile"), asked and asked.profile, "standard"),
            cases=_first(config.getoption("parity_cases"), asked and asked.cases),
            case=config.getoption("parity_case"),
            report=config.getoption("parity_json"),
            page=config.getoption("parity_report"),
            seed=_first(seed, asked and asked.seed),
            timeout=config.getoption("parity_timeout"),
            folder=config.invocation_params.dir,
            command=_command(config),
            gate=gate,
        )
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error
    config.pluginmanager.register(Run(config, session), "parity-run")
    if gate is not None:
        from parity.baseline.hooks import Hooks

        config.pluginmanager.register(Hooks(config, session, gate), "parity-baseline")


class Run:
    """The hooks of one run."""

    def __init__(self, config: pytest.Config, session: Session) -> None:
        self.config = config
        self.session = session
        self.records: list[dict[str, Any]] = []
        self._lane = ""
        self._told: list[str] = []

    @pytest.fixture
    def parity_session(self) -> Session:
        """What the checks share: lanes, workers, claims, profile."""
        return self.session

    def pytest_report_header(self) -> list[str]:
        """Say which lanes run, which cannot and why, and how much is drawn."""
        return self.session.header()

    def pytest_sessionstart(self) -> None:
        """Show how far the run is, where there is a terminal to show it on."""
        from parity.progress import Progress, wanted

        if wanted(self.config):
            self.config.pluginmanager.register(Progress(self.config), "parity-progress")

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell an xdist worker what was drawn for `--hypothesis-seed=random`."""
        node.workerinput["parity_seed"] = self.session.seed

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """Keep each lane on one xdist worker, unless another distribution is asked for."""
        if config.getoption("dist") != "load":
            return None
        from parity.scheduling import ByLane

        return ByLane(config, log, [lane.name for lane in self.session.lanes])

    @pytest.hookimpl(wrapper=True)
    def pytest_collect_file(
        self, file_path: Path, parent: pytest.Collector
    ) -> Generator[None, list[Any], list[Any]]:
        """Collect the checks, whatever `python_files` of the user's project says."""
        found = yield
        if not found and file_path.match("test_*.py") and file_path.parent == CHECKS:
            return [pytest.Module.from_parent(parent, path=file_path)]
        return found

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makeitem(self, collector: Any, name: str, obj: Any) -> list[Any] | None:
        """Leave out the checks that this run has no rows for."""
        if name.startswith("test_") and collector.obj.__name__.startswith(MODULES):
            obj.__test__ = True  # whatever `python_functions` of the user's project says
            return None if self.session.rows(name) else []
        return None

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Parametrize the checks over lanes."""
        if not metafunc.module.__name__.startswith(MODULES):
            return
        rows = self.session.rows(metafunc.function.__name__)
        values = [pytest.param(*row.values.values(), id=row.id) for row in rows]
        metafunc.parametrize(list(rows[0].values), values)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Bring each lane's checks together, so that its processes are needed at one time."""
        order = {lane.name: number for number, lane in enumerate(self.session.lanes)}
        items.sort(key=lambda item: order.get(_lane(item), -1))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Begin a line of progress with each lane, instead of one with each file."""
        reporter: Any = self.config.pluginmanager.get_plugin("terminalreporter")
        lane = _lane(item)
        if lane and lane != self._lane and reporter is not None and reporter.verbosity == 0:
            reporter.ensure_newline()
            reporter.write(f"{lane} ")
            # What pytest compares with, so as not to begin a line itself.
            reporter.currentfspath = self.config.rootpath / item.nodeid.partition("::")[0]
        self._lane = lane

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, Any, Any]:
        """Hand the verdicts of a check on with its report, across xdist too."""
        report = yield
        if call.when == "call":
            report.parity = self.session.taken(item.nodeid)
        return report

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Collect the verdicts."""
        self.records += getattr(report, "parity", ())

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> Generator[None, None, None]:
        """Show the table of lanes, and after it the findings, which are pytest's failures."""
        if self.records:
            from parity.summary import table

            terminalreporter.section("parity")
            terminalreporter.write(table(self.records))
        yield
        for line in self._told:
            terminalreporter.write_line(line)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the verdicts where they were asked for."""
        if self._reports():
            self._told = self.session.finish(self.records, int(session.exitstatus))
            if self.session.unwritten and session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_unconfigure(self) -> None:
        """End the worker processes."""
        self.session.close()

    def _reports(self) -> bool:
        # --setup-plan is --setup-only, too.
        idle = self.config.option.collectonly or self.config.getoption("setuponly", False)
        return not hasattr(self.config, "workerinput") and not idle


def _gate(config: pytest.Config) -> Gate | None:
    """Return what the run does with baselines; `[tool.parity]` is checked in any case."""
    from parity.baseline.config import settings

    compare, save = config.getoption("parity_compare"), config.getoption("parity_save")
    if compare is None and save is None:
        settings(config.rootpath)
        return None
    from parity.baseline.gate import gate

    place = (config.rootpath, config.invocation_params.dir)
    return gate(*place, compare=compare, save=save, case=config.getoption("parity_case"))


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _lane(item: pytest.Item) -> str:
    callspec = getattr(item, "callspec", None)
    lane = callspec.params.get("lane") if callspec is not None else None
    return str(getattr(lane, "name", ""))


def _command(config: pytest.Config) -> str:
    """Return the command that runs the checks from the folder in which this run was started."""
    here = config.invocation_params.dir
    for name in ("parity", "src/parity"):
        if (here / name).resolve() == PACKAGE:
            return f"pytest {shlex.quote(name)}"
    return "pytest --pyargs parity"
