"""Right loops in PyTorch that are seldom written; prints what the watch says of each."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from telling import told
from torch import nn, optim

import parity
from parity.watching.recording import load
from parity.watching.report import judge

STEPS = 4
ROWS = torch.tensor([0, 2, 3])
TWICE = torch.tensor([0, 2, 2, 2, 2])
torch.set_num_threads(1)
torch.sparse.check_sparse_tensor_invariants.disable()  # said outright, or torch warns
X, Y = torch.linspace(-1, 1, 24).view(8, 3), torch.linspace(0, 1, 16).view(8, 2)


class Parts(nn.Module):
    """Parameters that are given, and the sum of their squares."""

    def __init__(self, *parts: torch.Tensor) -> None:
        super().__init__()
        self.parts = nn.ParameterList(parts)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return sum((part.abs() ** 2).sum() for part in self.parts) * torch.ones_like(x)


def error(out: torch.Tensor) -> torch.Tensor:
    return out.abs().pow(2).mean()


@dataclass
class Loop:
    """A loop whose steps are made by `step`, which gets the optimizer and its closure."""

    model: Callable[[], nn.Module]
    optimizer: Callable[[Any], Any]
    step: Callable[[Any, Callable[[], Any]], Any]
    x: torch.Tensor = X
    criterion: nn.Module | None = None
    y: torch.Tensor = Y

    def run(self, *, watched: bool) -> tuple[Any, list[Any], str]:
        """Train; return the trace, all numbers that came out, and what the file's report is."""
        torch.manual_seed(0)
        model = self.model()
        optimizer = self.optimizer(model.parameters())
        if not watched:
            return None, self.train(model, optimizer), ""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "run"
            with parity.watch(model, optimizer, self.criterion, file=file) as trace:
                numbers = self.train(model, optimizer)
            return trace, numbers, str(judge(load(file)))

    def train(self, model: nn.Module, optimizer: Any) -> list[Any]:
        """Return what the steps returned, the weights, and how the gradients are laid out."""
        returned = []

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            out = model(self.x)
            loss = error(out) if self.criterion is None else self.criterion(out, self.y)
            loss.backward()
            return loss

        for _ in range(STEPS):
            try:
                loss = self.step(optimizer, closure)
            except InterruptedError:
                break
            returned.append(loss.item())
        weights = [p.detach().numpy().copy() for p in model.parameters()]
        return [returned, *weights, [str(p.grad.layout) for p in model.parameters()]]


def plainly(optimizer: Any, closure: Any) -> Any:
    loss = closure()
    optimizer.step()
    return loss


def given(optimizer: Any, closure: Any) -> Any:
    return optimizer.step(closure)


def named(optimizer: Any, closure: Any) -> Any:
    return optimizer.step(closure=closure)


def failing(optimizer: Any, closure: Any) -> Any:
    def fails() -> Any:
        if len(optimizer.state):  # after the first step
            raise InterruptedError
        return closure()

    return optimizer.step(fails)


def linear() -> nn.Module:
    return nn.Linear(3, 2)


def rows() -> nn.Module:
    return nn.Embedding(5, 2, sparse=True)


def both() -> nn.Module:
    return nn.Sequential(rows(), nn.Linear(2, 2))


def complex_parts() -> nn.Module:
    return Parts(torch.tensor([1 + 2j, 3 - 1j]), torch.ones(2))


def sgd(parameters: Any) -> Any:
    return optim.SGD(parameters, lr=0.1)


def decaying(parameters: Any) -> Any:
    return optim.Adagrad(parameters, lr=0.1, lr_decay=0.5)


LOOPS = {
    "closure": Loop(linear, sgd, given, criterion=nn.MSELoss()),
    "closure by name": Loop(linear, lambda p: optim.Adam(p, lr=0.1), named),
    "closure and decaying rate": Loop(linear, decaying, given),
    "closure called again": Loop(
        linear, lambda p: optim.LBFGS(p, lr=0.5, max_iter=3), given, criterion=nn.MSELoss()
    ),
    "closure at rest": Loop(linear, lambda p: optim.LBFGS(p, lr=0.5), given),
    "closure that fails": Loop(linear, lambda p: optim.Adam(p, lr=0.1), failing),
    "sparse": Loop(rows, sgd, plainly, x=ROWS),
    "sparse with adagrad": Loop(rows, lambda p: optim.Adagrad(p, lr=0.1), plainly, x=ROWS),
    "sparse, a row twice": Loop(both, sgd, plainly, x=TWICE),
    "sparse adam": Loop(rows, lambda p: optim.SparseAdam(p, lr=0.1), plainly, x=ROWS),
    "complex": Loop(complex_parts, sgd, plainly),
    "complex layers": Loop(
        lambda: nn.Linear(3, 2, dtype=torch.complex64),
        sgd,
        plainly,
        x=X.to(torch.complex64),
        criterion=nn.L1Loss(),
        y=Y.to(torch.complex64),
    ),
    "a tensor of no elements": Loop(lambda: Parts(torch.ones(2), torch.ones(0)), sgd, plainly),
}


def main() -> None:
    found = {}
    for name, loop in LOOPS.items():
        trace, numbers, file = loop.run(watched=True)
        _, plain, _ = loop.run(watched=False)
        said = told(trace, numbers, plain)
        found[name] = {**said, "file": file, "layouts": numbers[-1]}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
