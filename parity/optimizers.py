"""Every optimizer: its update rule, the rule's source, and the dials on which others differ.

A rule takes all parameters of a model as one vector (`run.parts()` are its tensors) and returns the
weights after the step; it keeps its slots in `state`. Hyperparameters come as `Value`s, so that a
constant such as 1 - beta2 carries the rounding of the precision it was computed in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from parity import functions
from parity.adafactor import adafactor
from parity.bounds import DOUBLE, Bounded, Value
from parity.constants import Run
from parity.dials import held
from parity.layerwise import lamb
from parity.precision import representable
from parity.proximal import ftrl
from parity.roots import divided, divisor, with_eps

Rule = Callable[[Run, Value, Value, int], Value]


def sgd(run: Run, w: Value, g: Value, step: int) -> Value:
    """b <- momentum b + (1 - dampening) g, b = g at first; w <- w - lr b; Nesterov: g + momentum b.

    Source: I. Sutskever et al., On the importance of initialization and momentum, 2013, in the form
    that torch.optim.SGD documents. Keras, TensorFlow: lr enters the buffer (`momentum`).
    """
    if not run.hyperparameters["momentum"]:
        return functions.move(w, run.lr * g)
    momentum, where = run.constant("momentum"), run.dial("momentum")
    gain = run.lr if where != "outside" else 1.0
    scaled = -(gain * g) if where == "velocity" else _times(gain, g)
    share = 1.0 - run.constant("dampening")
    first = "momentum" not in run.state
    whole = first and run.dial("dampening") == "after first"
    damped = scaled if whole or not run.hyperparameters["dampening"] else share * scaled
    buffer = damped if first else momentum * run.slot("momentum") + damped
    run.state["momentum"] = buffer
    change = scaled + momentum * buffer if run.hyperparameters["nesterov"] else buffer
    if where == "velocity":
        # Keras on torch moves by the gradient first, so that weights are rounded in between.
        apart = functions.move(functions.move(w, -scaled), -(momentum * buffer))
        moved = functions.move(w, -change)
        return functions.any_of(moved, apart) if run.hyperparameters["nesterov"] else moved
    whole = _times(run.lr if where == "outside" else 1.0, change)
    if where == "outside" and run.hyperparameters["nesterov"]:
        # TensorFlow 1 multiplies each of the two terms by lr.
        whole = functions.any_of(whole, run.lr * scaled + run.lr * (momentum * buffer))
    return functions.move(w, whole)


def adam(run: Run, w: Value, g: Value, step: int) -> Value:
    """m, v <- averages of g and g**2; w <- w - lr m^ / (sqrt(v^) + eps), ^ bias-corrected.

    Source: D. P. Kingma, J. Ba, Adam, arXiv:1412.6980, algorithm 1. Keras, TensorFlow: eps-hat of
    the end of its section 2 (`eps`).
    """
    m = run.average("m", g, run.constant("beta1"))
    v = run.average("v", g * g, run.constant("beta2"))
    first, second = run.correction("beta1", step), run.correction("beta2", step)
    return functions.move(w, _adam_change(run, m, first, v, second))


def amsgrad(run: Run, w: Value, g: Value, step: int) -> Value:
    """Adam with the largest v so far in place of v.

    Source: S. J. Reddi et al., On the convergence of Adam and beyond, 2018, with torch's bias
    correction after the maximum. optax: the maximum of corrected moments (`amsgrad_maximum`).
    """
    m = run.average("m", g, run.constant("beta1"))
    v = run.average("v", g * g, run.constant("beta2"))
    second = run.correction("beta2", step)
    if run.dial("amsgrad_maximum") == "corrected":
        v, second = v / second, 1.0
    ignored = run.dial("amsgrad_maximum") == "ignored"
    run.state["v_max"] = top = v if ignored else functions.maximum(run.slot("v_max"), v)
    return functions.move(w, _adam_change(run, m, run.correction("beta1", step), top, second))


def adamax(run: Run, w: Value, g: Value, step: int) -> Value:
    """u <- max(beta2 u, |g| + eps); w <- w - lr m^ / u.

    Source: D. P. Kingma, J. Ba, Adam, arXiv:1412.6980, algorithm 2, with torch's eps. Keras,
    TensorFlow: no eps in u, eps beside it in the division (`eps` = hat).
    """
    m = run.average("m", g, run.constant("beta1"))
    eps, beside = run.constant("eps"), run.dial("eps") == "hat"
    size = functions.absolute(g) if beside else functions.absolute(g) + eps
    run.state["u"] = u = functions.maximum(run.constant("beta2") * run.slot("u"), size)
    first = run.correction("beta1", step)
    low = u + eps if beside else u
    change = divided(run, m / first, low)
    if beside:  # Keras (adamax.py): lr * m may underflow before it meets the correction.
        change = functions.any_of(change, (run.lr * m) / (first * low))
    return functions.move(w, change)


def nadam(run: Run, w: Value, g: Value, step: int) -> Value:
    """Adam with a Nesterov momentum whose mu_t = beta1 (1 - 0.96**(t momentum_decay) / 2).

    Source: T. Dozat, Incorporating Nesterov momentum into Adam, 2016, as torch.optim.NAdam has it.
    Keras: momentum_decay is 1. optax: no schedule (`nadam` = plain).
    """
    beta1 = run.constant("beta1")
    m = run.average("m", g, beta1)
    v = run.average("v", g * g, run.constant("beta2"))
    if run.dial("nadam") == "plain":
        ahead = beta1 * (m / run.correction("beta1", step + 1))
        fresh = (1.0 - beta1) * (g / run.correction("beta1", step))
    else:
        now, then = _nadam_momentum(run, step), _nadam_momentum(run, step + 1)
        product = _nadam_product(run, _nadam_momentum(run, step, of="mu_product/"), step)
        ahead = m * run.taken(then / (1.0 - product * then))
        fresh = g * run.taken((1.0 - now) / (1.0 - product))
    root = divisor(run, v, run.correction("beta2", step))
    # torch moves the weights twice, so that they are rounded in between.
    return functions.any_of(
        functions.move(w, divided(run, fresh + ahead, root)),
        functions.move(functions.move(w, run.lr * (fresh / root)), run.lr * (ahead / root)),
    )


def radam(run: Run, w: Value, g: Value, step: int) -> Value:
    """Adam whose step is rectified while the variance of its second moment is not yet known.

    Source: L. Liu et al., On the variance of the adaptive learning rate, arXiv:1908.03265,
    algorithm 2, with the eps-hat that torch.optim.RAdam documents (the paper has no eps). optax:
    eps after the correction (`eps`), rectified from rho_t = 5 on, not above it. That is no dial: in
    (0, 1) no rational beta2, so no float, makes rho_t exactly 5 at any t. Where rho_t is made in
    float32 it may come out on either side: at t = 5 it is 4.998 for a beta2 of 0.9995.
    """
    m = run.average("m", g, run.constant("beta1"))
    v = run.average("v", g * g, run.constant("beta2"))
    mean = m / run.correction("beta1", step)
    limit, rho = _lengths(run, step)
    plain = functions.move(w, run.lr * mean)
    if functions.surely_positive(5.0 - rho):
        return plain
    above = (rho - 4.0) * (rho - 2.0) * limit
    rectified = run.taken(functions.sqrt(above / ((limit - 4.0) * (limit - 2.0) * rho)))
    root = divisor(run, v, run.correction("beta2", step), "hat")
    return functions.select(
        rho - 5.0, functions.move(w, divided(run, mean * rectified, root)), plain
    )


def rmsprop(run: Run, w: Value, g: Value, step: int) -> Value:
    """v <- average of g**2; w <- w - lr g / (sqrt(v) + eps); centered: v minus the squared mean.

    Source: T. Tieleman, G. Hinton, lecture 6.5, 2012; centered: A. Graves, arXiv:1308.0850. Keras,
    TensorFlow, optax: eps inside the root (`eps`), lr inside the momentum (`momentum`).
    """
    rho, eps = run.constant("rho"), run.constant("eps")
    v = run.average("v", g * g, rho, run.dial("first_square"))
    if run.hyperparameters["centered"]:
        mean = run.average("mean", g, rho)
        v = functions.not_negative(v - mean * mean)
    root = with_eps(v, eps, run.dial("eps"))
    if not run.hyperparameters["momentum"]:
        return functions.move(w, divided(run, g, root))
    where = run.dial("momentum")
    gained = g / root if where == "outside" else divided(run, g, root)
    gained = -gained if where == "velocity" else gained
    buffer = run.constant("momentum") * run.slot("momentum") + gained
    run.state["momentum"] = buffer
    if where == "velocity":
        return functions.move(w, -buffer)
    return functions.move(w, _times(run.lr if where == "outside" else 1.0, buffer))


def adagrad(run: Run, w: Value, g: Value, step: int) -> Value:
    """s <- s + g**2; w <- w - lr g / (sqrt(s) + eps).

    Source: J. Duchi et al., Adaptive subgradient methods, 2011. Keras, optax: eps inside the root;
    optax: no step where s is zero, be it by underflow (`zero_sum`).
    """
    start = float(run.hyperparameters["initial_accumulator"])
    start = held(start, "initial_accumulator", run.dials)
    run.state["sum"] = s = run.slot("sum", start) + g * g
    change = divided(run, g, with_eps(s, run.constant("eps"), run.dial("eps")))
    if run.dial("zero_sum") == "no step":
        # Without an eps, the change that is left out is no number.
        chosen = functions.choose(s, 1.0, 0.0, 0.0) * change
        change = functions.where(functions.is_zero(s), 0.0, chosen)
    return functions.move(w, change)


def adadelta(run: Run, w: Value, g: Value, step: int) -> Value:
    """d <- sqrt(delta + eps) / sqrt(v + eps) g, delta <- average of d**2; w <- w - lr d.

    Source: M. D. Zeiler, ADADELTA, arXiv:1212.5701, algorithm 1. Keras multiplies by g first.
    """
    rho, eps = run.constant("rho"), run.constant("eps")
    v = run.average("v", g * g, rho)
    top, low = functions.sqrt(run.slot("delta") + eps), functions.sqrt(v + eps)
    change = functions.any_of(top / low * g, (top * g) / low)
    run.average("delta", change * change, rho)
    return functions.move(w, run.lr * change)


def lion(run: Run, w: Value, g: Value, step: int) -> Value:
    """w <- w - lr sign(beta1 m + (1 - beta1) g), then m <- beta2 m + (1 - beta2) g.

    Source: X. Chen et al., Symbolic discovery of optimization algorithms, arXiv:2302.06675.
    """
    beta1 = run.constant("beta1")
    direction = functions.sign(functions.mix(run.slot("m"), g, beta1, 1.0 - beta1))
    run.average("m", g, run.constant("beta2"))
    return functions.move(w, run.lr * direction)


def _times(factor: Value, x: Value) -> Value:
    return x if isinstance(factor, float) and factor == 1.0 else factor * x


def _adam_change(run: Run, m: Value, first: Value, v: Value, second: Value) -> Value:
    """Return lr m^ / (sqrt(v^) + eps), corrected by `first` and `second`."""
    change = divided(run, m / first, divisor(run, v, second))
    if run.dial("eps") != "hat":
        return change
    # Keras (adam.py): m meets lr and both corrections at once, and may underflow there.
    alpha = run.lr * functions.sqrt(second) / first
    return functions.any_of(change, (m * alpha) / (functions.sqrt(v) + run.constant("eps")))


def _nadam_momentum(run: Run, step: int, of: str = "") -> Value:
    """Return mu_t, made of numbers that may be held otherwise for the running product."""
    decay_rate = run.dials.get("momentum_decay", run.hyperparameters["momentum_decay"])
    # torch makes mu_t of the counter, and where that is a float32 tensor it is as coarse.
    dial = "correction" if run.dial("correction") == "float32" else "constants"
    rate = run.number(0.96, f"{of}0.96", dial=dial)
    beta1 = run.number(float(run.hyperparameters["beta1"]), f"{of}beta1", dial=dial)
    fade = functions.exp(functions.log(rate) * (step * float(decay_rate)))
    return beta1 * (1.0 - 0.5 * fade)


def _nadam_product(run: Run, now: Value, step: int) -> Value:
    last = run.scalars.get("mu_product", run.number(1.0, "1"))
    product = now * last
    if run.dial("mu_product") == "per tensor":
        # Traced twice at first and once more for a partial batch, each tensor's part of the graph
        # has its own number for the counter, and leaves the product alone at that step only.
        number = len(run.shapes) * (2 if run.partial else 1)
        products = []
        for tensor in range(len(run.shapes)):
            last = last if step == number + tensor else last * now
            products.append(last)
        run.scalars["mu_product"] = last
        return run.spread(products)
    # Of a mu_t that is known to the last bit, so is the product.
    if run.dial("mu_product") == "float32" and run.dial("correction") != "float32":
        factors = [x.value if isinstance(x, Bounded) else x for x in (now, last)]
        single = representable(representable(factors[0], "float32") * factors[1], "float32")
        product = Bounded(single, 0.0, DOUBLE) if isinstance(now, Bounded) else single
    run.scalars["mu_product"] = product
    return product


def _lengths(run: Run, step: int) -> tuple[Value, Value]:
    """Return rho_inf and rho_t."""
    beta2 = run.base("beta2")
    limit = 2.0 / (1.0 - beta2) - 1.0
    if isinstance(limit, Bounded):  # optax makes it in double where beta2 is a number of Python's
        given = held(float(run.hyperparameters["beta2"]), "beta2**t", run.dials)
        made = 2.0 / (1.0 - given) - 1.0
        limit = Bounded(limit.value, limit.error + abs(limit.value - made), limit.arithmetic)
    grown = functions.power(beta2, step)
    return limit, limit - (2.0 * step) * grown / (1.0 - grown)


RULES: Mapping[str, Rule] = {
    "sgd": sgd,
    "adam": adam,
    "adamw": adam,
    "amsgrad": amsgrad,
    "adamax": adamax,
    "nadam": nadam,
    "radam": radam,
    "rmsprop": rmsprop,
    "adagrad": adagrad,
    "adadelta": adadelta,
    "lion": lion,
    "lamb": lamb,
    "ftrl": ftrl,
    "adafactor": adafactor,
}
# Those that need whole tensors; the others work element by element.
WHOLE = ("lamb", "adafactor")
