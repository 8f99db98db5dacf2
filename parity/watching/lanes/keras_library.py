"""What the watcher of Keras asks of a line of it: of Keras 3, and of the Keras 2 line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any, Protocol


class Library(Protocol):
    """What tells the two lines of Keras apart, and the backend below."""

    module: Any
    native: Any
    apply: str

    def name(self, variable: Any) -> str:
        """Return a variable's path."""

    def parameters(self, model: Any) -> Iterator[Any]:
        """Yield a model's parameters, also those that are frozen."""

    def built(self, optimizer: Any) -> Sequence[Any]:
        """Return the variables that an optimizer was built for."""

    def rule(self, optimizer: Any) -> tuple[str | None, str]:
        """Return the oracle's name for an optimizer, or why there is none."""

    def tensor(self, variable: Any) -> Any:
        """Return what a variable holds."""

    def iteration(self, optimizer: Any) -> Any:
        """Return the number of steps taken, as a tensor."""

    def rate(self, optimizer: Any) -> Any:
        """Return the rate that the next step takes, as a tensor; None where nobody can ask."""

    def told(self, optimizer: Any) -> dict[str, Any]:
        """Return the other arguments in effect, in the oracle's spelling."""

    def decays(self, optimizer: Any, variable: Any) -> bool:
        """Return whether weight decay applies to a variable."""

    def path(self, optimizer: Any) -> str:
        """Return an optimizer's class as users write it."""

    def lane(self, optimizer: Any, how: str) -> str:
        """Return the lane; `how` is loop, graph, eager fit or fit."""

    def pairs(
        self, optimizer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[list[tuple[Any, Any]], tuple[Any, ...]]:
        """Return the gradients and variables of a call that applies them, and its arguments."""

    def scope(self, model: Any, optimizer: Any, state: Any) -> Any:
        """Return a block in which variables have the values in a train function's state."""

    def loss_seen(self, model: Any, seen: list[Any]) -> Any:
        """Return a block in which a train step's loss is put into `seen`."""


def put(stack: ExitStack, subject: Any, name: str, wrapped: Any) -> None:
    """Set an attribute on an instance, past what its class does with attributes."""
    own = vars(subject)
    known, before = name in own, own.get(name)
    own[name] = wrapped

    def put_back() -> None:
        if known:
            own[name] = before
        else:
            own.pop(name, None)

    stack.callback(put_back)
