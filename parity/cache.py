"""Where this project keeps what can be made again."""

from __future__ import annotations

import os
from pathlib import Path


def cache() -> Path:
    """Return the folder that keeps what can be made again: `$PARITY_CACHE`, or the user's."""
    if chosen := os.environ.get("PARITY_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "parity"
