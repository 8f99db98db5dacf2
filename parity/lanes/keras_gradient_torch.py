"""Gradients and arrays of a Keras model on the PyTorch backend, with backward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from numpy.typing import NDArray

# Small models gain nothing from threads, and lanes run side by side.
torch.set_num_threads(1)


def gradient(
    objective: Callable[..., Any], model: Any, batch: tuple[Any, ...], delta: float, l2: float
) -> tuple[Any, list[Any]]:
    """Return the loss of `model` on `batch` and its gradients, in the order of its variables."""
    model.zero_grad()
    loss = objective(model, batch, delta, l2)
    loss.backward()
    return loss.detach(), [variable.value.grad for variable in model.trainable_variables]


def array(tensor: Any) -> NDArray[Any]:
    """Return a tensor's values, in memory that may be the tensor's own."""
    values: NDArray[Any] = tensor.detach().cpu().numpy()
    return values


def wait(tensors: list[Any]) -> None:
    """Return when the tensors have been computed."""
    if any(tensor.is_cuda for tensor in tensors):
        torch.cuda.synchronize()
