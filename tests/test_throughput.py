"""Steps are judged before they are timed, and two that are timed are told apart honestly."""

from __future__ import annotations

import gc
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import pytest

from parity.cli import main
from parity.compare import Status
from parity.known import CLAIMS, claimed, dials, in_force
from parity.lanes.installed import load_lanes
from parity.oracle import run_free
from parity.report import reading
from parity.throughput.bench import Comparison, Interval, Outcome
from parity.throughput.lanes import NUMPY, TIMED, dtype_of, place
from parity.throughput.measure import LEAST, MOST, ROUND, Machine, in_turns
from parity.throughput.sizes import CLASSES, PROBLEMS, SIZES, Work, timed_case, work
from parity.throughput.stepper import Prepared, Stepper, TimingError, _judged
from parity.throughput.timing import seconds

ROOT = Path(__file__).parents[1]
LANES = Path(__file__).parent / "lanes"
PLAIN = replace(NUMPY, mode="")
READY = Prepared(0.0, Status.AGREE, 0.5, "cpu", 1.0, {}, {}, {})


@pytest.fixture
def stepper() -> Iterator[Stepper]:
    with Stepper(PLAIN) as started:
        yield started


def test_a_step_is_judged_and_then_timed(stepper: Stepper) -> None:
    ready = stepper.prepare(PLAIN, timed_case("mlp", "tiny"))
    assert ready.status is Status.AGREE
    assert 0 < ready.score < 1
    assert set(ready.threads.values()) <= {1}
    assert stepper.time(PLAIN.name, 1) > 0
    assert stepper.copy(1000) > 0
    assert stepper.product("float32") > 0


def test_both_precisions_are_ready_at_once(stepper: Stepper) -> None:
    wide = replace(PLAIN, name="numpy64", dtypes=("float64",))
    stepper.prepare(PLAIN, timed_case("linear", "tiny"))
    stepper.prepare(wide, timed_case("linear", "tiny", dtype="float64"))
    assert stepper.time(PLAIN.name, 2) > 0
    assert stepper.time(wide.name, 2) > 0


@pytest.mark.parametrize(
    ("file", "name", "told"),
    [
        ("untimed.py", "wrong", "wrong: its step is wrong"),
        ("untimed.py", "unseen", "unseen: the step to be timed gives another layer0/"),
        ("healthy.py", "healthy", "healthy: its module has no `loop"),
    ],
)
def test_a_number_is_never_told_of_a_step_that_is_wrong(file: str, name: str, told: str) -> None:
    [lane] = [lane for lane in load_lanes(str(LANES / file)) if lane.name == name]
    lane = replace(lane, optimizers={})
    with Stepper(lane) as stepper, pytest.raises(TimingError, match=told):
        stepper.prepare(lane, timed_case("mlp", "tiny"))


def test_a_process_that_cannot_be_had_is_a_sentence() -> None:
    gone = Stepper(replace(PLAIN, module="no.such.lane"))
    with gone, pytest.raises(TimingError, match="does not import: ModuleNotFoundError"):
        gone.prepare(PLAIN, timed_case("mlp", "tiny"))


def test_the_clock_runs_over_the_steps_and_the_wait_for_them() -> None:
    seen: list[str] = []
    told = [gc.isenabled()]

    def step() -> None:
        seen.append("step")
        told.append(gc.isenabled())

    assert seconds(step, lambda: seen.append("wait"), 2) >= 0
    assert seen == ["wait", "step", "step", "wait"]  # what was asked for before is not counted
    assert told == [True, False, False]
    assert gc.isenabled()


def clock(step: float, asked: list[tuple[str, int]], name: str) -> Callable[[int], float]:
    def run(count: int) -> float:
        asked.append((name, count))
        return step * count

    return run


