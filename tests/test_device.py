"""Lanes on a device are left out where there is none, and judged with its precision where it is."""

from __future__ import annotations

import ctypes
import importlib.metadata
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from parity.compare import Stage, Status, judge
from parity.generation import generated
from parity.known import CLAIMS, claimed, dials
from parity.lanes import Lane, device, installed, numpy32
from parity.lanes.catalog import LANES
from parity.profiles import PROFILES
from parity.strategies import PROBLEMS

pytest_plugins = ("pytester",)
NAMES = {lane.name: lane for lane in LANES}
DEVICES = [lane for lane in LANES if lane.device]


class Driver:
    """A CUDA driver with so many devices."""

    def __init__(self, devices: int, status: int = 0) -> None:
        self.devices, self.status = devices, status

    def cuInit(self, flags: int) -> int:  # its name in the driver
        return self.status

    def cuDeviceGetCount(self, count: Any) -> int:  # its name in the driver
        count._obj.value = self.devices
        return 0


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Driver | None], None]]:
    """Return what puts a driver in place of this machine's."""

    def use(found: Driver | None) -> None:
        def load(name: str) -> Driver:
            if found is None:
                raise OSError(f"{name}: no such file")
            return found

        device._driver.cache_clear()
        monkeypatch.setattr(ctypes, "CDLL", load)

    yield use
    device._driver.cache_clear()


def test_without_a_driver_or_a_device_the_reason_is_told(
    driver: Callable[[Driver | None], None],
) -> None:
    driver(None)
    assert installed.missing(NAMES["jax:gpu"]) == "no CUDA device (no driver libcuda.so.1)"
    for found in (Driver(0), Driver(2, status=100)):  # 100: CUDA_ERROR_NO_DEVICE
        driver(found)
        assert installed.missing(NAMES["jax:gpu"]) == "no CUDA device"
    assert installed.missing(NAMES["jax"]) is None


