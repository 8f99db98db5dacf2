"""A recording is judged as far as it goes, and a file that is none is refused with a sentence."""

from __future__ import annotations

import re
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import parity
from parity.cli import main
from parity.lanes import wire
from parity.watching.by_hand import family
from parity.watching.recording import RecordingError, load, mark, places
from parity.watching.report import judge

RATE = 0.25
X = np.arange(12.0).reshape(6, 2) / 8
Y = X @ np.array([[1.5], [-2.0]]) + 0.5
MODEL = parity.Model((parity.Layer(1),), parity.Loss("squared_error", "half_mean"))


def train(steps: int, *, rate: float = RATE, file: Path | None = None, error: bool = False) -> Any:
    """Train a linear regression by hand, watched; return the trace."""
    w, b = np.zeros((2, 1)), np.zeros(1)
    tensors = {"w": w, "b": b}
    with parity.watch(tensors, parity.promise("sgd", lr=RATE), MODEL, file=file) as trace:
        for _ in range(steps):
            gap = X @ w + b - Y
            gradients = {"w": X.T @ gap / 6, "b": gap.mean(0)}
            w -= rate * gradients["w"]
            b -= rate * gradients["b"]
            trace.step(gradients, loss=float(np.mean(gap**2) / 2), x=X, y=Y)
        if error:
            raise OverflowError("too far")
    return trace


def message(content: Any) -> bytes:
    body = wire.pack(content)
    written = zlib.crc32(body).to_bytes(4, "little") + body
    return mark(len(mark(0)) + len(written)) + written


def test_a_loop_by_hand_is_followed() -> None:
    report = train(5).judge()
    assert report.ok
    assert [(name, judged.elements) for name, judged in report.stages] == [
        ("loss and gradients", 20),
        ("updates", 15),
    ]


@pytest.mark.parametrize(("size", "judged"), [(4096, 4096), (4097, 0)])
def test_a_trust_ratio_is_judged_where_all_elements_are_recorded(size: int, judged: int) -> None:
    w, g = np.linspace(1.0, 2.0, size), np.linspace(0.5, 1.0, size)
    with parity.watch({"w": w}, parity.promise("lamb", lr=0.1, eps=0.0)) as trace:
        w -= 0.1 * np.sqrt((w * w).sum() / size)  # the direction is one everywhere
        trace.step({"w": g})
    report = trace.judge()
    assert report.ok
    assert dict(report.stages)["updates"].elements == judged
    assert ("of lamb the oracle needs all elements" in str(report)) is not bool(judged)


@pytest.mark.parametrize(("lambda1", "said"), [(2.0, []), (0.0, ["never moved", "update"])])
def test_weights_that_lambda1_holds_at_zero_are_not_missed(lambda1: float, said: list[str]) -> None:
    w, b = np.zeros(3), np.ones(1)
    with parity.watch({"w": w, "b": b}, parity.promise("ftrl", lr=1.0, lambda1=lambda1)) as trace:
        b[:] = 0.0  # its z is 4 - (sqrt(16) - 0) / 1, of a weight of one
        trace.step({"w": np.ones(3), "b": np.full(1, 4.0)})
    assert [finding.kind for finding in trace.judge().findings] == said


def test_another_rate_than_promised_is_named() -> None:
    (finding,) = train(5, rate=0.125).judge().findings
    assert finding.kind == "update"
    assert finding.sentence.endswith("lr=0.125 is in effect, not 0.25")


def test_a_wider_bound_is_no_explanation() -> None:
    """Differences of two large losses: gelu, whose bound is wider, agrees with what is linear."""
    x = np.array([[8.0]], np.float32)
    w, b = np.array([[10.0]], np.float32), np.zeros(1, np.float32)
    tensors = {"w": w, "b": b}
    model = parity.Model((parity.Layer(1),), parity.Loss("squared_error"))
    with parity.watch(tensors, parity.promise("sgd", lr=0.5), model) as trace:
        seen = np.float32(160 * (1 + 2.0**-17))
        gradients = {"w": np.array([[8 * seen]]), "b": np.array([seen])}
        w -= np.float32(0.5) * gradients["w"]
        b -= np.float32(0.5) * gradients["b"]
        trace.step(gradients, loss=6400.0, x=x, y=np.zeros((1, 1)))
    (finding,) = trace.judge().findings
    assert finding.kind == "backward"
    assert finding.sentence.endswith("times the rounding bound")


def test_a_file_says_what_the_trace_says(tmp_path: Path) -> None:
    trace = train(5, file=tmp_path / "run.parity")
    assert str(judge(load(tmp_path / "run.parity"))) == str(trace.judge())


