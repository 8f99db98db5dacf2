"""A release's own process needs NumPy and its framework: nothing else that this project needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# What Parity's own environment has beside NumPy, and another one need not have.
ABSENT = (
    "hypothesis",
    "packaging",
    "pytest",
    "rich",
    "filelock",
    "jinja2",
    "markdown_it",
    "sklearn",
)
OWN = ("packaging", "rich", "markdown_it")  # what Keras and TensorFlow bring along themselves
ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "module",
    [
        "parity.lanes.worker",
        "parity.upgrades.__main__",
        "parity.lanes.numpy32",
        *(f"parity.upgrades.lanes.{name}" for name in ("keras", "optax", "torch", "jax")),
        *(f"parity.lanes.{name}" for name in ("torch", "jax", "keras", "tensorflow", "tf_keras")),
    ],
)
def test_a_lane_imports_where_nothing_else_is_installed(module: str) -> None:
    brought = OWN if module.endswith(("keras", "tensorflow")) else ()
    names = [name for name in ABSENT if name not in brought]
    # An import of what stands there as None fails.
    code = f"import sys\nsys.modules.update(dict.fromkeys({names}))\nimport {module}"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert ran.returncode == 0, ran.stderr[-500:]
