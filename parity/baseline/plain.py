"""Plain data as JSON values and back, every type checked; what is as by default is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints


class MissingError(ValueError):
    """An object lacks what its type needs: it may be older than the type."""


def plain(value: Any) -> Any:
    """Return a dataclass, mapping or tuple as dicts, lists and scalars."""
    if is_dataclass(value):
        held = {field.name: getattr(value, field.name) for field in fields(value)}
        defaults = {field.name: _default(field) for field in fields(value)}
        return {name: plain(one) for name, one in held.items() if one != defaults[name]}
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, tuple) else value


def typed(kind: Any, value: Any, where: str) -> Any:
    """Return `value` as the type `kind` says. Raises ValueError, which names the place."""
    origin, parts = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _dataclass(kind, value, where)
    if origin is UnionType:
        given = next((part for part in parts if part is not NoneType), NoneType)
        return None if value is None and NoneType in parts else typed(given, value, where)
    if origin is tuple:
        _check(isinstance(value, list), "a list", value, where)
        return tuple(typed(parts[0], one, f"{where}[{n}]") for n, one in enumerate(value))
    if origin is not None:
        _check(isinstance(value, dict), "an object", value, where)
        return {name: typed(parts[1], one, f"{where}.{name}") for name, one in value.items()}
    _check(type(value) is kind, kind.__name__, value, where)
    return value


def _dataclass(kind: Any, value: Any, where: str) -> Any:
    _check(isinstance(value, dict), "an object", value, where)
    hints = get_type_hints(kind)
    unknown = sorted(set(value) - set(hints))
    needed = {field.name for field in fields(kind) if _default(field) is MISSING}
    missing = sorted(needed - set(value))
    if unknown:
        raise ValueError(f"{where} has no {unknown}")
    if missing:
        raise MissingError(f"{where} needs {missing}")
    return kind(**{n: typed(hints[n], one, f"{where}.{n}") for n, one in value.items()})


def _default(field: Any) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _check(right: bool, wanted: str, value: Any, where: str) -> None:
    if not right:
        raise ValueError(f"{where}: expected {wanted}, got {type(value).__name__}")
