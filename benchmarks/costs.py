"""What Parity costs: its clock, each lane's import, memory and pace, and how a run's time grows.

`python benchmarks/costs.py` prints five tables; `--lanes torch,jax` takes some lanes. First stands
what collecting takes, and what the plugin adds to a run of other tests: its import in a process of
its own, then what its hooks take. The clock is the one that times steps, beside a loop that a
person would write, in turn in one process. A lane's pace is that of cases that its worker trains
and the oracle judges, met for the first time and then again. Growth is the wall of whole runs of
`pytest parity`, and of cases with more steps.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median, quantiles

from parity.case import Case
from parity.generation import generated
from parity.known import CLAIMS
from parity.lanes import Lane, numpy32
from parity.lanes.installed import load_lanes, missing
from parity.lanes.process import Workers
from parity.lockstep import Harness
from parity.profiles import PROFILES
from parity.strategies import PROBLEMS
from parity.throughput.sizes import timed_case
from parity.throughput.timing import seconds

STARTS = 25
# What the plugin adds to a process that has pytest: milliseconds.
IMPORT = """
import time, pytest
begun = time.perf_counter()
import parity.plugin
print(1e3 * (time.perf_counter() - begun))
"""
# And to each run once it is imported: runs of one test with the plugin and without it, in turn.
HOOKS = """
import contextlib, io, sys, time, pytest

def spent(*words):
    with contextlib.redirect_stdout(io.StringIO()):
        begun = time.perf_counter()
        pytest.main([sys.argv[1], "-q", "-p", "no:cacheprovider", *words])
        return time.perf_counter() - begun

spent()
for _ in range(60):
    print(1e3 * (spent() - spent("-p", "no:parity")))
"""
ROUNDS = 200  # of both clocks
CASES = 6  # of each problem
LEAST_STEP = 100e-6  # seconds of a step from which the clock may cost MOST
MOST = 0.02


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--lanes", help="those wanted, separated by commas (default: all)")
    chosen = options.parse_args().lanes or ",".join(
        lane.name for lane in load_lanes("*") if missing(lane) is None
    )
    lanes = [lane for lane in load_lanes(chosen) if missing(lane) is None]
    starts()
    clock()
    paces(lanes)
    steps(lanes)
    growth([lane.name for lane in lanes])


def starts() -> None:
    """Print what collecting takes, and what the plugin adds to a run that does not use it."""
    collecting = [spent(partial(pytest, "parity", "--collect-only", "-q")) for _ in range(5)]
    print(f"pytest parity --collect-only: {median(collecting):.2f} s (allowed 2)")
    loading = [float(printed(IMPORT)) for _ in range(STARTS)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "test_it.py"
        path.write_text("def test_it(): pass\n", encoding="utf-8")
        hooks = [float(line) for line in printed(HOOKS, str(path)).split()]
    print(
        f"the plugin: {median(loading) + median(hooks):.1f} ms (allowed 10): its import "
        f"{median(loading):.1f} (quartiles {told(loading)}), its hooks {median(hooks):+.1f} "
        f"({told(hooks)})\n"
    )


def told(values: list[float]) -> str:
    low, _, high = quantiles(values)
    return f"{low:+.1f} to {high:+.1f}"


def printed(script: str, *words: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", script, *words], check=True, capture_output=True, text=True
    ).stdout


def clock() -> None:
    """Print what the clock adds to a step, over a loop without it."""
    for size, count in (("tiny", 100), ("medium", 2)):
        loop = numpy32.loop(timed_case("mlp", size), "")
        batch = loop.batch(0)
        loop.rate(0.001)
        ours: list[float] = []
        bare: list[float] = []
        for _ in range(ROUNDS):
            ours.append(seconds(partial(loop.step, batch, None), loop.wait, count))
            start = time.perf_counter()
            for _ in range(count):
                loop.step(batch, None)
            bare.append(time.perf_counter() - start)
        low, middle, high = quantiles(a / b - 1 for a, b in zip(ours, bare, strict=True))
        step = min(bare) / count
        print(
            f"clock, a step of {1e6 * step:,.0f} us: {middle:+.2%} over a bare loop (quartiles "
            f"{low:+.2%} to {high:+.2%}; allowed {MOST:.0%} from {1e6 * LEAST_STEP:.0f} us on); "
            f"of the quickest {min(ours) / min(bare) - 1:+.2%}"
        )


def paces(lanes: list[Lane]) -> None:
    """Print what each lane's worker takes to start, to hold, and for a case."""
    print(f"\n{'lane':24}{'start s':>10}{'peak MiB':>10}{'first /s':>10}{'again /s':>10}")
    for lane in lanes:
        cases = drawn(lane)
        with Workers() as workers:
            harness = Harness(workers, CLAIMS)
            start = spent(partial(judged, harness, lane, cases[:1]))
            first, again = (spent(partial(judged, harness, lane, cases)) for _ in range(2))
            peak = peak_memory(workers)
        rates = (len(cases) / first, len(cases) / again)
        print(
            f"{lane.name:24}{start:10.1f}{peak:10,.0f}{rates[0]:10.1f}{rates[1]:10.1f}", flush=True
        )


