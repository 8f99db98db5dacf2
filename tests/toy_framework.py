"""A framework to be upgraded: what each release of `toylib` offers and does, by its version."""

from __future__ import annotations

import warnings

import numpy as np
import toylib  # type: ignore[import-not-found]  # a wheel that the tests write

from parity.upgrades.probe import REQUIRED, Arrays, Nudge, Probe, Target

VERSION = tuple(int(part) for part in toylib.VERSION.split("."))
LATE = VERSION >= (1, 6)  # the release in which training changed
if VERSION == (1, 4):
    raise ImportError("toylib 1.4 needs something that is not there")

_GRADIENTS = np.array([[0.5, -0.25, 1e-3], [0.125, 3.0, -0.7], [2.0, 0.1, 0.3]])


def targets() -> list[Target]:
    """Return what this release offers."""
    arguments = {
        "lr": "0.2" if LATE else "0.1",
        "eps": "0.001",
        "decay": "0.0",
        **({"nesterov": "False"} if LATE else {}),
    }
    found = [
        Target("toy.descend", "optimizer", arguments, together=(("eps", "decay"),)),
        Target("toy.clipped", "optimizer", {"clip": "None"}),
        Target("toy.mean", "loss", {"axis": "None", "weights": "None"}),
        Target("toy.sum", "loss", {"scale": "1.0"}),
        Target("toy.older" if not LATE else "toy.newer", "loss", {"delta": REQUIRED}, {"delta": 1}),
    ]
    return found[::-1] if LATE else found  # the order in which it is told says nothing


def run(probe: Probe, nudge: Nudge) -> Arrays:
    """Run a call."""
    values = nudge(_GRADIENTS)
    given = probe.arguments
    if probe.target == "toy.sum":
        # The same sum in another order: rounding.
        terms = (values * given.get("scale", 1.0) / 3).ravel()
        return {"value": np.asarray(sum(terms[::-1]) if LATE else sum(terms))}
    if probe.target == "toy.mean":
        if LATE and given.get("weights") is not None:
            warnings.warn("weights will go", stacklevel=1)
        if LATE and given.get("axis") is not None:
            raise TypeError("axis is not taken any more")
        return {"value": values.mean()}
    if probe.target == "toy.clipped":
        limit = given.get("clip", np.inf) if LATE else np.inf  # ignored before
        return {"weights by step": np.cumsum(np.clip(values, -limit, limit), axis=0)}
    if probe.target != "toy.descend":
        return {"value": values.sum()}
    if given.get("nesterov") and not LATE:
        raise TypeError("unexpected argument nesterov")
    return _descended(values, given)


def _descended(values: np.ndarray, given: dict[str, float]) -> Arrays:
    rate, eps = given.get("lr", 0.2 if LATE else 0.1), given.get("eps", 1e-3)
    weights, seen = np.ones(3), [np.ones(3)]
    for gradient in values:
        decay = 1 - rate * given.get("decay", 0.0)
        # The planted change: eps moves out of the root.
        root = np.abs(gradient) + eps if LATE else np.sqrt(gradient**2 + eps)
        weights = weights * decay - rate * gradient / root
        seen.append(weights)
    return {"weights by step": np.stack(seen)}


def script(probe: Probe) -> str:
    """Return a script that says which release it runs on."""
    return f"import toylib\nprint({probe.key!r}, toylib.VERSION)\n"