def test_the_command_judges_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(3, file=tmp_path / "good")
    assert main(["judge", str(tmp_path / "good")]) == 0
    assert "updates as promised: 9 judged" in capsys.readouterr().out
    train(3, rate=0.125, file=tmp_path / "bad")
    assert main(["judge", str(tmp_path / "bad")]) == 1
    assert "lr=0.125 is in effect, not 0.25" in capsys.readouterr().out


def test_a_run_that_fails_is_judged_up_to_there(tmp_path: Path) -> None:
    with pytest.raises(OverflowError):
        train(4, file=tmp_path / "run", error=True)
    report = judge(load(tmp_path / "run"))
    assert "4 steps recorded" in report.title
    assert "the run ended with OverflowError: too far" in report.notes


def test_a_run_that_is_killed_is_judged_up_to_there(tmp_path: Path) -> None:
    program = f"""
import os, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_recording, parity
step = parity.watching.Watched.step
def counted(trace, gradients, **told):
    step(trace, gradients, **told)
    if len(trace.recording.steps) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
parity.watching.Watched.step = counted
test_recording.train(9, file={str(tmp_path / "run")!r})
"""
    done = subprocess.run([sys.executable, "-c", "import parity.watching" + program], check=False)
    assert done.returncode < 0
    report = judge(load(tmp_path / "run"))
    assert report.ok
    assert "3 steps recorded" in report.title
    assert "the run did not come to its end: the recording stops here" in report.notes


def test_a_run_that_is_killed_in_a_message_is_judged_up_to_there(tmp_path: Path) -> None:
    program = f"""
import os, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_recording, parity.watching.recording as recording
class Torn(bytes):
    def __radd__(self, told):
        with open({str(tmp_path / "run")!r}, "ab") as file:
            file.write(told + self[:40])
        os.kill(os.getpid(), signal.SIGKILL)
pack, count = recording.wire.pack, 0
def packed(message):
    global count
    count += "step" in message
    return Torn(pack(message)) if count == 4 else pack(message)
recording.wire.pack = packed
test_recording.train(9, file={str(tmp_path / "run")!r})
"""
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert done.returncode < 0
    recording = load(tmp_path / "run")
    assert (len(recording.steps), recording.ended) == (3, False)
    report = judge(recording)
    assert report.ok
    assert "the run did not come to its end: the recording stops here" in report.notes


def test_a_full_disk_ends_the_file_and_not_the_run() -> None:
    report = train(5, file=Path("/dev/full")).judge()
    assert report.ok
    assert "5 steps recorded" in report.title
    assert "/dev/full holds 0 steps: No space left on device" in report.notes


