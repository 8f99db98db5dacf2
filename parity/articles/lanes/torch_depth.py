"""What article 5 says in words of depth: gradients that vanish or explode, and symmetry."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

import parity
from parity.articles import data
from parity.articles.lanes.torch_training import images
from parity.articles.study import Ran

DEPTH = 10
WIDTH = 16
EPOCHS = 2


def depth_vanishing() -> Ran:
    """Train ten hidden layers of sigmoids, drawn as torch does by default."""
    return _deep(nn.Sigmoid, lambda weight: None)


def depth_exploding() -> Ran:
    """Train ten hidden layers of ReLU with weights of standard deviation one."""
    return _deep(nn.ReLU, lambda weight: nn.init.normal_(weight, std=1.0))


def depth_xavier() -> Ran:
    """Train ten hidden layers of tanh with Xavier's weights."""
    return _deep(nn.Tanh, nn.init.xavier_uniform_)


def depth_symmetric() -> Ran:
    """Train hidden units that all start alike."""
    return _alike(dropout=False)


def depth_symmetric_dropout() -> Ran:
    """Train hidden units that all start alike, with dropout."""
    return _alike(dropout=True)


def _deep(activation: type[nn.Module], draw: Callable[[torch.Tensor], object]) -> Ran:
    torch.manual_seed(data.SEED)
    parts: list[nn.Module] = []
    for layer in range(DEPTH):
        parts += [nn.Linear(WIDTH if layer else 64, WIDTH), activation()]
    net = nn.Sequential(*parts, nn.Linear(WIDTH, 10))
    linears = [part for part in net if type(part) is nn.Linear]
    for linear in linears:
        draw(linear.weight)
    norms: list[float] = []

    def look() -> None:
        for linear in (linears[0], linears[-1]):
            assert linear.weight.grad is not None
            norms.append(float(linear.weight.grad.norm()))

    ran = _trained(net, look)
    return Ran(ran.traces, {**ran.shown, "first": norms[0], "last": norms[1]})


def _alike(*, dropout: bool) -> Ran:
    torch.manual_seed(data.SEED)
    parts = [nn.Linear(64, WIDTH), nn.ReLU(), *([nn.Dropout(0.5)] if dropout else [])]
    net = nn.Sequential(*parts, nn.Linear(WIDTH, 10))
    for parameter in net.parameters():
        nn.init.constant_(parameter, 0.01)
    ran = _trained(net, lambda: None)
    units = len(torch.unique(next(net.parameters()).detach(), dim=0))
    return Ran(ran.traces, {**ran.shown, "different units": units})


def _trained(net: nn.Module, look: Callable[[], None]) -> Ran:
    train, _ = images()
    loss, trainer = nn.CrossEntropyLoss(), torch.optim.SGD(net.parameters(), lr=0.1)
    batches = [batch for _ in range(EPOCHS) for batch in train]
    losses: list[float] = []
    with parity.watch(net, trainer, loss) as trace:
        for x, y in batches:
            trainer.zero_grad()
            value = loss(net(x.reshape(-1, 64)), y)
            if not value.isfinite():
                break
            value.backward()
            losses.append(value.item())
            look()
            trainer.step()
    return Ran([trace], {"loss": losses[-1], "first loss": losses[0], "steps": len(losses)})
