"""What runs in a framework's own process: the audit of one target after another.

A request is `{"names": [...]}`, answered by the targets and their arguments, or `{"target": name,
"spellings": [...], "kinds": [...], "brief": false, "done": [key, ...]}`, answered by
`{"trial": {...}}` before each trial, `{"outcome": {...}}` after it, and `{"end": true}` at last.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from parity.arguments.outcome import Outcome
from parity.arguments.target import Target
from parity.arguments.trials import trials
from parity.lanes import wire, worker


def main(module: str) -> int:
    """Answer requests until stdin closes; return the exit status."""
    worker._contain()
    requests, replies = worker._streams()
    try:
        lane: Any = worker.load(module)
        targets: dict[str, Target] = {target.name: target for target in lane.targets()}
    except BaseException as error:  # noqa: BLE001  # sys.exit included: it becomes the reply
        worker._send(replies, {"error": str(error), "traceback": traceback.format_exc()})
        return 1
    worker._send(replies, {"ready": True})
    while True:
        try:
            request = wire.read(requests.read)
        except EOFError:
            return 0
        if "names" in request:
            arguments = {name: list(target.arguments) for name, target in targets.items()}
            worker._send(replies, {"targets": arguments})
        else:
            for message in _outcomes(targets[request["target"]], request):
                worker._send(replies, message)


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
