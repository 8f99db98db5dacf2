"""What the probes of any framework must do, whatever it offers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from parity.arguments import problem
from parity.arguments.problem import KERNEL, STEPS
from parity.upgrades.noise import alike
from parity.upgrades.probe import Array, Probe
from parity.upgrades.probing import Side


def assert_repeated(side: Side, probes: Iterable[Probe]) -> None:
    """Assert that each call gives something, and the same twice."""
    for probe in probes:
        one, other = side.run(probe, (0, 0))
        assert not one.error, f"{probe.key}: {one.error}"
        assert one.arrays
        assert alike(one, other), probe.key


def assert_moved(side: Side, probes: Iterable[Probe]) -> None:
    """Assert that what comes of each call moves with its inputs."""
    for probe in probes:
        one, other = side.run(probe, (0, 1))
        assert not alike(one, other), probe.key


def sgd_by_hand(lr: float) -> Array:
    """Return the kernel before and after each step; `lr` is a power of two, which is exact."""
    weight, rows = problem.probe().weights[KERNEL], []
    for slope in problem.gradients()[KERNEL]:
        rows.append(weight)
        weight = weight - lr * slope  # so one rounding is left
    assert len(rows) == STEPS
    return np.stack([*rows, weight])


def assert_shown_by_scripts(side: Side, probes: Iterable[Probe], folder: Path) -> None:
    """Assert that the script of each call, without the harness, prints what its run shows."""
    paths, expected = [], []
    for number, probe in enumerate(probes):
        [seen] = side.run(probe)
        assert not seen.error
        assert probe.setting in side.describe()[probe.target].settings
        text = side.script(probe)
        assert "parity" not in text
        paths.append(folder / f"probe{number}.py")
        paths[-1].write_text(text, encoding="utf-8")
        expected += [f"{name}: {value.tolist()}" for name, value in seen.arrays.items()]
    # One interpreter, as the import is most of what each of them costs.
    program = "import runpy, sys; [runpy.run_path(path) for path in sys.argv[1:]]"
    command = [sys.executable, "-I", "-W", "ignore", "-c", program, *map(str, paths)]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == expected
