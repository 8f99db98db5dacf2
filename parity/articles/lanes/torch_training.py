"""What article 5's loops share: loaders, the epoch of its third chapter, SGD written by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from parity.articles import data

Batches = Iterable[Any]
IMAGES = 256  # of a batch


def load_array(
    arrays: Sequence[torch.Tensor], batch_size: int, *, is_train: bool = True
) -> DataLoader[Any]:
    """Return batches of tensors, shuffled to train on."""
    return DataLoader(TensorDataset(*arrays), batch_size, shuffle=is_train)


def synthetic_data(w: torch.Tensor, b: float, examples: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return normal features, and X w + b with noise of standard deviation 0.01 as a column."""
    x = torch.normal(0, 1, (examples, len(w)))
    y = torch.matmul(x, w) + b
    y += torch.normal(0, 0.01, y.shape)
    return x, y.reshape((-1, 1))


def images() -> tuple[DataLoader[Any], DataLoader[Any]]:
    """Return batches of images of 8 by 8 pixels to train on and to test with."""
    x, y, x_test, y_test = data.digits()
    square = (-1, 1, 8, 8)
    train = torch.tensor(x).reshape(square), torch.tensor(y)
    test = torch.tensor(x_test).reshape(square), torch.tensor(y_test)
    return load_array(train, IMAGES), load_array(test, IMAGES, is_train=False)


def sgd(params: Sequence[torch.Tensor], lr: float, batch_size: int) -> None:
    """Step along the mean of the gradients of which `grad` is the sum, and clear them."""
    with torch.no_grad():
        for param in params:
            assert param.grad is not None
            param -= lr * param.grad / batch_size
            param.grad.zero_()


def means(named: dict[str, torch.Tensor], batch_size: int) -> dict[str, torch.Tensor]:
    """Return the gradients along which `sgd` steps."""
    found = {}
    for name, tensor in named.items():
        assert tensor.grad is not None
        found[name] = tensor.grad.double() / batch_size
    return found


def train_epoch(net: Any, train: Batches, loss: Any, updater: Any) -> float:
    """Train an epoch; return the loss that the article's function reports.

    With an optimizer it adds up `float(1) * len(y)`, a one where the letter l is meant.
    """
    if isinstance(net, nn.Module):
        net.train()
    total, count = 0.0, 0
    for x, y in train:
        value = loss(net(x), y)
        if isinstance(updater, torch.optim.Optimizer):
            updater.zero_grad()
            value.backward()
            updater.step()
            total += float(1) * len(y)
        else:
            value.sum().backward()
            updater(x, y, value)
            total += float(value.sum())
        count += y.numel()
    return total / count


def evaluate_accuracy(net: Any, batches: Batches) -> float:
    """Return the share of labels that are predicted."""
    if isinstance(net, nn.Module):
        net.eval()
    right = count = 0
    for x, y in batches:
        right += int((net(x).argmax(axis=1) == y).sum())
        count += y.numel()
    return right / count


def train_ch3(
    net: Any, train: Batches, test: Batches, loss: Any, epochs: int, updater: Any
) -> dict[str, float]:
    """Train; return the loss that is reported in the end, that of the data, and the accuracy."""
    for _ in range(epochs):
        reported = train_epoch(net, train, loss, updater)
        accuracy = evaluate_accuracy(net, test)
    return {"reported": reported, "loss": whole_loss(net, train, loss), "accuracy": accuracy}


def whole_loss(net: Callable[..., Any], batches: Batches, loss: Any) -> float:
    """Return the mean loss over all rows."""
    with torch.no_grad():
        return float(torch.cat(list(_losses(net, batches, loss))).mean())


def _losses(net: Callable[..., Any], batches: Batches, loss: Any) -> Iterator[torch.Tensor]:
    for x, y in batches:
        value = loss(net(x), y)
        yield value.reshape(-1) if value.numel() > 1 else value.repeat(len(y))


def init_weights(module: nn.Module) -> None:
    """Draw the weights of a linear layer; its biases stay."""
    if type(module) is nn.Linear:
        nn.init.normal_(module.weight, std=0.01)
