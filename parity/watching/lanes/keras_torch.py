"""What watching needs of PyTorch under Keras."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[Any]

VERSIONS = {"torch": torch.__version__.partition("+")[0]}


def symbolic(tensor: Any) -> bool:
    """Return whether a tensor stands for values that are not known yet: here none does."""
    return False


def dense(tensor: Any) -> Any:
    """Return a tensor as one that has all its elements."""
    return tensor.to_dense() if isinstance(tensor, torch.Tensor) and tensor.is_sparse else tensor


def array(tensor: Any) -> Array:
    """Return a tensor's values, which may be shared with it; 16 bits, exactly, as float32."""
    if not isinstance(tensor, torch.Tensor):
        return np.asarray(tensor)
    wide = tensor.float() if tensor.is_floating_point() and tensor.element_size() == 2 else tensor
    found: Array = wide.detach().cpu().numpy()
    return found


def elements(tensor: Any, places: Array | None) -> Array:
    """Return a copy of some elements of a tensor, or of all, flat."""
    flat = tensor.detach().reshape(-1)
    some = flat if places is None else flat[torch.from_numpy(places).to(flat.device)]
    return np.array(array(some))


def slim(tensor: Any, places: Array | None) -> Any:
    """Raise: PyTorch has no graph."""
    raise NotImplementedError


def tell(function: Callable[[Any], None], told: Any) -> bool:
    """Return that nothing is told: there is no graph."""
    return False


def looking(loop: Any) -> AbstractContextManager[None]:
    """Return an empty block: loops on PyTorch have no tape."""
    return nullcontext()
