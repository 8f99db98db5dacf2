"""What the benchmarks share: processes, rounds in turn, and the table at the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from throughput import Group, Session, shown

SESSION = pytest.StashKey[Session]()


@pytest.fixture(scope="session")
def timed(request: pytest.FixtureRequest) -> Iterator[Session]:
    """Return what times the groups that are selected."""
    wanted: dict[Group, list[str]] = {}
    for item in request.session.items:
        found = getattr(item, "callspec", None)
        if found is not None and {"lane", "problem", "size"} <= set(found.params):
            of = found.params
            wanted.setdefault((of["problem"], of["size"]), []).append(of["lane"])
    with Session(wanted) as session:
        request.config.stash[SESSION] = session
        yield session


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    session = config.stash.get(SESSION, None)
    if session is not None and session.speeds:
        terminalreporter.section("steps per second")
        terminalreporter.write_line(shown(session))
