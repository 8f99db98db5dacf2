"""The hooks of a run with a baseline: what is seen crosses xdist in reports, and is judged last."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from typing import Any

import pytest

from parity.baseline import gather
from parity.baseline.content import Asked, Offer, Offers, Row
from parity.baseline.gate import Gate, Judged, Seen
from parity.baseline.plain import plain, typed
from parity.baseline.summary import lines
from parity.session import Session

# Of what ended before its time, nothing can be said.
_ENDED = (
    pytest.ExitCode.OK,
    pytest.ExitCode.TESTS_FAILED,
    pytest.ExitCode.NO_TESTS_COLLECTED,
)


class Hooks:
    """The hooks of one run."""

    def __init__(self, config: pytest.Config, session: Session, gate: Gate) -> None:
        self.config = config
        self.session = session
        self.gate = gate
        self._lanes: dict[str, dict[str, Row]] = {}
        self._frameworks: dict[str, Offers] = {}
        self._checks = _checks(session)
        self._chosen: set[str] = set()
        if not self._checks:
            raise pytest.UsageError("a baseline is not about lanes that need a device: add others")

    def pytest_report_header(self) -> list[str]:
        """Say what is compared, what will be written, and which lanes are left out of both."""
        said = []
        if self.gate.compared is not None:
            said.append(f"parity compares with {self.gate.compared[0].shown}")
        if self.gate.saved is not None:
            said.append(f"parity saves {self.gate.saved.shown}")
        left = [lane.name for lane in self.session.lanes if lane.device]
        if left:
            said.append(f"parity keeps no baseline of {', '.join(left)}: they need a device")
        return said

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out what the baseline has left out, when it was made with a part of the checks."""
        old = self.gate.compared[1] if self.gate.compared is not None else None
        if old is not None and not old.asked.whole:
            names = self.session.checks - set(old.rows)  # other tests are not the baseline's
            left = [item for item in items if _name(item.nodeid) in names]
            items[:] = [item for item in items if _name(item.nodeid) not in names]
            self.config.hook.pytest_deselected(items=left)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Keep which checks were chosen."""
        self._chosen |= {_name(item.nodeid) for item in session.items} & self._checks

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Iterable[str]) -> None:
        """Keep which checks a worker has chosen."""
        self._chosen |= set(map(_name, ids)) & self._checks

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, Any, Any]:
        """Hand a check's row on with its report; what the baseline knows of does not fail."""
        report = yield
        if call.when == "call" and _name(item.nodeid) in self._checks:
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
        # --setup-plan is --setup-only, too.
        idle = self.config.option.collectonly or self.config.getoption("setuponly", False)
        if hasattr(self.config, "workerinput") or idle:
            return
        if session.exitstatus not in _ENDED:
            self.session.judged = _unjudged("the run did not end by itself")
        elif not self._chosen:
            self.session.judged = _unjudged("no check was selected that a baseline holds")
        else:
            self.session.judged = self._judged()
        if self.session.judged.fails and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Show the changes."""
        if self.session.judged is not None:
            terminalreporter.section("parity baseline")
            for line in lines(self.session.judged, self.gate.settings.fail):
                terminalreporter.write_line(line)

    def _judged(self) -> Judged:
        words = self.session.selection
        asked = Asked(
            profile=self.session.profile_name,
            seed=self.session.seed,
            cases=self.session.cases,
            lanes=words,
            whole=self._checks <= self._chosen,
        )
        seen = Seen(
            lanes=self._lanes,
            frameworks=self._frameworks,
            rows=self._checks,
            chosen=frozenset(self._chosen),
            missing=self.session.missing,
        )
        return self.gate.judged(asked, gather.about(self.session.lanes), seen)


def _checks(session: Session) -> frozenset[str]:
    """Return the ids of the checks that a baseline holds: of lanes that run on every machine."""
    names = {check.partition("[")[0] for check in session.checks}
    return frozenset(
        f"{name}[{row.id}]"
        for name in names
        for row in session.rows(name)
        if not row.values["lane"].device
    )


def _unjudged(why: str) -> Judged:
    return Judged(notes=(f"{why}: nothing is compared or saved",), fails=True)


def _name(nodeid: str) -> str:
    return nodeid.partition("::")[2]


def _said(call: pytest.CallInfo[None]) -> str:
    """Return what a check says that failed or was skipped."""
    if call.excinfo is None:
        return ""
    told = isinstance(call.excinfo.value, (pytest.fail.Exception, pytest.skip.Exception))
    return str(call.excinfo.value) if told else call.excinfo.exconly()
