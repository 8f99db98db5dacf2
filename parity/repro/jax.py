"""A repro in JAX with optax, as its users write it."""

from __future__ import annotations

from collections.abc import Mapping

from parity.case import Case
from parity.compare import Stage
from parity.lanes import Lane
from parity.lanes.spelling import OPTAX, OPTAX_MASKS
from parity.parts import LEAKY_SLOPE
from parity.repro.shown import Part, Shown
from parity.repro.text import Code, call, gradient, indented, index, literal, steps

ACTIVATIONS = {
    "relu": "jax.nn.relu(z)",
    "leaky_relu": f"jax.nn.leaky_relu(z, negative_slope={LEAKY_SLOPE})",
    "tanh": "jnp.tanh(z)",
    "sigmoid": "jax.nn.sigmoid(z)",
    "gelu": "jax.nn.gelu(z, approximate=False)",
    "gelu_tanh": "jax.nn.gelu(z, approximate=True)",
    "elu": "jax.nn.elu(z)",
    "softplus": "jax.nn.softplus(z)",
    "silu": "jax.nn.silu(z)",
}
LOSSES = {
    "squared_error": "optax.losses.squared_error(z, y)",
    "absolute_error": "jnp.abs(z - y)",
    "huber": "optax.losses.huber_loss(z, y, delta={delta!r})",
    "smooth_l1": "optax.losses.huber_loss(z, y, delta={delta!r}) / {delta!r}",
    "binary_cross_entropy": "optax.losses.sigmoid_binary_cross_entropy(z, y)",
    "integer": "optax.losses.softmax_cross_entropy_with_integer_labels(z, y)",
    "dense": "optax.losses.softmax_cross_entropy(z, y)",
}


def lines(shown: Shown, lane: Lane) -> list[str]:
    """Return the lines from the imports to what is seen."""
    head = ["import jax", "import jax.numpy as jnp", "import optax"]
    if shown.case.dtype == "float64":
        head.append('jax.config.update("jax_enable_x64", True)')
    return head + (_slope(shown, lane) if shown.part is Part.SLOPE else _update(shown, lane))


def _update(shown: Shown, lane: Lane) -> list[str]:
    traced = lane.mode == ""
    body = [_weights(shown)]
    rate = "lr" if traced else repr(shown.case.rates[0])
    if shown.scheduled and not traced:
        rate = f"lambda count: jnp.array({list(shown.case.rates)})[count]"
    numbers = _numbers(shown.case)
    given = {name: Code(f'c["{name}"]') if traced else value for name, value in numbers.items()}
    optimizer = _optimizer(shown, rate, given)
    step = [
        "updates, state = optimizer.update(g, state, w)",
        "return optax.apply_updates(w, updates), state",
    ]
    if traced:
        # The hyperparameters are arguments of what is compiled.
        body.append(f"c = {numbers!r}")
        if not shown.scheduled:
            body.append(f"lr = {shown.case.rates[0]!r}")
        body += ["def optimizer_of(lr, c):", f"    return {optimizer}"]
        step.insert(0, "optimizer = optimizer_of(lr, c)")
        body += ["@jax.jit", "def step(g, state, w, lr, c):", *indented(step)]
        body.append("state = optimizer_of(0.0, c).init(w)")
    else:
        body.append(f"optimizer = {optimizer}")
        head = ["@jax.jit"] if lane.mode == "jit" else []
        body += [*head, "def step(g, state, w):", *indented(step), "state = optimizer.init(w)"]
    body.append(steps(shown, rates=traced))
    arguments = "state, w, lr, c" if traced else "state, w"
    body.append(f"    w, state = step({_gradients(shown)}, {arguments})")
    return [*body, f"seen = float({_seen(shown)}{index(shown)})"]


def _weights(shown: Shown) -> str:
    arrays = {
        name: _array(literal(w, shown.case.dtype), shown) for name, w in shown.weights.items()
    }
    if "w" in arrays:
        return f"w = {arrays['w']}"
    return f"w = {_mapping(arrays)}"


def _gradients(shown: Shown) -> str:
    arrays = {name: _array(gradient(name), shown) for name in shown.weights}
    if "w" in arrays:
        return arrays["w"]
    return _mapping(arrays)


def _mapping(arrays: Mapping[str, str]) -> str:
    return "{" + ", ".join(f'"{name}": {array}' for name, array in arrays.items()) + "}"


def _array(values: str, shown: Shown) -> str:
    return f'jnp.array({values}, "{shown.case.dtype}")'


