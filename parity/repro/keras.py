"""A repro in Keras 3 or tf_keras: their optimizers, losses and layers, or compile and fit."""

from __future__ import annotations

import numpy as np

from parity.bounds import Array
from parity.case import Case
from parity.compare import Stage
from parity.lanes import Lane
from parity.lanes.spelling import KERAS, KERAS_CLIPS, LEGACY, TF_KERAS, Spelling
from parity.parts import LEAKY_SLOPE
from parity.repro.shown import Part, Shown
from parity.repro.tensorflow import constant
from parity.repro.text import Code, call, gradient, indented, index, literal, loop, steps

LOSSES = {
    "squared_error": "MeanSquaredError",
    "absolute_error": "MeanAbsoluteError",
    "huber": "Huber",
    "integer": "SparseCategoricalCrossentropy",
    "dense": "CategoricalCrossentropy",
    "binary_cross_entropy": "BinaryCrossentropy",
}


def lines(shown: Shown, lane: Lane) -> list[str]:
    """Return the lines from the imports to what is seen."""
    write = {Part.UPDATE: _update, Part.SLOPE: _slope, Part.TRAINING: _training}[shown.part]
    body = write(shown, lane)
    return [*_head(shown, lane, any("np." in line for line in body)), *body]


def _new(lane: Lane) -> bool:
    """Return whether this is Keras 3."""
    return lane.module == "parity.lanes.keras"


def _backend(lane: Lane) -> str:
    return lane.environment["KERAS_BACKEND"] if _new(lane) else "tensorflow"


def _head(shown: Shown, lane: Lane, numpy: bool) -> list[str]:
    found = ["import numpy as np"] if numpy else []
    dtype = shown.case.dtype
    if not _new(lane):
        floatx = "float32" if dtype == "bfloat16" else dtype
        told = [f'tf_keras.backend.set_floatx("{floatx}")'] if floatx != "float32" else []
        return [*found, "import tensorflow as tf", "import tf_keras", *told]
    backend = _backend(lane)
    found = ["import os", f'os.environ["KERAS_BACKEND"] = "{backend}"', *found, "import keras"]
    if shown.part is Part.SLOPE and shown.stage is Stage.BACKWARD and backend != "torch":
        found.append("import jax" if backend == "jax" else "import tensorflow as tf")
    if dtype != "float32":
        found.append(f'keras.config.set_floatx("{dtype}")')
    return found


def _update(shown: Shown, lane: Lane) -> list[str]:
    case, names = shown.case, list(shown.weights)
    body = [_variable(name, w, case.dtype, lane) for name, w in shown.weights.items()]
    body += [*_optimizer(shown, lane), steps(shown)]
    inside = ["optimizer.learning_rate = lr"] if shown.scheduled else []
    if _new(lane):
        tensors = [f'keras.ops.array({gradient(name)}, "{case.dtype}")' for name in names]
        inside.append(f"optimizer.apply([{', '.join(tensors)}], [{', '.join(names)}])")
    else:
        pairs = [f"({constant(gradient(name), case.dtype)}, {name})" for name in names]
        inside.append(f"optimizer.apply_gradients([{', '.join(pairs)}])")
    return [*body, *indented(inside), *_seen(shown, lane, shown.tensor, shown.tensor, "optimizer")]


def _variable(name: str, values: Array, dtype: str, lane: Lane) -> str:
    text = literal(values, dtype)
    if _new(lane):
        return f'{name} = keras.Variable({text}, dtype="{dtype}", name="{name}")'
    return f'{name} = tf.Variable({text}, dtype="{dtype}", name="{name}")'


def _optimizer(shown: Shown, lane: Lane) -> list[str]:
    optimizer, clip = shown.case.optimizer, shown.case.clip
    legacy = lane.mode == "legacy"
    spelling = _spelling(shown, lane)
    arguments: dict[str, object] = {"learning_rate": shown.case.rates[0]}
    arguments |= spelling.spelled(optimizer.arguments) | dict(spelling.switches)
    if clip is not None:
        arguments[KERAS_CLIPS[clip.kind]] = clip.limit
    line = "keras" if _new(lane) else "tf_keras"
    where = f"{line}.optimizers{'.legacy' if legacy else ''}.{spelling.name}"
    found = [f"optimizer = {call(where, **arguments)}"]
    if not optimizer.decay_biases:
        found.append('optimizer.exclude_from_weight_decay(var_names=["bias"])')
    return found


