"""Every update rule, at every setting of its dials, is its formula written out in 80 digits.

The formulas below are transcribed from the sources that the rules name, one weight at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pytest
from exact import check, numbers
from exact_adafactor import adafactor
from mpmath import mp, mpf

from parity import bounds
from parity.bounds import ARITHMETICS, DOUBLE, Array, Bounded
from parity.constants import Run
from parity.decay import DECOUPLED, decay
from parity.dials import DIALS
from parity.optimizers import RULES
from parity.parts import OPTIMIZERS
from parity.precision import representable

STEPS = 8
SHAPES = ((2, 2), (2,))
TENSORS = (0, 0, 0, 0, 1, 1)  # the tensor to which each weight belongs
State = dict[str, Any]
Numbers = list[Any]
Formula = Callable[["Settings", State, Any, Any, int], Any]


class Decay(NamedTuple):
    """The weights before a step's decay, and what decay adds to the step."""

    before: Numbers
    in_step: Numbers


class Settings:
    """Hyperparameters as mpf, and the dials as the textbook or a case has them."""

    def __init__(self, arguments: Mapping[str, Any], dials: Mapping[str, Any], lr: float) -> None:
        self.arguments = arguments
        self.dials = dials
        self.lr = self.held("lr", lr)

    def __getattr__(self, name: str) -> Any:
        value = self.arguments[name]
        return value if isinstance(value, bool) else self.held(name, value)

    def held(self, name: str, value: float) -> Any:
        single = name in self.dials.get("rounded", ())
        return mpf(float(representable(value, "float32"))) if single else mpf(value)

    def base(self, name: str) -> Any:
        """Return a beta as the bias correction sees it."""
        return self.held(f"{name}**t", self.arguments[name])

    def dial(self, name: str, textbook: Any = None) -> Any:
        return self.dials.get(name, DIALS[name][0] if textbook is None else textbook)


def sgd(s: Settings, state: State, w: Any, g: Any, t: int) -> Any:
    """Sutskever et al. 2013, as torch.optim.SGD documents it; Keras's velocity."""
    if not s.momentum:
        return w - s.lr * g
    undamped = t == 1 and s.dial("dampening") == "after first"
    share = mpf(1) if undamped else 1 - s.dampening
    if s.dial("momentum") == "velocity":
        last = state.get("momentum", mpf(0))
        state["momentum"] = velocity = s.momentum * last - share * s.lr * g
        return w + (s.momentum * velocity - s.lr * g if s.nesterov else velocity)
    inside = s.dial("momentum") == "inside"
    push = s.lr * g if inside else g
    state["momentum"] = b = s.momentum * state.get("momentum", mpf(0)) + share * push
    direction = push + s.momentum * b if s.nesterov else b
    return w - (direction if inside else s.lr * direction)


def moments(s: Settings, state: State, g: Any, t: int) -> tuple[Any, Any, Any, Any]:
    """Return m and v after this step, and what corrects their bias."""
    state["m"] = s.beta1 * state.get("m", mpf(0)) + (1 - s.beta1) * g
    state["v"] = s.beta2 * state.get("v", mpf(0)) + (1 - s.beta2) * g**2
    return state["m"], state["v"], 1 - s.base("beta1") ** t, 1 - s.base("beta2") ** t


def root(s: Settings, v: Any, correction: Any, textbook: str = "after") -> Any:
    """Return what Adam divides by."""
    return {
        "after": lambda: mp.sqrt(v / correction) + s.eps,
        "hat": lambda: (mp.sqrt(v) + s.eps) / mp.sqrt(correction),
        "inside": lambda: mp.sqrt(v / correction + s.eps),
    }[s.dial("eps", textbook)]()


def adam(s: Settings, state: State, w: Any, g: Any, t: int) -> Any:
    """Kingma and Ba 2015, algorithm 1; with eps-hat as at the end of section 2."""
    m, v, first, second = moments(s, state, g, t)
    return w - s.lr * (m / first) / root(s, v, second)


def amsgrad(s: Settings, state: State, w: Any, g: Any, t: int) -> Any:
    """Reddi et al. 2018, corrected for bias as in torch or in optax."""
    m, v, first, second = moments(s, state, g, t)
    corrected = s.dial("amsgrad_maximum") == "corrected"
    state["v_max"] = top = max(state.get("v_max", mpf(0)), v / second if corrected else v)
    return w - s.lr * (m / first) / root(s, top, mpf(1) if corrected else second)


