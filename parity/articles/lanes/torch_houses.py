"""Article 5's last part: prices, by a linear model and Adam, validated in five folds."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

import parity
from parity.articles import data
from parity.articles.lanes.torch_training import load_array
from parity.articles.study import Ran
from parity.watching import Watched

FOLDS = 5
EPOCHS = 100
WATCHED = 5  # of them


def houses_folds() -> Ran:
    """Train a model for each fold; show the mean errors."""
    x, y = _rows()
    traces, errors = [], torch.zeros(2)
    for fold in range(FOLDS):
        torch.manual_seed(data.SEED + fold)
        net, parts = _net(), _fold(fold, x, y)
        traces.append(_train(net, *parts[0]))
        errors += torch.tensor([_log_rmse(net, *part) for part in parts]) / FOLDS
    return Ran(traces, {"train": errors[0].item(), "validation": errors[1].item()})


def _rows() -> tuple[torch.Tensor, torch.Tensor]:
    x, y = data.prices()
    return torch.tensor(x), torch.tensor(y)


def _net() -> nn.Module:
    return nn.Sequential(nn.Linear(10, 1))


def _train(net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> Watched:
    batches, loss = load_array((x, y), 64), nn.MSELoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=5, weight_decay=0)

    def epochs(count: int) -> None:
        for _ in range(count):
            for features, labels in batches:
                optimizer.zero_grad()
                loss(net(features), labels).backward()
                optimizer.step()

    with parity.watch(net, optimizer, loss) as trace:
        epochs(WATCHED)
    epochs(EPOCHS - WATCHED)
    return trace


def _log_rmse(net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    with torch.no_grad():
        clipped = torch.clamp(net(x), 1, float("inf"))
        return float(torch.sqrt(nn.MSELoss()(torch.log(clipped), torch.log(y))))


def _fold(fold: int, x: torch.Tensor, y: torch.Tensor) -> tuple[Any, Any]:
    """Return the rows to train on and those to validate with; rows beyond the folds are left."""
    size = len(x) // FOLDS
    held = torch.zeros(len(x), dtype=torch.bool)
    held[fold * size : (fold + 1) * size] = True
    rest = ~held
    rest[FOLDS * size :] = False
    return (x[rest], y[rest]), (x[held], y[held])