def _spelling(shown: Shown, lane: Lane) -> Spelling:
    names = LEGACY if lane.mode == "legacy" else TF_KERAS
    return (KERAS if _new(lane) else names)[shown.case.optimizer.name]


def _seen(shown: Shown, lane: Lane, variable: str, path: str, optimizer: str) -> list[str]:
    """Return the lines that read an element of a variable, or of the slot for it."""
    found = []
    if shown.stage is Stage.STATE:
        slot = _spelling(shown, lane).slots[shown.slot]
        if lane.mode == "legacy":
            variable = f'{optimizer}.get_slot({variable}, "{slot}")'
        else:
            test = f'v.name.endswith("{slot}/{path}:0")'
            if _new(lane):
                test = f'v.name == "{path.replace("/", "_")}_{slot}"'
            found.append(f"slot = [v for v in {optimizer}.variables if {test}][0]")
            variable = "slot"
    if _new(lane):
        variable = f"keras.ops.convert_to_numpy({variable})"
    return [*found, f"seen = float({variable}{index(shown)})"]


def _model(shown: Shown, lane: Lane) -> list[str]:
    """Return the lines that build a model with the weights."""
    case = shown.case
    line = "keras" if _new(lane) else "tf_keras"
    # What is no floatx, the layers are told.
    dtype = {"dtype": case.dtype} if case.dtype == "bfloat16" else {}
    layers = [call(f"{line}.Input", f"({case.x.shape[1]},)", **dtype)]
    for number, layer in enumerate(case.layers):
        given: dict[str, object] = {}
        if layer.activation != "linear":
            given["activation"] = _activation(layer.activation, line)
        if not layer.bias:
            given["use_bias"] = False
        if case.loss.l2:
            given["kernel_regularizer"] = Code(f"{line}.regularizers.L2({case.loss.l2!r})")
        name = f"layer{number}"
        layers.append(call(f"{line}.layers.Dense", str(layer.units), **given, **dtype, name=name))
    found = [f"model = {line}.Sequential([{', '.join(layers)}])"]
    if _new(lane) or case.dtype == "float32":
        values = ", ".join(_numpy(w, case) for w in shown.weights.values())
        return [*found, f"model.set_weights([{values}])"]
    values = ", ".join(literal(w, case.dtype) for w in shown.weights.values())
    found.append(f"for variable, value in zip(model.weights, [{values}]):")
    return [*found, f"    variable.assign({constant('value', case.dtype)})"]


def _activation(name: str, line: str) -> object:
    if name == "leaky_relu" and line == "keras":
        leaky = f"keras.activations.leaky_relu(z, negative_slope={LEAKY_SLOPE})"
        return Code(f"lambda z: {leaky}")
    if name == "leaky_relu":
        return Code(f"lambda z: tf_keras.activations.relu(z, alpha={LEAKY_SLOPE})")
    if name == "gelu_tanh":
        return Code(f"lambda z: {line}.activations.gelu(z, approximate=True)")
    return "swish" if name == "silu" and line == "tf_keras" else name


def _numpy(values: Array, case: Case) -> str:
    if values.dtype.kind == "i" or case.dtype == "float64":
        return f"np.array({literal(values, case.dtype)})"
    dtype = "float16" if case.dtype == "float16" else "float32"
    return f'np.array({literal(values, case.dtype)}, "{dtype}")'


def _loss(case: Case, lane: Lane) -> str:
    loss = case.loss
    arguments: dict[str, object] = {}
    if loss.reduction == "sum":
        arguments["reduction"] = "sum"
    if loss.name.endswith("cross_entropy"):
        arguments["from_logits"] = True
    if loss.name == "huber":
        arguments["delta"] = loss.delta
    if loss.label_smoothing:
        arguments["label_smoothing"] = loss.label_smoothing
    kind = loss.labels if loss.name == "softmax_cross_entropy" else loss.name
    return call(f"{'keras' if _new(lane) else 'tf_keras'}.losses.{LOSSES[kind]}", **arguments)