def adamax(s: Settings, state: State, w: Any, g: Any, t: int) -> Any:
    """Kingma and Ba 2015, algorithm 2, with torch's eps or with Keras's."""
    hat = s.dial("eps") == "hat"
    state["m"] = m = s.beta1 * state.get("m", mpf(0)) + (1 - s.beta1) * g
    state["u"] = u = max(s.beta2 * state.get("u", mpf(0)), abs(g) if hat else abs(g) + s.eps)
    return w - s.lr / (1 - s.base("beta1") ** t) * m / (u + s.eps if hat else u)


def nadam(s: Settings, state: State, w: Any, g: Any, t: int) -> Any:
    """Dozat 2016, with torch's schedule or none."""
    m, v, first, second = moments(s, state, g, t)
    if s.dial("nadam") == "plain":
        mean = s.beta1 * m / (1 - s.base("beta1") ** (t + 1)) + (1 - s.beta1) * g / first
        return w - s.lr * mean / root(s, v, second)
    fixed = s.dials.get("momentum_decay")
    psi = s.momentum_decay if fixed is None else mpf(fixed)

    def momentum(step: int, of: str = "") -> Any:
        beta1 = s.held(f"{of}beta1", s.arguments["beta1"])
        return beta1 * (1 - s.held(f"{of}0.96", 0.96) ** (step * psi) / 2)

    # The running product may be made of numbers that are held otherwise.
    mu, ahead, factor = momentum(t), momentum(t + 1), momentum(t, "mu_product/")
    product = factor * state.get("mu_product", mpf(1))
    if s.dial("mu_product") == "float32":
        short = mpf(float(representable(float(factor), "float32"))) * state.get(
            "mu_product", mpf(1)
        )
        product = mpf(float(representable(float(short), "float32")))
    if s.dial("mu_product") == "per tensor":
        product = state["mu_products"][t - 1]
    state["mu_product"] = product
    mean = ahead * m / (1 - product * ahead) + (1 - mu) * g / (1 - product)
    return w - s.lr * mean / root(s, v, second)


def products_per_tensor(s: Settings) -> list[list[Any]]:
    """Return what Keras's compiled Nadam takes for the product of mu_t, by tensor and step.

    Every tensor multiplies its factor into the one product, but for once: the first at the step
    that is the number of tensors, the second at the next one, and so on.
    """
    tensors, product = len(SHAPES), mpf(1)
    found: list[list[Any]] = [[] for _ in range(tensors)]
    for t in range(1, STEPS + 1):
        for k in range(tensors):
            if t != tensors + k:
                product *= s.beta1 * (1 - mpf(0.96) ** (t * s.momentum_decay) / 2)
            found[k].append(product)
    return found


def radam(s: Settings, state: State, w: Any, g: Any, t: int) -> Any:
    """Liu et al. 2020, algorithm 2, with eps as in torch or in optax."""
    m, v, first, second = moments(s, state, g, t)
    beta2 = s.base("beta2")
    limit = 2 / (1 - beta2) - 1
    rho = limit - 2 * t * beta2**t / (1 - beta2**t)
    if rho <= 5:
        return w - s.lr * m / first
    r = mp.sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho))
    return w - s.lr * (m / first) * r / root(s, v, second, "hat")


def rmsprop(s: Settings, state: State, w: Any, g: Any, t: int) -> Any:
    """Tieleman and Hinton 2012; centered, Graves 2013."""
    start = mpf(s.dial("first_square"))
    state["v"] = s.rho * state.get("v", start) + (1 - s.rho) * g**2
    square = state["v"]
    if s.centered:
        state["mean"] = s.rho * state.get("mean", mpf(0)) + (1 - s.rho) * g
        square = square - state["mean"] ** 2
    inside = s.dial("eps") == "inside"
    scaled = g / (mp.sqrt(square + s.eps) if inside else mp.sqrt(square) + s.eps)
    if not s.momentum:
        return w - s.lr * scaled
    where = s.dial("momentum")
    gain = {"outside": mpf(1), "inside": s.lr, "velocity": -s.lr}[where]
    state["momentum"] = b = s.momentum * state.get("momentum", mpf(0)) + gain * scaled
    return w - {"outside": s.lr, "inside": mpf(1), "velocity": mpf(-1)}[where] * b


