"""Article 5's linear and softmax regression, each from scratch and with torch's own parts."""

from __future__ import annotations

import random
from collections.abc import Iterator

import torch
from torch import nn

import parity
from parity.articles import data
from parity.articles.lanes.torch_training import (
    images,
    init_weights,
    load_array,
    means,
    sgd,
    synthetic_data,
    train_ch3,
    whole_loss,
)
from parity.articles.study import Ran

TRUE_W = torch.tensor([2, -3.4])


def linear_scratch() -> Ran:
    """Train three epochs of batches of ten with half the squared error."""
    return _linear("half_mean")


def linear_scratch_as_concise() -> Ran:
    """Train the same, held against the loss of the concise loop, which should do the same."""
    return _linear("mean")


def linear_concise() -> Ran:
    """Train three epochs of batches of ten with `MSELoss` and `optim.SGD`."""
    torch.manual_seed(data.SEED)
    features, labels = synthetic_data(TRUE_W, 4.2, 1000)
    batches = load_array((features, labels), 10)
    net = nn.Sequential(nn.Linear(2, 1))
    net[0].weight.data.normal_(0, 0.01)
    net[0].bias.data.fill_(0)
    loss = nn.MSELoss()
    trainer = torch.optim.SGD(net.parameters(), lr=0.03)
    shown = {}
    with parity.watch(net, trainer, loss) as trace:
        for epoch in range(3):
            for x, y in batches:
                value = loss(net(x), y)
                trainer.zero_grad()
                value.backward()
                trainer.step()
            with torch.no_grad():
                shown[f"epoch {epoch + 1}"] = float(loss(net(features), labels))
    return Ran([trace], shown)


