"""Loops in PyTorch, healthy and with a mistake each; prints what the watch says of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from sklearn.datasets import load_digits
from telling import chosen, told
from torch import nn, optim
from torch.optim import lr_scheduler

import parity

STEPS = 12
torch.set_num_threads(1)


class Convolution(nn.Module):
    """A model that the oracle does not know."""

    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.Conv2d(1, 4, 3)
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
        self.head = nn.Linear(4, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen = torch.relu(self.filters(x.view(-1, 1, 8, 8))).flatten(2).transpose(1, 2)
        mixed, _ = self.attention(seen, seen, seen)
        out: torch.Tensor = self.head(mixed.mean(1))
        return out


def perceptron() -> nn.Module:
    return nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))


def dropping() -> nn.Module:
    return nn.Sequential(nn.Linear(64, 16), nn.Tanh(), nn.Dropout(0.3), nn.Linear(16, 10))


@dataclass
class Loop:
    """The usual loop on the digits, with places where it can be done wrongly."""

    model: Callable[[], nn.Module] = perceptron
    optimizer: Callable[[Any], Any] = lambda model: optim.Adam(model.parameters())
    prepare: Callable[[nn.Module], Any] = lambda model: None
    zero: bool = True
    before_step: Callable[[Any, Any], Any] = lambda model, schedule: None
    after_step: Callable[[Any, Any], Any] = lambda model, schedule: None
    schedule: Callable[[Any], Any] = lambda optimizer: None

    def run(self, *, watched: bool = True) -> tuple[Any, list[Any]]:
        """Train; return what the watch saw, and the weights in the end."""
        torch.manual_seed(0)
        model = self.model()
        self.prepare(model)
        optimizer, criterion = self.optimizer(model), nn.CrossEntropyLoss()
        if not watched:
            self.train(model, optimizer, criterion)
            return None, [p.detach().numpy().copy() for p in model.parameters()]
        with parity.watch(model, optimizer, criterion) as trace:
            self.train(model, optimizer, criterion)
        return trace, [p.detach().numpy().copy() for p in model.parameters()]

    def train(self, model: Any, optimizer: Any, criterion: Any) -> None:
        schedule = self.schedule(optimizer)
        for x, y in batches():
            if self.zero:
                optimizer.zero_grad()
            criterion(model(x), y).backward()
            self.before_step(model, schedule)
            optimizer.step()
            self.after_step(model, schedule)


def batches() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    x, y = load_digits(return_X_y=True)
    for step in range(STEPS):
        rows = slice(8 * step, 8 * step + 8)
        yield torch.tensor(x[rows] / 16, dtype=torch.float32), torch.tensor(y[rows])


def clip(model: Any, schedule: Any) -> None:
    nn.utils.clip_grad_norm_(model.parameters(), 0.05)


def freeze(model: nn.Module) -> None:
    for parameter in next(iter(model.children())).parameters():
        parameter.requires_grad_(False)


def halving(optimizer: Any) -> Any:
    return lr_scheduler.ExponentialLR(optimizer, 0.5)


def apart(model: nn.Module) -> Any:
    biases = [p for name, p in model.named_parameters() if name.endswith("bias")]
    others = [p for name, p in model.named_parameters() if not name.endswith("bias")]
    return optim.AdamW([{"params": others}, {"params": biases, "weight_decay": 0.0}])


def misspelt(model: nn.Module) -> Any:
    return optim.SGD([{"params": list(model.parameters()), "learning_rate": 0.5}], lr=0.01)


def later(model: nn.Module) -> Any:
    optimizer = optim.Adam(model.parameters())
    optimizer.lr = 0.5  # type: ignore[attr-defined]  # which is the mistake
    return optimizer


HEALTHY = {
    "healthy": Loop(),
    "healthy with clipping": Loop(before_step=clip),
    "healthy with a schedule": Loop(
        schedule=halving, after_step=lambda model, schedule: schedule.step()
    ),
    "healthy with momentum": Loop(
        optimizer=lambda m: optim.SGD(m.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    ),
    "healthy with decay on weights": Loop(optimizer=apart),
    "healthy with dropout": Loop(model=dropping),
}
MISTAKES = {
    "decay on biases": Loop(optimizer=lambda m: optim.AdamW(m.parameters())),
    "a parameter left out": Loop(optimizer=lambda m: optim.Adam(list(m.parameters())[:-2])),
    "zero_grad forgotten": Loop(zero=False),
    "lr by the wrong name": Loop(optimizer=misspelt),
    "lr set on the optimizer": Loop(optimizer=later),
    "a layer frozen": Loop(prepare=freeze),
    "the schedule before the step": Loop(
        schedule=halving, before_step=lambda model, schedule: schedule.step()
    ),
    "clipped after the step": Loop(after_step=clip),
}


def main() -> None:
    found = {}
    for kind in chosen(perceptron, Convolution):
        for name, loop in {**HEALTHY, **MISTAKES}.items():
            loop.model = kind if loop.model in (perceptron, Convolution) else loop.model
            trace, weights = loop.run()
            _, plain = loop.run(watched=False)
            found[f"{kind.__name__}: {name}"] = told(trace, weights, plain)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
