"""`[tool.parity]` in pyproject.toml: where baselines are kept, and which changes fail a gate."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parity.upgrades.change import Kind

FILE = "pyproject.toml"
# Beside the findings of a run; not hidden, since it is meant to be committed and read.
FOLDER = "reports/baselines"
FAIL = tuple(kind for kind in Kind if kind is not Kind.ROUNDING)


@dataclass(frozen=True, slots=True)
class Settings:
    """The folder of baselines, as seen from the root, and the kinds of change that fail."""

    root: Path
    baselines: Path = Path(FOLDER)
    fail: tuple[Kind, ...] = FAIL


def settings(root: Path) -> Settings:
    """Return the settings of the project in `root`. Raises ValueError for a word it doesn't know.

    [tool.parity]
    baselines = "reports/baselines"
    fail = ["semantic", "default", "argument", "error", "gone", "new"]
    """
    path = root / FILE
    if not path.is_file():
        return Settings(root)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {}).get("parity", {})
    except (ValueError, AttributeError) as error:  # pytest has read it, but what else is in it?
        raise ValueError(f"{FILE}: not TOML: {error}") from error
    if not isinstance(table, dict):
        raise ValueError(f"{FILE}: [tool.parity] is a table, got {type(table).__name__}")
    for key in table:
        if key not in ("baselines", "fail"):
            raise ValueError(f"{FILE}: [tool.parity] has baselines and fail, got {key!r}")
    return Settings(root, _folder(table), _kinds(table))


def _folder(table: dict[str, Any]) -> Path:
    folder = table.get("baselines", FOLDER)
    if not isinstance(folder, str) or not folder:
        raise ValueError(f"{FILE}: [tool.parity] baselines is a folder, got {folder!r}")
    return Path(folder)


def _kinds(table: dict[str, Any]) -> tuple[Kind, ...]:
    names = table.get("fail", list(FAIL))
    if not isinstance(names, list):
        raise ValueError(f"{FILE}: [tool.parity] fail is a list of kinds, got {names!r}")
    for name in names:
        if name not in FAIL:
            known = ", ".join(FAIL)
            raise ValueError(f"{FILE}: [tool.parity] fail: expected kinds of {known}, got {name!r}")
    return tuple(kind for kind in FAIL if kind in names)
