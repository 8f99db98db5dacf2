"""Article 2: which line turns the readings of an unknown thermometer into degrees Celsius."""

from __future__ import annotations

from typing import Any

import torch
from torch import optim

import parity
from parity.articles import data
from parity.articles.study import Ran

EPOCHS = 10_000
RECORDED = 1000  # of the epochs; a recording holds no more
WATCHED = 100  # of those with torch's optimizer
LINE = parity.Model((parity.Layer(1),), parity.Loss("squared_error"))

t_c = torch.tensor(data.CELSIUS)
t_u = torch.tensor(data.UNKNOWN)
t_un = 0.1 * t_u


def model(u: torch.Tensor, w: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return the line's values."""
    return w * u + b


def mean_square(t_p: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
    """Return the mean of the squared differences."""
    return ((t_p - c) ** 2).mean()


def gradient(u: torch.Tensor, c: torch.Tensor, t_p: torch.Tensor) -> torch.Tensor:
    """Return the article's gradient: the loss's derivative has the mean, and so has the end."""
    dloss_dtp = 2 * (t_p - c) / t_p.size(0)
    return torch.stack([(dloss_dtp * u).mean(), (dloss_dtp * 1.0).mean()])


def named(params: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return slope and offset as the kernel and the bias of a layer; they share memory."""
    return {"w": params[0].reshape(1, 1), "b": params[1].reshape(1)}


def batch(u: torch.Tensor, c: torch.Tensor) -> dict[str, Any]:
    """Return the readings as columns."""
    return {"x": u.reshape(-1, 1), "y": c.reshape(-1, 1)}


def shown(loss: torch.Tensor, params: torch.Tensor) -> dict[str, float]:
    """Return what the article prints in the end."""
    return {"loss": loss.item(), "w": params[0].item(), "b": params[1].item()}


def temperatures_differences() -> Ran:
    """Step once along slopes measured with numerical differences."""
    w, b, delta, lr = torch.ones(()), torch.zeros(()), 0.1, 1e-2
    with parity.watch(_pair(w, b), parity.promise("sgd", lr=lr), LINE) as trace:
        loss = mean_square(model(t_u, w, b), t_c)
        more, less = model(t_u, w + delta, b), model(t_u, w - delta, b)
        rate_w = (mean_square(more, t_c) - mean_square(less, t_c)) / (2.0 * delta)
        more, less = model(t_u, w, b + delta), model(t_u, w, b - delta)
        rate_b = (mean_square(more, t_c) - mean_square(less, t_c)) / (2.0 * delta)
        w, b = w - lr * rate_w, b - lr * rate_b
        trace.step(_pair(rate_w, rate_b), weights=_pair(w, b), loss=loss.item(), **batch(t_u, t_c))
    return Ran([trace], {"w": w.item(), "b": b.item(), "ratio": (rate_w / rate_b).item()})


def temperatures_by_hand() -> Ran:
    """Train on the readings as they are, with the gradient written by hand."""
    return _by_hand(EPOCHS, 1e-4, t_u)


def temperatures_normalised() -> Ran:
    """Train on a tenth of the readings, for as long as the printed line says."""
    return _by_hand(100_000, 1e-2, t_un)


def temperatures_autograd() -> Ran:
    """Train with gradients of autograd, the parameters updated in place."""
    params, lr = torch.tensor([1.0, 0.0], requires_grad=True), 1e-2
    with parity.watch(named(params.detach()), parity.promise("sgd", lr=lr), LINE) as trace:
        for epoch in range(1, EPOCHS + 1):
            if params.grad is not None:
                params.grad.zero_()
            loss = mean_square(model(t_un, *params), t_c)
            loss.backward()
            assert params.grad is not None
            with torch.no_grad():
                params -= lr * params.grad
            if epoch <= RECORDED:
                trace.step(named(params.grad), loss=loss.item(), **batch(t_un, t_c))
    return Ran([trace], shown(loss, params))


def temperatures_optimizer() -> Ran:
    """Train with torch's own SGD."""
    params = torch.tensor([1.0, 0.0], requires_grad=True)
    optimizer = optim.SGD([params], lr=1e-2)

    def train(epochs: range) -> torch.Tensor:
        for _ in epochs:
            loss = mean_square(model(t_un, *params), t_c)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return loss

    with parity.watch(torch.nn.Module(), optimizer) as trace:
        train(range(WATCHED))
    loss = train(range(WATCHED, EPOCHS))
    return Ran([trace], shown(loss, params))


def temperatures_split() -> Ran:
    """Train on nine readings and validate on the two that the printed losses imply."""
    trained, held = torch.tensor(data.TRAINED), torch.tensor(data.HELD_OUT)
    params = torch.tensor([1.0, 0.0], requires_grad=True)
    optimizer = optim.SGD([params], lr=1e-2)
    seen: dict[str, float] = {}

    def train(epochs: range) -> None:
        for epoch in epochs:
            loss = mean_square(model(0.1 * t_u[trained], *params), t_c[trained])
            with torch.no_grad():
                valid = mean_square(model(0.1 * t_u[held], *params), t_c[held])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if epoch <= 3 or epoch % 500 == 0:
                seen.update({f"train {epoch}": loss.item(), f"validation {epoch}": valid.item()})

    with parity.watch(torch.nn.Module(), optimizer) as trace:
        train(range(1, WATCHED + 1))
    train(range(WATCHED + 1, 4001))  # where what is printed ends, not the code
    return Ran([trace], {**seen, "w": params[0].item(), "b": params[1].item()})


def _by_hand(epochs: int, lr: float, u: torch.Tensor) -> Ran:
    params, told = torch.tensor([1.0, 0.0]), batch(u, t_c)
    seen: dict[str, float] = {}
    with parity.watch(named(params), parity.promise("sgd", lr=lr), LINE) as trace:
        for epoch in range(1, epochs + 1):
            w, b = params
            t_p = model(u, w, b)
            loss = mean_square(t_p, t_c)
            grad = gradient(u, t_c, t_p)
            before, params = params, params - lr * grad
            if epoch <= RECORDED:
                trace.step(named(grad), weights=named(params), loss=loss.item(), **told)
            elif epoch == EPOCHS:
                seen = {f"{name} at {EPOCHS}": value for name, value in shown(loss, params).items()}
            elif torch.equal(before, params):
                seen["still at"] = epoch  # all later epochs would do the same
                break
    return Ran([trace], {**seen, **shown(loss, params)})


def _pair(w: torch.Tensor, b: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"w": w.reshape(1, 1), "b": b.reshape(1)}