def _numbers(case: Case) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in case.optimizer.arguments.items()
        if not isinstance(value, bool) and name in OPTAX[case.optimizer.name].arguments
    }


def _optimizer(shown: Shown, rate: str, numbers: Mapping[str, object]) -> str:
    """Return clipping, decay and optimizer as users chain them."""
    case = shown.case
    given: dict[str, object] = dict(numbers)
    name, clip = case.optimizer.name, case.clip
    mask: object = None
    if not case.optimizer.decay_biases:
        mask = {name: name.startswith("kernel") for name in shown.weights}
    chain = []
    if clip is not None:
        function = "optax.clip" if clip.kind == "value" else "optax.clip_by_global_norm"
        chain.append(call(function, repr(clip.limit)))
    extra: dict[str, object] = {}
    if name in OPTAX_MASKS:
        extra = {} if mask is None else {OPTAX_MASKS[name]: mask}
    elif "weight_decay" in given:
        decay = given.pop("weight_decay")
        if decay:
            masks = [] if mask is None else [repr(mask)]
            chain.append(call("optax.add_decayed_weights", str(decay), *masks))
    given |= {n: v for n, v in case.optimizer.arguments.items() if v is True}
    spelled = OPTAX[name].spelled(given)
    chain.append(call(f"optax.{name}", rate, **spelled, **extra))
    return chain[0] if len(chain) == 1 else f"optax.chain({', '.join(chain)})"


def _seen(shown: Shown) -> str:
    value = "w"
    if shown.stage is Stage.STATE:
        slot = OPTAX[shown.case.optimizer.name].slots[shown.slot]
        value = f'optax.tree_utils.tree_get(state, "{slot}")'
    return value if shown.tensor == "w" else f'{value}["{shown.tensor}"]'


def _slope(shown: Shown, lane: Lane) -> list[str]:
    case = shown.case
    x, y, sample_weights = case.batch(0)
    kind = "int32" if case.loss.labels == "integer" else case.dtype
    body = [
        f"x = {_array(literal(x, case.dtype), shown)}",
        f'y = jnp.array({literal(y, case.dtype)}, "{kind}")',
    ]
    if sample_weights is not None:
        body.append(f"c = {_array(literal(sample_weights, case.dtype), shown)}")
    inside = [*_forward(case), *_loss(case, shown), "return loss"]
    body += [_weights(shown), *([] if lane.mode == "plain" else ["@jax.jit"])]
    body += ["def objective(w):", *indented(inside)]
    if shown.stage is Stage.BACKWARD:
        return [*body, f'seen = float(jax.grad(objective)(w)["{shown.tensor}"]{index(shown)})']
    return [*body, "seen = float(objective(w))"]


def _forward(case: Case) -> list[str]:
    found, source = [], "x"
    for number, layer in enumerate(case.layers):
        bias = f' + w["bias{number}"]' if layer.bias else ""
        value = f'{source} @ w["kernel{number}"]{bias}'
        if layer.activation != "linear":
            value = ACTIVATIONS[layer.activation].replace("(z", f"({value}")
        found.append(f"z = {value}")
        source = "z"
    return found


def _loss(case: Case, shown: Shown) -> list[str]:
    loss, labels = case.loss, "y"
    found: list[str] = []
    kind = loss.labels if loss.name == "softmax_cross_entropy" else loss.name
    if loss.label_smoothing:
        dense = "y"
        if kind == "integer":
            dense = f"jax.nn.one_hot(y, {case.layers[-1].units}, dtype=x.dtype)"
        labels, kind = "t", "dense"
        found.append(f"t = optax.losses.smooth_labels({dense}, {loss.label_smoothing!r})")
    terms = LOSSES[kind].replace("(z, y)", f"(z, {labels})").format(delta=loss.delta)
    if loss.class_weights is not None:
        chosen = "y" if loss.labels == "integer" else "jnp.argmax(y, 1)"
        terms = f"{terms} * {_array(repr(list(loss.class_weights)), shown)}[{chosen}]"
    if case.sample_weights is not None:
        terms = f"{terms} * {'c' if loss.name == 'softmax_cross_entropy' else 'c[:, None]'}"
    half = "0.5 * " if loss.reduction == "half_mean" else ""
    found.append(f"loss = {half}{'jnp.sum' if loss.reduction == 'sum' else 'jnp.mean'}({terms})")
    if loss.l2:
        squares = " + ".join(f'(w["kernel{n}"] ** 2).sum()' for n in range(len(case.layers)))
        found.append(f"loss = loss + {loss.l2!r} * ({squares})")
    return found
