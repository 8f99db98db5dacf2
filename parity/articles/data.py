"""The data that the articles train on, or data like theirs where theirs is a download."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

SEED = 0  # of what an article leaves unseeded

# Article 2's eleven readings of two thermometers.
CELSIUS = (0.5, 14.0, 15.0, 28.0, 11.0, 8.0, 3.0, -4.0, 6.0, 13.0, 21.0)
UNKNOWN = (35.7, 55.9, 58.2, 81.9, 56.3, 48.9, 33.9, 21.8, 48.4, 60.4, 68.4)
# Its split is unseeded. Of the 55 ways to hold two readings out, the losses printed for the first
# epoch fit one alone; all printed digits come out in this order, as in some others.
HELD_OUT = (3, 0)
TRAINED = (1, 4, 9, 2, 7, 8, 5, 10, 6)

# Mean of x, and of x squared, of article 4's runs in a session and with train_on_batch, and the
# weight with which the latter began: those under which the printed lines come out.
SESSION = (0.39738625, 0.2241715)
ON_BATCH = (0.5491818, 0.38804706)
START = -0.73803594


def exact(*, noise: float = 0.0, intercept: float = 0.0) -> Array:
    """Return article 1's ten rows: two features and y = X beta, and then what it adds to y."""
    # The article seeds the global state, which its train_test_split then draws from.
    np.random.seed(5711)  # noqa: NPY002  # here and below, the article's own lines
    beta = np.random.uniform(0, 1, size=(2, 1))  # noqa: NPY002
    x = np.random.normal(size=(10, 2))  # noqa: NPY002
    y = x.dot(beta)
    if noise:
        y = y + np.random.rand(*y.shape) * noise  # noqa: NPY002
    return np.concatenate([x, y + intercept], axis=1).astype(np.float32)


def slopes() -> Array:
    """Return the beta of article 1's rows."""
    np.random.seed(5711)  # noqa: NPY002  # as in `exact`
    return np.random.uniform(0, 1, size=2)  # noqa: NPY002


def line_with_noise() -> tuple[Array, Array]:
    """Return article 3's 201 points of 3 x + 2 with noise, as its printed numbers imply them.

    Its noise is unseeded. Gradient descent on it depends on three averages of the noise n alone:
    of n, of x n and of n squared; these are those under which all eleven printed losses come out.
    """
    x = np.linspace(-2, 2, 201)
    drawn = np.random.default_rng(SEED).normal(size=201)
    basis = np.linalg.qr(np.stack([np.ones(201), x, drawn], axis=1))[0] * np.sqrt(201)
    slope = 0.06919255 / np.sqrt(np.mean(x**2))
    level = -0.06839331
    rest = np.sqrt(1.02122066 - level**2 - slope**2)
    signs = np.sign(basis[[0, -1], [0, 1]])
    noise = level * signs[0] * basis[:, 0] + slope * signs[1] * basis[:, 1] + rest * basis[:, 2]
    return x.astype(np.float32), (3 * x + 2 + noise).astype(np.float32)


def line(mean: float, square: float) -> tuple[Array, Array]:
    """Return article 4's 50 points of 0.6 x + 0.8, of a given mean of x and of x squared.

    Its x are unseeded. Gradient descent depends on these two averages alone, and they follow from
    the first numbers printed.
    """
    drawn = np.random.default_rng(SEED).random(50)
    x = mean + (drawn - drawn.mean()) / drawn.std() * np.sqrt(square - mean**2)
    return x, x * 0.6 + 0.8


def digits() -> tuple[Array, Array, Array, Array]:
    """Return images and labels to train on and to test with: digits in place of Fashion-MNIST.

    Pixels are from 0 to 1, as in article 5; images have 64 of them in place of 784.
    """
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32)
    return x[:1500], y[:1500], x[1500:], y[1500:]


def prices() -> tuple[Array, Array]:
    """Return standardised features and a positive label: diabetes in place of house prices."""
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True)
    x = (x - x.mean(0)) / x.std(0, ddof=1)
    return x.astype(np.float32), y.astype(np.float32).reshape(-1, 1)
