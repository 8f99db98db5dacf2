"""What it costs to watch 100 steps of a ten-million-parameter model, beside the same run unwatched.

`python benchmarks/watching.py` trains a PyTorch MLP with Adam, watched and unwatched in turn, and
prints the seconds of each and their ratio; `--steps` and `--rounds` make it shorter.
"""

from __future__ import annotations

import argparse
import time
from itertools import pairwise
from statistics import median

import torch
from torch import nn

import parity

SIZES = (1024, 2048, 2048, 1700)
ROWS = 32
MOST = 2.0  # times the run's own time is what watching may cost


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--steps", type=int, default=100)
    options.add_argument("--rounds", type=int, default=3, help="how often both take turns")
    chosen = options.parse_args()
    plain, watched = [], []
    for _ in range(chosen.rounds):
        plain.append(run(chosen.steps, watch=False))
        watched.append(run(chosen.steps, watch=True))
    ratio = median(one / other for one, other in zip(watched, plain, strict=True))
    count = sum(parameter.numel() for parameter in model().parameters())
    print(f"{count:,} parameters, {chosen.steps} steps, median of {chosen.rounds} rounds")
    print(f"unwatched {median(plain):.1f} s, watched {median(watched):.1f} s")
    print(f"ratio {ratio:.2f} (at most {MOST:.0f})")


def model() -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, units in pairwise(SIZES):
        layers += [nn.Linear(inputs, units), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def run(steps: int, *, watch: bool) -> float:
    """Return the seconds that a training run takes."""
    torch.manual_seed(0)
    trained, loss = model(), nn.MSELoss()
    optimizer = torch.optim.Adam(trained.parameters())
    x, y = torch.randn(ROWS, SIZES[0]), torch.randn(ROWS, SIZES[-1])

    def train() -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            loss(trained(x), y).backward()
            optimizer.step()

    start = time.perf_counter()
    if watch:
        with parity.watch(trained, optimizer, loss):
            train()
    else:
        train()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
