"""A baseline's file: JSON that a person can read in a pull request, checked before it is used.

JSON, since every language reads it and Python writes it too, which is not true of TOML. A line
holds one fact, or one call with all that came of it; names are sorted. The checksum is that of the
whole file without it, and the text must be the very one that its content makes: so every damage is
seen, and so is a hand-made edit. There is no number but counts in it: measured ones are text, to
the digits that don't depend on the machine.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from parity.baseline.content import Baseline
from parity.baseline.plain import MissingError, plain, typed

KIND = "parity baseline"
FORMAT = 1
_ANEW = "delete it and save it again with --parity-save"
_HEAD = ("kind", "format", "checksum")
SUFFIX = ".json"
_WIDTH = 110
_OPEN = 2  # levels that stand over several lines, however short they are


class BaselineError(ValueError):
    """A file that cannot be used as a baseline; the message is one sentence and names it."""


def text(baseline: Baseline) -> str:
    """Return the whole file."""
    content = plain(baseline)
    head = {"kind": KIND, "format": FORMAT}
    checksum = hashlib.sha256(_laid_out({**head, **content}).encode()).hexdigest()
    return _laid_out({**head, "checksum": checksum, **content})


def save(baseline: Baseline, path: Path) -> None:
    """Write the file whole or not at all; its folder is made. Raises BaselineError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(text(baseline))
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o644)
            os.replace(name, path)
        except BaseException:  # Ctrl-C too: what is half-written goes
            os.unlink(name)
            raise
    except OSError as error:
        raise BaselineError(f"{path}: not written: {error.strerror or error}") from error


def load(path: Path, shown: object = None) -> Baseline:
    """Return the baseline in a file, called `shown` in messages. Raises BaselineError."""
    name = shown or path
    try:
        written = path.read_bytes().replace(b"\r\n", b"\n").decode()  # git may turn line ends
    except OSError as error:
        raise BaselineError(f"{name}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BaselineError(f"{name}: damaged: not a text file: {error.reason}") from error
    try:
        return _read(written)
    except ValueError as error:
        raise BaselineError(f"{name}: {error}") from error


def _read(written: str) -> Baseline:
    try:
        content = json.loads(written)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"damaged or no baseline: not JSON: {error}") from error
    if not isinstance(content, dict) or content.get("kind") != KIND:
        raise ValueError(f'no baseline: it does not say "kind": "{KIND}"')
    version = content.get("format")
    if type(version) is not int or version < 1:
        raise ValueError(f"damaged: expected a format from 1 to {FORMAT}, got {version!r}")
    if version > FORMAT:
        raise ValueError(f"made by a newer Parity: format {version}, and this one reads {FORMAT}")
    held = {key: value for key, value in content.items() if key not in _HEAD}
    try:
        found: Baseline = typed(Baseline, held, "baseline")
        right = text(found) == written
    except MissingError as error:
        told = f"made by an older Parity, or damaged: {error}; {_ANEW}"
        raise ValueError(told) from error
    except ValueError as error:
        raise ValueError(f"damaged: {error}") from error
    if not right:
        raise ValueError(
            "damaged, or edited by hand: its checksum does not fit; take it from version control, "
            f"or {_ANEW}"
        )
    return found


def _laid_out(content: dict[str, Any]) -> str:
    # The top keeps its order: what it is comes first.
    lines = [f" {json.dumps(key)}: {_text(value, 1)}" for key, value in content.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _text(value: Any, depth: int) -> str:
    """Return JSON in one line where it fits, else one line for each item."""
    short = json.dumps(value, sort_keys=True, allow_nan=False)
    if not isinstance(value, (dict, list)) or not value:
        return short
    if (depth > _OPEN or isinstance(value, list)) and depth + len(short) <= _WIDTH:
        return short
    if isinstance(value, dict):
        items = [f"{json.dumps(key)}: {_text(value[key], depth + 1)}" for key in sorted(value)]
    else:
        items = [_text(item, depth + 1) for item in value]
    left, right = "{}" if isinstance(value, dict) else "[]"
    inner = ",\n".join(" " * (depth + 1) + item for item in items)
    return f"{left}\n{inner}\n{' ' * depth}{right}"
