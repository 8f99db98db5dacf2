"""Loops of users are followed: the healthy ones in silence, and each mistake by its name."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

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
}
# fmt: on
ROWS = [
    pytest.param(library, model, loop, id=f"{library}-{model}-{loop}")
    for library, loops in TOLD.items()
    for model in MODELS
    for loop in loops
]


@cache
def told(library: str) -> dict[str, Any]:
    """Run the loops of a library in a process of their own; return what was said of each."""
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    command = [sys.executable, str(LOOPS / f"{library}_loops.py")]
    seen = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(seen.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(("library", "model", "loop"), ROWS)
def test_what_is_said_of_a_loop(library: str, model: str, loop: str) -> None:
    said = told(library)[f"{model}: {loop}"]
    assert [finding["kind"] for finding in said["findings"]] == TOLD[library][loop], said["text"]
    assert said["stages"]["updates"]["judged"], said["text"]
    if model == "perceptron":
        assert said["stages"]["loss and gradients"]["judged"], said["text"]


@pytest.mark.parametrize(("library", "model", "loop"), ROWS)
def test_watching_changes_no_number(library: str, model: str, loop: str) -> None:
    assert told(library)[f"{model}: {loop}"]["same numbers"]


@pytest.mark.parametrize("library", TOLD)
def test_every_loop_is_in_the_table(library: str) -> None:
    names = {name.partition(": ")[2] for name in told(library)}
    assert names == set(TOLD[library])
