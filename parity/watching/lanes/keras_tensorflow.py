"""What watching needs of TensorFlow: arrays, calls out of a graph, and notes of what loops call."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol
from unittest.mock import patch

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

Array = NDArray[Any]

VERSIONS = {"tensorflow": tf.__version__}
CLIPS = ("clip_by_value", "clip_by_norm", "clip_by_global_norm")


class Loop(Protocol):
    """Who is told what a loop calls."""

    def entered(self) -> None:
        """A tape began to record."""

    def differentiated(self, target: Any, sources: list[Any], gradients: list[Any]) -> None:
        """A tape gave gradients."""

    def clipped(self, given: list[Any], clipped: list[Any]) -> None:
        """A function clipped tensors."""


def symbolic(tensor: Any) -> bool:
    """Return whether a tensor stands for values that are not known yet."""
    return bool(tf.is_symbolic_tensor(tensor))


def dense(tensor: Any) -> Any:
    """Return a tensor as one that has all its elements."""
    return tf.convert_to_tensor(tensor)


def array(tensor: Any) -> Array:
    """Return a tensor's values, which may be shared with it."""
    return np.asarray(tf.convert_to_tensor(tensor))


def elements(tensor: Any, places: Array | None) -> Array:
    """Return a copy of some elements of a tensor, or of all, flat."""
    flat = array(tensor).reshape(-1)
    return np.array(flat) if places is None else flat[places]


def slim(tensor: Any, places: Array | None) -> Any:
    """Return those elements as a tensor of the graph."""
    flat = tf.reshape(tf.convert_to_tensor(tensor), [-1])
    return flat if places is None else tf.gather(flat, places)


def tell(function: Callable[[Any], None], told: Any) -> bool:
    """Have a graph call `function` with the values of nested tensors; False where it cannot."""
    if GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph()):
        return False
    shape = tf.nest.map_structure(lambda tensor: 0, told)

    def call(*arrays: Array) -> None:
        function(tf.nest.pack_sequence_as(shape, arrays))

    tf.numpy_function(call, tf.nest.flatten(told), [])
    return True


@contextmanager
def looking(loop: Loop) -> Iterator[None]:
    """Tell `loop` of tapes and of clipping until the block ends."""
    tape = tf.GradientTape
    with ExitStack() as stack:
        stack.enter_context(patch.object(tape, "__enter__", _entered(tape.__enter__, loop)))
        stack.enter_context(patch.object(tape, "gradient", _gradient(tape.gradient, loop)))
        for name in CLIPS:
            stack.enter_context(patch.object(tf, name, _clipped(getattr(tf, name), loop)))
        yield


def _entered(enter: Callable[[Any], Any], loop: Loop) -> Callable[[Any], Any]:
    @functools.wraps(enter)
    def noted(tape: Any) -> Any:
        loop.entered()
        return enter(tape)

    return noted


def _gradient(gradient: Callable[..., Any], loop: Loop) -> Callable[..., Any]:
    @functools.wraps(gradient)
    def noted(tape: Any, target: Any, sources: Any, *args: Any, **kwargs: Any) -> Any:
        found = gradient(tape, target, sources, *args, **kwargs)
        loop.differentiated(target, tf.nest.flatten(sources), tf.nest.flatten(found))
        return found

    return noted


def _clipped(clip: Callable[..., Any], loop: Loop) -> Callable[..., Any]:
    @functools.wraps(clip)
    def noted(given: Any, *args: Any, **kwargs: Any) -> Any:
        given = list(given) if isinstance(given, (tuple, Iterator)) else given
        found = clip(given, *args, **kwargs)
        whole = isinstance(given, list)
        loop.clipped(given if whole else [given], found[0] if whole else [found])
        return found

    return noted