def softmax_scratch() -> Ran:
    """Train ten epochs on images with softmax and cross entropy written out."""
    torch.manual_seed(data.SEED)
    train, test = images()
    w = torch.normal(0, 0.01, size=(64, 10), requires_grad=True)
    b = torch.zeros(10, requires_grad=True)
    named, lr = {"W": w, "b": b}, 0.1
    model = parity.Model((parity.Layer(10),), parity.Loss("softmax_cross_entropy"))

    def net(x: torch.Tensor) -> torch.Tensor:
        exp = torch.exp(torch.matmul(x.reshape(-1, 64), w) + b)
        return exp / exp.sum(1, keepdim=True)

    def cross_entropy(y_hat: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return -torch.log(y_hat[range(len(y_hat)), y])

    with parity.watch(named, parity.promise("sgd", lr=lr), model) as trace:

        def updater(x: torch.Tensor, y: torch.Tensor, loss: torch.Tensor) -> None:
            gradients = means(named, len(x))
            sgd([w, b], lr, len(x))
            trace.step(gradients, loss=loss.mean().item(), x=x.reshape(-1, 64), y=y)

        shown = train_ch3(net, train, test, cross_entropy, 10, updater)
    return Ran([trace], shown)


def softmax_concise() -> Ran:
    """Train ten epochs on images with a linear layer and `CrossEntropyLoss`."""
    torch.manual_seed(data.SEED)
    train, test = images()
    inner = nn.Sequential(nn.Linear(64, 10))  # of the oracle's family; Flatten is not
    net = nn.Sequential(nn.Flatten(), inner)
    net.apply(init_weights)
    loss = nn.CrossEntropyLoss()
    trainer = torch.optim.SGD(net.parameters(), lr=0.1)
    with parity.watch(inner, trainer, loss) as trace:
        shown = train_ch3(net, train, test, loss, 10, trainer)
    return Ran([trace], shown)


def decay_scratch() -> Ran:
    """Train 100 epochs on 20 rows of 200 features, the penalty 3 |w|^2 / 2 added to each loss."""
    return _decayed(3.0)


def decay_none() -> Ran:
    """Train the same without the penalty."""
    return _decayed(0.0)


def decay_concise() -> Ran:
    """Train 500 epochs, 50 of them watched, with `weight_decay=3` for the weights alone."""
    torch.manual_seed(data.SEED)
    train, test = _few_rows()
    net = nn.Sequential(nn.Linear(200, 1))
    for param in net.parameters():
        param.data.normal_()
    loss = nn.MSELoss()
    groups = [{"params": net[0].weight, "weight_decay": 3}, {"params": net[0].bias}]
    trainer = torch.optim.SGD(groups, lr=0.003)

    def epochs(count: int) -> None:
        for _ in range(count):
            for x, y in train:
                trainer.zero_grad()
                loss(net(x), y).backward()
                trainer.step()

    with parity.watch(net, trainer, loss) as trace:
        epochs(50)
    epochs(450)
    norm = float(net[0].weight.norm())
    ends = {"train": whole_loss(net, train, loss), "test": whole_loss(net, test, loss)}
    return Ran([trace], {"norm": norm, **ends})


def _linear(reduction: str) -> Ran:
    torch.manual_seed(data.SEED)
    random.seed(data.SEED)
    features, labels = synthetic_data(TRUE_W, 4.3, 1000)
    batch_size, lr = 10, 0.03
    w = torch.normal(0, 0.01, size=(2, 1), requires_grad=True)
    b = torch.zeros(1, requires_grad=True)
    named = {"w": w, "b": b}
    model = parity.Model((parity.Layer(1),), parity.Loss("squared_error", reduction=reduction))
    shown = {}
    with parity.watch(named, parity.promise("sgd", lr=lr), model) as trace:
        for epoch in range(3):
            for x, y in _batches(batch_size, features, labels):
                loss = _half_square(torch.matmul(x, w) + b, y)
                loss.sum().backward()
                gradients = means(named, batch_size)
                sgd([w, b], lr, batch_size)
                trace.step(gradients, loss=loss.mean().item(), x=x, y=y)
            with torch.no_grad():
                whole = _half_square(torch.matmul(features, w) + b, labels)
            shown[f"epoch {epoch + 1}"] = whole.mean().item()
    return Ran([trace], shown)


def _decayed(penalty: float) -> Ran:
    torch.manual_seed(data.SEED)
    train, test = _few_rows()
    batch_size, lr = 5, 0.003
    w = torch.normal(0, 1, size=(200, 1), requires_grad=True)
    b = torch.zeros(1, requires_grad=True)
    named = {"w": w, "b": b}
    # The oracle's own l2 is lambda |w|^2, without the half.
    loss = parity.Loss("squared_error", reduction="half_mean", l2=penalty / 2)
    model = parity.Model((parity.Layer(1),), loss)

    def net(x: torch.Tensor) -> torch.Tensor:
        return torch.matmul(x, w) + b

    with parity.watch(named, parity.promise("sgd", lr=lr), model) as trace:
        for _ in range(100):
            for x, y in train:
                value = _half_square(net(x), y) + penalty * (torch.sum(w.pow(2)) / 2)
                value.sum().backward()
                gradients = means(named, batch_size)
                sgd([w, b], lr, batch_size)
                trace.step(gradients, loss=value.mean().item(), x=x, y=y)
    shown = {
        "norm": float(torch.norm(w)),
        "train": whole_loss(net, train, _half_square),
        "test": whole_loss(net, test, _half_square),
    }
    return Ran([trace], shown)


def _few_rows() -> tuple[torch.utils.data.DataLoader[object], torch.utils.data.DataLoader[object]]:
    true_w = torch.ones((200, 1)) * 0.01
    train, test = (synthetic_data(true_w, 0.05, rows) for rows in (20, 100))
    return load_array(train, 5), load_array(test, 5, is_train=False)


def _half_square(y_hat: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return (y_hat - y.reshape(y_hat.shape)) ** 2 / 2


def _batches(
    batch_size: int, features: torch.Tensor, labels: torch.Tensor
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    indices = list(range(len(features)))
    random.shuffle(indices)
    for start in range(0, len(features), batch_size):
        rows = torch.tensor(indices[start : min(start + batch_size, len(features))])
        yield features[rows], labels[rows]
