"""Run a repro as its reader will: a script in a process of its own, with the framework alone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 300.0  # seconds for an import and what is compiled, on a busy machine
SAYS = "expected "  # how the line begins that a script prints when it has come to compare

# Runs one script after the other in one process, which imports the framework once, and prints the
# number of the first that compares and exits 1. To execute them is safe: they are what this package
# has just written from a case that it has checked, in its own names and with numbers; what a lane
# says (versions, names) stands in comments alone, and no text of a file is executed. A script that
# fails in any other way is no repro.
_MANY = f"""
import contextlib, io, json, sys
for number, text in enumerate(json.load(sys.stdin)):
    said, status = io.StringIO(), 0
    try:
        with contextlib.redirect_stdout(said):
            exec(compile(text, "repro", "exec"), {{"__name__": "__main__"}})
    except SystemExit as exit:
        status = exit.code
    except Exception as error:  # whatever it is: no repro
        print(type(error).__name__, error, file=sys.stderr)
    if status == 1 and said.getvalue().startswith({SAYS!r}):
        print("{SAYS}" + str(number), flush=True)
        break
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where scripts are run: an interpreter, and a folder put first on its path."""

    python: str = sys.executable
    layer: Path | None = None


def first(texts: Sequence[str], place: Place = Place()) -> str | None:  # frozen
    """Return the first script that exits 1 after having compared, and does so on its own too."""
    left = list(texts)
    while left:
        _, said = _run(_MANY, json.dumps(left), place)
        found = [line for line in said.splitlines() if line.startswith(SAYS)]
        if not found:
            return None
        number = int(found[0].removeprefix(SAYS))
        if number == 0 or run(left[number], place)[0] == 1:
            return left[number]
        del left[: number + 1]
    return None


def run(text: str, place: Place = Place()) -> tuple[int | None, str]:  # frozen
    """Return a script's exit status, None where it did not come to compare, and what it wrote."""
    status, said = _run(text, "", place)
    compared = any(line.startswith(SAYS) for line in said.splitlines())
    return (status if compared else None), said


def _run(text: str, given: str, place: Place) -> tuple[int | None, str]:
    if place.layer is not None:
        text = f"import sys\nsys.path.insert(0, {str(place.layer)!r})\n{text}"
    try:
        done = subprocess.run(
            [place.python, "-I", "-c", text],
            input=given,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None, f"no end after {PATIENCE:.0f} seconds"
    return done.returncode, done.stdout + done.stderr
