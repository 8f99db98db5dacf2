"""The smallest lane: linear regression with SGD, in plain NumPy."""

import numpy as np

from parity.case import Case
from parity.lanes import Lane, Refused
from parity.trace import Recorder, Trace

OFFERED = {  # it is asked for nothing else
    "packages": ("numpy",),
    "optimizers": {"sgd": ("momentum",)},
    "losses": ("squared_error",),
    "activations": ("linear",),
    "clips": (),
    "options": ("schedule",),
}
LANES = [Lane("example", __file__, **OFFERED)]


def train(case: Case, mode: str) -> Trace:
    """Train `case` in its dtype; return what was seen at each step."""
    if len(case.layers) > 1:
        raise Refused("one layer only")
    momentum = case.optimizer.hyperparameters()["momentum"]
    w = {name: value.astype(case.dtype) for name, value in case.weights.items()}
    past = {name: np.zeros_like(value) for name, value in w.items()}
    recorder = Recorder()
    recorder.start(w)
    for step, lr in enumerate(case.rates):
        x, y = (values.astype(case.dtype) for values in case.batch(step)[:2])
        error = x @ w["layer0/kernel"] + w.get("layer0/bias", 0) - y
        scale = {"mean": 1 / y.size, "half_mean": 0.5 / y.size, "sum": 1.0}[case.loss.reduction]
        g = {"layer0/kernel": x.T @ (2 * scale * error)}
        if "layer0/bias" in w:
            g["layer0/bias"] = (2 * scale * error).sum(axis=0)
        past = {name: momentum * past[name] + g[name] for name in w}
        w = {name: w[name] - lr * past[name] for name in w}
        recorder.step(scale * (error**2).sum(), g, w)
    return recorder.trace()