@pytest.mark.parametrize(
    ("lane", "versions", "told"),
    [
        ("torch:cuda", {"torch": "2.13.0+cpu"}, "torch 2.13.0+cpu is built for the CPU"),
        ("torch:cuda", {"torch": "2.13.0"}, None),
        ("keras@torch:cuda", {"torch": "2.13.0+cpu"}, "torch 2.13.0+cpu is built for the CPU"),
        ("tensorflow:gpu", {"tensorflow-cpu": "2.21.0"}, "tensorflow-cpu 2.21.0 is built for the"),
        ("tensorflow:gpu", {"tensorflow": "2.21.0"}, None),
        ("jax:gpu", {}, "jax has no CUDA plugin"),
    ],
)
def test_with_a_device_the_framework_must_be_built_for_it(
    lane: str,
    versions: dict[str, str],
    told: str | None,
    driver: Callable[[Driver | None], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def version(name: str) -> str:
        if name not in versions:
            raise importlib.metadata.PackageNotFoundError(name)
        return versions[name]

    driver(Driver(1))
    monkeypatch.setattr(importlib.metadata, "version", version)
    seen = installed.missing(NAMES[lane])
    assert seen is None if told is None else told in str(seen)


def test_each_device_lane_is_another_lane_with_its_precision_set() -> None:
    assert [lane.name for lane in DEVICES] == [
        *("torch:cuda", "torch:cuda-tf32", "keras@torch:cuda", "keras@jax:gpu"),
        *("jax:gpu", "jax:gpu-tf32", "tensorflow:gpu", "tensorflow:gpu-tf32"),
    ]
    for lane in DEVICES:
        # Off for every library, or not: frameworks differ in what they do by default.
        exact = lane.environment.get("NVIDIA_TF32_OVERRIDE") == "0"
        assert exact is not lane.name.endswith("-tf32")
        assert "CUDA_VISIBLE_DEVICES" not in lane.environment
    for lane in LANES:
        if not lane.device and lane.name != "numpy32":
            assert lane.environment["CUDA_VISIBLE_DEVICES"] == ""
            assert lane.environment["JAX_PLATFORMS"] == "cpu"


def test_a_run_says_which_lanes_it_leaves_out(
    pytester: pytest.Pytester, driver: Callable[[Driver | None], None]
) -> None:
    driver(None)
    words = ("--pyargs", "parity", "--collect-only")
    seen = pytester.runpytest(*words, "--parity-lanes=numpy32,torch:cuda,jax:gpu")
    assert seen.ret == 0
    seen.stdout.fnmatch_lines(["*parity skips torch:cuda, jax:gpu: no CUDA device *"])
    seen = pytester.runpytest(*words, "--parity-lanes=torch:cuda")
    assert seen.ret == pytest.ExitCode.USAGE_ERROR
    seen.stderr.fnmatch_lines(["*no lane can run: torch:cuda: no CUDA device *"])


def cut(bits: int) -> Callable[..., Any]:
    """Return the control's product, its float32 factors cut to so many bits behind the point."""
    exact = numpy32.dot
    mask = np.uint32((0xFFFFFFFF << (23 - bits)) & 0xFFFFFFFF)

    def few(a: Any) -> Any:
        return (np.ascontiguousarray(a).view(np.uint32) & mask).view(np.float32)

    return lambda a, b, shuffle: exact(few(a), few(b), shuffle)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_products_in_tf32_are_judged_as_such(problem: str) -> None:
    lane = NAMES["torch:cuda-tf32"]
    cases = generated(problem, "sgd", ("float32",), PROFILES["quick"], 0)
    able = [case for case in cases if NAMES["torch"].lacks(case) is None][:12]
    assert able
    turned = [
        dials(c for c in claimed(CLAIMS, lane.name, case) if c.dial == "products") for case in able
    ]
    assert all(one == {"products": "tf32"} for one in turned)
    with patch.object(numpy32, "dot", cut(10)):
        traces = [numpy32.train(case, "") for case in able]
    assert all(
        judge(case, trace, one).status is not Status.DIVERGE
        for case, trace, one in zip(able, traces, turned, strict=True)
    )
    without = [judge(case, trace, {}) for case, trace in zip(able, traces, strict=True)]
    assert any(verdict.status is Status.DIVERGE for verdict in without)
    with patch.object(numpy32, "dot", cut(6)):
        shorter = [numpy32.train(case, "") for case in able]
    seen = [judge(case, t, one) for case, t, one in zip(able, shorter, turned, strict=True)]
    stages = {verdict.divergence.stage for verdict in seen if verdict.divergence is not None}
    assert stages & {Stage.FORWARD, Stage.BACKWARD}


def test_nothing_but_a_device_with_tf32_has_the_wider_bound() -> None:
    case = generated("mlp", "sgd", ("float32",), PROFILES["quick"], 0)[0]
    wider = {lane.name for lane in LANES if "products" in dials(claimed(CLAIMS, lane.name, case))}
    assert wider == {lane.name for lane in DEVICES if lane.name.endswith("-tf32")}
    wide = replace(case, dtype="float64")
    assert not any("products" in dials(claimed(CLAIMS, name, wide)) for name in wider)


def test_a_lane_from_a_file_may_ask_for_a_device(
    tmp_path: Path, driver: Callable[[Driver | None], None]
) -> None:
    driver(None)
    file = tmp_path / "own.py"
    file.write_text(
        "from parity.lanes import Lane\n"
        "OFFERED = {'packages': ('numpy',), 'optimizers': {'sgd': ()}}\n"
        "LANES = [Lane('own', __file__, **OFFERED, device='cuda')]\n",
        encoding="utf-8",
    )
    [lane] = installed.load_lanes(str(file))
    assert isinstance(lane, Lane)
    assert installed.missing(lane) == "no CUDA device (no driver libcuda.so.1)"