def test_a_disk_that_fills_up_leaves_what_can_be_judged(tmp_path: Path) -> None:
    """The system is told of a largest file; what is written beyond it is an OSError."""
    train(3, file=tmp_path / "three")
    program = f"""
import resource, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_recording
from pathlib import Path
size = Path({str(tmp_path / "three")!r}).stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
print(test_recording.train(9, file={str(tmp_path / "run")!r}).judge())
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    assert "9 steps recorded" in done.stdout
    assert f"{tmp_path / 'run'} holds 3 steps: File too large" in done.stdout
    assert "3 steps recorded" in judge(load(tmp_path / "run")).title


def test_a_file_that_cannot_be_opened_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file or directory"):
        train(1, file=tmp_path / "no folder" / "run")


def test_complex_numbers_are_recorded_and_not_judged(tmp_path: Path) -> None:
    w = np.array([1 + 2j, 3.0])
    with parity.watch({"w": w}, parity.promise("sgd", lr=0.5), file=tmp_path / "run") as trace:
        for gradient in (w * 0, w / 2):
            w -= gradient
            trace.step({"w": gradient})
    report = trace.judge()
    assert report.ok
    assert "not judged: w is complex128: the oracle has no bound for it" in report.notes
    assert str(judge(load(tmp_path / "run"))) == str(report)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, share: float) -> None:
    train(5, file=tmp_path / "run")
    content = (tmp_path / "run").read_bytes()
    (tmp_path / "run").write_bytes(content[: int(share * len(content))])
    with pytest.raises(RecordingError, match="run is damaged or cut off"):
        load(tmp_path / "run")


def test_no_damage_ends_in_anything_but_a_sentence(tmp_path: Path) -> None:
    train(3, file=tmp_path / "run")
    content = bytearray((tmp_path / "run").read_bytes())
    random = np.random.default_rng(0)
    where = [*range(64), *random.integers(len(content), size=300)]  # the first size among them
    for place in where:
        damaged = bytearray(content)
        damaged[place] ^= random.integers(1, 256) | 128 * (place < 64)
        (tmp_path / "run").write_bytes(damaged)
        with pytest.raises(RecordingError, match=r"run (is|has) "):
            load(tmp_path / "run")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\x80\x04\x95 a pickle of somebody else's", "is damaged or cut off at its start"),
        (message({"trace": 1}), "is not a recording of parity.watch"),
        (message([1]), "is not a recording of parity.watch"),
        (message({"parity": "watch", "format": 7}), "has format 7, expected 2"),
        (message({"parity": "watch", "format": 2, "header": {}}), "is not a recording"),
    ],
)
def test_another_file_is_refused(
    tmp_path: Path, content: bytes, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(RecordingError, match=says):
        load(tmp_path / "file")
    with pytest.raises(SystemExit) as stopped:
        main(["judge", str(tmp_path / "file")])
    assert stopped.value.code == 2
    assert says in capsys.readouterr().err


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="No such file"):
        load(tmp_path / "file")


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: parity.promise("sdg", lr=1), "expected one of sgd, adam, .*, got 'sdg'"),
        (lambda: parity.promise("sgd", rate=1), "sgd: expected arguments of lr, .*, got 'rate'"),
        (lambda: parity.promise("sgd"), "sgd: lr is missing"),
        (lambda: parity.watch(3).__enter__(), "expected something of torch, .*, got int: 3"),
        (
            lambda: parity.watch({}, parity.promise("sgd", lr=1)).__enter__().step({"w": 1}),
            r"gradients: expected some of \[\], got \['w'\]",
        ),
        (
            lambda: (
                parity.watch({"kernel": np.ones(1)}, parity.promise("sgd", lr=1))
                .__enter__()
                .step({}, weights={"kernal": np.ones(1)})
            ),
            "weights: expected one of kernel, got 'kernal'; did you mean kernel?",
        ),
    ],
)
def test_misuse_shows_the_value_and_the_choices(call: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        call()


@pytest.mark.parametrize(
    ("tensors", "says"),
    [
        ({"w": np.zeros((2, 3))}, "no tensors for layer 0 of 1 units in {'w': (2, 3)}"),
        ({"w": np.zeros((2, 1))}, "no tensors for layer 0 of 1 units in {'w': (2, 1)}"),
        (
            {"w": np.zeros((2, 1)), "b": np.zeros(1), "c": np.zeros(1)},
            "the model's 1 layers leave over {'c': (1,)}",
        ),
    ],
)
def test_tensors_that_are_not_the_model_s_are_refused(tensors: Any, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        parity.watch(tensors, parity.promise("sgd", lr=1), MODEL).__enter__()


def test_tensors_are_told_by_their_shapes() -> None:
    layers = (parity.Layer(3), parity.Layer(2, bias=False), parity.Layer(2))
    model = parity.Model(layers, parity.Loss("squared_error"))
    shapes = {"last": (2, 2), "b": (3,), "a": (5, 3), "c": (2,), "middle": (3, 2)}
    assert {key: name for key, (name, _) in family(model, shapes)["names"].items()} == {
        "layer0/kernel": "a",
        "layer0/bias": "b",
        "layer1/kernel": "middle",
        "layer2/kernel": "last",
        "layer2/bias": "c",
    }


def test_batches_that_are_not_told_of_each_step_are_not_judged() -> None:
    trace = train(3)
    trace.batch(X, Y, 1.0)
    assert "not judged: 1 batches were told of 3 steps" in trace.judge().notes


def test_of_large_tensors_both_ends_are_recorded() -> None:
    assert places(4096) is None
    found = places(10**6)
    assert found is not None
    assert found.size <= 4096
    assert {0, 63, 10**6 - 64, 10**6 - 1} <= set(found.tolist())


def test_parity_has_nothing_else() -> None:
    with pytest.raises(AttributeError, match="module 'parity' has no attribute 'wacht'"):
        _ = parity.wacht


def test_a_loop_that_trains_nothing_is_told() -> None:
    (finding,) = train(0).judge().findings
    assert finding.kind == "no update"


def test_a_step_too_small_for_the_weights_is_as_promised() -> None:
    w = np.ones(3, np.float32)
    with parity.watch({"w": w}, parity.promise("sgd", lr=1e-3)) as trace:
        for _ in range(3):
            gradient = np.full(3, 1e-6, np.float32)
            w -= np.float32(1e-3) * gradient
            trace.step({"w": gradient})
    assert trace.judge().ok


@pytest.mark.parametrize(
    ("weights", "gradient", "kinds"),
    [
        ([1.0, 2.0], [np.nan, 1.0], ["skipped"]),
        ([np.nan, 2.0], [np.nan, 1.0], ["not finite"]),
    ],
)
def test_what_is_not_finite_is_told(
    weights: list[float], gradient: list[float], kinds: list[str]
) -> None:
    w = np.array([1.0, 2.0])
    with parity.watch({"w": w}, parity.promise("sgd", lr=0.5)) as trace:
        w[:] = weights
        trace.step({"w": np.array(gradient)})
    found = [finding.kind for finding in trace.judge().findings]
    assert [kind for kind in found if kind != "update"] == kinds
