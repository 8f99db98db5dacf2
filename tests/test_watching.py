"""Loops of users are followed: the healthy ones in silence, and each mistake by its name."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

LOOPS = Path(__file__).parent / "loops"
MODELS = ("perceptron", "Convolution")
# What each framework's loops are, and what must be said of them.
# fmt: off
TOLD = {
    "torch": {
        "healthy": [],
        "healthy with clipping": [],
        "healthy with a schedule": [],
        "healthy with momentum": [],
        "healthy with decay on weights": [],
        "healthy with dropout": [],
        "decay on biases": ["decay on biases"],
        "a parameter left out": ["left out"],
        "zero_grad forgotten": ["gradients kept"],
        "lr by the wrong name": ["unread argument"],
        "lr set on the optimizer": ["unread argument"],
        "a layer frozen": ["frozen"],
        "the schedule before the step": ["schedule"],
        "clipped after the step": ["changed after the step"],
    },
    "jax": {
        "healthy": [],
        "healthy and told": [],
        "healthy eager": [],
        "healthy in a scan": [],
        "healthy with donated buffers": [],
        "healthy with clipping": [],
        "healthy with a schedule": [],
        "healthy with momentum": [],
        "healthy with decay on weights": [],
        "healthy with injected numbers": [],
        "healthy without params": [],
        "healthy with every rule": [],
        "healthy with trust ratios": [],
        "decay on biases": ["decay on biases"],
        "a parameter left out": ["left out"],
        "a layer frozen": ["frozen"],
        "a gradient stopped": ["never moved"],
        "the schedule before the rule": ["schedule"],
        "clipped after the step": ["changed after the step"],
        "decay behind the rate": ["order of the chain"],
        "no learning rate": ["sign of the update"],
        "the state thrown away": ["state", "update"],
        "weights changed by hand": ["changed between steps"],
    },
    "keras": {
        "healthy": [],
        "healthy on batches": [],
        "healthy, eager": [],
        "healthy with XLA": [],
        "healthy with clipping": [],
        "healthy with clipping of each": [],
        "healthy with a schedule": [],
        "healthy with momentum": [],
        "healthy with decay on weights": [],
        "healthy with weights held at zero": [],
        "healthy by hand": [],
        "healthy by hand with clipping": [],
        "healthy by hand, traced": [],
        "healthy with trust ratios": [],
        "decay on biases": ["decay on biases"],
        "a parameter left out": ["left out"],
        "an argument of the line before": ["unread argument"],
        "lr set on the optimizer": ["unread argument"],
        "a layer frozen": ["frozen"],
        "clipped after the step": ["changed after the step"],
    },
    "tf_keras": {
        "healthy": [],
        "healthy on batches": [],
        "healthy, eager": [],
        "healthy with XLA": [],
        "healthy, legacy": [],
        "healthy with clipping": [],
        "healthy with clipping of each": [],
        "healthy with a schedule": [],
        "healthy with momentum": [],
        "healthy with decay on weights": [],
        "healthy with weights held at zero": [],
        "healthy by hand": [],
        "healthy by hand, legacy": [],
        "healthy by hand with clipping": [],
        "healthy by hand, traced": [],
        "decay on biases": ["decay on biases"],
        "a parameter left out": ["left out"],
        "lr by the wrong name": ["unread argument"],
        "a layer frozen": ["frozen"],
        "clipped after the step": ["changed after the step"],
    },
}
# fmt: on
# Loops in which the watch is told of loss and model.
TOLD_OF_LOSS = {"jax": {"healthy and told"}}
# Loops whose updates the oracle has no rule for.
NO_RULE = {("jax", "clipped after the step")}
ROWS = [
    pytest.param(library, model, loop, id=f"{library}-{model}-{loop}")
    for library, loops in TOLD.items()
    for model in MODELS
    for loop in loops
]


Told = Callable[[str, str], dict[str, Any]]


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Return what runs the loops of a library and model, once for all of xdist's workers."""
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder

    @cache
    def run(library: str, model: str) -> dict[str, Any]:
        if importlib.util.find_spec(library) is None:
            pytest.skip(f"{library} is not installed")
        answer = folder / f"{library}-{model}.json"
        with FileLock(f"{answer}.lock"):
            if not answer.is_file():
                script = LOOPS / f"{library.removeprefix('tf_')}_loops.py"
                command = [sys.executable, str(script), library, model]
                seen = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                answer.write_text(seen.stdout.splitlines()[-1], encoding="utf-8")
        found: dict[str, Any] = json.loads(answer.read_text("utf-8"))
        return found

    return run


@pytest.mark.parametrize(("library", "model", "loop"), ROWS)
def test_what_is_said_of_a_loop(told: Told, library: str, model: str, loop: str) -> None:
    said = told(library, model)[f"{model}: {loop}"]
    assert [finding["kind"] for finding in said["findings"]] == TOLD[library][loop], said["text"]
    judged = (library, loop) not in NO_RULE
    assert bool(said["stages"]["updates"]["judged"]) == judged, said["text"]
    if model == "perceptron" and loop in TOLD_OF_LOSS.get(library, TOLD[library]):
        assert said["stages"]["loss and gradients"]["judged"], said["text"]


@pytest.mark.parametrize(("library", "model", "loop"), ROWS)
def test_watching_changes_no_number(told: Told, library: str, model: str, loop: str) -> None:
    assert told(library, model)[f"{model}: {loop}"]["same numbers"]


@pytest.mark.parametrize("library", TOLD)
def test_every_loop_is_in_the_table(told: Told, library: str) -> None:
    names = {name.partition(": ")[2] for model in MODELS for name in told(library, model)}
    assert names == set(TOLD[library])


@pytest.mark.parametrize(("library", "found"), [("keras", ["update"]), ("tf_keras", [])])
def test_an_embedding_row_used_twice_parts_in_keras_3(library: str, found: list[str]) -> None:
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    command = [sys.executable, str(LOOPS / "embedding.py"), library]
    seen = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    said = json.loads(seen.stdout.splitlines()[-1])
    assert said["findings"] == found, said["text"]
