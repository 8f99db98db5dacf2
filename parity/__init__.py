"""Parity: cross-framework differential testing of training steps against a NumPy oracle."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from parity.parts import Layer as Layer
    from parity.parts import Loss as Loss
    from parity.watching import watch as watch
    from parity.watching.by_hand import Model as Model
    from parity.watching.by_hand import promise as promise

_FROM = {
    "Layer": "parity.parts",
    "Loss": "parity.parts",
    "Model": "parity.watching.by_hand",
    "promise": "parity.watching.by_hand",
    "watch": "parity.watching",
}
__all__ = ["Layer", "Loss", "Model", "promise", "watch"]


def __getattr__(name: str) -> Any:
    """Return what is imported when it is asked for: the pytest plugin needs none of it."""
    if name not in _FROM:
        raise AttributeError(f"module 'parity' has no attribute {name!r}")
    return getattr(import_module(_FROM[name]), name)
