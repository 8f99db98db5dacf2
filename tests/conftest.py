"""What all tests share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def no_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of tests are none that anybody asks the history for."""
    monkeypatch.setenv("PARITY_HISTORY", "")
