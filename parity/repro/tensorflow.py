"""A repro in TensorFlow: a gradient tape, and updates by hand or with TF 1's optimizers."""

from __future__ import annotations

from parity.case import Case
from parity.compare import Stage
from parity.lanes import Lane
from parity.lanes.spelling import GRADIENT_DESCENT, VERSION_1
from parity.parts import LEAKY_SLOPE
from parity.repro.shown import Part, Shown
from parity.repro.text import call, gradient, indented, index, literal, steps

ACTIVATIONS = {
    "relu": "tf.nn.relu(z)",
    "leaky_relu": f"tf.nn.leaky_relu(z, alpha={LEAKY_SLOPE})",
    "tanh": "tf.nn.tanh(z)",
    "sigmoid": "tf.nn.sigmoid(z)",
    "gelu": "tf.nn.gelu(z, approximate=False)",
    "gelu_tanh": "tf.nn.gelu(z, approximate=True)",
    "elu": "tf.nn.elu(z)",
    "softplus": "tf.nn.softplus(z)",
    "silu": "tf.nn.silu(z)",
}
HUBER = "tf.where(tf.abs(z - y) <= {0}, 0.5 * tf.square(z - y), {0} * (tf.abs(z - y) - 0.5 * {0}))"
LOSSES = {
    "squared_error": "tf.square(z - y)",
    "absolute_error": "tf.abs(z - y)",
    "huber": HUBER,
    "smooth_l1": f"{HUBER} / {{0}}",
    "binary_cross_entropy": "tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=z)",
    "integer": "tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=z)",
    "dense": "tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=z)",
}
COMPILED = {
    "graph": ["@tf.function(autograph=False)"],
    "v1": ["@tf.function(autograph=False)"],
    "xla": ["@tf.function(autograph=False, jit_compile=True)"],
}


def lines(shown: Shown, lane: Lane) -> list[str]:
    """Return the lines from the imports to what is seen."""
    if shown.part is Part.SLOPE:
        body = _slope(shown, lane)
    else:
        body = _version_1(shown) if lane.mode == "v1" else _by_hand(shown, lane)
    return ["import tensorflow as tf", *body]


def _variables(shown: Shown) -> list[str]:
    return [
        f"{name} = tf.Variable({constant(literal(w, shown.case.dtype), shown.case.dtype)})"
        for name, w in shown.weights.items()
    ]


def constant(values: str, dtype: str) -> str:
    """Return a tensor of these values."""
    return f'tf.constant({values}, "{dtype}")'


def _version_1(shown: Shown) -> list[str]:
    case, names = shown.case, list(shown.weights)
    spelling = VERSION_1[case.optimizer.name]
    if case.optimizer.name == "sgd" and not case.optimizer.arguments.get("momentum"):
        spelling = GRADIENT_DESCENT
    arguments = spelling.spelled(case.optimizer.arguments)
    rate = "lambda: lr" if shown.scheduled else repr(case.rates[0])
    assigned, made = [], _variables(shown)
    if case.optimizer.name == "ftrl" and shown.scheduled:  # it calls nothing
        rate, assigned = "rate", ["rate.assign(lr)"]
        made.append(f"rate = tf.Variable({case.rates[0]!r})")
    body = [
        *made,
        f"optimizer = {call(f'tf.compat.v1.train.{spelling.name}', rate, **arguments)}",
        steps(shown),
    ]
    pairs = ", ".join(f"({gradient(weight)}, {weight})" for weight in names)
    body += indented([*assigned, *_gradients(shown), f"optimizer.apply_gradients([{pairs}])"])
    value = shown.tensor
    if shown.stage is Stage.STATE:
        value = f'optimizer.get_slot({value}, "{spelling.slots[shown.slot]}")'
    return [*body, f"seen = float({value}{index(shown)})"]


def _gradients(shown: Shown) -> list[str]:
    """Return the lines that make tensors of a step's gradients and clip them."""
    clip, names = shown.case.clip, [gradient(name) for name in shown.weights]
    found = [f"{name} = {constant(name, shown.case.dtype)}" for name in names]
    if clip is None:
        return found
    limit = repr(clip.limit)
    if clip.kind == "global_norm":
        listed = ", ".join(names)
        trailing = "," if len(names) == 1 else ""
        return [*found, f"({listed}{trailing}), _ = tf.clip_by_global_norm([{listed}], {limit})"]
    if clip.kind == "norm":
        return [*found, *(f"{name} = tf.clip_by_norm({name}, {limit})" for name in names)]
    return [*found, *(f"{n} = tf.clip_by_value({n}, -{limit}, {limit})" for n in names)]


