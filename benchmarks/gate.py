"""How often `parity bench` is wrong of a lane beside itself, and beside one a quarter slower.

`python benchmarks/gate.py` repeats both on numpy32 and counts what came of them. Of a
lane against itself none may fail; of the slower lane none may pass, and all but one in twenty must
fail or abstain with the reason.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from parity.lanes.installed import load_lanes
from parity.throughput.bench import Comparison, Side, compared
from parity.throughput.sizes import timed_case

SLOWER = Path(__file__).parents[1] / "tests" / "lanes" / "slower.py"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--size", default="tiny")
    options.add_argument("--repeat", type=int, default=20)
    chosen = options.parse_args()
    [lane], [slower] = load_lanes("numpy32"), load_lanes(str(SLOWER))
    case = timed_case("mlp", chosen.size)
    sides = {"itself": Side("itself", lane), "a quarter slower": Side("slower", slower)}
    for name, other in sides.items():
        outcomes: Counter[str] = Counter()
        for number in range(chosen.repeat):
            found = compared(Side("A", lane), other, case, threshold=1.1)
            outcomes[found.outcome] += 1
            print(f"{name} {number + 1}: {line(found)}", flush=True)
        print(f"numpy32 against {name}: {dict(outcomes)}", flush=True)


def line(found: Comparison) -> str:
    return f"{found.ratio}, A against A {found.noise}, {found.outcome}: {found.sentence}"


if __name__ == "__main__":
    main()
