"""How often `parity bench` is wrong of a lane beside itself, and beside one a quarter slower.

`python benchmarks/gate.py` repeats both and counts what came of them: `--lane`, `--repeat`. Of a
lane against itself none may fail; of the slower lane none may pass, and all but one in twenty must
fail or abstain with the reason.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

from parity.lanes.installed import load_lanes
from parity.throughput.bench import Comparison, Side, compared
from parity.throughput.sizes import timed_case

# The lane, with a quarter more work in each step.
SLOWER = """
from dataclasses import replace
from time import perf_counter
from {module} import loop as whole, train
from parity.lanes import Lane

def loop(case, mode):
    made = whole(case, mode)
    def step(batch, look):
        start = perf_counter()
        loss = made.step(batch, look)
        made.wait()
        end = perf_counter()
        while perf_counter() < end + 0.25 * (end - start):
            pass
        return loss
    return replace(made, step=step)
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--lane", default="numpy32")
    options.add_argument("--size", default="tiny")
    options.add_argument("--repeat", type=int, default=20)
    chosen = options.parse_args()
    [lane] = [lane for lane in load_lanes(chosen.lane) if lane.name == chosen.lane]
    case = timed_case("mlp", chosen.size)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "slower.py"
        file.write_text(SLOWER.format(module=lane.module), encoding="utf-8")
        sides = {
            "itself": Side("itself", lane),
            "a quarter slower": Side("slower", replace(lane, module=str(file))),
        }
        for name, other in sides.items():
            outcomes: Counter[str] = Counter()
            for number in range(chosen.repeat):
                found = compared(Side("A", lane), other, case, threshold=1.1)
                outcomes[found.outcome] += 1
                print(f"{name} {number + 1}: {line(found)}", flush=True)
            print(f"{chosen.lane} against {name}: {dict(outcomes)}", flush=True)


def line(found: Comparison) -> str:
    return f"{found.ratio}, A against A {found.noise}, {found.outcome}: {found.sentence}"


if __name__ == "__main__":
    main()
