"""What runs in the process of a lane whose steps are timed: a case is prepared, then timed.

`{"prepare": name, "case": case, "mode": mode}` is answered by what its steps gave, and by what they
run on; `{"time": name, "count": count}` by the seconds that so many steps take; `{"product": size,
"dtype": dtype}` and `{"copy": bytes}` by the seconds of a product of square matrices, and of a
copy. Whatever fails is answered by `{"error": reason}`.
"""

from __future__ import annotations

import gc
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.util import find_spec
from time import perf_counter, process_time
from typing import Any

import numpy as np

from parity.case import Case
from parity.lanes import Refused, worker
from parity.lanes.loop import Loop
from parity.throughput.timing import seconds

_WARM = 0.05  # seconds of steps before any is timed
_ROUNDS = 5  # of a product or a copy; the quickest counts


_Timed = tuple[Callable[[], object], Callable[[], None]]  # a step, and what waits for its end


def main(module: str) -> int:
    """Answer requests with a lane's module until stdin closes; return the exit status."""
    prepared: dict[str, _Timed] = {}
    return worker.serve(module, lambda lane, request: _replies(lane, prepared, request))


def _replies(
    lane: Any, prepared: dict[str, _Timed], request: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    try:
        if "prepare" in request:
            yield _prepare(lane, prepared, request)
        elif "time" in request:
            yield {"seconds": seconds(*prepared[request["time"]], request["count"])}
        elif "product" in request:
            yield {"seconds": _product(request["product"], request["dtype"])}
        else:
            yield {"seconds": _copy(request["copy"])}
    except Refused as refusal:
        yield {"error": str(refusal)}
    except Exception as error:  # noqa: BLE001  # a lane raises what it likes: it becomes the reply
        yield {"error": worker.sentence(error), "traceback": traceback.format_exc()}


def _prepare(lane: Any, prepared: dict[str, _Timed], request: Mapping[str, Any]) -> dict[str, Any]:
    prepared.pop(request["prepare"], None)  # of another case, whose memory it would hold
    case, mode = Case.from_dict(request["case"]), request["mode"]
    if not hasattr(lane, "loop"):
        raise Refused("its module has no `loop(case, mode)`, which is what is timed")
    loop: Loop = lane.loop(case, mode)
    batch = loop.batch(0)
    loop.rate(case.rates[0])
    step = partial(loop.step, batch, None)
    first = seconds(step, loop.wait, 1)  # which compiles what is compiled
    if case.steps > 1:
        seconds(step, loop.wait, case.steps - 1)
    weights = {name: np.array(value) for name, value in loop.weights().items()}
    trace = worker.train(lane, mode, case)
    timed = prepared[request["prepare"]] = step, loop.wait
    gc.collect()
    gc.freeze()  # what has been imported is not looked through again
    quickest, processors = _warm(timed)
    return {
        "trace": trace.to_dict(),
        "weights": weights,
        "compile_seconds": max(0.0, first - quickest),
        "processors": processors,
        "runs_on": _runs_on(),
    }


def _warm(timed: _Timed) -> tuple[float, float]:
    """Run steps until the caches are warm.

    Return the seconds of the quickest, and how many processors this process kept busy.
    """
    start, used, quickest = perf_counter(), process_time(), float("inf")
    while True:
        quickest = min(quickest, seconds(*timed, 1))
        passed = perf_counter() - start
        if passed > _WARM:
            return quickest, (process_time() - used) / passed


def _product(size: int, dtype: str) -> float:
    """Return the least seconds of a product of matrices, by NumPy or PyTorch."""
    a = np.random.default_rng(0).normal(size=(size, size)).astype(dtype)
    ways: list[Callable[[], object]] = [lambda: a @ a]
    torch = sys.modules.get("torch")
    if torch is not None:
        tensor = torch.tensor(a)
        ways.append(lambda: tensor @ tensor)
    return min(seconds(way, _nothing, 1) for way in ways for _ in range(_ROUNDS))


def _copy(count: int) -> float:
    """Return the least seconds of reading and writing `count` bytes in all."""
    source = np.ones(max(1, count // 16))
    target = np.empty_like(source)
    repeats = max(1, (1 << 22) // count)
    timed = partial(seconds, partial(np.copyto, target, source), _nothing, repeats)
    return min(timed() for _ in range(_ROUNDS)) / repeats


def _nothing() -> None:
    """Wait for nothing."""


def _device() -> str:
    """Return the name of the device; lanes on the CPU see no other."""
    torch, tensorflow, jax = map(sys.modules.get, ("torch", "tensorflow", "jax"))
    if torch is not None and torch.cuda.is_available():
        return str(torch.cuda.get_device_name(0))
    if jax is not None and os.environ.get("JAX_PLATFORMS") == "cuda":
        return str(jax.devices()[0].device_kind)
    if tensorflow is not None:
        for device in tensorflow.config.list_physical_devices("GPU"):
            return str(tensorflow.config.experimental.get_device_details(device)["device_name"])
    return "cpu"


def _runs_on() -> dict[str, Any]:
    """Return the device, the threads, and the precision of products, as far as each tells."""
    found: dict[str, Any] = {"device": _device(), "threads": {}, "products": {}}
    if find_spec("threadpoolctl") is not None:
        import threadpoolctl

        for pool in threadpoolctl.threadpool_info():
            found["threads"][pool["prefix"]] = pool["num_threads"]
    torch, tensorflow, jax = map(sys.modules.get, ("torch", "tensorflow", "jax"))
    if torch is not None:
        found["threads"]["torch"] = torch.get_num_threads()
        found["products"]["torch"] = torch.get_float32_matmul_precision()
    if tensorflow is not None:
        threading = tensorflow.config.threading
        told = threading.get_intra_op_parallelism_threads()  # 0: what the variable says
        found["threads"]["tensorflow"] = told or os.environ.get("TF_NUM_INTRAOP_THREADS", "all")
        on = tensorflow.config.experimental.tensor_float_32_execution_enabled()
        found["products"]["tensorflow"] = "TF32 on GPUs" if on else "float32"
    if jax is not None:
        found["threads"]["xla"] = os.environ.get("NPROC", "all")  # which it obeys; not its flags
        found["products"]["jax"] = jax.config.jax_default_matmul_precision or "default"
    return found


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