def test_rounds_are_taken_in_turn_and_long_enough() -> None:
    asked: list[tuple[str, int]] = []
    steps = {"quick": 1e-5, "slow": 0.004, "slower": 0.3}
    found = in_turns({name: clock(step, asked, name) for name, step in steps.items()})
    for name, step in steps.items():
        timed = found[name]
        assert timed.count * step >= ROUND
        assert LEAST <= len(timed.rounds) <= MOST
        assert timed.step == median(timed.rounds)
    turns = [name for name, count in asked if count == found[name].count]
    first = turns.index("slower")  # its own first try is the last one of those
    rounds = [turns[first + 1 :][3 * n : 3 * n + 3] for n in range(LEAST)]
    assert all(sorted(one) == sorted(steps) for one in rounds)
    assert {one[0] for one in rounds} == set(steps)  # each begins a round in its turn


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_oracle_counts_the_operations_of_a_step(problem: str) -> None:
    size = SIZES["medium"]
    n, i, u = size.rows, size.features, size.units
    # Forward, and the gradient by the weights; and by the hidden layer's output.
    terms = {"linear": 2 * n * i, "softmax": 2 * n * i * (u // 2)}
    terms["mlp"] = 2 * n * i * u + 3 * n * u * CLASSES
    assert 2 * terms[problem] < work(problem, "medium").operations < 4 * terms[problem]
    found = [work(problem, name) for name in SIZES]
    assert found == sorted(found, key=lambda one: (one.operations, one.bytes))
    wide = work(problem, "tiny", dtype="float64")
    assert wide.bytes == 2 * work(problem, "tiny").bytes
    assert wide.operations == work(problem, "tiny").operations


def test_the_ceiling_is_the_narrower_of_arithmetic_and_memory() -> None:
    assert Machine(1e9, 1e9).ceiling(Work(1000, 10)) == 1e6
    assert Machine(1e9, 1e9).ceiling(Work(1000, 4000)) == 2.5e5


def test_every_lane_is_timed_once_and_modes_share_a_process() -> None:
    names = [lane.name for lane in TIMED]
    assert len(set(names)) == len(names)
    assert {"numpy32", "numpy64", "torch:compile", "keras@jax:fit", "torch:cuda"} <= set(names)
    by_name = {lane.name: lane for lane in TIMED}
    assert place(by_name["torch"]) == place(by_name["torch:fused"])
    assert place(by_name["torch"]) != place(by_name["torch:cuda"])
    assert dtype_of(by_name["numpy64"]) == "float64"
    for lane in TIMED:
        for problem in PROBLEMS:
            assert lane.lacks(timed_case(problem, "tiny", dtype=dtype_of(lane))) is None


def interval(low: float, high: float) -> Interval:
    return Interval(math.sqrt(low * high), low, high)


@pytest.mark.parametrize(
    ("ratio", "noise", "outcome"),
    [
        ((0.98, 1.03), (0.99, 1.02), Outcome.PASS),
        ((0.70, 0.80), (0.99, 1.02), Outcome.PASS),
        ((0.70, 0.80), (0.85, 1.02), Outcome.PASS),  # however far A is from itself
        ((1.20, 1.30), (0.97, 1.02), Outcome.FAIL),
        ((1.09, 1.30), (0.99, 1.01), Outcome.ABSTAIN),  # it may be less than asked
        ((0.98, 1.11), (0.99, 1.01), Outcome.ABSTAIN),
        ((0.98, 1.03), (0.85, 1.02), Outcome.ABSTAIN),  # it could not have been seen
        ((1.20, 1.30), (0.80, 1.02), Outcome.ABSTAIN),  # A is as far from itself
    ],
)
def test_what_a_comparison_comes_to(
    ratio: tuple[float, float], noise: tuple[float, float], outcome: Outcome
) -> None:
    found = Comparison(interval(*ratio), interval(*noise), (1.0, 1.0), 1.1, (READY, READY))
    assert found.outcome is outcome
    assert "10%" in found.sentence or "apart" in found.sentence


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["torch:fuse", "torch"], "got 'torch:fuse'"),
        (["torch:*", "torch"], "expected one lane, got 'torch:*'"),
        (["numpy32", "numpy32", "--size=huge"], "size: expected one of tiny, medium, large"),
        (["numpy32", "numpy32", "--problem=cnn"], "problem: expected one of linear"),
        (["numpy32", "numpy32", "--optimizer=adm"], "got 'adm'"),
        (["numpy32", "numpy32", "--threshold=-1"], "threshold: expected a number of percent"),
        (["numpy32", "numpy32", "--repeats=2"], "repeats: expected a whole number from 3 on"),
        (["numpy32", "numpy32", "--json=no/such/file"], "no folder no/such"),
        (["numpy32", "torch:cuda"], "torch:cuda: "),
        (["tensorflow:v1", "numpy32", "--optimizer=lion"], "tensorflow:v1: no optimizer lion"),
        (["flax==0.1", "numpy32"], "no lane is named after flax; say which with --lane"),
    ],
)
def test_a_wrong_word_is_refused_before_anything_starts(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bench", *words])
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


def test_a_slower_lane_never_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "result.json"
    words = ["numpy32", str(LANES / "slower.py"), "--repeats=3", f"--json={file}"]
    status = main(["bench", *words])
    said = capsys.readouterr().out
    told = json.loads(file.read_text(encoding="utf-8"))
    assert status in (1, 3)  # a machine that is busy cannot always tell, and says so
    assert told["outcome"] == {1: "fail", 3: "abstain"}[status]
    assert told["why"] in said
    assert told["lanes"] == ["numpy32", "slower"]
    assert told["ratio"]["low"] < told["ratio"]["middle"] < told["ratio"]["high"]


def test_the_benchmarks_are_those_of_pytest_benchmark(tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    command = [sys.executable, "-m", "pytest", "benchmarks", "-p", "no:cacheprovider"]
    # There is nothing yet to compare with: pytest-benchmark warns of that, and goes on.
    kept = [f"--benchmark-storage={tmp_path}", "--benchmark-save=here", "--benchmark-compare"]
    words = ["-k", "tiny and (numpy or cuda)", f"--benchmark-json={file}", *kept]
    # Under xdist pytest-benchmark measures nothing; this run is not under it.
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run([*command, *words], cwd=ROOT, capture_output=True, text=True, env=own)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "steps per second" in done.stdout
    assert list(tmp_path.glob("*/0001_here.json"))
    speeds = reading.read([file]).speeds
    assert {(one.lane, one.problem) for one in speeds} == {
        (lane, problem) for lane in ("numpy32", "numpy64") for problem in PROBLEMS
    }
    for one, record in zip(speeds, json.loads(file.read_text())["benchmarks"], strict=True):
        assert 0 < one.low <= one.per_second <= one.high
        assert one.samples_per_second == one.per_second * SIZES["tiny"].rows
        # Sums of the rounds were taken apart again: off by their rounding, a float32 never sees it.
        assert np.float32(1 / record["stats"]["median"]) == np.float32(one.per_second)
        assert record["group"] == f"{one.problem} tiny"
        assert record["extra_info"]["verdict"] == "agree"


def test_an_older_release_is_judged_by_the_claims_about_newer_ones_too() -> None:
    lane = next(lane for lane in TIMED if lane.name == "keras@tensorflow")
    case = timed_case("mlp", "tiny")
    turned = dials(claimed(CLAIMS, lane.name, case))
    assert turned
    run = replace(run_free(case, turned), versions={"keras": "3.0.0"})
    assert not dials(claimed(in_force(CLAIMS, run.versions), lane.name, case))
    assert _judged(lane, case, run).status is Status.AGREE
    other = replace(run, losses=run.losses * 1.125)
    assert _judged(lane, case, other).status is Status.DIVERGE