def steps(lanes: list[Lane]) -> None:
    """Print the milliseconds of a case of more and more steps, all of them judged."""
    counts = (1, 10, 100)
    print(f"\n{'ms a case, by steps':24}" + "".join(f"{count:>10}" for count in counts))
    for lane in lanes:
        case = next(case for case in drawn(lane) if case.problem == "mlp")
        longer = [
            replace(case, rates=case.rates[:1] * count, batches=case.batches[:1] * count)
            for count in counts
        ]
        with Workers() as workers:
            harness = Harness(workers, CLAIMS)
            judged(harness, lane, longer)
            taken = [spent(partial(judged, harness, lane, [one])) for one in longer]
        print(f"{lane.name:24}" + "".join(f"{1e3 * one:10.1f}" for one in taken), flush=True)


def growth(names: list[str]) -> None:
    """Print the seconds of whole runs with more lanes, and with more cases."""
    quick = [name for name in ("numpy32", "torch", "torch:foreach", "jax") if name in names]
    print("\npytest parity, quick profile, one process")
    for count in range(1, len(quick) + 1):
        chosen = ",".join(quick[:count])
        print(f"  lanes {chosen:40}{run(chosen):8.1f} s", flush=True)
    for cases in (100, 200, 400):
        taken = run(quick[0], f"--parity-cases={cases}")
        print(f"  {cases} cases on {quick[0]:30}{taken:8.1f} s", flush=True)


def run(lanes: str, *words: str) -> float:
    """Return the seconds of a run of `pytest parity`."""
    profile = () if words else ("--parity-profile=quick",)
    return spent(partial(pytest, "parity", "-q", f"--parity-lanes={lanes}", *profile, *words))


def pytest(*words: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        cwd=Path(__file__).parents[1],
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PARITY_HISTORY": ""},
    )


def drawn(lane: Lane) -> list[Case]:
    """Return cases that a lane can run, of SGD, or of its first optimizer."""
    optimizer = "sgd" if "sgd" in lane.optimizers else next(iter(lane.optimizers))
    found: list[Case] = []
    for problem in PROBLEMS:
        every = generated(problem, optimizer, ("float32",), PROFILES["standard"], 0)
        found += [case for case in every if lane.lacks(case) is None][:CASES]
    return found


def judged(harness: Harness, lane: Lane, cases: list[Case]) -> None:
    for result in harness.run(lane, cases):
        if result.trace is None:
            raise SystemExit(f"{lane.name}: {result.verdict.reason}")


def spent(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def peak_memory(workers: Workers) -> float:
    """Return the most MiB that a worker has held (on Linux)."""
    found = 0.0
    for worker in workers._workers.values():
        process = worker._process
        if process is not None:
            status = Path(f"/proc/{process._popen.pid}/status").read_text()
            peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
            found = max(found, int(peak.split()[1]) / 1024)
    return found


if __name__ == "__main__":
    main()
