"""Every system of the articles, in their order."""

from __future__ import annotations

from collections.abc import Mapping

from parity.articles import basic, exact, line, networks, temperatures
from parity.articles.study import System

ARTICLES: Mapping[int, str] = {
    1: "Exact linear data in PyTorch and Keras",
    2: "Celsius from an unknown thermometer, in PyTorch",
    3: "A basic training loop in TensorFlow",
    4: "A simple line in TensorFlow 1 and Keras",
    5: "From linear regression to multilayer perceptrons, in PyTorch",
}
SYSTEMS: tuple[System, ...] = (
    *exact.SYSTEMS,
    *temperatures.SYSTEMS,
    *basic.SYSTEMS,
    *line.SYSTEMS,
    *networks.SYSTEMS,
)
