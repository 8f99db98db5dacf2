"""A lane that goes wrong while it is imported, in the way that its environment names."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from pathlib import Path

with Path(os.environ["FAULTY_COUNT"]).open("a") as count:
    count.write("x")

match os.environ["FAULTY_IMPORT"]:
    case "raises":
        raise ImportError("libnothing.so: no such library")
    case "exits":
        sys.exit("no licence")
    case "dies":
        ctypes.string_at(0)
    case "hangs":
        threading.Event().wait()