def _row_weights(case: Case) -> Array | None:
    """Return the rows' weights times those of their classes."""
    _, y, weights = case.batch(0)
    if case.loss.class_weights is None:
        return weights
    labels = y if case.loss.labels == "integer" else y.argmax(axis=-1)
    of_rows = np.array(case.loss.class_weights)[labels]
    return of_rows if weights is None else of_rows * weights


def _slope(shown: Shown, lane: Lane) -> list[str]:
    case, weights = shown.case, _row_weights(shown.case)
    x, y, _ = case.batch(0)
    body = _model(shown, lane)
    body += [f"x = {_numpy(x, case)}", f"y = {_numpy(y, case)}"]
    weighted = ""
    if weights is not None:
        weighted = ", sample_weight=c"
        body.append(f"c = {_numpy(weights, case)}")
    half = "0.5 * " if case.loss.reduction == "half_mean" else ""
    penalty = " + sum(model.losses)" if case.loss.l2 else ""
    value = f"{half}{_loss(case, lane)}(y, model(x){weighted}){penalty}"
    if shown.stage is not Stage.BACKWARD:
        return [*body, f"seen = float({value})"]
    number, backend = list(shown.weights).index(shown.tensor), _backend(lane)
    if backend == "torch":
        body += [f"loss = {value}", "loss.backward()"]
        return [*body, f"seen = model.weights[{number}].value.grad{index(shown)}.item()"]
    if backend == "tensorflow":
        body += ["with tf.GradientTape() as tape:", f"    loss = {value}"]
        gradients = f"tape.gradient(loss, model.weights[{number}])"
        return [*body, f"seen = float({gradients}{index(shown)})"]
    return [
        *body,
        "def objective(weights):",
        "    with keras.StatelessScope(state_mapping=list(zip(model.weights, weights))):",
        f"        return {value}",
        "gradients = jax.grad(objective)([weight.value for weight in model.weights])",
        f"seen = float(gradients[{number}]{index(shown)})",
    ]


def _training(shown: Shown, lane: Lane) -> list[str]:
    """Return a compiled model, trained batch by batch."""
    case, loss = shown.case, shown.case.loss
    half: dict[str, object] = {"loss_weights": 0.5} if loss.reduction == "half_mean" else {}
    eager: dict[str, object] = {"run_eagerly": True} if lane.mode == "eager" else {}
    body = [*_model(shown, lane), *_optimizer(shown, lane)]
    body.append(call("model.compile", "optimizer", _loss(case, lane), **half, **eager))
    columns = {"lr": [repr(rate) for rate in case.rates]} if shown.scheduled else {}
    batches = [case.batch(step) for step in range(case.steps)]
    columns["x"] = [literal(x, case.dtype) for x, _, _ in batches]
    columns["y"] = [literal(y, case.dtype) for _, y, _ in batches]
    given: dict[str, object] = {}
    if case.sample_weights is not None:
        columns["c"] = [literal(c, case.dtype) for _, _, c in batches if c is not None]
        given["sample_weight"] = Code("np.array(c)")
    if loss.class_weights is not None:
        given["class_weight"] = dict(enumerate(loss.class_weights))
    inside = ["model.optimizer.learning_rate = lr"] if shown.scheduled else []
    train = call("model.train_on_batch", "np.array(x)", "np.array(y)", **given)
    inside.append(f"loss = {train}")
    body += [loop(columns), *indented(inside)]
    if shown.stage is Stage.FORWARD:
        return [*body, "seen = float(loss)"]
    number = list(shown.weights).index(shown.tensor)
    kind = shown.tensor.rstrip("0123456789")
    path = f"layer{shown.tensor.removeprefix(kind)}/{kind}"
    return [*body, *_seen(shown, lane, f"model.weights[{number}]", path, "model.optimizer")]
