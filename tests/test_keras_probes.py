"""Probes of Keras: all is found, a call repeats itself, moves with its inputs, and is a script."""

from __future__ import annotations

import os
import subprocess
import sys
from ast import literal_eval
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity.lanes.process import environment
from parity.upgrades.probe import Probe, Seen, Target
from parity.upgrades.probing import FRAMEWORKS, Side

KINDS = {
    *("optimizer", "wrapper", "loss", "activation", "regularizer", "constraint"),
    *("initializer", "schedule", "metric", "layer", "fit"),
}
# One call of each kind, small enough for every backend.
ONE_OF_EACH = (
    Probe("keras.optimizers.Adam", {"gradient_accumulation_steps": 2}),
    Probe("keras.optimizers.SGD", {"clipnorm": 0.05}, "in LossScaleOptimizer"),
    Probe("keras.optimizers.LossScaleOptimizer", {}, "a gradient is infinite"),
    Probe("keras.losses.SparseCategoricalCrossentropy", {"ignore_class": 1}),
    Probe("keras.losses.huber", {"delta": 0.3}),
    Probe("keras.activations.gelu", {"approximate": True}),
    Probe("keras.regularizers.L1L2", {"l2": 0.1}),
    Probe("keras.constraints.MaxNorm", {"max_value": 0.5}),
    Probe("keras.initializers.RandomNormal", {"seed": 5}),
    Probe("keras.optimizers.schedules.ExponentialDecay", {"staircase": True}),
    Probe("keras.metrics.MeanSquaredError", {}, "with weights"),
    Probe("keras.layers.LSTM", {"activity_regularizer": {"$": "L2(0.1)"}}, "with a mask"),
    Probe("keras.Model.fit", {"class_weight": {"$": "weights of classes"}}),
)

# Each of a function of its own; an interpreter with Keras takes seconds to start.
SCRIPTS = tuple(ONE_OF_EACH[number] for number in (2, 3, 8, 11, 12))


@pytest.fixture(scope="module", params=["keras@torch", "keras@jax", "keras@tensorflow"])
def side(request: pytest.FixtureRequest) -> Iterator[Side]:
    with Side(request.param) as side:
        yield side


@pytest.fixture(scope="module")
def torch_side() -> Iterator[Side]:
    with Side("keras@torch") as side:
        yield side


@pytest.fixture(scope="module")
def targets(torch_side: Side) -> dict[str, Target]:
    return torch_side.describe()


def test_every_kind_is_found_with_signatures_as_text(targets: dict[str, Target]) -> None:
    assert {target.kind for target in targets.values()} == KINDS
    adam = targets["keras.optimizers.Adam"].arguments
    assert (adam["learning_rate"], adam["use_ema"], adam["clipnorm"]) == ("0.001", "False", "None")
    assert targets["keras.layers.Dense"].arguments["units"] == "(required)"


def test_every_named_value_and_argument_of_a_target_is_known(targets: dict[str, Target]) -> None:
    for target in targets.values():
        assert set(target.values) <= set(target.arguments), target.name
        assert {name for group in target.together or () for name in group} <= set(target.arguments)


def test_every_base_call_repeats_itself_or_fails_in_a_sentence(
    torch_side: Side, targets: dict[str, Target]
) -> None:
    failed = []
    for target in targets.values():
        first, second = torch_side.run(Probe(target.name), (0, 0))
        assert first.error or first.arrays, target.name
        assert_same(first, second, target.name)
        failed += [target.name] if first.error else []
    whole = [name for name in failed if ".layers." not in name and ".metrics." not in name]
    assert whole == ["keras.initializers.STFT"]  # which makes kernels of another shape
    assert len(failed) < len(targets) / 5, failed


@pytest.mark.parametrize("probe", ONE_OF_EACH, ids=lambda probe: probe.key)
def test_a_call_repeats_itself_and_moves_with_its_inputs(side: Side, probe: Probe) -> None:
    first, second, moved = side.run(probe, (0, 0, 1))
    assert not first.error
    assert first.arrays
    assert_same(first, second, probe.key)
    if "initializers" in probe.target or "schedules" in probe.target:
        assert_same(first, moved, probe.key)  # no floats go in
    else:
        assert any(
            not np.array_equal(value, moved.arrays[name], equal_nan=True)
            for name, value in first.arrays.items()
        )


def test_a_number_that_is_given_moves_with_the_inputs(torch_side: Side) -> None:
    probe = Probe("keras.optimizers.schedules.CosineDecay", {"alpha": 0.3})
    first, moved = (seen.arrays["learning rate"] for seen in torch_side.run(probe, (0, 1)))
    assert not np.array_equal(first, moved)
    assert np.array_equal(first.astype(np.float32), moved.astype(np.float32))


def test_another_value_of_an_argument_is_seen(torch_side: Side) -> None:
    base, changed = (
        torch_side.run(Probe("keras.optimizers.Adam", given))[0].arrays["kernel by step"]
        for given in ({}, {"beta_1": 0.5})
    )
    assert np.array_equal(base[0], changed[0])
    assert not np.array_equal(base[-1], changed[-1])


def test_what_keras_refuses_is_seen_as_an_error(torch_side: Side) -> None:
    seen = torch_side.run(Probe("keras.optimizers.SGD", {"momentum": 3.0}))[0]
    assert "momentum" in seen.error
    assert not seen.arrays


def test_the_script_of_a_call_prints_what_its_run_shows(torch_side: Side, tmp_path: Path) -> None:
    printed = run_scripts([torch_side.script(probe) for probe in SCRIPTS], tmp_path)
    for probe, values in zip(SCRIPTS, printed, strict=True):
        arrays = torch_side.run(probe)[0].arrays
        assert set(arrays) == set(values)
        for name, value in arrays.items():
            assert np.array_equal(value, values[name], equal_nan=True), f"{probe.key}: {name}"


_RUN = """
import runpy, sys
for file in sys.argv[1:]:
    runpy.run_path(file)
    print("end of", file)
"""


def run_scripts(texts: list[str], folder: Path) -> Iterator[dict[str, Any]]:
    """Run scripts one after another, without the harness; yield what each printed, by name."""
    files = []
    for number, text in enumerate(texts):
        assert "parity" not in text
        files.append(folder / f"{number}.py")
        files[-1].write_text(text)
    command = [sys.executable, "-c", _RUN, *map(str, files)]
    names = environment(dict(FRAMEWORKS["keras@torch"].variables))
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **names})
    assert done.returncode == 0, done.stderr
    rest = done.stdout
    for file in files:
        own, _, rest = rest.partition(f"end of {file}\n")
        parts = [line.partition(": ") for line in own.splitlines() if ": " in line]
        yield {name: np.array(literal_eval(_plain(value)), float) for name, _, value in parts}


def _plain(text: str) -> str:
    return text.replace("inf", "1e999").replace("nan", "None")


def assert_same(first: Seen, second: Seen, name: str) -> None:
    assert first.error == second.error, name
    assert first.arrays.keys() == second.arrays.keys(), name
    for key, value in first.arrays.items():
        assert np.array_equal(value, second.arrays[key], equal_nan=True), f"{name}: {key}"
