"""What the README promises is there: its two commands, and its options, no more and no fewer."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from parity.parts import OPTIMIZERS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
# One make inside another would take over its options.
CALM = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
PROMISED = {
    "make parity": ["pytest parity"],
    "make test": ["ruff check", "ruff format --check", "mypy", "pytest tests"],
}


def printed(*command: str) -> str:
    run = subprocess.run(command, cwd=ROOT, env=CALM, stdout=subprocess.PIPE, text=True, check=True)
    return run.stdout


def section(title: str) -> str:
    """Return the text under a heading of the README, up to the next one."""
    _, _, rest = README.partition(f"\n## {title}\n")
    return rest.partition("\n## ")[0]


def commands() -> dict[str, str]:
    """Return the first code block's commands, each with its comment."""
    _, block, *_ = section("Two commands").split("```")
    rows = (line.partition("#") for line in block.strip().splitlines())
    return {command.strip(): comment for command, _, comment in rows}


def test_the_two_commands_are_those_that_the_readme_has() -> None:
    assert list(commands()) == list(PROMISED)
    assert "pytest parity" in commands()["make parity"]


@pytest.mark.parametrize("command", PROMISED)
def test_a_command_does_what_the_readme_says(command: str) -> None:
    make, target = command.split()
    lines = [line.split() for line in printed(make, "--dry-run", target).splitlines()]
    # Without the folder of the tool and how many processes it has.
    done = [
        re.sub(r" -n \w+", "", " ".join([Path(words[0]).name, *words[1:]]))
        for words in lines
        if words[0].startswith(".venv/bin/") and "pip" not in words
    ]
    assert done == PROMISED[command]


def test_the_page_of_semantics_has_every_optimizer_and_the_pinned_versions() -> None:
    page = (ROOT / "reports" / "semantics.md").read_text("utf-8")
    assert re.findall(r"^## (\w+)$", page, re.MULTILINE) == list(OPTIMIZERS)
    pins = (ROOT / "constraints.txt").read_text("utf-8")
    (told,) = re.findall(r"^Versions: (.*)\.$", page, re.MULTILINE)
    for name, version in (pair.split() for pair in told.split(", ")[1:]):
        assert re.search(rf"^{name}(-cpu)?=={re.escape(version.partition('+')[0])}$", pins, re.M)


def test_the_options_are_those_that_the_readme_lists() -> None:
    listed = re.findall(r"^\| `(--parity-[a-z]+)", section("Options"), re.MULTILINE)
    offered = re.findall(
        r"^ +(--parity-[a-z]+)", printed(sys.executable, "-m", "pytest", "--help"), re.M
    )
    assert len(listed) > 5
    assert sorted(listed) == sorted(offered)
