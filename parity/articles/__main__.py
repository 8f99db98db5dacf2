"""What runs in a framework's own process: one system of the articles after another.

A request is `{"system": name}`, answered by `{"answer": {...}}`. What a framework raises where it
is called as an article calls it is an answer too.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from parity.articles.study import Answer, Found, Study, answer
from parity.lanes import worker


def main(module: str) -> int:
    """Answer requests until stdin closes; return the exit status."""
    return worker.serve(module, _replies)


def _replies(lane: Any, request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"answer": _answer(lane.STUDIES[request["system"]]).to_dict()}


def _answer(study: Study) -> Answer:
    try:
        with worker.listening() as heard:
            ran = study()
    except Exception as error:  # noqa: BLE001  # whatever it is: it is the outcome
        return Answer((Found("refused", worker.sentence(error)),))
    return answer(ran, heard)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
