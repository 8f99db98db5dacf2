"""The articles' systems in PyTorch, by name."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from parity.articles.lanes import (
    torch_depth,
    torch_exact,
    torch_houses,
    torch_perceptrons,
    torch_regressions,
    torch_temperatures,
)
from parity.articles.study import Study, studies

STUDIES: Mapping[str, Study] = studies(
    torch_exact,
    torch_temperatures,
    torch_regressions,
    torch_perceptrons,
    torch_depth,
    torch_houses,
)

torch.set_num_threads(1)
