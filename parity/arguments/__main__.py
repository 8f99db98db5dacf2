"""What runs in a framework's own process: the audit of one target after another.

A request is `{"names": [...]}`, answered by the targets and their arguments, or `{"target": name,
"spellings": [...], "kinds": [...], "brief": false, "done": [key, ...]}`, answered by
`{"trial": {...}}` before each trial, `{"outcome": {...}}` after it, and `{"end": true}` at last.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from parity.arguments.outcome import Outcome
from parity.arguments.target import Target
from parity.arguments.trials import trials
from parity.lanes import worker


def main(module: str) -> int:
    """Answer requests until stdin closes; return the exit status."""
    return worker.serve(module, _replies, prepare=_targets)


def _targets(lane: Any) -> dict[str, Target]:
    return {target.name: target for target in lane.targets()}


def _replies(targets: dict[str, Target], request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if "names" in request:
        yield {"targets": {name: list(one.arguments) for name, one in targets.items()}}
    else:
        yield from _outcomes(targets[request["target"]], request)


def _outcomes(target: Target, request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    done = set(request["done"])
    for trial, work in trials(
        target, request["spellings"], request["kinds"], brief=request["brief"]
    ):
        if trial.key in done:
            continue
        yield {"trial": asdict(trial)}
        found = work()
        if found is not None:
            yield {"outcome": Outcome("", "", trial, *found).to_dict()}
    yield {"end": True}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
