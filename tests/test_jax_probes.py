"""What JAX offers is found, runs the same twice, and each script shows what its probe shows."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from parity.arguments import problem
from parity.arguments.problem import KERNEL, STEPS
from parity.upgrades.noise import alike
from parity.upgrades.probe import Probe
from parity.upgrades.probing import Side

OPTIMIZERS, STARTS = "jax.example_libraries.optimizers", "jax.nn.initializers"
MAIN = (
    "jax.nn.gelu",
    "jax.nn.log_softmax",
    "jax.scipy.special.xlogy",
    "jax.random.normal",
    f"{STARTS}.glorot_uniform",
    f"{STARTS}.zeros",
    f"{OPTIMIZERS}.adam",
    f"{OPTIMIZERS}.inverse_time_decay",
    f"{OPTIMIZERS}.clip_grads",
)
SCRIPTS = (
    Probe("jax.nn.softmax", {"where": {"$": "some"}}, "far"),
    Probe("jax.random.dirichlet"),
    Probe(f"{STARTS}.he_normal", {"dtype": {"$": "float32"}}),
    Probe(f"{OPTIMIZERS}.adam", {"step_size": {"$": "falling"}}, "a step of NaN"),
    Probe(f"{OPTIMIZERS}.polynomial_decay", {"power": 2.0}),
)


@pytest.fixture(scope="module")
def side() -> Iterator[Side]:
    with Side("jax") as started:
        yield started


def test_the_kinds_of_what_is_offered(side: Side) -> None:
    found = side.describe()
    kinds = [found[name].kind for name in MAIN]
    assert kinds == [
        *("activation", "activation", "function", "distribution", "initializer", "initializer"),
        *("optimizer", "schedule", "transformation"),
    ]
    assert all(target.settings for target in found.values())
    assert {"jax.nn.relu", "jax.nn.dot_product_attention", "jax.random.gamma"} <= {*found}
    assert "jax.random.PRNGKey" not in found
    assert found[f"{OPTIMIZERS}.adam"].arguments["b1"] == "0.9"


def test_the_main_calls_run_the_same_twice(side: Side) -> None:
    for name in MAIN:
        one, other = side.run(Probe(name), (0, 0))
        assert not one.error, f"{name}: {one.error}"
        assert one.arrays
        assert alike(one, other), name


def test_moved_inputs_move_what_is_computed(side: Side) -> None:
    for name in ("jax.nn.gelu", "jax.scipy.special.xlogy", f"{OPTIMIZERS}.adam"):
        one, other = side.run(Probe(name), (0, 1))
        assert not alike(one, other), name


def test_sgd_is_what_it_is_by_hand(side: Side) -> None:
    [seen] = side.run(Probe(f"{OPTIMIZERS}.sgd", {"step_size": 0.5}))
    weight, rows = problem.probe().weights[KERNEL], []
    for slope in problem.gradients()[KERNEL]:
        rows.append(weight)
        weight = weight - 0.5 * slope  # halves are exact, so one rounding is left
    assert len(rows) == STEPS
    assert np.array_equal(seen.arrays["kernel by step"], np.stack([*rows, weight]))


def test_a_gradient_is_that_of_the_weighted_sum(side: Side) -> None:
    [seen] = side.run(Probe("jax.nn.relu"))
    ramp = np.linspace(1, 2, 15).reshape(5, 3)
    expected = np.where(seen.arrays["value 0"] > 0, ramp, 0.0)
    assert np.array_equal(seen.arrays["gradient of x"], expected)


def test_each_script_shows_what_its_probe_shows(side: Side, tmp_path: Path) -> None:
    paths, expected = [], []
    for number, probe in enumerate(SCRIPTS):
        target = side.describe()[probe.target]
        [seen] = side.run(probe)
        assert not seen.error
        assert probe.setting in target.settings
        text = side.script(probe)
        assert "parity" not in text
        paths.append(tmp_path / f"probe{number}.py")
        paths[-1].write_text(text, encoding="utf-8")
        expected += [f"{name}: {value.tolist()}" for name, value in seen.arrays.items()]
    # One interpreter, as the import is most of what each of them costs.
    program = "import runpy, sys; [runpy.run_path(path) for path in sys.argv[1:]]"
    command = [sys.executable, "-I", "-W", "ignore", "-c", program, *map(str, paths)]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == expected
