"""Rules that choose the weights anew at each step, from sums over all the steps so far."""

from __future__ import annotations

from parity import functions
from parity.bounds import Bounded, Value, pair
from parity.constants import NUMBER_ROUNDINGS, Run
from parity.dials import held


def ftrl(run: Run, w: Value, g: Value, step: int) -> Value:
    """n' <- n + g**2; z <- z + g - (n'**power - n**power) / lr w; w <- the proximal weights of z.

    They are 0 where |z| <= lambda1, else (sign(z) lambda1 - z) / ((beta + n'**power) / lr +
    lambda2). Source: H. B. McMahan et al., Ad click prediction, 2013, algorithm 1, whose power is a
    half; a shrinkage adds 2 shrinkage w to g in z, but not in n. Keras, TensorFlow: lambda2 counts
    twice (`lambda2`).
    """
    start = held(
        float(run.hyperparameters["initial_accumulator"]), "initial_accumulator", run.dials
    )
    before = run.slot("sum", start)
    # tf_keras squares by the power function (ftrl.py).
    square = functions.any_of(g * g, functions.power(functions.absolute(g), 2))
    run.state["sum"] = after = before + square
    power, last = run.constant("power"), run.slot("z")
    grown = functions.raised(after, power)
    pull = (grown - functions.raised(before, power)) / run.lr * w
    if run.hyperparameters["shrinkage"]:
        g = g + (2.0 * run.constant("shrinkage")) * w
    run.state["z"] = z = functions.any_of((last + g) - pull, last + (g - pull))
    return _proximal(run, z, grown)


def _proximal(run: Run, z: Value, grown: Value) -> Value:
    """Return the weights of z, where the sum of squares is raised to `grown`."""
    bound = run.constant("lambda1")
    beyond = functions.sign(z) * bound - z
    top = functions.select(functions.absolute(z) - bound, beyond, 0.0)
    times = 2.0 if run.dial("lambda2") == "twice" else 1.0
    lr, beta, ridge = (_number(run, name) for name in ("lr", "beta", "lambda2"))
    low = functions.any_of(
        grown / run.lr + _made(run, beta / lr + times * ridge),
        (grown + run.constant("beta")) / run.lr + times * run.constant("lambda2"),
    )
    return top / low


def _number(run: Run, name: str) -> Value:
    """Return a number as what is made of several numbers alone sees it."""
    lr = run.lr.value if isinstance(run.lr, Bounded) else run.lr
    value = lr if name == "lr" else run.hyperparameters[name]
    dial = "constants" if run.dial("correction") == "double" else "correction"
    return run.number(float(value), name, dial=dial)


def _made(run: Run, number: Value) -> Value:
    """Return a number that is made of others in the arrays' precision, or in less."""
    if not isinstance(number, Bounded):
        return number
    if number.arithmetic.roundoff > run.like.arithmetic.roundoff:
        return run.taken(number)
    return functions.again(pair(number, run.like)[0], NUMBER_ROUNDINGS)
