"""What the words of an option mean; what they cannot mean is refused with the words in it."""

from __future__ import annotations

import math
import os
import random
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryFile

from parity.case import Case
from parity.validity import CaseError, unknown


def positive(name: str, unit: str, value: str | float) -> float:
    """Return a number above 0 of some unit. Raises ValueError that begins with the name."""
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise ValueError(f"{name}: expected a number of {unit} above 0, got {value!r}")
    return number


def whole(value: str | int) -> int:
    """Return a whole number above 0. Raises ValueError."""
    try:
        number = int(value)
    except ValueError:
        number = 0
    if number < 1:
        raise ValueError(f"cases: expected a whole number above 0, got {value!r}")
    return number


def seed_of(value: str | int | None) -> int:
    """Return a seed; 0 where none is given. Raises ValueError."""
    if value == "random":
        return random.randrange(2**32)
    try:
        return 0 if value is None else int(value)
    except ValueError:
        raise ValueError(f"seed: expected a whole number or random, got {value!r}") from None


def matches(part: str, name: str) -> bool:
    """Return whether a name has a part that was asked for, in whatever case."""
    return part.lower() in name.lower()


def likeliest(part: str, names: Iterable[str]) -> str:
    """Return a hint at the name whose last part is most like one that no name has; "" for none."""
    last: dict[str, str] = {}
    for name in names:
        last.setdefault(name.lower().rpartition(".")[2], name)
    like = get_close_matches(part.lower().rpartition(".")[2], last, n=1)
    return f"; did you mean {last[like[0]]}?" if like else ""


def one_of(what: str, value: str, choices: Iterable[str]) -> str:
    """Return a value that is one of some choices. Raises ValueError, with the likeliest of them."""
    names = list(choices)
    if value in names:
        return value
    raise ValueError(unknown(what, value, names))


def file(name: str, word: str) -> Path:
    """Return the path of a file, there or not. Raises ValueError for no word, and for a folder."""
    if not word:
        raise ValueError(f"{name}: expected a file, got ''")
    path = Path(word)
    if os.path.isdir(path):
        raise ValueError(f"{path}: is a folder")
    return path


def writable(path: Path) -> Path:
    """Return a path that a file can be written to. Raises ValueError."""
    try:
        if not path.parent.is_dir():
            raise ValueError(f"{path}: no folder {path.parent}")
        if path.is_dir():
            raise ValueError(f"{path}: is a folder")
        if not path.exists():
            # A folder that may be written to need not hold new files, as /proc: one that goes
            # again without a trace tells. Under the path itself, it could be another run's.
            TemporaryFile(dir=os.path.dirname(os.path.realpath(path))).close()
        elif not os.access(path, os.W_OK):
            raise ValueError(f"{path}: cannot be written to")
    except OSError as error:
        raise ValueError(f"{path}: cannot be written to: {error.strerror}") from error
    return path


def read_case(path: Path) -> Case:
    """Return the case in a file. Raises ValueError."""
    try:
        return Case.from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a text file: {error.reason}") from error
    except CaseError as error:
        raise ValueError(f"{path}: {error}") from error
