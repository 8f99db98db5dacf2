"""Article 5's multilayer perceptrons, from scratch and with torch's parts, and with dropout.

Hidden layers have 32 units in place of 256, as images have 64 pixels in place of 784.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

import parity
from parity.articles import data
from parity.articles.lanes.torch_training import (
    evaluate_accuracy,
    images,
    init_weights,
    train_ch3,
    whole_loss,
)
from parity.articles.study import Ran

HIDDEN = 32
EPOCHS = 10
RATES = (0.2, 0.5)  # of dropout


def perceptron_scratch() -> Ran:
    """Train with layers and ReLU written out, but torch's loss and SGD."""
    torch.manual_seed(data.SEED)
    train, test = images()
    shapes = {"W1": (64, HIDDEN), "b1": (HIDDEN,), "W2": (HIDDEN, 10), "b2": (10,)}
    drawn = {
        name: nn.Parameter(
            torch.randn(shape, requires_grad=True) * 0.01 if len(shape) > 1 else torch.zeros(shape)
        )
        for name, shape in shapes.items()
    }

    def net(x: torch.Tensor) -> torch.Tensor:
        sums = x.reshape((-1, 64)) @ drawn["W1"] + drawn["b1"]
        hidden = torch.max(sums, torch.zeros_like(sums))
        return hidden @ drawn["W2"] + drawn["b2"]

    updater = torch.optim.SGD(drawn.values(), lr=0.1)
    with parity.watch(nn.ParameterDict(drawn), updater) as trace:
        shown = train_ch3(net, train, test, nn.CrossEntropyLoss(), EPOCHS, updater)
    return Ran([trace], shown)


def perceptron_concise() -> Ran:
    """Train with `nn.Linear` and `nn.ReLU`."""
    return _concise(lr=0.1, hidden=1, dropout=False)


def dropout_scratch() -> Ran:
    """Train two hidden layers whose units are dropped by a function written by hand."""
    torch.manual_seed(data.SEED)
    train, test = images()
    net, loss, lr = Dropping(), nn.CrossEntropyLoss(), 0.5
    trainer = torch.optim.SGD(net.parameters(), lr=lr)
    layers = (parity.Layer(HIDDEN, "relu"), parity.Layer(HIDDEN, "relu"), parity.Layer(10))
    model = parity.Model(layers, parity.Loss("softmax_cross_entropy"))
    kept: list[list[float]] = [[], []]
    with parity.watch(net.tensors(), parity.promise("sgd", lr=lr), model) as trace:
        for _ in range(EPOCHS):
            net.train()
            for x, y in train:
                value = loss(net(x), y)
                trainer.zero_grad()
                value.backward()
                trainer.step()
                told = {"x": x.reshape(-1, 64), "y": y, "masks": net.masks}
                trace.step(net.gradients(), loss=value.item(), **told)
                for shares, mask in zip(kept, net.masks.values(), strict=True):
                    shares.append(float((mask > 0).float().mean()))
            accuracy = evaluate_accuracy(net, test)
    means = {f"kept {n + 1}": sum(each) / len(each) for n, each in enumerate(kept)}
    return Ran([trace], {**means, "loss": whole_loss(net, train, loss), "accuracy": accuracy})


def dropout_concise() -> Ran:
    """Train two hidden layers with `nn.Dropout`."""
    return _concise(lr=0.5, hidden=2, dropout=True)


class Dropping(nn.Module):  # type: ignore[misc]  # which is Any to the type checker
    """Two hidden layers; what multiplied their outputs last is in `masks`."""

    def __init__(self) -> None:
        super().__init__()
        self.lin1 = nn.Linear(64, HIDDEN)
        self.lin2 = nn.Linear(HIDDEN, HIDDEN)
        self.lin3 = nn.Linear(HIDDEN, 10)
        self.masks: dict[str, torch.Tensor] = {}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits; drop hidden units in training."""
        out = torch.relu(self.lin1(x.reshape((-1, 64))))
        if self.training:
            out = self.dropped(out, 0)
        out = torch.relu(self.lin2(out))
        if self.training:
            out = self.dropped(out, 1)
        found: torch.Tensor = self.lin3(out)
        return found

    def dropped(self, out: torch.Tensor, layer: int) -> torch.Tensor:
        """Return outputs of which some are zero; the article draws them from a normal."""
        rate = RATES[layer]
        mask = (torch.randn(out.shape) > rate).float()
        self.masks[f"layer{layer}"] = mask / (1.0 - rate)
        return mask * out / (1.0 - rate)

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return kernels of shape (inputs, units), which share memory, and biases."""
        return {n: p.T if p.ndim > 1 else p for n, p in self.named_parameters()}

    def gradients(self) -> dict[str, torch.Tensor]:
        """Return the gradients of `tensors`."""
        grads = {name: p.grad for name, p in self.named_parameters()}
        return {n: g.T if g.ndim > 1 else g for n, g in grads.items() if g is not None}


def _concise(*, lr: float, hidden: int, dropout: bool) -> Ran:
    torch.manual_seed(data.SEED)
    train, test = images()
    parts: list[nn.Module] = []
    inputs = 64
    for rate in RATES[:hidden]:
        parts += [nn.Linear(inputs, HIDDEN), nn.ReLU()]
        parts += [nn.Dropout(rate)] if dropout else []
        inputs = HIDDEN
    inner = nn.Sequential(*parts, nn.Linear(inputs, 10))  # of the oracle's family; Flatten is not
    net: Any = nn.Sequential(nn.Flatten(), inner)
    net.apply(init_weights)
    loss = nn.CrossEntropyLoss()
    trainer = torch.optim.SGD(net.parameters(), lr=lr)
    with parity.watch(inner, trainer, loss) as trace:
        shown = train_ch3(net, train, test, loss, EPOCHS, trainer)
    return Ran([trace], shown)
