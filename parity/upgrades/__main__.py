"""A release's own process: describes what its framework offers, and runs probes.

Requests and replies are messages of `parity.lanes.wire`. `{"describe": true}` is answered by
`{"targets": [target, ...]}`; `{"probe": probe, "nudges": [seed, ...]}` by `{"seen": [seen, ...]}`,
one for each seed; `{"script": probe}` by `{"script": text}`; each of them by
`{"error": sentence, "traceback": text}` where the framework's module fails.
"""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from parity.lanes import wire
from parity.lanes.worker import listening, sentence, serve
from parity.upgrades.code import digest
from parity.upgrades.probe import Array, Arrays, Nudge, Probe, Seen, Target, literal

_TARGETS: dict[str, Target] = {}  # as far as they were asked for
# What differs from run to run without meaning anything: addresses, and paths up to the file's name.
_RESTLESS = re.compile(r" at 0x[0-9a-f]+|(?<![\w.])/[^\s:'\"]*/")
# What a framework says of the calls before, and so not of this one.
_OF_OTHERS = re.compile(r"out of the last \d+ calls")


def main(module: str) -> int:
    """Answer requests with a framework's module until stdin closes; return the exit status."""
    return serve(module, _replies)


def _replies(lane: Any, request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    try:
        if "describe" in request:
            found = [replace(target, digest=digest(target.name)) for target in lane.targets()]
            _TARGETS.update({target.name: target for target in found})
            yield {"targets": [target.to_dict() for target in found]}
        elif "script" in request:
            yield {"script": lane.script(Probe.from_dict(request["script"]))}
        else:
            probe = Probe.from_dict(request["probe"])
            seen = [_seen(lane, _moved(probe, seed), Nudge(seed)) for seed in request["nudges"]]
            yield {"seen": [one.to_dict() for one in seen]}
    except Exception as error:  # noqa: BLE001  # anything may stand in a framework's module
        yield {"error": sentence(error), "traceback": traceback.format_exc()}


def _moved(probe: Probe, seed: int) -> Probe:
    """Return a probe whose floats, given or by default, are moved as its inputs are.

    So much is rounding in how a release computes `1 - beta2**t`, say. A move by a unit of float32
    is for inputs alone.
    """
    if seed <= 0:
        return probe
    target = _TARGETS.get(probe.target)
    defaults = {n: literal(text) for n, text in target.arguments.items()} if target else {}
    floats = {name: value for name, value in defaults.items() if type(value) is float}
    nudge = Nudge(seed)
    arguments = {
        name: float(nudge(value)) if type(value) is float else value
        for name, value in {**floats, **probe.arguments}.items()
    }
    return Probe(probe.target, arguments, probe.setting)


def _seen(lane: Any, probe: Probe, nudge: Nudge) -> Seen:
    """Run a probe; what the framework raises is what is seen of it."""
    with listening() as heard:
        try:
            found: Arrays = lane.run(probe, nudge)
            arrays, error = {name: _crossing(value) for name, value in found.items()}, ""
        except Exception as raised:  # noqa: BLE001  # a framework raises what it likes
            arrays, error = {}, _restful(sentence(raised))
    said = (_restful(message) for message in heard if not _OF_OTHERS.search(message))
    return Seen(arrays, error, tuple(dict.fromkeys(said)))


def _crossing(value: Any) -> Array:
    """Return an array of a type that may cross; of the half precisions, as float32."""
    array = np.asarray(value)
    return array if array.dtype.char in wire.KINDS else array.astype(np.float32)


def _restful(text: str) -> str:
    return _RESTLESS.sub("", text.strip().partition("\n")[0])[:300]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
