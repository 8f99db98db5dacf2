"""Fresh interpreters show that nothing heavy is imported before it is needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "parity").rglob("*.py"))
LANES = {path for path in FILES if path.parent.name == "lanes"}
FRAMEWORKS = {"flax", "jax", "jaxlib", "keras", "optax", "tensorflow", "tf_keras", "torch"}
HEAVY = FRAMEWORKS | {"sklearn", "scipy"}


def loaded(folder: Path, program: str) -> set[str]:
    """Return the names of the modules that a fresh interpreter has after `program`."""
    program += "; import sys; print('loaded', *sys.modules)"
    command = [sys.executable, "-c", program]
    seen = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    _, *names = seen.stdout.splitlines()[-1].split()
    return set(names)


def pytest_run(*words: str) -> str:
    # Hypothesis's own plugin loads it at the end of any run.
    plugins = ("-p", "no:hypothesispytest", "-p", "no:cacheprovider")
    return f"import pytest; assert pytest.main({[*words, *plugins]}) == 0"


def test_loading_the_plugin_loads_nothing_else_of_parity(tmp_path: Path) -> None:
    bare = loaded(tmp_path, "import pytest")
    more = loaded(tmp_path, "import pytest, parity.plugin") - bare
    assert {name for name in more if not name.startswith("__editable__")} == {
        "parity",
        "parity.plugin",
    }


def test_a_run_of_other_tests_loads_nothing_but_the_plugin(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(): pass\n", encoding="utf-8")
    seen = loaded(tmp_path, pytest_run("test_it.py"))
    assert {name for name in seen if name.startswith("parity")} == {"parity", "parity.plugin"}
    assert not {"numpy", "rich", "hypothesis.strategies"} & seen


def test_collecting_the_checks_loads_no_framework(tmp_path: Path) -> None:
    seen = loaded(tmp_path, pytest_run("--pyargs", "parity", "--collect-only", "-q"))
    assert "parity.checks.test_lockstep" in seen
    assert not (HEAVY | {"hypothesis.strategies", "rich"}) & seen


def test_a_framework_is_named_only_by_the_lanes() -> None:
    named = {path: set(imported(ast.parse(path.read_text("utf-8")))) for path in FILES}
    assert {path for path, names in named.items() if FRAMEWORKS & names} <= LANES
    assert len(LANES) < len(FILES)


def test_nothing_heavy_is_imported_where_a_file_begins() -> None:
    for path in set(FILES) - LANES:
        body = ast.parse(path.read_text("utf-8")).body
        top = [node for node in body if isinstance(node, (ast.Import, ast.ImportFrom))]
        assert not HEAVY & set(imported(ast.Module(top, []))), path


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the top-level names of what is imported anywhere in `tree`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module).partition(".")[0]
