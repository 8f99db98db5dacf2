"""A lane that trains nothing, and goes wrong in the way its mode names when the first rate is 1."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import tempfile
import threading
import warnings
from dataclasses import replace

import numpy as np

from parity.case import Case
from parity.lanes import Refused
from parity.trace import Recorder, Trace


def train(case: Case, mode: str) -> Trace:
    trace = untrained(case)
    return FAULTS[mode](trace) if case.rates[0] == 1 else trace


def untrained(case: Case) -> Trace:
    weights = {name: value.astype(np.float32) for name, value in case.weights.items()}
    recorder = Recorder()
    recorder.start(weights)
    for _ in case.batches:
        recorder.step(0.5, weights, weights, {"momentum": weights})
    told = {"pid": str(os.getpid()), "x64": os.environ.get("FAULTY_X64", "no")}
    return replace(recorder.trace(), versions=told)


def die_of_a_null_pointer(_: Trace) -> Trace:
    ctypes.string_at(0)
    raise AssertionError


def die_of_a_signal(_: Trace) -> Trace:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def exit_at_once(_: Trace) -> Trace:
    os._exit(3)


def exit_politely(_: Trace) -> Trace:
    sys.exit(3)


def raise_an_error(_: Trace) -> Trace:
    raise ValueError("kernel of the wrong kind")


def refuse(_: Trace) -> Trace:
    raise Refused("the framework takes no such thing")


def allocate_too_much(trace: Trace) -> Trace:
    np.ones(1 << 50)
    return trace


def hang(trace: Trace) -> Trace:
    threading.Event().wait()
    return trace


def print_much(trace: Trace) -> Trace:
    sys.stdout.write("chatter\n" * 100_000)
    sys.stdout.flush()
    os.write(1, b"raw chatter \0\xff")
    ctypes.CDLL(None).puts(b"chatter from C")
    return trace


def be_interrupted(trace: Trace) -> Trace:
    os.kill(os.getpid(), signal.SIGINT)
    return trace


def ask_for_input(trace: Trace) -> Trace:
    assert sys.stdin.read() == ""
    return trace


def write_into_the_replies(trace: Trace) -> Trace:
    for pipe in pipes():
        try:
            os.write(pipe, b"this is not a message at all")
        except OSError:
            continue  # the end that requests come from
    return trace


def close_the_replies(trace: Trace) -> Trace:
    for pipe in pipes():
        os.close(pipe)
    return hang(trace)


def pipes() -> list[int]:
    found = []
    for name in os.listdir("/proc/self/fd"):
        number = int(name)
        try:
            if number > 2 and os.readlink(f"/proc/self/fd/{name}").startswith("pipe:"):
                found.append(number)
        except OSError:
            continue  # the folder's own, closed by now
    return found


def transpose(trace: Trace) -> Trace:
    kernel = trace.weights["layer0/kernel"]
    return replace(trace, weights={**trace.weights, "layer0/kernel": kernel.swapaxes(1, 2)})


def lose_a_step(trace: Trace) -> Trace:
    return replace(trace, losses=trace.losses[1:])


def overflow(trace: Trace) -> Trace:
    weights = {name: value * np.float32(np.nan) for name, value in trace.weights.items()}
    return replace(trace, losses=trace.losses * np.inf, weights=weights)


def return_nothing(_: Trace) -> None:
    return None


def leave_a_file(trace: Trace) -> Trace:
    handle, path = tempfile.mkstemp(prefix="left-")
    os.close(handle)
    return replace(trace, messages=(path,))


def complain(trace: Trace) -> Trace:
    for _ in range(3):
        warnings.warn("eps is old", DeprecationWarning, stacklevel=1)
        logging.getLogger("absl").warning("lr is %s", "ignored")
    aloof = logging.getLogger("aloof")
    aloof.propagate = False
    aloof.error("%d too many", "one")
    return replace(trace, messages=("rejected: lr",))


FAULTS = {
    function.__name__: function
    for function in (
        die_of_a_null_pointer,
        die_of_a_signal,
        exit_at_once,
        exit_politely,
        raise_an_error,
        refuse,
        allocate_too_much,
        hang,
        print_much,
        be_interrupted,
        ask_for_input,
        write_into_the_replies,
        close_the_replies,
        transpose,
        lose_a_step,
        overflow,
        return_nothing,
        leave_a_file,
        complain,
    )
}
logging.getLogger("aloof").propagate = False