def adagrad(s: Settings, state: State, w: Any, g: Any, t: int) -> Any:
    """Duchi et al. 2011."""
    state["sum"] = total = state.get("sum", s.initial_accumulator) + g**2
    inside = s.dial("eps") == "inside"
    return w - s.lr * g / (mp.sqrt(total + s.eps) if inside else mp.sqrt(total) + s.eps)


def adadelta(s: Settings, state: State, w: Any, g: Any, t: int) -> Any:
    """Zeiler 2012, algorithm 1."""
    state["v"] = s.rho * state.get("v", mpf(0)) + (1 - s.rho) * g**2
    last = state.get("delta", mpf(0))
    step = mp.sqrt(last + s.eps) / mp.sqrt(state["v"] + s.eps) * g
    state["delta"] = s.rho * last + (1 - s.rho) * step**2
    return w - s.lr * step


def lion(s: Settings, state: State, w: Any, g: Any, t: int) -> Any:
    """Chen et al. 2023, algorithm 2."""
    last = state.get("m", mpf(0))
    direction = mp.sign(s.beta1 * last + (1 - s.beta1) * g)
    state["m"] = s.beta2 * last + (1 - s.beta2) * g
    return w - s.lr * direction


def ftrl(s: Settings, state: State, w: Any, g: Any, t: int) -> Any:
    """McMahan et al. 2013, algorithm 1: the weights that its line 5 has after this gradient."""
    last = state.get("sum", s.initial_accumulator)
    state["sum"] = n = last + g**2
    sigma = (n**s.power - last**s.power) / s.lr
    state["z"] = z = state.get("z", mpf(0)) + g + 2 * s.shrinkage * w - sigma * w
    if abs(z) <= s.lambda1:
        return mpf(0)
    ridge = 2 * s.lambda2 if s.dial("lambda2") == "twice" else s.lambda2
    return -(z - mp.sign(z) * s.lambda1) / ((s.beta + n**s.power) / s.lr + ridge)


def lamb(s: Settings, states: list[State], w: Numbers, g: Numbers, decay: Decay, t: int) -> Numbers:
    """You et al. 2020, algorithm 2."""
    u = []
    for state, gradient, pull in zip(states, g, decay.in_step, strict=True):
        m, v, first, second = moments(s, state, gradient, t)
        u.append(m / first / root(s, v, second) + pull)
    kind = s.dial("trust_ratio")
    tensors = [0 if kind == "all tensors" else tensor for tensor in TENSORS]

    def norm(values: Numbers, of: int) -> Any:
        return mp.sqrt(
            mp.fsum(x**2 for x, tensor in zip(values, tensors, strict=True) if tensor == of)
        )

    ratios = [mpf(1) if kind == "none" else norm(w, of) / norm(u, of) for of in tensors]
    return [x - s.lr * r * y for x, r, y in zip(w, ratios, u, strict=True)]


def by_tensor(
    s: Settings, states: list[State], w: Numbers, g: Numbers, decay: Decay, t: int
) -> Numbers:
    """Shazeer and Stern 2018; what is kept of rows and columns stands with the first element."""
    kept = states[0].setdefault("kept", {})
    weights, v = adafactor(s, kept, SHAPES, decay.before, w, g, t)
    for state, one in zip(states, v, strict=True):
        state["v"] = one
    return weights


FORMULAS: Mapping[str, Formula] = {
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
    "ftrl": ftrl,
}
# Those that need whole tensors: all elements' states, weights and gradients.
WHOLE = {"lamb": lamb, "adafactor": by_tensor}

