"""Adafactor: an update rule that works tensor by tensor, with the dials on which others differ."""

from __future__ import annotations

from dataclasses import dataclass

from parity import bounds, functions
from parity.bounds import Bounded, Value
from parity.constants import Run


@dataclass(frozen=True, slots=True)
class _Step:
    """What all tensors' steps share: 1 - beta2_t, the relative step, eps1 and where it stands."""

    fresh: Value
    rho: Value
    eps1: Value
    eps: str


def adafactor(run: Run, w: Value, g: Value, step: int) -> Value:
    """R, C <- averages of the row and column means of g**2 + eps1; V = R C / mean(R).

    U = g / sqrt(V), U <- U / max(1, RMS(U) / clip_threshold), w <- w - alpha U, where
    alpha = max(eps2, RMS(w)) min(lr, 1 / sqrt(t)) and beta2_t = 1 - t**-beta2_decay. A vector is
    not factored: V is the average of g**2 + eps1.

    Source: N. Shazeer, M. Stern, Adafactor, arXiv:1804.04235, algorithms 4 to 6; means stand for
    sums, which cancel. torch (the paper has none): lr caps the relative step, weight decay shrinks
    w by lr * weight_decay, and RMS(w) is of w before that. Keras: RMS(w) after it
    (`parameter_scale`). torch: no eps1 in the averages, the mean of R and sqrt(V) are at least eps1
    (`eps`). optax: alpha has lr as it is (`relative_step`), decay is not multiplied by lr
    (`decay_at`), a matrix is factored from 128 rows and columns on (`factored`).
    """
    now = _now(run, step)
    scaled_by = w if run.dial("parameter_scale") == "after decay" else run.before
    moved, estimates = [], []
    for number, (part, shape) in enumerate(run.parts()):
        tensor = g[part].reshape(*shape)
        v = _estimate(run, number, tensor, now)
        u = tensor / _root(v, now)
        u = u / functions.maximum(_rms(u) / run.constant("clip_threshold"), 1.0)
        scale = functions.maximum(_rms(scaled_by[part]), run.constant("eps2"))
        change = functions.again(u * (scale * now.rho))
        moved.append(functions.move(w[part], change.reshape(-1)))
        estimates.append(v.reshape(-1))
    run.state["v"] = functions.joined(estimates)
    return functions.joined(moved)


def _now(run: Run, step: int) -> _Step:
    """Return the numbers of a step."""
    t = _of_step(run, float(step), "t")
    decay = _of_step(run, float(run.hyperparameters["beta2_decay"]), "beta2_decay")
    fresh = run.taken(functions.exp(-(decay * functions.log(t))))
    rho = run.lr
    if run.dial("relative_step"):
        rho = functions.minimum(run.lr, run.taken(1.0 / functions.sqrt(t)))
    eps = run.dial("eps", "inside")  # the other places of the dial are beside what it has not
    where = eps if eps in ("at least", "after") else "inside"
    return _Step(fresh, rho, run.constant("eps1"), where)


def _of_step(run: Run, value: float, name: str) -> Value:
    """Return a number that beta2_t and the relative step are made of.

    Keras and tf_keras make them in the arrays' dtype, torch in double, which no few steps tell
    apart: where no dial says more, the bound covers both.
    """
    number = run.number(value, name, dial="correction")
    if run.dial("correction") != "double" or not isinstance(number, Bounded):
        return number
    return bounds.constant(number.value, run.like)


def _estimate(run: Run, number: int, g: Value, now: _Step) -> Value:
    """Return V of one tensor, and keep what it is made of."""
    square = g * g + now.eps1 if now.eps == "inside" else g * g
    if not _is_factored(run, g.shape):
        return _average(run, f"v {number}", square, now)
    row = _average(run, f"row {number}", _mean(square, 1), now)
    column = _average(run, f"column {number}", _mean(square, 0), now)
    # Kernels stand transposed in torch, where rows and columns change places.
    mean = functions.any_of(_mean(row, 0), _mean(column, 1))
    if now.eps == "at least":
        mean = functions.maximum(mean, now.eps1)
    return functions.any_of(row * column / mean, row / mean * column, row * (column / mean))


def _is_factored(run: Run, shape: tuple[int, ...]) -> bool:
    least = {"matrices": 0, "from 128": 128}[run.dial("factored")]
    return len(shape) > 1 and min(shape) >= least


def _average(run: Run, name: str, new: Value, now: _Step) -> Value:
    # What is kept of a matrix has not the matrix's shape, so that it is no slot.
    old = run.factors.get(name, 0.0 * new)
    run.factors[name] = average = functions.mix(old, new, 1.0 - now.fresh, now.fresh)
    return average


def _mean(x: Value, axis: int) -> Value:
    """Return the mean along an axis, which is kept; torch takes it of a norm's square."""
    count = float(x.shape[axis])
    total = functions.total(x, axis, keepdims=True)
    norm = functions.sqrt(total)
    return functions.any_of(total / count, norm * norm / count)


def _root(v: Value, now: _Step) -> Value:
    if now.eps == "at least":  # torch squares eps1 first, which may underflow
        return functions.sqrt(functions.maximum(v, now.eps1 * now.eps1))
    root = functions.sqrt(v)
    return root + now.eps1 if now.eps == "after" else root


def _rms(x: Value) -> Value:
    """Return the root mean square of a tensor."""
    flat = x.reshape(-1)
    return functions.sqrt(_mean(flat * flat, 0))[0]
