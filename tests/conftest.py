"""What all tests share."""

from __future__ import annotations

import os


def pytest_configure() -> None:
    """Runs of tests are none that anybody asks the history for; fixtures of modules run some."""
    os.environ["PARITY_HISTORY"] = ""
