"""The hooks of a run with a baseline: what is seen crosses xdist in reports, and is judged last."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from typing import Any

import pytest

from parity.baseline import gather
from parity.baseline.content import Asked, Offer, Offers, Row
from parity.baseline.file import BaselineError
from parity.baseline.gate import Gate, Judged, Seen
from parity.baseline.plain import plain, typed
from parity.baseline.summary import lines
from parity.session import Session

# Of what ended before its time, nothing can be said.
_ENDED = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)


class Hooks:
    """The hooks of one run."""

    def __init__(self, config: pytest.Config, session: Session, gate: Gate) -> None:
        self.config = config
        self.session = session
        self.gate = gate
        self._lanes: dict[str, dict[str, Row]] = {}
        self._frameworks: dict[str, Offers] = {}
        self._chosen: set[str] = set()

    def pytest_report_header(self) -> list[str]:
        """Say what is compared, and what will be written."""
        said = []
        if self.gate.compared is not None:
            said.append(f"parity compares with {self.gate.compared[0].shown}")
        if self.gate.saved is not None:
            said.append(f"parity saves {self.gate.saved.shown}")
        return said

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out what the baseline has left out, when it was made with a part of the checks."""
        old = self.gate.compared[1] if self.gate.compared is not None else None
        if old is not None and not old.asked.whole:
            names = old.rows
            left = [item for item in items if _name(item.nodeid) not in names]
            items[:] = [item for item in items if _name(item.nodeid) in names]
            self.config.hook.pytest_deselected(items=left)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Keep which checks were chosen."""
        self._chosen |= {_name(item.nodeid) for item in session.items}

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Iterable[str]) -> None:
        """Keep which checks a worker has chosen."""
        self._chosen |= set(map(_name, ids))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, Any, Any]:
        """Hand a check's row on with its report; what the baseline knows of does not fail."""
        report = yield
        if call.when == "call":
            lane = str(item.callspec.params["lane"].name)  # type: ignore[attr-defined]  # has one
            row = gather.row(report.outcome, _said(call), report.parity)
            report.parity_row = {"lane": lane, "name": _name(item.nodeid), "row": plain(row)}
            report.parity_offers = plain(self.session.offered(item.nodeid))
            accepted = self.gate.accepts(lane, _name(item.nodeid), row) if report.failed else None
            if accepted is not None:
                report.outcome, report.wasxfail = "skipped", accepted
        return report

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Collect rows and offers."""
        told = getattr(report, "parity_row", None)
        if told is not None:
            rows = self._lanes.setdefault(told["lane"], {})
            rows[told["name"]] = typed(Row, told["row"], told["name"])
            self._frameworks |= {
                framework: typed(Mapping[str, Offer], offers, framework)
                for framework, offers in report.parity_offers.items()
            }

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Judge the run, and let its exit status say so."""
        if hasattr(self.config, "workerinput") or self.config.option.collectonly:
            return
        if session.exitstatus not in _ENDED:
            told = "the run did not end by itself: nothing is compared or saved"
            self.session.judged = Judged(notes=(told,), fails=True)
            return
        self.session.judged = self._judged()
        if self.session.judged.fails:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Show the changes."""
        if self.session.judged is not None:
            terminalreporter.section("parity baseline")
            for line in lines(self.session.judged, self.gate.settings.fail):
                terminalreporter.write_line(line)

    def _judged(self) -> Judged:
        checks = self.session.checks
        words = self.session.selection
        asked = Asked(
            profile=self.session.profile_name,
            seed=self.session.seed,
            cases=self.session.cases,
            lanes=words,
            whole=checks <= self._chosen,
        )
        seen = Seen(
            lanes=self._lanes,
            frameworks=self._frameworks,
            rows=checks,
            chosen=frozenset(self._chosen),
            missing=self.session.missing,
        )
        try:
            return self.gate.judged(asked, gather.about(self.session.lanes), seen)
        except BaselineError as error:
            return Judged(notes=(str(error),), fails=True)


def _name(nodeid: str) -> str:
    return nodeid.partition("::")[2]


def _said(call: pytest.CallInfo[None]) -> str:
    """Return what a check says that failed or was skipped."""
    if call.excinfo is None:
        return ""
    told = isinstance(call.excinfo.value, (pytest.fail.Exception, pytest.skip.Exception))
    return str(call.excinfo.value) if told else call.excinfo.exconly()
