"""What all tests share."""

from __future__ import annotations

import os

# Runs inside of a test forget what they imported, and NumPy loads its extensions once: here first.
import numpy.fft
import numpy.linalg
import numpy.random  # noqa: F401


def pytest_configure() -> None:
    """Runs of tests are none that anybody asks the history for; fixtures of modules run some."""
    os.environ["PARITY_HISTORY"] = ""