# What each optimizer is called with; betas for which a few steps get past every threshold.
MOMENTS = {"beta1": 0.85, "beta2": 0.9, "eps": 1e-3}
CLIPPED = {"beta2_decay": 0.6, "eps1": 1e-2, "eps2": 0.9, "clip_threshold": 0.5}
ARGUMENTS: Mapping[str, tuple[dict[str, Any], ...]] = {
    "sgd": (
        {},
        {"momentum": 0.9},
        {"momentum": 0.9, "dampening": 0.3},
        {"momentum": 0.9, "nesterov": True},
    ),
    "adam": ({}, MOMENTS),
    "adamw": ({}, MOMENTS),
    "amsgrad": ({}, MOMENTS),
    "adamax": ({}, MOMENTS),
    "nadam": ({}, {**MOMENTS, "momentum_decay": 0.1}),
    "radam": ({}, MOMENTS),
    "rmsprop": (
        {},
        {"rho": 0.9, "eps": 1e-3},
        {"rho": 0.9, "eps": 1e-3, "momentum": 0.8},
        {"rho": 0.9, "eps": 1e-3, "centered": True},
        {"rho": 0.9, "eps": 1e-3, "centered": True, "momentum": 0.8},
    ),
    "adagrad": ({}, {"eps": 1e-3, "initial_accumulator": 0.1}),
    "adadelta": ({}, {"rho": 0.8, "eps": 1e-3}),
    "lion": ({}, {"beta1": 0.8, "beta2": 0.95}),
    "lamb": ({}, {**MOMENTS, "weight_decay": 0.3}, MOMENTS),
    "ftrl": (
        {},
        {"initial_accumulator": 0.1, "lambda1": 0.5, "lambda2": 0.3, "beta": 0.0, "power": 0.6},
        {"initial_accumulator": 0.1, "lambda1": 0.5, "lambda2": 0.3, "shrinkage": 0.2},
    ),
    "adafactor": ({}, CLIPPED, {**CLIPPED, "weight_decay": 0.2}),
}
# Adafactor's rates, so that 1 / sqrt(t) caps some of them.
FASTER = {"adafactor": 10.0}
# No lane is known to round momentum_decay by itself.
ROUNDED = {
    name: tuple(argument for argument in known if argument != "momentum_decay")
    for name, known in OPTIMIZERS.items()
}
# The dials that each rule has, and on which of the calls above they matter.
ADAMS = ("adam", "adamw", "amsgrad", "nadam", "radam", "lamb")
TURNED: tuple[tuple[str, str, Any, Callable[[Mapping[str, Any]], Any]], ...] = (
    *((name, "eps", where, bool) for name in ADAMS for where in ("after", "hat", "inside")),
    ("adamax", "eps", "hat", bool),
    *((name, "eps", "inside", bool) for name in ("rmsprop", "adagrad")),
    ("sgd", "momentum", "inside", lambda a: a.get("momentum")),
    ("sgd", "momentum", "velocity", lambda a: a.get("momentum")),
    ("sgd", "dampening", "always", lambda a: a.get("dampening")),
    ("amsgrad", "amsgrad_maximum", "corrected", bool),
    ("nadam", "nadam", "plain", bool),
    ("nadam", "mu_product", "float32", bool),
    ("nadam", "mu_product", "per tensor", bool),
    ("nadam", "momentum_decay", 1.0, bool),
    ("rmsprop", "momentum", "inside", lambda a: a.get("momentum")),
    ("rmsprop", "momentum", "velocity", lambda a: a.get("momentum")),
    ("rmsprop", "first_square", 1.0, bool),
    ("lamb", "trust_ratio", "all tensors", bool),
    ("lamb", "trust_ratio", "none", bool),
    ("ftrl", "lambda2", "twice", lambda a: a.get("lambda2")),
    ("lamb", "decay_at", "before the step", lambda a: a.get("weight_decay")),
    ("adafactor", "eps", "at least", bool),
    ("adafactor", "eps", "after", bool),
    ("adafactor", "relative_step", False, bool),
    ("adafactor", "parameter_scale", "after decay", lambda a: a.get("weight_decay")),
    ("adafactor", "factored", "from 128", bool),
    *((name, "rounded", ROUNDED[name], bool) for name in OPTIMIZERS),
    *((name, "rounded", ("beta1**t", "beta2**t"), bool) for name in (*ADAMS, "adamax")),
    ("nadam", "rounded", ("0.96",), bool),
    ("nadam", "rounded", ("mu_product/0.96", "mu_product/beta1"), bool),
)
Call = tuple[str, dict[str, Any], dict[str, Any]]
TEXTBOOK: list[Call] = [(name, a, {}) for name, calls in ARGUMENTS.items() for a in calls]
DECAYED: list[Call] = [
    (name, {**ARGUMENTS[name][-1], "weight_decay": 0.1}, {"weight_decay": kind})
    for name in OPTIMIZERS
    for kind in ("coupled", "decoupled")
]
WITH_DIALS: list[Call] = [
    (name, arguments, {dial: value})
    for name, dial, value, matters in TURNED
    for arguments in ARGUMENTS[name]
    if matters(arguments)
]


