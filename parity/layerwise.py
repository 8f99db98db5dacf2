"""Rules that scale each tensor's step by a norm of the whole tensor."""

from __future__ import annotations

from parity import functions
from parity.bounds import Value
from parity.constants import Run
from parity.decay import is_in_step, pull
from parity.roots import divisor


def lamb(run: Run, w: Value, g: Value, step: int) -> Value:
    """u <- m^ / (sqrt(v^) + eps) + weight_decay w; w <- w - lr r u, r = |w| / |u| of each tensor.

    r is 1 where either norm is zero. Source: Y. You et al., Large batch optimization for deep
    learning, arXiv:1904.00962, algorithm 2. Keras: weights decay before the step (`decay_at`).
    """
    m = run.average("m", g, run.constant("beta1"))
    v = run.average("v", g * g, run.constant("beta2"))
    mean, low = m / run.correction("beta1", step), divisor(run, v, run.correction("beta2", step))
    u = mean / low
    if is_in_step(run, "lamb"):
        u = u + pull(run, w)
    ratio = _trust_ratio(run, w, u)
    return functions.move(w, functions.any_of(run.lr * (ratio * u), (ratio * run.lr) * u))


def _trust_ratio(run: Run, w: Value, u: Value) -> Value:
    """Return |w| / |u| of each element's tensor, or of all as one."""
    kind = run.dial("trust_ratio")
    if kind == "none":
        return 1.0
    if kind == "all tensors":
        return _ratio(_norm(w), _norm(u))
    return run.spread([_ratio(_norm(w[part]), _norm(u[part])) for part, _ in run.parts()])


def _norm(x: Value) -> Value:
    # Keras squares by the power function (lamb.py).
    return functions.sqrt(functions.total(functions.power(functions.absolute(x), 2), axis=0))


def _ratio(top: Value, low: Value) -> Value:
    """Return top / low, and 1 where one of them is zero; either, where one may be."""
    ratio = functions.select(low, functions.select(top, top / low, 1.0), 1.0)
    zero = functions.is_zero(top) | functions.is_zero(low)
    return functions.where(zero, 1.0, ratio)
