"""What JAX offers is found, runs the same twice, and each script shows what its probe shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from probes import assert_moved, assert_repeated, assert_shown_by_scripts, sgd_by_hand

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
    assert_repeated(side, map(Probe, MAIN))


def test_moved_inputs_move_what_is_computed(side: Side) -> None:
    names = ("jax.nn.gelu", "jax.scipy.special.xlogy", f"{OPTIMIZERS}.adam")
    assert_moved(side, map(Probe, names))


def test_sgd_is_what_it_is_by_hand(side: Side) -> None:
    [seen] = side.run(Probe(f"{OPTIMIZERS}.sgd", {"step_size": 0.5}))
    assert np.array_equal(seen.arrays["kernel by step"], sgd_by_hand(0.5))


def test_a_gradient_is_that_of_the_weighted_sum(side: Side) -> None:
    [seen] = side.run(Probe("jax.nn.relu"))
    ramp = np.linspace(1, 2, 15).reshape(5, 3)
    expected = np.where(seen.arrays["value 0"] > 0, ramp, 0.0)
    assert np.array_equal(seen.arrays["gradient of x"], expected)


def test_each_script_shows_what_its_probe_shows(side: Side, tmp_path: Path) -> None:
    assert_shown_by_scripts(side, SCRIPTS, tmp_path)


def test_what_makes_nothing_to_train_with_says_why() -> None:
    with Side("optax") as offering:
        assert offering.describe()["optax.measure_with_ema"].kind == "other"
        (without,) = offering.run(Probe("optax.measure_with_ema"))
        assert "missing 2 required positional arguments" in without.error
        (tuple_of_two,) = offering.run(Probe("optax.contrib.MuonDimensionNumbers"))
        assert tuple_of_two.error == "NotImplementedError: offered, and not tried"