def _by_hand(shown: Shown, lane: Lane) -> list[str]:
    case, names = shown.case, list(shown.weights)
    given = case.optimizer.hyperparameters()
    slots = ["m", "v"]
    if case.optimizer.name == "sgd":
        slots = ["m"] if given["momentum"] else []
    body = _variables(shown)
    held = [f"{slot}_{name}" for name in names for slot in slots]
    body += [f"{one} = tf.Variable(tf.zeros_like({one[2:]}))" for one in held]
    # The numbers of a step are computed in Python and are tensors of the weights' dtype.
    rate = "lr" if shown.scheduled else repr(case.rates[0])
    numbers = {"lr": rate}
    if case.optimizer.name != "sgd":
        numbers["c1"] = f"1 - {given['beta1']!r} ** t"
        numbers["c2"] = f"1 - {given['beta2']!r} ** t"
    numbers["keep"], numbers["decay"] = _decay(shown, rate)
    numbers = {name: value for name, value in numbers.items() if value}
    head = ", ".join(["w", "g", *slots, *numbers])
    body += [*COMPILED.get(lane.mode, []), f"def update({head}):"]
    body += indented(_rule(case, given, numbers))
    body.append(steps(shown, counted=case.optimizer.name != "sgd"))
    inside = _gradients(shown)
    passed = {n: constant(value, case.dtype) for n, value in numbers.items()}
    for name in names:
        still = name.startswith("bias") and not case.optimizer.decay_biases
        own = {**passed, **({"keep": "1.0", "decay": "0.0"} if still else {})}
        extra = [f"{slot}_{name}" for slot in slots] + [own[number] for number in numbers]
        inside.append(call("update", name, gradient(name), *extra))
    value = shown.tensor
    if shown.stage is Stage.STATE:
        value = f"{'v' if shown.slot == 'v' else 'm'}_{value}"
    return [*body, *indented(inside), f"seen = float({value}{index(shown)})"]


def _decay(shown: Shown, rate: str) -> tuple[str, str]:
    """Return what weights are multiplied by, and the coupled decay; empty where there is none."""
    optimizer = shown.case.optimizer
    decay = optimizer.hyperparameters()["weight_decay"]
    if not decay:
        return "", ""
    return (f"1 - {rate} * {decay!r}", "") if optimizer.name == "adamw" else ("", repr(decay))


def _rule(case: Case, given: dict[str, float | bool], numbers: dict[str, str]) -> list[str]:
    found = ["w.assign(keep * w)"] if "keep" in numbers else []
    found += ["g = g + decay * w"] if "decay" in numbers else []
    if case.optimizer.name == "sgd":
        momentum = given["momentum"]
        if momentum:
            found.append(f"m.assign({momentum!r} * m + g)")
            found.append(f"g = g + {momentum!r} * m" if given["nesterov"] else "g = m")
        return [*found, "w.assign_sub(lr * g)"]
    beta1, beta2 = float(given["beta1"]), float(given["beta2"])
    return [
        *found,
        f"m.assign({beta1!r} * m + {1 - beta1!r} * g)",
        f"v.assign({beta2!r} * v + {1 - beta2!r} * tf.square(g))",
        f"w.assign_sub(lr * (m / c1) / (tf.sqrt(v / c2) + {given['eps']!r}))",
    ]


def _slope(shown: Shown, lane: Lane) -> list[str]:
    case, backward = shown.case, shown.stage is Stage.BACKWARD
    x, y, sample_weights = case.batch(0)
    labels = "int64" if case.loss.labels == "integer" else case.dtype
    body = [
        f"x = {constant(literal(x, case.dtype), case.dtype)}",
        f"y = {constant(literal(y, case.dtype), labels)}",
    ]
    if sample_weights is not None:
        body.append(f"c = {constant(literal(sample_weights, case.dtype), case.dtype)}")
    body += _variables(shown)
    inside = [*_forward(case), *_loss(case)]
    if backward:
        inside = ["with tf.GradientTape() as tape:", *indented(inside)]
        inside.append(f"return tape.gradient(loss, {shown.tensor})")
    else:
        inside.append("return loss")
    body += [*COMPILED.get(lane.mode, []), "def objective():", *indented(inside)]
    return [*body, f"seen = float(objective(){index(shown) if backward else ''})"]


def _forward(case: Case) -> list[str]:
    found, source = [], "x"
    for number, layer in enumerate(case.layers):
        bias = f" + bias{number}" if layer.bias else ""
        value = f"tf.matmul({source}, kernel{number}){bias}"
        if layer.activation != "linear":
            value = ACTIVATIONS[layer.activation].replace("(z", f"({value}")
        found.append(f"z = {value}")
        source = "z"
    return found


def _loss(case: Case) -> list[str]:
    loss = case.loss
    softmax = loss.name == "softmax_cross_entropy"
    terms = LOSSES[loss.labels if softmax else loss.name].format(loss.delta)
    if loss.class_weights is not None:
        chosen = "y" if loss.labels == "integer" else "tf.argmax(y, axis=1)"
        weights = constant(repr(list(loss.class_weights)), case.dtype)
        terms = f"{terms} * tf.gather({weights}, {chosen})"
    if case.sample_weights is not None:
        terms = f"{terms} * {'c' if softmax else 'c[:, tf.newaxis]'}"
    total = "tf.reduce_sum" if loss.reduction == "sum" else "tf.reduce_mean"
    half = "0.5 * " if loss.reduction == "half_mean" else ""
    found = [f"loss = {half}{total}({terms})"]
    if loss.l2:
        squares = " + ".join(
            f"tf.reduce_sum(tf.square(kernel{n}))" for n in range(len(case.layers))
        )
        found.append(f"loss = loss + {loss.l2!r} * ({squares})")
    return found
