"""Train a case with plain TensorFlow: variables, a gradient tape, updates by hand or TF 1's own."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from parity.case import LEAKY_SLOPE, Case, Clip, Loss
from parity.lanes import Refused
from parity.trace import Recorder, Trace

Array = NDArray[Any]
Tensors = dict[str, Any]  # tensors or variables by parameter name
Layers = tuple[tuple[str, bool], ...]  # each layer's activation, and whether it has a bias

ACTIVATIONS: Mapping[str, Callable[[Any], Any]] = {
    "linear": tf.identity,
    "relu": tf.nn.relu,
    "leaky_relu": functools.partial(tf.nn.leaky_relu, alpha=LEAKY_SLOPE),
    "tanh": tf.nn.tanh,
    "sigmoid": tf.nn.sigmoid,
    "gelu": functools.partial(tf.nn.gelu, approximate=False),
    "gelu_tanh": functools.partial(tf.nn.gelu, approximate=True),
    "elu": tf.nn.elu,
    "softplus": tf.nn.softplus,
    "silu": tf.nn.silu,
}
# TF 1's optimizers: their class, what they call the hyperparameters, and what they call the slots.
VERSION_1: Mapping[str, tuple[Callable[..., Any], Mapping[str, str], Mapping[str, str]]] = {
    "sgd": (
        tf.compat.v1.train.MomentumOptimizer,
        {"momentum": "momentum", "nesterov": "use_nesterov"},
        {"momentum": "momentum"},
    ),
    "adam": (
        tf.compat.v1.train.AdamOptimizer,
        {"beta1": "beta1", "beta2": "beta2", "eps": "epsilon"},
        {"m": "m", "v": "v"},
    ),
    "rmsprop": (
        tf.compat.v1.train.RMSPropOptimizer,
        {"rho": "decay", "eps": "epsilon", "centered": "centered", "momentum": "momentum"},
        {"v": "rms", "mean": "mg", "momentum": "momentum"},
    ),
    "adagrad": (
        tf.compat.v1.train.AdagradOptimizer,
        {"initial_accumulator": "initial_accumulator_value"},
        {"sum": "accumulator"},
    ),
    "adadelta": (
        tf.compat.v1.train.AdadeltaOptimizer,
        {"rho": "rho", "eps": "epsilon"},
        {"v": "accum", "delta": "accum_update"},
    ),
}


def train(case: Case, mode: str) -> Trace:
    """Run `case`; `mode` is graph, eager or xla (updates by hand), or v1 (TF 1's optimizers).

    In graph and xla, loss, gradients and updates are functions that TensorFlow has traced, or
    compiled; in v1, loss and gradients are. Raises Refused where TensorFlow refuses an argument.
    """
    tensor = functools.partial(tf.constant, dtype=case.dtype)
    weights = {name: tf.Variable(tensor(value)) for name, value in case.weights.items()}
    how = "graph" if mode == "v1" else mode
    layers = tuple((layer.activation, layer.bias) for layer in case.layers)
    gradient = _gradient(layers, _structure(case.loss), _extras(case), case.dtype, how)
    optimizer = _Version1(case, weights) if mode == "v1" else _ByHand(case, weights, mode)
    fixed = _fixed(case)
    recorder = Recorder()
    recorder.start(_arrays(weights))
    for step, rate in enumerate(case.rates):
        x, y, sample_weights = case.batch(step)
        extras = {name: tensor(value) for name, value in fixed.items()}
        if sample_weights is not None:
            extras["sample_weights"] = tensor(sample_weights)
        labels = tf.constant(y) if case.loss.labels == "integer" else tensor(y)
        values = {name: tf.convert_to_tensor(weight) for name, weight in weights.items()}
        loss, gradients = gradient(values, tensor(x), labels, extras)
        optimizer.apply(step, rate, _clipped(gradients, case.clip))
        recorder.step(
            float(loss.numpy()), _arrays(gradients), _arrays(weights), optimizer.state()
        )
    return recorder.trace()


class _Optimizer(Protocol):
    def apply(self, step: int, rate: float, gradients: Tensors) -> None: ...

    def state(self) -> dict[str, dict[str, Array]]: ...


def _structure(loss: Loss) -> tuple[str, str, str]:
    return loss.name, loss.reduction, loss.labels


def _fixed(case: Case) -> dict[str, Any]:
    """Return what the loss takes beside the batch, the same at every step."""
    loss = case.loss
    fixed: dict[str, Any] = {}
    if loss.name in ("huber", "smooth_l1"):
        fixed["delta"] = loss.delta
    if loss.l2:
        fixed["l2"] = loss.l2
    if loss.class_weights is not None:
        fixed["class_weights"] = loss.class_weights
    return fixed


def _extras(case: Case) -> tuple[str, ...]:
    weighted = ("sample_weights",) if case.sample_weights is not None else ()
    return (*_fixed(case), *weighted)


@functools.lru_cache(maxsize=None)
def _gradient(
    layers: Layers,
    structure: tuple[str, str, str],
    extras: tuple[str, ...],
    dtype: str,
    mode: str,
) -> Callable[..., tuple[Any, Tensors]]:
    """Return the function from weights, x, y and extras to the loss and its gradients.

    Sizes are left open, so that one trace serves every width and batch.
    """

    def run(weights: Tensors, x: Any, y: Any, extras: Tensors) -> tuple[Any, Tensors]:
        with tf.GradientTape() as tape:
            tape.watch(weights)
            loss = _loss(structure, _forward(layers, weights, x), y, extras)
            if "l2" in extras:
                kernels = [value for name, value in weights.items() if name.endswith("/kernel")]
                loss += extras["l2"] * tf.add_n([tf.reduce_sum(tf.square(k)) for k in kernels])
        return loss, tape.gradient(loss, weights)

    if mode == "eager":
        return run
    labels = structure[2]
    weights = {}
    for number, (_, bias) in enumerate(layers):
        weights[f"layer{number}/kernel"] = tf.TensorSpec([None, None], dtype)
        if bias:
            weights[f"layer{number}/bias"] = tf.TensorSpec([None], dtype)
    matrix = tf.TensorSpec([None, None], dtype)
    vectors = ("sample_weights", "class_weights")
    signature = (
        weights,
        matrix,
        tf.TensorSpec([None], "int64") if labels == "integer" else matrix,
        {name: tf.TensorSpec([None] if name in vectors else [], dtype) for name in extras},
    )
    return _traced(run, mode, signature)


def _traced(function: Callable[..., Any], mode: str, signature: Any = None) -> Callable[..., Any]:
    traced: Callable[..., Any] = tf.function(
        function,
        input_signature=signature,
        autograph=False,
        jit_compile=True if mode == "xla" else None,
    )
    return traced


def _forward(layers: Layers, weights: Tensors, x: Any) -> Any:
    for number, (activation, bias) in enumerate(layers):
        x = tf.matmul(x, weights[f"layer{number}/kernel"])
        if bias:
            x = tf.nn.bias_add(x, weights[f"layer{number}/bias"])
        x = ACTIVATIONS[activation](x)
    return x


def _loss(structure: tuple[str, str, str], z: Any, y: Any, extras: Tensors) -> Any:
    name, reduction, labels = structure
    terms = _terms(name, labels, z, y, extras.get("delta"))
    weights = extras.get("sample_weights")
    if "class_weights" in extras:
        classes = y if labels == "integer" else tf.argmax(y, axis=1)
        of_class = tf.gather(extras["class_weights"], classes)
        weights = of_class if weights is None else weights * of_class
    if weights is not None:
        terms *= weights if name == "softmax_cross_entropy" else weights[:, tf.newaxis]
    if reduction == "sum":
        return tf.reduce_sum(terms)
    mean = tf.reduce_mean(terms)
    return 0.5 * mean if reduction == "half_mean" else mean


def _terms(name: str, labels: str, z: Any, y: Any, delta: Any) -> Any:
    """Return the loss of each element, of each row for softmax_cross_entropy."""
    if name == "softmax_cross_entropy":
        if labels == "integer":
            return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=z)
        return tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=z)
    if name == "binary_cross_entropy":
        return tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=z)
    error = z - y
    if name == "squared_error":
        return tf.square(error)
    size = tf.abs(error)
    if name == "absolute_error":
        return size
    # tf.compat.v1.losses.huber_loss computes in float32 whatever it is given.
    huber = tf.where(size <= delta, 0.5 * tf.square(error), delta * (size - 0.5 * delta))
    return huber / delta if name == "smooth_l1" else huber


def _clipped(gradients: Tensors, clip: Clip | None) -> Tensors:
    if clip is None:
        return gradients
    limit = clip.limit
    if clip.kind == "value":
        return {name: tf.clip_by_value(g, -limit, limit) for name, g in gradients.items()}
    if clip.kind == "norm":
        return {name: tf.clip_by_norm(g, limit) for name, g in gradients.items()}
    clipped, _ = tf.clip_by_global_norm(list(gradients.values()), limit)
    return dict(zip(gradients, clipped, strict=True))


class _ByHand:
    """The updates as a training loop of one's own has them, constants computed in Python."""

    def __init__(self, case: Case, weights: Tensors, mode: str) -> None:
        self.name = case.optimizer.name
        self.given = case.optimizer.hyperparameters()
        self.decay_biases = case.optimizer.decay_biases
        self.weights = weights
        self.mode = mode
        self.dtype = case.dtype
        names = ("m", "v") if self.name != "sgd" else ("momentum",) if self.given["momentum"] else ()
        self.slots = {
            name: {slot: tf.Variable(tf.zeros_like(weight)) for slot in names}
            for name, weight in weights.items()
        }

    def apply(self, step: int, rate: float, gradients: Tensors) -> None:
        update = _update(self.name, bool(self.given.get("nesterov")), self.mode)
        constants = _constants(self.name, self.given, step + 1, rate)
        kept = {name: value for name, value in constants.items() if name not in ("decay", "keep")}
        if self.mode != "eager":
            constants = {name: tf.constant(c, self.dtype) for name, c in constants.items()}
            kept = {name: constants[name] for name in kept}
        for name, weight in self.weights.items():
            decays = self.decay_biases or name.endswith("/kernel")
            update(weight, gradients[name], self.slots[name], constants if decays else kept)

    def state(self) -> dict[str, dict[str, Array]]:
        return {
            slot: _arrays({name: slots[slot] for name, slots in self.slots.items()})
            for slot in next(iter(self.slots.values()))
        }


def _constants(
    name: str, given: Mapping[str, float | bool], step: int, rate: float
) -> dict[str, Any]:
    constants: dict[str, Any] = {"lr": rate}
    if given["weight_decay"]:
        if name == "adamw":
            constants["keep"] = 1 - rate * given["weight_decay"]
        else:
            constants["decay"] = float(given["weight_decay"])
    if name == "sgd":
        return {**constants, "momentum": float(given["momentum"])}
    for number in ("1", "2"):
        beta = given["beta" + number]
        constants["beta" + number] = beta
        constants["rest" + number] = 1 - beta
        constants["correction" + number] = 1 - beta**step
    return {**constants, "eps": given["eps"]}


@functools.lru_cache(maxsize=None)
def _update(name: str, nesterov: bool, mode: str) -> Callable[..., None]:
    update = functools.partial(_sgd, nesterov=nesterov) if name == "sgd" else _adam
    return update if mode == "eager" else _traced(update, mode)


def _sgd(weight: Any, gradient: Any, slots: Tensors, c: Tensors, *, nesterov: bool) -> None:
    if "decay" in c:
        gradient += c["decay"] * weight
    if "momentum" in slots:
        momentum = slots["momentum"]
        momentum.assign(c["momentum"] * momentum + gradient)
        gradient = gradient + c["momentum"] * momentum if nesterov else momentum
    weight.assign_sub(c["lr"] * gradient)


def _adam(weight: Any, gradient: Any, slots: Tensors, c: Tensors) -> None:
    if "keep" in c:
        weight.assign(c["keep"] * weight)
    if "decay" in c:
        gradient += c["decay"] * weight
    m, v = slots["m"], slots["v"]
    m.assign(c["beta1"] * m + c["rest1"] * gradient)
    v.assign(c["beta2"] * v + c["rest2"] * tf.square(gradient))
    root = tf.sqrt(v / c["correction2"])
    weight.assign_sub(c["lr"] * (m / c["correction1"]) / (root + c["eps"]))


class _Version1:
    """An optimizer of tf.compat.v1.train, used eagerly; its learning rate is a callable."""

    def __init__(self, case: Case, weights: Tensors) -> None:
        self.weights = weights
        self.rate = case.rates[0]
        build, spelling, slots = VERSION_1[case.optimizer.name]
        given = {name: value for name, value in case.optimizer.arguments.items() if name in spelling}
        if case.optimizer.name == "sgd" and not given.get("momentum"):
            build, given, slots = tf.compat.v1.train.GradientDescentOptimizer, {}, {}
        arguments = {spelling[name]: value for name, value in given.items()}
        try:
            self.optimizer = build(learning_rate=lambda: self.rate, **arguments)
        except ValueError as error:
            raise Refused(str(error)) from error
        # RMSPropOptimizer has a slot for momentum even where there is none.
        off = {"momentum": not given.get("momentum"), "mean": not given.get("centered")}
        self.slots = {slot: name for slot, name in slots.items() if not off.get(slot)}

    def apply(self, step: int, rate: float, gradients: Tensors) -> None:
        self.rate = rate
        self.optimizer.apply_gradients([(gradients[name], w) for name, w in self.weights.items()])

    def state(self) -> dict[str, dict[str, Array]]:
        return {
            slot: _arrays({of: self.optimizer.get_slot(w, name) for of, w in self.weights.items()})
            for slot, name in self.slots.items()
        }


def _arrays(tensors: Tensors) -> dict[str, Array]:
    """Return the tensors as NumPy arrays; those of 16 bits, exactly, as float32."""
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    return {
        name: array.astype(np.float32) if array.dtype.itemsize == 2 else array
        for name, array in arrays.items()
    }
