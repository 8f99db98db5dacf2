"""What optimizers were asked for, and what of it nobody reads: found by making them without it."""

from __future__ import annotations

import functools
import inspect
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

_PLAIN = (bool, int, float, str, type(None))


class Asked:
    """The calls of optimizers' constructors while a block lasts."""

    def __init__(self, roots: tuple[type, ...]) -> None:
        self.kinds = list(dict.fromkeys(kind for root in roots for kind in _below(root)))
        self._calls: dict[int, tuple[Any, tuple[Any, ...], Mapping[str, Any]]] = {}
        self._within: set[int] = set()
        self._dropped: dict[int, tuple[str, ...]] = {}
        self._own: dict[int, tuple[Any, frozenset[str]]] = {}

    def patches(self) -> Iterator[Any]:
        """Yield what notes the constructors' calls while it is entered."""
        for kind in self.kinds:
            if "__init__" in vars(kind):
                yield patch.object(kind, "__init__", self._noting(vars(kind)["__init__"]))

    def arguments(self, optimizer: Any) -> dict[str, Any]:
        """Return the plain arguments of the call that made `optimizer`, where it was seen."""
        if id(optimizer) not in self._calls:
            return {}
        _, args, kwargs = self._calls[id(optimizer)]
        names = list(inspect.signature(type(optimizer).__init__).parameters)[1:]
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        return {name: value for name, value in given.items() if isinstance(value, _PLAIN)}

    def unread(self, optimizer: Any) -> tuple[str, ...]:
        """Return what was given to the constructor, or set on the optimizer, to no effect."""
        if id(optimizer) not in self._dropped and id(optimizer) in self._calls:
            _, args, kwargs = self._calls[id(optimizer)]
            self._dropped[id(optimizer)] = tuple(_dropped(type(optimizer), args, kwargs))
        if id(optimizer) not in self._own:
            self._own[id(optimizer)] = optimizer, _attributes(optimizer)
        own = self._own[id(optimizer)][1]
        later = [
            f"{name}={value!r} on the optimizer"
            for name, value in vars(optimizer).items()
            if own and name not in own and not name.startswith("_") and _is_number(value)
        ]
        return (*self._dropped.get(id(optimizer), ()), *later)

    def _noting(self, make: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(make)
        def noted(subject: Any, *args: Any, **kwargs: Any) -> None:
            if id(subject) in self._within:  # called by a subclass
                return make(subject, *args, **kwargs)
            self._within.add(id(subject))
            try:
                make(subject, *args, **kwargs)
            finally:
                self._within.discard(id(subject))
            self._calls[id(subject)] = (subject, args, dict(kwargs))
            return None

        return noted


def _below(kind: type) -> Iterator[type]:
    yield kind
    below: list[type] = kind.__subclasses__()
    for other in below:
        yield from _below(other)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float))


def _dropped(kind: type, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterator[str]:
    """Yield the arguments of a call that are in no signature and change nothing."""
    known = inspect.signature(kind.__init__).parameters  # type: ignore[misc]  # of a class, not of an instance
    for name, value in kwargs.items():
        if name in known or not _is_number(value):
            continue
        without = {key: given for key, given in kwargs.items() if key != name}
        other = {**without, name: 2 * value + 1}
        made = [_config(kind, args, call) for call in (kwargs, without, other)]
        if made[0] is not None and made[0] == made[1] == made[2]:
            yield f"{name}={value!r}"


def _config(kind: type, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Return what an optimizer made so says of itself; None where it refuses."""
    try:
        with _silence():  # it was said when the optimizer was made
            made = kind(*args, **{**kwargs, "name": "parity"})  # an own name counts no others up
            return {key: value for key, value in made.get_config().items() if key != "name"}
    except (TypeError, ValueError, NotImplementedError):
        return None


def _attributes(optimizer: Any) -> frozenset[str]:
    """Return the attributes that an optimizer of this kind has; nothing where it can't be made."""
    try:
        with _silence():
            return frozenset(vars(type(optimizer).from_config(optimizer.get_config())))
    except (TypeError, ValueError, NotImplementedError, AttributeError):
        return frozenset()


@contextmanager
def _silence() -> Iterator[None]:
    before = logging.root.manager.disable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)