def called(call: Call) -> str:
    name, arguments, dials = call
    given = [f"{key}={value}" for key, value in {**arguments, **dials}.items()]
    return " ".join([name, *given])


def data() -> tuple[Array, Array, Array, Array]:
    """Return weights and gradients of each step, learning rates, and which weights decay.

    Gradients fall from step to step for some, are below eps for some, and zero for one.
    """
    rng = np.random.default_rng(5)
    scale = np.array([1.0, 1.0, 100.0, 1e-3, 1e-6, 0.0])
    g = rng.standard_normal((STEPS, 6)) * scale
    g[:, 1] *= 0.1 ** np.arange(STEPS)
    w = rng.standard_normal((STEPS, 6))
    return w, g, rng.uniform(0.01, 0.2, STEPS), np.array([1.0, 1.0, 0.0, 1.0, 0.0, 1.0])


def rule(call: Call, like: Any) -> list[tuple[Any, dict[str, Any]]]:
    """Return the oracle's weights and slots after each step; with bounds if `like` has them."""
    name, arguments, dials = call
    w, g, rates, decayed = data()
    run = Run({**OPTIMIZERS[name], **arguments}, dials, like, decayed, SHAPES)
    after = []
    for step in range(STEPS):
        run.lr = run.number(float(rates[step]) * FASTER.get(name, 1.0), "lr")
        now = [
            bounds.exactly(x[step], like) if isinstance(like, Bounded) else x[step] for x in (w, g)
        ]
        moved = RULES[name](run, *decay(run, name, *now), step + 1)
        after.append((moved, dict(run.state)))
    return after


def formula(call: Call) -> list[tuple[list[Any], dict[str, list[Any]]]]:
    """Return the transcription's weights and slots after each step."""
    name, arguments, dials = call
    w, g, rates, decayed = data()
    states: list[State] = [{} for _ in decayed]
    if dials.get("mu_product") == "per tensor":
        products = products_per_tensor(Settings({**OPTIMIZERS[name], **arguments}, dials, rates[0]))
        states = [{"mu_products": products[k]} for k in TENSORS]
    textbook = "decoupled" if name in DECOUPLED else "coupled"
    coupled = dials.get("weight_decay", textbook) == "coupled"
    in_step = name == "lamb" and dials.get("decay_at", "in the step") == "in the step"
    after = []
    for step, lr in enumerate(rates.tolist()):
        s = Settings({**OPTIMIZERS[name], **arguments}, dials, lr * FASTER.get(name, 1.0))
        before, gradients = numbers(w[step]), numbers(g[step])
        pulls = [s.weight_decay * x * int(d) for x, d in zip(before, decayed, strict=True)]
        weights = list(before)
        if coupled:
            gradients = [x + pull for x, pull in zip(gradients, pulls, strict=True)]
        elif not in_step:
            weights = [x - s.lr * pull for x, pull in zip(weights, pulls, strict=True)]
        if name in WHOLE:
            added = pulls if in_step and not coupled else [mpf(0)] * len(pulls)
            told = Decay(before, added)
            weights = WHOLE[name](s, states, weights, gradients, told, step + 1)
        else:
            each = zip(states, weights, gradients, strict=True)
            weights = [FORMULAS[name](s, *one, step + 1) for one in each]
        slots = {slot: [state[slot] for state in states] for slot in states[-1]}
        after.append((weights, slots))
    return after


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with np.errstate(all="ignore"):
        yield


calls = pytest.mark.parametrize("call", [*TEXTBOOK, *DECAYED, *WITH_DIALS], ids=called)
LIKE = bounds.exact(np.zeros(6), DOUBLE)


def test_every_optimizer_has_a_rule_and_a_formula() -> None:
    assert set(RULES) == {*FORMULAS, *WHOLE} == set(ARGUMENTS) == set(OPTIMIZERS)


