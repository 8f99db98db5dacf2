"""Gradients and arrays of a Keras model on the PyTorch backend, with backward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from numpy.typing import NDArray

# Small models gain nothing from threads, and lanes run side by side.
torch.set_num_threads(1)

_HALVES = (torch.bfloat16, torch.float16)


def gradient(
    objective: Callable[..., Any], model: Any, batch: tuple[Any, ...], delta: float, l2: float
) -> tuple[Any, list[Any]]:
    """Return the loss of `model` on `batch` and its gradients, in the order of its variables."""
    model.zero_grad()
    loss = objective(model, batch, delta, l2)
    loss.backward()
    return loss.detach(), [variable.value.grad for variable in model.trainable_variables]


def array(tensor: Any) -> NDArray[Any]:
    """Return a tensor's values, 16 bits as float32, in memory that may be the tensor's own."""
    seen = tensor.detach().cpu()
    values: NDArray[Any] = (seen.float() if seen.dtype in _HALVES else seen).numpy()
    return values


def wait(tensors: list[Any]) -> None:
    """Return when the tensors have been computed."""
    if any(tensor.is_cuda for tensor in tensors):
        torch.cuda.synchronize()
