"""Parity: cross-framework differential testing of training steps against a NumPy oracle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from parity.watching import watch as watch

__all__ = ["watch"]


def __getattr__(name: str) -> Any:
    """Return `watch`, which is imported when it is asked for: the pytest plugin needs none of it."""
    if name != "watch":
        raise AttributeError(f"module 'parity' has no attribute {name!r}")
    from parity.watching import watch

    return watch
