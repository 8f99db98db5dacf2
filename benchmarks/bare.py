"""A lane's bare loop: its `train` called in one process, without wire, checks or judgement.

Run by harness.py: `python benchmarks/bare.py lane cases.json` answers each line on stdin when all
cases have been trained once more.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from parity.case import Case
from parity.lanes import worker
from parity.lanes.catalog import LANES


def main(name: str, path: str) -> None:
    lane = next(lane for lane in LANES if lane.name == name)
    os.environ.update(lane.environment)
    train = worker.load(lane.module).train
    cases = [Case.from_dict(record) for record in json.loads(Path(path).read_text())]
    train(cases[0], lane.mode)
    print("ready", flush=True)
    for _ in sys.stdin:
        for case in cases:
            train(case, lane.mode)
        print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
