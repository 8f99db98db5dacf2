"""Whatever a lane's process does becomes the right reply, and no process is left behind."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from parity.case import Case
from parity.lanes import Lane, pipe
from parity.lanes.process import Failure, Worker, Workers, train_in_process
from parity.parts import Layer, Loss, Optimizer
from parity.trace import Trace

FAULTY = Path(__file__).with_name("faulty_lanes")
ROOT = Path(__file__).parents[1]
GOOD = Case(
    layers=(Layer(2),),
    loss=Loss("squared_error"),
    optimizer=Optimizer("sgd"),
    rates=(0.5, 0.25),
    x=np.ones((4, 3)),
    y=np.ones((4, 2)),
    batches=((0, 1), (2, 3)),
    weights={"layer0/kernel": np.ones((3, 2)), "layer0/bias": np.zeros(2)},
)
BAD = replace(GOOD, rates=(1.0, 0.25))
WIDE = replace(GOOD, dtype="float64")


def lane(mode: str = "") -> Lane:
    return Lane(mode or "faulty", str(FAULTY / "faults.py"), mode, x64={"FAULTY_X64": "yes"})


def pid(reply: Trace | Failure) -> str:
    assert isinstance(reply, Trace), reply
    return reply.versions["pid"]


@pytest.mark.parametrize(
    ("mode", "kind", "reason", "detail"),
    [
        ("die_of_a_null_pointer", "crashed", "killed by SIGSEGV", "die_of_a_null_pointer"),
        ("die_of_a_signal", "crashed", "killed by SIGKILL (out of memory?)", ""),
        ("exit_at_once", "crashed", "exit status 3", ""),
        ("write_into_the_replies", "garbage", "expected b'PRTY', got b'this'", ""),
        ("close_the_replies", "garbage", "closed the stream of replies", ""),
        ("hang", "hung", "no reply within 2 s", "in hang"),
    ],
)
def test_a_case_that_ends_its_process_is_a_failure_and_the_rest_goes_on_in_another(
    mode: str, kind: str, reason: str, detail: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if mode == "close_the_replies":
        monkeypatch.setattr(pipe, "_GRACE", 0.2)  # it is waited for in vain
    with Worker(lane(mode)) as worker:
        before, failure, after, later = worker.run([GOOD, BAD, GOOD, GOOD], timeout=2)
    assert isinstance(failure, Failure)
    assert failure.kind == kind
    assert reason in failure.reason
    assert detail in failure.detail
    assert pid(before) != pid(after) == pid(later)


@pytest.mark.parametrize(
    ("mode", "kind", "reason", "detail"),
    [
        ("exit_politely", "raised", "SystemExit: 3", "in exit_politely"),
        ("raise_an_error", "raised", "ValueError: kernel of the wrong kind", "in raise_an_error"),
        ("refuse", "refused", "the framework takes no such thing", ""),
        ("allocate_too_much", "raised", "MemoryError: Unable to allocate 8.00 PiB", ""),
        ("return_nothing", "raised", "train returned NoneType, expected a Trace", ""),
        (
            "transpose",
            "garbage",
            "weights 'layer0/kernel': expected shape (3, 3, 2), got (3, 2, 3)",
            "",
        ),
        ("lose_a_step", "garbage", "losses: expected shape (2,), got (1,)", ""),
    ],
)
def test_a_case_that_fails_leaves_the_process_as_it_was(
    mode: str, kind: str, reason: str, detail: str
) -> None:
    with Worker(lane(mode)) as worker:
        before, failure, after = worker.run([GOOD, BAD, GOOD])
    assert isinstance(failure, Failure)
    assert failure.kind == kind
    assert reason in failure.reason
    assert detail in failure.detail
    assert pid(before) == pid(after)


@pytest.mark.parametrize("mode", ["print_much", "ask_for_input", "be_interrupted"])
def test_what_a_lane_prints_asks_for_or_is_told_by_ctrl_c_does_not_meet_its_replies(
    mode: str,
) -> None:
    with Worker(lane(mode)) as worker:
        before, disturbed, after = worker.run([GOOD, BAD, GOOD])
    assert pid(before) == pid(disturbed) == pid(after)


def test_values_that_are_not_finite_are_a_valid_trace() -> None:
    with Worker(lane("overflow")) as worker:
        (trace,) = worker.run([BAD])
    assert isinstance(trace, Trace)
    assert np.isinf(trace.losses).all()
    assert np.isnan(trace.weights["layer0/bias"]).all()


def test_warnings_and_log_records_are_messages_of_their_case_each_once() -> None:
    with Worker(lane("complain")) as worker:
        first, again, quiet = worker.run([BAD, BAD, GOOD])
    assert isinstance(first, Trace)
    assert isinstance(again, Trace)
    assert isinstance(quiet, Trace)
    told = ("rejected: lr", "warning: eps is old", "log: lr is ignored", "log: %d too many")
    assert first.messages == again.messages == told
    assert quiet.messages == ()


def test_versions_are_part_of_the_trace() -> None:
    with Worker(lane()) as worker:
        (trace,) = worker.run([GOOD])
    assert isinstance(trace, Trace)
    assert trace.versions["numpy"] == np.__version__
    assert "ctypes" not in trace.versions


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("raises", "ImportError: libnothing.so: no such library"),
        ("exits", "SystemExit: no licence"),
        ("dies", "imports.py: killed by SIGSEGV"),
        ("hangs", "imports.py: no reply within 5 s"),
    ],
)
def test_a_lane_that_cannot_be_imported_fails_every_case_and_is_not_tried_again(
    fault: str, reason: str, tmp_path: Path
) -> None:
    count = tmp_path / "count"
    environment = {"FAULTY_IMPORT": fault, "FAULTY_COUNT": str(count)}
    broken = Lane("broken", str(FAULTY / "imports.py"), environment=environment)
    # What hangs need not be waited for; the others have their time on a busy machine.
    with Worker(broken, patience=5 if fault == "hangs" else 60) as worker:
        failures = [*worker.run([GOOD, GOOD]), *worker.run([GOOD])]
    assert count.read_text() == "x"
    assert len(failures) == 3
    for failure in failures:
        assert isinstance(failure, Failure)
        assert failure.kind == "import"
        assert reason in failure.reason
        assert "imports.py" in failure.detail


@pytest.mark.parametrize("module", ["parity_of_nobody", "/nowhere/lane.py"])
def test_a_module_that_does_not_exist_fails_on_import(module: str) -> None:
    with Worker(Lane("nowhere", module)) as worker:
        (failure,) = worker.run([GOOD])
    assert isinstance(failure, Failure)
    assert failure.kind == "import"
    assert module in failure.reason


def test_an_interpreter_that_does_not_exist_fails_on_import() -> None:
    with Worker(lane(), python="/nowhere/python") as worker:
        (failure,) = worker.run([GOOD])
    assert isinstance(failure, Failure)
    assert failure.kind == "import"
    assert "/nowhere/python" in failure.reason


def test_a_batch_larger_than_any_pipe_does_not_block() -> None:
    rows = 50_000
    large = replace(
        GOOD, x=np.ones((rows, 3)), y=np.ones((rows, 2)), batches=(tuple(range(9)),) * 2
    )
    with Worker(lane("exit_at_once")) as worker:
        replies = list(worker.run([large, replace(large, rates=BAD.rates), *[large] * 4]))
    assert [isinstance(reply, Trace) for reply in replies] == [True, False, True, True, True, True]


def test_a_process_that_reads_nothing_hangs_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipe, "_GRACE", 0.2)  # stopped, it cannot say where it hangs
    large = replace(GOOD, x=np.ones((9_000, 3)), y=np.ones((9_000, 2)))
    with Worker(lane()) as worker:
        (first,) = worker.run([GOOD])
        os.kill(int(pid(first)), signal.SIGSTOP)
        failure, second = worker.run([large, GOOD], timeout=1)
    assert isinstance(failure, Failure)
    assert failure.kind == "hung"
    assert pid(first) != pid(second)


def test_a_lane_that_hangs_again_and_again_is_given_up() -> None:
    with Worker(lane("hang")) as worker:
        replies = list(worker.run([BAD, BAD, BAD, BAD, GOOD], timeout=1))
    failures = [reply for reply in replies if isinstance(reply, Failure)]
    assert [failure.kind for failure in failures] == ["hung"] * 5
    given_up = [failure.reason.startswith("given up after 3 cases") for failure in failures]
    assert given_up == [False, False, False, True, True]


def test_a_batch_left_early_ends_the_process_and_one_taken_whole_does_not() -> None:
    with Worker(lane()) as worker:
        batch = worker.run([GOOD, GOOD])
        first = next(batch)
        with pytest.raises(RuntimeError, match="in the middle of a batch"):
            next(worker.run([GOOD]))
        batch.close()
        assert not worker.alive
        whole = worker.run([GOOD])
        second = next(whole)
        (third,) = worker.run([GOOD])
        whole.close()
        assert worker.alive
    assert pid(first) != pid(second) == pid(third)
    assert not worker.alive


def test_a_worker_outlives_the_thread_that_started_it() -> None:
    replies: list[Trace | Failure] = []
    with Worker(lane()) as worker:
        thread = threading.Thread(target=lambda: replies.extend(worker.run([GOOD])))
        thread.start()
        thread.join()
        replies.extend(worker.run([GOOD]))
    assert pid(replies[0]) == pid(replies[1])


def test_a_worker_that_died_between_batches_is_replaced() -> None:
    with Worker(lane()) as worker:
        (first,) = worker.run([GOOD])
        os.kill(int(pid(first)), signal.SIGKILL)
        os.waitid(os.P_PID, int(pid(first)), os.WEXITED | os.WNOWAIT)
        (second,) = worker.run([GOOD])
    assert pid(first) != pid(second)


def test_workers_are_kept_by_lane_and_width_and_the_longest_unused_are_closed() -> None:
    one, two = replace(lane(), name="one"), replace(lane(), name="two")
    with Workers(limit=2) as workers:
        replies = list(workers.run(one, [GOOD, WIDE, GOOD]))
        assert workers.alive == [("one", True), ("one", False)]
        (other,) = workers.run(two, [GOOD])
        assert workers.alive == [("one", False), ("two", False)]
        (again,) = workers.run(one, [GOOD])
    assert workers.alive == []
    assert [reply.versions["x64"] for reply in replies if isinstance(reply, Trace)] == [
        "no",
        "yes",
        "no",
    ]
    assert pid(replies[0]) == pid(replies[2]) == pid(again)
    assert len({pid(replies[0]), pid(replies[1]), pid(other)}) == 3


def test_a_case_can_be_trained_in_process() -> None:
    trace = train_in_process(lane("raise_an_error"), GOOD)
    assert pid(trace) == str(os.getpid())
    with pytest.raises(ValueError, match="kernel of the wrong kind"):
        train_in_process(lane("raise_an_error"), BAD)


@pytest.mark.skipif(sys.platform != "linux", reason="needs parent-death signals")
@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM])
def test_no_worker_outlives_its_parent(signal_number: signal.Signals, tmp_path: Path) -> None:
    tether = tmp_path / "tether"
    os.mkfifo(tether)
    command = [sys.executable, str(FAULTY / "parent.py"), str(tether), GOOD.to_json()]
    # A parent that is killed leaves its temporary files where the test's are.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment) as parent:
        # Readable from both sides, so that opening waits for nobody.
        reader = os.open(tether, os.O_RDONLY | os.O_NONBLOCK)
        assert told(reader, 5) == b"idle\n"
        assert told(reader, 5) == b"hang\n"
        parent.send_signal(signal_number)
        # The end of the file: both workers, which held it open, are gone.
        assert told(reader, 1) == b""
        os.close(reader)
        parent.communicate()
    assert parent.returncode == -signal_number


@pytest.mark.skipif(sys.platform == "win32", reason="needs process groups")
def test_what_a_lane_started_ends_with_it(tmp_path: Path) -> None:
    tether = tmp_path / "tether"
    os.mkfifo(tether)
    reader = os.open(tether, os.O_RDONLY | os.O_NONBLOCK)
    environment = {"FAULTY_TETHER": str(tether)}
    with Worker(Lane("t", str(FAULTY / "tethered.py"), "child", environment=environment)) as worker:
        (reply,) = worker.run([GOOD])
        assert isinstance(reply, Trace)
    assert told(reader, 6) == b"child\n"
    assert told(reader, 1) == b""
    os.close(reader)


@pytest.mark.skipif(sys.platform == "win32", reason="needs process groups")
def test_what_a_lane_started_ends_where_the_lane_died_by_itself(tmp_path: Path) -> None:
    tether = tmp_path / "tether"
    os.mkfifo(tether)
    reader = os.open(tether, os.O_RDONLY | os.O_NONBLOCK)
    variables = {"FAULTY_TETHER": str(tether)}
    with Worker(Lane("t", str(FAULTY / "tethered.py"), "orphan", environment=variables)) as worker:
        (reply,) = worker.run([GOOD])
        assert isinstance(reply, Failure)
        assert told(reader, 7) == b"orphan\n"
        assert told(reader, 1) == b""
    os.close(reader)


@pytest.mark.parametrize("name", ["parity", "random"])
def test_what_lies_in_the_folder_of_the_run_shadows_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"{name}.py").write_text("raise ImportError('not the one')\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with Worker(lane()) as worker:
        (reply,) = worker.run([GOOD])
    assert isinstance(reply, Trace), reply


def test_temporary_files_of_a_lane_that_is_killed_go_with_it() -> None:
    with Worker(lane("leave_a_file")) as worker:
        (reply,) = worker.run([BAD])
        assert isinstance(reply, Trace)
        (path,) = map(Path, reply.messages)
        assert path.exists()
    assert not path.parent.exists()


def told(reader: int, size: int) -> bytes:
    ready, _, _ = select.select([reader], [], [], 20)
    assert ready, "nothing was heard within 20 s"
    return os.read(reader, size)


def test_the_lane_side_needs_nothing_but_numpy() -> None:
    program = (
        "import sys; before = set(sys.modules); import parity.lanes.worker;"
        "tops = {name.partition('.')[0] for name in set(sys.modules) - before};"
        "print(*sorted(tops - sys.stdlib_module_names))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program]
    seen = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert [name for name in seen.stdout.split() if not name.startswith("_")] == ["numpy", "parity"]
