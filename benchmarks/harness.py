"""Cases per second of Parity, of a plain harness and of the frameworks' bare loops, side by side.

`python benchmarks/harness.py` draws cases, starts every process, and lets the three take turns:

- plain: benchmarks/plain.py, one framework after the other, eager steps, assert_allclose. Keras
  takes one backend per process, so a second process runs it on JAX, in turn. With --fit, Keras
  trains by compile and train_on_batch;
- Parity: a worker for each lane, side by side, every trace judged;
- bare: what those workers run and nothing else, also side by side.

The first pass is a run as it is: fresh processes that meet every structure for the first time, with
what JAX lanes keep on disk from an earlier run. In the passes after it everything that a process
can keep is kept, by the plain harness too. Imports are never counted. Beside the time on the wall
stands that of the processors, which other work on the machine stretches less.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from parity.case import Case
from parity.generation import generated
from parity.known import CLAIMS
from parity.lanes import Lane
from parity.lanes.catalog import LANES
from parity.lanes.process import Workers
from parity.lockstep import Harness
from parity.profiles import Profile
from parity.strategies import PROBLEMS

NAMES = ("torch", "tensorflow", "keras@tensorflow", "keras@jax", "jax")
OPTIMIZERS = ("adam", "sgd")
# What plain.py runs in each of its processes, by the Keras backend there.
PLAIN = {"tensorflow": "torch,tensorflow,jax,keras@tensorflow", "jax": "keras@jax"}
HERE = Path(__file__).parent
LEAST_GAIN, MOST_COST = 15, 1.3  # what is asked of Parity

Seconds = tuple[float, float, float]  # on the wall, of all processors, of them in this process


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--cases", type=int, default=12, help="for each problem and optimizer")
    options.add_argument("--rounds", type=int, default=5, help="how often the three take turns")
    options.add_argument("--fit", action="store_true", help="plain Keras: compile, train_on_batch")
    chosen = options.parse_args()
    lanes = [lane for lane in LANES if lane.name in NAMES]
    start = time.perf_counter()
    cases = drawn(lanes, chosen.cases)
    print(f"{len(cases)} cases drawn in {time.perf_counter() - start:.1f} s, {len(lanes)} lanes")
    with Workers() as workers:  # an earlier run, which fills the caches on disk
        judged(Harness(workers, CLAIMS), lanes, cases)
    with tempfile.TemporaryDirectory() as folder, Workers() as workers:
        path = Path(folder) / "cases.json"
        path.write_text(json.dumps([json.loads(case.to_json()) for case in cases]))
        keras = ":fit" if chosen.fit else ""
        plain = [
            started("plain.py", names + keras, path, backend) for backend, names in PLAIN.items()
        ]
        bare = [started("bare.py", lane.name, path) for lane in lanes]
        harness = Harness(workers, CLAIMS)
        passes: dict[str, Callable[[], object]] = {
            "plain": lambda: [one_pass([process]) for process in plain],
            "Parity": lambda: judged(harness, lanes, cases),
            "bare": lambda: one_pass(bare),
        }
        judged(harness, lanes, cases[:1])  # which starts the workers
        one_pass(plain + bare, first=True)
        print(f"{'':8}{'cases/s':>10}{'ms/case':>10}{'processor ms/case':>20}{'here':>8}")
        report("first pass", [measured(passes)], len(cases))
        later = [measured(passes) for _ in range(chosen.rounds)]
        report(f"later passes, median of {chosen.rounds}", later, len(cases))
        for process in plain + bare:
            process.communicate()


def drawn(lanes: list[Lane], count: int) -> list[Case]:
    """Return generated cases that all lanes can run."""
    dtypes = ("float32",)
    profile = Profile(4 * count, dtypes)
    found = []
    for optimizer in OPTIMIZERS:
        for problem in PROBLEMS:
            every = generated(problem, optimizer, dtypes, profile, 0)
            found += [case for case in every if able(lanes, case)][:count]
    return found


def able(lanes: list[Lane], case: Case) -> bool:
    return all(lane.lacks(case) is None for lane in lanes)


def started(script: str, lanes: str, cases: Path, backend: str = "") -> subprocess.Popen[str]:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
    if backend:
        environment["KERAS_BACKEND"] = backend
    return subprocess.Popen(
        [sys.executable, str(HERE / script), lanes, str(cases)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )


def one_pass(processes: list[subprocess.Popen[str]], *, first: bool = False) -> None:
    """Let processes train all cases once, side by side; at first only wait until they are ready."""
    for process in processes:
        assert process.stdin is not None
        if not first:
            process.stdin.write("\n")
            process.stdin.flush()
    for process in processes:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise SystemExit(f"{process.args} ended")


def judged(harness: Harness, lanes: list[Lane], cases: list[Case]) -> None:
    """Run and judge all cases on all lanes, side by side."""

    def run(lane: Lane) -> None:
        for result in harness.run(lane, cases):
            if result.trace is None:
                raise SystemExit(f"{lane.name}: {result.verdict.reason}")

    with ThreadPoolExecutor(len(lanes)) as threads:
        list(threads.map(run, lanes))


def measured(passes: dict[str, Callable[[], object]]) -> dict[str, Seconds]:
    """Return what each pass took, one after the other."""
    found = {}
    for name, run in passes.items():
        before = time.perf_counter(), processors(), time.process_time()
        run()
        after = time.perf_counter(), processors(), time.process_time()
        wall, every, own = (late - early for early, late in zip(before, after, strict=True))
        found[name] = wall, every, own
    return found


def processors() -> float:
    """Return the processor seconds of this process and its children (of these on Linux only)."""
    ticks = 0
    for children in Path("/proc/self/task").glob("*/children"):
        for pid in children.read_text().split():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])  # utime and stime
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def report(title: str, rounds: list[dict[str, Seconds]], cases: int) -> None:
    print(title)
    for name in rounds[0]:
        wall, every, own = (median(found[name][i] for found in rounds) / cases for i in range(3))
        line = f"{1 / wall:10.1f}{1e3 * wall:10.1f}{1e3 * every:20.1f}{1e3 * own:8.1f}"
        print(f"{name:8}{line}")
    for i, clock in enumerate(("wall", "processors")):
        gain = [found["plain"][i] / found["Parity"][i] for found in rounds]
        cost = [found["Parity"][i] / found["bare"][i] for found in rounds]
        print(
            f"  {clock:12} Parity over plain {median(gain):5.1f} times the cases "
            f"({min(gain):.1f} to {max(gain):.1f}), wanted {LEAST_GAIN}; over bare loops "
            f"{median(cost):4.2f} times the time ({min(cost):.2f} to {max(cost):.2f}), "
            f"allowed {MOST_COST}",
            flush=True,
        )


if __name__ == "__main__":
    main()
