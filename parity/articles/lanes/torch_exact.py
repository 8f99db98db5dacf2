"""Article 1 in PyTorch: a line through exact data."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, Dataset

import parity
from parity.articles import data
from parity.articles.study import Ran

EPOCHS = 50


class Rows(Dataset[Any]):  # type: ignore[misc]  # which is Any to the type checker
    """Rows whose last column is the target."""

    def __init__(self, rows: data.Array) -> None:
        self.rows = rows

    def __getitem__(self, index: int) -> tuple[data.Array, data.Array]:
        return self.rows[index, :-1], self.rows[index, -1:]

    def __len__(self) -> int:
        return len(self.rows)


class Net(nn.Module):  # type: ignore[misc]  # which is Any too
    """One linear layer."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.linear_layer = nn.Sequential(nn.Linear(inputs, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the line's values."""
        out: torch.Tensor = self.linear_layer(x)
        return out


def exact_torch() -> Ran:
    """Train 50 epochs with SGD at 0.1 on eight of the ten rows."""
    torch.manual_seed(data.SEED)
    train, _ = train_test_split(data.exact(), test_size=0.2)
    loader = DataLoader(Rows(train), batch_size=64)
    model, criterion = Net(2), nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-1)
    with parity.watch(model.linear_layer, optimizer, criterion) as trace:
        for _ in range(EPOCHS):
            model.train()
            for x, y in loader:
                loss = criterion(model(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
    with torch.no_grad():
        x, y = next(iter(loader))
        loss = criterion(model(x), y)
    layer: Any = model.linear_layer[0]
    found = layer.weight.detach().numpy().flatten()
    shown = {
        "loss": loss.item(),
        "weights off by": float(np.abs(found - data.slopes()).max()),
        "bias": layer.bias.item(),
    }
    return Ran([trace], shown)
