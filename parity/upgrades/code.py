"""A digest of the code behind something: the same in two releases where nothing of it changed."""

from __future__ import annotations

import functools
import hashlib
import importlib
import re
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

_MOST = 3000  # functions that are followed


def digest(name: str) -> str:
    """Return the digest of what stands at a full name; empty where it cannot be read.

    Of the package that it is in, everything is followed that its code names: functions, classes
    with their bases, what is taken from modules. Docstrings, comments and lines don't count.
    """
    path = re.split(r"[ (]", name)[0].split(".")
    try:
        found: Any = importlib.import_module(path[0])
        for part in path[1:]:
            found = getattr(found, part)
    except (ImportError, AttributeError):
        return ""
    seen: dict[FunctionType, str] = {}
    waiting = list(_functions(found, path[0]))
    while waiting and len(seen) < _MOST:
        function = waiting.pop()
        if function not in seen:
            seen[function], named = _read(function, path[0])
            waiting += named
    text = "\n".join(sorted(seen.values()))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@functools.cache  # most of a framework is named by much of the rest
def _read(function: FunctionType, package: str) -> tuple[str, tuple[FunctionType, ...]]:
    """Return what a function does as text, and the functions of its package that it names."""
    text = "|".join(_text(function.__code__, function.__doc__))
    named = (inner for one in _named(function) for inner in _functions(one, package))
    return text, tuple(dict.fromkeys(named))


def _functions(found: Any, package: str) -> Iterator[FunctionType]:
    """Yield the functions of a package that something is made of."""
    if isinstance(found, functools.partial):
        found = found.func
    # Of what is lazy, asking for an attribute would import what may not be there.
    if isinstance(found, FunctionType) or hasattr(type(found), "__wrapped__"):
        found = getattr(found, "__wrapped__", found)
    if isinstance(found, type):
        for kind in found.__mro__:
            if kind.__module__.partition(".")[0] == package:
                for value in vars(kind).values():
                    inner = getattr(value, "fget", None) or getattr(value, "__func__", value)
                    if isinstance(inner, FunctionType):
                        yield inner
    elif isinstance(found, FunctionType) and found.__module__.partition(".")[0] == package:
        yield found


def _named(function: FunctionType) -> Iterator[Any]:
    """Yield what the global names in a function stand for, and what it takes from modules."""
    names = set(_names(function.__code__))
    for name in names:
        value = function.__globals__.get(name)
        if isinstance(value, ModuleType):
            yield from (vars(value)[other] for other in names if other in vars(value))
        elif value is not None:
            yield value


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names(inner)


def _text(code: CodeType, doc: str | None) -> Iterator[str]:
    """Yield what a function does as text, without its docstring."""
    yield code.co_code.hex()
    yield " ".join((*code.co_names, *code.co_varnames))
    for value in code.co_consts:
        if isinstance(value, CodeType):
            yield from _text(value, next(filter(_is_text, value.co_consts), None))
        elif value != doc:
            yield repr(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)
