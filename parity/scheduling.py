"""How the checks are shared out among xdist's workers: all of a lane to one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # it has no types


class ByLane(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no type information
    """Keep a lane on one worker, so that its processes are started once.

    This is what `--dist=loadgroup` is for, which does not group under pytest 9.2 (xdist 3.8).
    """

    def __init__(self, config: pytest.Config, log: Any, lanes: Sequence[str]) -> None:
        config.option.loadscopereorder = False  # the slowest lanes come first already
        super().__init__(config, log)
        self._lanes = sorted(lanes, key=len, reverse=True)

    def _split_scope(self, nodeid: str) -> str:
        parameters = nodeid.partition("[")[2].removesuffix("]") + "-"
        ours = (lane for lane in self._lanes if parameters.startswith(f"{lane}-"))
        return next(ours, None) or str(super()._split_scope(nodeid))