@calls
def test_a_rule_is_its_formula(call: Call) -> None:
    for (w, slots), (exact_w, exact_slots) in zip(rule(call, LIKE), formula(call), strict=True):
        check(w, exact_w)
        assert set(slots) == set(exact_slots) - {"mu_product", "mu_products"}
        for slot, value in slots.items():
            check(value, exact_slots[slot])


@calls
def test_bounds_do_not_change_what_a_rule_gives(call: Call) -> None:
    for (w, slots), (bounded_w, bounded_slots) in zip(
        rule(call, np.zeros(6)), rule(call, LIKE), strict=True
    ):
        assert (np.abs(w - bounded_w.value) <= bounded_w.error).all()
        for slot, value in slots.items():
            wide = bounded_slots[slot]
            assert (np.abs(value - wide.value) <= wide.error).all()


# With a tiny eps, or at the textbook's own setting, there is nothing to see.
SEEN = [
    (name, arguments, dials)
    for name, arguments, dials in WITH_DIALS
    if arguments and dials.get("eps") != ("hat" if name == "radam" else "after")
]


@pytest.mark.parametrize("call", SEEN, ids=called)
def test_a_turned_dial_is_seen(call: Call) -> None:
    name, arguments, _ = call
    for textbook, turned in zip(rule((name, arguments, {}), LIKE), rule(call, LIKE), strict=True):
        for one, other in zip(tensors(textbook), tensors(turned), strict=True):
            if (np.abs(one.value - other.value) > one.error + other.error).any():
                return
    pytest.fail("no weight and no slot is beyond its bound at any step")


def tensors(after: tuple[Any, dict[str, Any]]) -> list[Any]:
    return [after[0], *after[1].values()]


# Where its corrections are in float32, nadam's mu_t is too, which has a beta1 but no name for it.
HELD = [
    (name, setting, dial)
    for name in ("adam", "nadam", "radam", "rmsprop", "lion")
    for setting in ("working", "float32")
    for dial in ("constants", "correction")
    if (name, setting, dial) != ("nadam", "float32", "correction")
]


@pytest.mark.parametrize(("name", "setting", "dial"), HELD)
def test_constants_in_working_precision_are_those_of_rounded_hyperparameters(
    name: str, setting: str, dial: str
) -> None:
    like = bounds.exact(np.zeros(6), ARITHMETICS["float32"])
    names = OPTIMIZERS[name] if dial == "constants" else ("beta1**t", "beta2**t")
    names = (
        (*names, "lr", "0.96", "mu_product/0.96", "mu_product/beta1")
        if dial == "constants"
        else names
    )
    arguments = {key: value for key, value in MOMENTS.items() if key in OPTIMIZERS[name]}
    working = rule((name, arguments, {dial: setting}), like)
    rounded = rule((name, arguments, {"rounded": names}), like)
    for (w, slots), (wanted, wanted_slots) in zip(working, rounded, strict=True):
        assert np.array_equal(w.value, wanted.value)
        for slot, value in slots.items():
            assert np.array_equal(value.value, wanted_slots[slot].value)


def test_an_accumulator_that_the_lane_cannot_represent_starts_rounded() -> None:
    like = bounds.exact(np.zeros(6), ARITHMETICS["float32"])
    (_, slots), *_ = rule(("adagrad", {"initial_accumulator": 0.1}, {}), like)
    still = slots["sum"]
    assert abs(float(representable(0.1, "float32")) - still.value[-1]) <= still.error[-1]


def test_an_optimizer_that_divides_zero_by_zero_is_not_judged() -> None:
    w, _, _, decayed = data()
    for name in ("adagrad", "rmsprop", "adam", "adamax"):
        run = Run({**OPTIMIZERS[name], "eps": 0.0}, {}, LIKE, decayed, SHAPES)
        run.lr = run.number(0.1, "lr")
        moved = RULES[name](run, bounds.exact(w[0], DOUBLE), bounds.exact(np.zeros(6), DOUBLE), 1)
        assert not np.isfinite(moved.error).any()


def test_a_variance_that_may_be_negative_is_not_judged() -> None:
    like = bounds.exact(np.zeros(6), ARITHMETICS["float32"])
    w, g, _, decayed = data()
    run = Run({**OPTIMIZERS["rmsprop"], "rho": 0.0, "centered": True}, {}, like, decayed, SHAPES)
    run.lr = run.number(0.1, "lr")
    single = [bounds.exact(representable(x[0], "float32"), like.arithmetic) for x in (w, g)]
    moved = RULES["rmsprop"](run, *single, 1)
    assert np.isinf(moved.error[:5]).all()
    assert moved.error[5] == 0


