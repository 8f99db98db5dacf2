"""Right loops in PyTorch that are seldom written end in no false finding, and in no error."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

LOOPS = Path(__file__).parent / "loops"
SPARSE = "has a sparse gradient, which may be added in parts: the oracle adds it as one"
COMPLEX = "is complex64: the oracle has no bound for it"
UNSEEN = "no step was seen to have one batch and one loss"
# Of each loop: its steps, the elements whose updates are judged, and what is not judged.
# fmt: off
TOLD: dict[str, tuple[int, int, list[str]]] = {
    "closure": (4, 32, []),
    "closure by name": (4, 32, []),
    "closure and decaying rate": (4, 32, []),
    "closure called again": (4, 0, ["the oracle has no LBFGS", UNSEEN]),
    "closure at rest": (4, 0, ["the oracle has no LBFGS"]),
    "closure that fails": (1, 8, []),
    "sparse": (4, 40, []),
    "sparse with adagrad": (4, 40, []),
    "sparse, a row twice": (4, 24, [f"0.weight {SPARSE}"]),
    "sparse adam": (4, 0, ["the oracle has no SparseAdam"]),
    "complex": (4, 8, [f"parts.0 {COMPLEX}"]),
    "complex layers": (4, 0, [f"weight {COMPLEX}"]),
    "a tensor of no elements": (4, 8, []),
}
# fmt: on


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """Return what the script of loops prints."""
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed")
    command = [sys.executable, "-W", "error", str(LOOPS / "torch_corners.py")]
    seen = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(seen.stdout.splitlines()[-1])
    assert found.keys() == TOLD.keys()
    return found


@pytest.mark.parametrize("loop", TOLD)
def test_what_is_said_of_a_loop(told: dict[str, Any], loop: str) -> None:
    said = told[loop]
    steps, elements, unjudged = TOLD[loop]
    assert said["findings"] == [], said["text"]
    assert f": {steps} step{'s' * (steps > 1)} recorded" in said["title"]
    assert said["stages"]["updates"]["judged"] == elements, said["text"]
    notes = [note for note in said["notes"] if note.startswith("not judged: ")]
    assert notes == [f"not judged: {why}" for why in unjudged]


@pytest.mark.parametrize("loop", TOLD)
def test_watching_changes_no_number(told: dict[str, Any], loop: str) -> None:
    assert told[loop]["same numbers"]


@pytest.mark.parametrize("loop", TOLD)
def test_a_file_says_what_the_trace_says(told: dict[str, Any], loop: str) -> None:
    assert told[loop]["file"] == told[loop]["text"]


def test_the_loss_of_a_closure_is_judged(told: dict[str, Any]) -> None:
    assert told["closure"]["stages"]["loss and gradients"]["judged"]


def test_sparse_gradients_stay_sparse(told: dict[str, Any]) -> None:
    assert told["sparse"]["layouts"] == ["torch.sparse_coo"]
