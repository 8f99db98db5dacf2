"""A lane that says when it trains, and by the end of its sentence when it is gone."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

from faults import untrained

from parity.case import Case
from parity.trace import Trace

TETHER = Path(os.environ["FAULTY_TETHER"]).open("w")  # noqa: SIM115  # held until death


def train(case: Case, mode: str) -> Trace:
    TETHER.write(f"{mode}\n")
    TETHER.flush()
    if mode in ("child", "orphan"):
        os.set_inheritable(TETHER.fileno(), True)
        subprocess.Popen(["sleep", "1000"], close_fds=False)
    if mode == "orphan":
        os._exit(3)
    if mode == "hang":
        threading.Event().wait()
    return untrained(case)
