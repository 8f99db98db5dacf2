"""The parent's side of a process whose steps are timed, and what is timed in it."""

from __future__ import annotations

import hashlib
import sys
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any

import numpy as np

from parity.case import Case
from parity.changes.dials import MODEL_DIALS
from parity.compare import Status, Verdict, compared
from parity.known import CLAIMS, claimed, dials, in_force
from parity.lanes import Lane
from parity.lanes.pipe import Lost, Process
from parity.lanes.process import environment
from parity.oracle import Expected, passes, updates
from parity.summary import times
from parity.trace import Trace, check
from parity.updates import Tensors

SQUARE = 1024  # rows and columns of the large product
PATIENCE = 300.0  # seconds for an import, a compilation, or a round
# What JAX compiles is compiled here and now, so that its seconds can be told; torch.compile, which
# would take 5 to 15 s each time, reads what it once left on disk. And one thread for each lane,
# whatever library it counts with.
_ALONE = {
    "JAX_ENABLE_COMPILATION_CACHE": "false",
    "NPROC": "1",  # of XLA's own pool, whatever its flags say
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}


class TimingError(ValueError):
    """A lane that cannot be timed on a case; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A lane that is ready to be timed on a case whose steps the oracle has judged.

    `processors` is how many of them its steps keep busy.
    """

    compile_seconds: float
    status: Status
    score: float
    device: str
    processors: float
    threads: Mapping[str, Any]
    products: Mapping[str, Any]
    versions: Mapping[str, str]


class Stepper:
    """A lane's module in a process of its own, started when first asked.

    Several lanes can be ready in it, modes of that module, each on one case. `python` is its
    interpreter, and `variables` are set for it.
    """

    def __init__(
        self,
        lane: Lane,
        *,
        python: str = sys.executable,
        variables: Mapping[str, str] | None = None,
        x64: bool = False,
    ) -> None:
        wanted = {**lane.environment, **_ALONE, **(lane.x64 if x64 else {}), **(variables or {})}
        self._environment = environment(wanted)
        self._command = [python, "-m", "parity.throughput", lane.module]
        self._process: Process | None = None
        self._ready = False

    def prepare(self, lane: Lane, case: Case) -> Prepared:
        """Get a lane ready for timing, its steps judged. Raises TimingError.

        The steps that are judged are seen one by one; those that are timed are not, and must come
        to the same weights, bit by bit.
        """
        request = {"prepare": lane.name, "case": case.to_dict(), "mode": lane.mode}
        try:
            told = self._asked(request)
            trace = Trace.from_dict(told["trace"])
            check(trace, case)
        except ValueError as error:
            raise TimingError(f"{lane.name}: {error}") from error
        verdict = _judged(lane, case, trace)
        if verdict.status not in (Status.AGREE, Status.ABSTAIN):
            raise TimingError(f"{lane.name}: its step is wrong: {_told(verdict)}")
        for name, seen in told["weights"].items():
            if not np.array_equal(seen, trace.weights[name][-1], equal_nan=True):
                raise TimingError(f"{lane.name}: the step to be timed gives another {name}")
        runs_on = told["runs_on"]
        return Prepared(
            told["compile_seconds"],
            verdict.status,
            verdict.score,
            runs_on["device"],
            told["processors"],
            runs_on["threads"],
            runs_on["products"],
            dict(trace.versions),
        )

    def time(self, name: str, count: int) -> float:
        """Return the seconds of so many steps of the lane of that name, which is ready."""
        return float(self._asked({"time": name, "count": count})["seconds"])

    def product(self, dtype: str) -> float:
        """Return the operations per second of a product of two matrices of SQUARE rows."""
        told = self._asked({"product": SQUARE, "dtype": dtype})
        return 2 * SQUARE**3 / float(told["seconds"])

    def copy(self, count: int) -> float:
        """Return the bytes per second of a copy that reads and writes `count` bytes in all."""
        return count / float(self._asked({"copy": count})["seconds"])

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.close()

    def __enter__(self) -> Stepper:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _asked(self, request: Mapping[str, Any]) -> Any:
        try:
            if self._process is None:
                self._process = Process(self._command, self._environment)
                message = self._process.receive(PATIENCE)
                if "ready" not in message:
                    raise TimingError(f"does not import: {message['import']}")
            self._process.send(request)
            answer = self._process.receive(PATIENCE)
        except Lost as lost:
            self.close()
            raise TimingError(str(lost.failure)) from lost
        if "error" in answer:
            raise TimingError(answer["error"])
        return answer


def _judged(lane: Lane, case: Case, trace: Trace) -> Verdict:
    """Return the verdict on a trace, with the claims about its versions.

    Claims begin with the version on which they were checked; for an older release those of newer
    ones are tried too.
    """
    of_versions = in_force(CLAIMS, trace.versions)
    sets = (dials(claimed(claims, lane.name, case)) for claims in (of_versions, CLAIMS))
    first, then = (partial(_verdict, case, trace, turned) for turned in sets)
    verdict = first()
    return then() if verdict.status is Status.DIVERGE else verdict


def _verdict(case: Case, trace: Trace, turned: Mapping[str, Any]) -> Verdict:
    return compared(case, trace, _expected(case, trace, turned))


def _told(verdict: Verdict) -> str:
    first = verdict.divergence
    if first is None:
        return verdict.reason
    return f"step {first.step + 1}, {first.tensor} is {times(first.score)} times the bound off"


def _expected(case: Case, trace: Trace, turned: Mapping[str, Any]) -> Expected:
    """Return what the oracle expects of a trace.

    Passes over large batches are long, and lanes have the same weights at first, if not later.
    """
    weights = b"".join(value[:-1].tobytes() for _, value in sorted(trace.weights.items()))
    of_model = {name: value for name, value in turned.items() if name in (*MODEL_DIALS, "products")}
    key = hashlib.sha256(weights).hexdigest(), repr(sorted(of_model.items()))
    with _LOCK:
        held = next((found for of, found in _PASSES if of is case), None)
        if held is None:
            held = {}
            _PASSES.append((case, held))
        if key not in held:
            held[key] = passes(case, trace, of_model)
        losses, gradients = held[key]
    return Expected(losses, gradients, *updates(case, trace, gradients, turned))


# Of the last cases, one in each precision.
_PASSES: deque[tuple[Case, dict[tuple[str, str], tuple[Any, Tensors]]]] = deque(maxlen=2)
_LOCK = Lock()
