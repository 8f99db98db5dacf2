"""A parent of two workers, one idle and one that hangs, to be interrupted or killed."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from parity.case import Case
from parity.lanes import Lane
from parity.lanes.process import Workers

if __name__ == "__main__":
    tether, record = sys.argv[1:]
    # A shell may have started this in the background, where Ctrl-C is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    module = str(Path(__file__).with_name("tethered.py"))
    case = Case.from_json(record)
    workers = Workers()
    for mode in ("idle", "hang"):
        lane = Lane(mode, module, mode, environment={"FAULTY_TETHER": tether})
        list(workers.run(lane, [case]))
