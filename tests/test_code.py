"""The digest of what stands at a name moves with the code behind it, and with nothing else."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from parity.upgrades.code import digest

BASE = '''
"""A package."""
from samplecode import helpers
from samplecode.helpers import halved as half

class Base:
    def step(self, x):
        return x + 1

class Made(Base):
    def run(self, x):
        """Run."""
        return half(self.step(x))

def plain(x):
    # a comment
    return helpers.twice(x)

def other(x):
    return x - 1
'''
HELPERS = """
def halved(x):
    return x / 2

def twice(x):
    return x * 2
"""


def digests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *texts: str) -> list[str]:
    """Return the digests of Made, plain and other in a package of these two files."""
    folder = tmp_path / f"release{len(list(tmp_path.iterdir()))}" / "samplecode"
    folder.mkdir(parents=True)
    for name, text in zip(("__init__", "helpers"), texts, strict=True):
        (folder / f"{name}.py").write_text(text, "utf-8")
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(folder.parent))
        for name in [name for name in sys.modules if name.startswith("samplecode")]:
            del sys.modules[name]
        importlib.invalidate_caches()
        return [digest(f"samplecode.{name}") for name in ("Made", "plain", "other")]


@pytest.mark.parametrize(
    ("old", "new", "moved"),
    [
        ("x + 1", "x + 2", [True, False, False]),
        ("x / 2", "x / 3", [True, False, False]),
        ("x * 2", "x + x", [False, True, False]),
        ("x - 1", "x - 2", [False, False, True]),
        ("# a comment", "# another", [False, False, False]),
        ('"""Run."""', '"""Run it."""', [False, False, False]),
        ("class Base", "\n\nclass Base", [False, False, False]),
    ],
)
def test_a_digest_moves_with_what_is_called(
    old: str, new: str, moved: list[bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert old in BASE + HELPERS
    before = digests(tmp_path, monkeypatch, BASE, HELPERS)
    after = digests(tmp_path, monkeypatch, BASE.replace(old, new), HELPERS.replace(old, new))
    assert [a != b for a, b in zip(before, after, strict=True)] == moved
    assert all(before)


def test_what_is_lazy_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lazy = """
class Lazy:
    def __getattr__(self, name):
        raise ImportError("this requires a module that is not there")

grain = Lazy()

def plain(x):
    return grain.made(x)

Made = other = plain
"""
    assert all(digests(tmp_path, monkeypatch, lazy, HELPERS))


def test_what_is_not_there_has_no_digest() -> None:
    assert digest("samplecode_that_is_not_there.Made") == ""
    assert digest("json.nothing") == ""
