"""What watching needs of JAX under Keras."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import jax
import numpy as np
from jax import numpy as jnp
from numpy.typing import NDArray

Array = NDArray[Any]

VERSIONS = {"jax": jax.__version__}


def symbolic(tensor: Any) -> bool:
    """Return whether a tensor stands for values that are not known yet."""
    return isinstance(tensor, jax.core.Tracer)


def dense(tensor: Any) -> Any:
    """Return a tensor as one that has all its elements."""
    return tensor


def array(tensor: Any) -> Array:
    """Return a tensor's values."""
    return np.asarray(tensor)


def elements(tensor: Any, places: Array | None) -> Array:
    """Return a copy of some elements of a tensor, or of all, flat."""
    # A view of the tensor itself would keep JAX from giving its memory to the next step.
    flat = jnp.reshape(jnp.array(tensor, copy=True) if places is None else tensor, (-1,))
    return np.array(flat if places is None else flat[places])


def slim(tensor: Any, places: Array | None) -> Any:
    """Raise: a function that the loop compiled itself is not looked into."""
    raise NotImplementedError


def tell(function: Callable[[Any], None], told: Any) -> bool:
    """Return that nothing is told: a function that the loop compiled itself is not looked into."""
    return False


def looking(loop: Any) -> AbstractContextManager[None]:
    """Return an empty block: loops on JAX have no tape."""
    return nullcontext()
