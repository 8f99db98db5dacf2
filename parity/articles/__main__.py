"""What runs in a framework's own process: one system of the articles after another.

A request is `{"system": name}`, answered by `{"answer": {...}}`. What a framework raises where it
is called as an article calls it is an answer too.
"""

from __future__ import annotations

import sys
import traceback
from typing import Any

from parity.articles.study import Answer, Found, Study, answer
from parity.lanes import wire, worker


def main(module: str) -> int:
    """Answer requests until stdin closes; return the exit status."""
    worker._contain()
    requests, replies = worker._streams()
    try:
        lane: Any = worker.load(module)
    except BaseException as error:  # noqa: BLE001  # sys.exit included: it becomes the reply
        worker._send(replies, {"error": str(error), "traceback": traceback.format_exc()})
        return 1
    worker._send(replies, {"ready": True})
    while True:
        try:
            request = wire.read(requests.read)
        except EOFError:
            return 0
        found = _answer(lane.STUDIES[request["system"]])
        worker._send(replies, {"answer": found.to_dict()})


def _answer(study: Study) -> Answer:
    try:
        with worker._listening() as heard:
            ran = study()
    except Exception as error:  # noqa: BLE001  # whatever it is: it is the outcome
        return Answer((Found("refused", worker._sentence(error)),))
    return answer(ran, heard)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