def test_a_weight_without_gradient_is_not_moved_and_rounds_nothing() -> None:
    # Ftrl's weights are those of its sums, so zero where these are.
    for name in set(OPTIMIZERS) - {"adamw", "ftrl"}:
        (moved, _), *_ = rule((name, {}, {}), LIKE)
        assert (moved.value[-1], moved.error[-1]) == (data()[0][0, -1], 0)


def _lamb_step(w: Array, g: Array, **given: float) -> Bounded:
    """Return a tensor of float32 after one step of Lamb at a rate of one."""
    like = bounds.exact(np.zeros(w.shape), ARITHMETICS["float32"])
    run = Run({**OPTIMIZERS["lamb"], **given}, {}, like, np.ones(w.shape), (w.shape,), lr=1.0)
    single = [bounds.exactly(representable(x, "float32"), like) for x in (w, g)]
    after: Bounded = RULES["lamb"](run, *single, 1)
    return after


def test_a_step_of_lamb_is_as_long_as_the_tensor() -> None:
    after = _lamb_step(np.array([3.0, 4.0]), np.array([1e-2, -1e-2]), eps=0.0)
    exact = [float(w - 5 * sign / mp.sqrt(2)) for w, sign in ((3, 1), (4, -1))]
    assert (np.abs(after.value - exact) <= after.error).all()
    assert (after.error <= 2.0**-12).all()  # half of the digits of a float32


@pytest.mark.parametrize(("weight", "gradient"), [(0.0, 1e-2), (2.0, 0.0)])
def test_where_a_norm_is_zero_the_trust_ratio_is_one_and_rounds_nothing(
    weight: float, gradient: float
) -> None:
    after = _lamb_step(np.array([weight, 0.0]), np.array([gradient, 0.0]), eps=1e-2)
    direction = gradient / (gradient + 1e-2)
    assert abs(after.value[0] - (weight - direction)) <= after.error[0] <= 1e-5
    assert (after.value[1], after.error[1]) == (0, 0)


def test_weights_whose_squares_may_vanish_have_their_norm_or_none() -> None:
    after = _lamb_step(np.array([1e-25]), np.array([1e-2]))
    assert abs(after.value[0]) < 1e-20  # with the norm, which is that of the weight
    assert 0.99 < after.error[0] < 1.01  # without it the ratio is one


def _ftrl_step(g: Array, dials: Mapping[str, Any], **given: float) -> Bounded:
    """Return float32 weights of zero after one step of Ftrl at a rate of one."""
    like = bounds.exact(np.zeros(g.shape), ARITHMETICS["float32"])
    arguments = {**OPTIMIZERS["ftrl"], **given}
    run = Run(arguments, dials, like, np.ones(g.shape), np.zeros(g.shape, int), lr=1.0)
    after: Bounded = RULES["ftrl"](run, like, bounds.exactly(representable(g, "float32"), like), 1)
    return after


def test_ftrl_holds_weights_at_exactly_zero_within_lambda1() -> None:
    after = _ftrl_step(np.array([0.0, 0.5, -0.5, 1.5]), {}, lambda1=0.75)
    assert after.value[:3].tolist() == after.error[:3].tolist() == [0, 0, 0]
    assert after.value[3] == -0.3  # - (1.5 - 0.75) / (1 + 1.5)


def test_at_lambda1_itself_a_weight_is_zero_or_as_small_as_the_rounding() -> None:
    beyond = float(representable(0.1, "float32"))
    after = _ftrl_step(np.array([beyond]), {}, lambda1=0.1)
    assert abs(after.value[0]) <= after.error[0] <= 1e-7


def _adagrad_step(g: float, dials: Mapping[str, Any], **given: float) -> Bounded:
    """Return a float32 weight of 0 after one step of Adagrad."""
    zero = bounds.exact(np.zeros(1), ARITHMETICS["float32"])
    arguments = {**OPTIMIZERS["adagrad"], **given}
    run = Run(arguments, dials, zero, np.ones(1), np.zeros(1, int), lr=zero + 1.0)
    after: Bounded = RULES["adagrad"](run, zero, bounds.exactly(np.array([g]), zero), 1)
    return after


def test_an_eps_of_zero_may_stand_for_another() -> None:
    turned = _adagrad_step(1e-3, {"eps_for_zero": 1e-7}, eps=0.0)
    assert turned.value == _adagrad_step(1e-3, {}, eps=1e-7).value
    assert turned.value != _adagrad_step(1e-3, {}, eps=0.0).value
    assert _adagrad_step(1e-3, {"eps_for_zero": 1e-7}, eps=1e-3).value == (
        _adagrad_step(1e-3, {}, eps=1e-3).value
    )


def test_a_sum_of_zero_means_no_step_without_an_eps_too() -> None:
    turned = _adagrad_step(0.0, {"zero_sum": "no step"}, eps=0.0)
    assert (turned.value, turned.error) == (0, 0)
    assert np.isnan(_adagrad_step(0.0, {}, eps=0.0).value)


def test_a_sum_that_underflows_may_mean_no_step() -> None:
    textbook = _adagrad_step(1e-30, {"eps": "inside"})
    turned = _adagrad_step(1e-30, {"eps": "inside", "zero_sum": "no step"})
    assert abs(textbook.value) > textbook.error
    assert abs(turned.value) <= turned.error


@pytest.mark.parametrize("beta2", [0.999, 0.9995, 0.9999])
def test_whether_radam_rectifies_may_hang_on_the_rounding_of_float32(beta2: float) -> None:
    like = bounds.exact(np.zeros(6), ARITHMETICS["float32"])
    w, g, rates, decayed = data()
    dials = {"constants": "working", "correction": "working", "eps": "after"}
    run = Run({**OPTIMIZERS["radam"], "beta2": beta2}, dials, like, decayed, SHAPES)
    single, m, v = np.float32, np.zeros(6, np.float32), np.zeros(6, np.float32)
    limit = 2 / (1 - beta2) - 1
    for step in range(STEPS):
        before, slope = w[step].astype(single), g[step].astype(single)
        run.lr = run.number(float(single(rates[step])), "lr")
        now = [bounds.exactly(x.astype(float), like) for x in (before, slope)]
        expected = RULES["radam"](run, *now, step + 1)
        # As optax has it (transform.py, scale_by_radam).
        m = single(0.9) * m + single(0.1) * slope
        v = single(beta2) * v + single(1 - beta2) * slope * slope
        grown = np.power(single(beta2), single(step + 1))
        mean = m / (1 - np.power(single(0.9), single(step + 1)))
        rho = single(limit) - single(2 * (step + 1)) * grown / (1 - grown)
        if rho >= 5:
            above = (rho - 4) * (rho - 2) * single(limit)
            r = np.sqrt(above / (single((limit - 4) * (limit - 2)) * rho))
            mean = r * mean / (np.sqrt(v / (1 - grown)) + single(1e-8))
        after = before - single(rates[step]) * mean
        assert (np.abs(after - expected.value) <= expected.error).all()


def test_nesterov_may_multiply_each_of_its_terms_by_the_rate() -> None:
    like = bounds.exact(np.zeros(1), ARITHMETICS["float32"])
    rng, count, single = np.random.default_rng(0), 20_000, np.float32
    given = {**OPTIMIZERS["sgd"], "momentum": 0.9, "nesterov": True}
    run = Run(given, {"constants": "working"}, like, np.ones(count), ((count,),))
    run.lr = run.number(float(single(0.01)), "lr")
    buffer = np.zeros(count, single)
    for slope in (
        rng.standard_normal(count).astype(single),
        rng.standard_normal(count).astype(single),
    ):
        # The second cancels what momentum is left of the first, almost.
        if buffer.any():
            slope = (-(single(0.9) ** 2) * buffer / single(1.9) * (1 + 1e-3 * slope)).astype(single)
        zero = bounds.exactly(np.zeros(count), like)
        expected = RULES["sgd"](run, zero, bounds.exactly(slope.astype(float), like), 1)
        buffer = single(0.9) * buffer + slope
        # TensorFlow's ResourceApplyMomentum (training_ops.cc).
        after = -(slope * single(0.01) + (buffer * single(0.9)) * single(0.01))
        assert (np.abs(after - expected.value) <= expected.error).all()
