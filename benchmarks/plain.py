"""A plain cross-framework test, as people write it: eager steps, a NumPy run, assert_allclose.

It is here to be measured beside Parity, in float32, with Adam and SGD. Run by harness.py:
`python benchmarks/plain.py lane,lane,... cases.json` answers each line on stdin when all cases have
been compared once more.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax
import tensorflow as tf
import torch
from torch import nn

from parity.case import Case
from parity.oracle import run_free
from parity.parts import LEAKY_SLOPE

Step = tuple[float, dict[str, Any], dict[str, Any]]  # loss, gradients, weights after

KERAS_NAMES = {"beta1": "beta_1", "beta2": "beta_2", "eps": "epsilon"}
OPTAX_NAMES = {"beta1": "b1", "beta2": "b2"}
KERAS_CLIPS = {"value": "clipvalue", "global_norm": "global_clipnorm"}


def compare(case: Case, lanes: list[str]) -> int:
    """Train `case` in NumPy and in each framework; return how many comparisons failed."""
    expected = run_free(case, {})
    failures = 0
    for lane in lanes:
        for step, (loss, gradients, weights) in enumerate(TRAIN[lane](case)):
            failures += not close(loss, expected.losses[step])
            for name, gradient in gradients.items():
                failures += not close(gradient, expected.gradients[name][step])
            for name, weight in weights.items():
                failures += not close(weight, expected.weights[name][step + 1])
    return failures


def close(seen: Any, expected: Any) -> bool:
    try:
        np.testing.assert_allclose(seen, expected, rtol=1e-3, atol=1e-4)
    except AssertionError:
        return False
    return True


# PyTorch


TORCH_ACTIVATIONS: dict[str, Callable[[], Any]] = {
    "linear": nn.Identity,
    "relu": nn.ReLU,
    "leaky_relu": functools.partial(nn.LeakyReLU, LEAKY_SLOPE),
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "gelu_tanh": functools.partial(nn.GELU, approximate="tanh"),
    "elu": nn.ELU,
    "softplus": nn.Softplus,
    "silu": nn.SiLU,
}
TORCH_LOSSES: dict[str, Callable[..., Any]] = {
    "squared_error": nn.MSELoss,
    "absolute_error": nn.L1Loss,
    "huber": nn.HuberLoss,
    "softmax_cross_entropy": nn.CrossEntropyLoss,
    "binary_cross_entropy": nn.BCEWithLogitsLoss,
}


torch.set_num_threads(1)  # as the lane has it: threads only cost here


def train_torch(case: Case) -> Iterator[Step]:
    modules, features = [], case.x.shape[1]
    for number, layer in enumerate(case.layers):
        linear = nn.Linear(features, layer.units, bias=layer.bias)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(case.weights[f"layer{number}/kernel"].T))
            if layer.bias:
                linear.bias.copy_(torch.tensor(case.weights[f"layer{number}/bias"]))
        modules += [linear, TORCH_ACTIVATIONS[layer.activation]()]
        features = layer.units
    model = nn.Sequential(*modules)
    named = {
        f"layer{i}/{name}": parameter
        for i, linear in enumerate(modules[::2])
        for name, parameter in (("kernel", linear.weight), ("bias", linear.bias))
        if parameter is not None
    }
    optimizer = torch_optimizer(case, named)
    criterion = torch_criterion(case)
    for step, rate in enumerate(case.rates):
        x, y, weights = case.batch(step)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        target = torch.tensor(y, dtype=torch.long if y.dtype.kind == "i" else torch.float32)
        loss = criterion(model(torch.tensor(x, dtype=torch.float32)), target)
        if weights is not None:
            weights = torch.tensor(weights, dtype=torch.float32)
            loss = loss * weights.view(-1, *[1] * (loss.dim() - 1))
            loss = loss.sum() if case.loss.reduction == "sum" else loss.mean()
        if case.loss.reduction == "half_mean":
            loss = loss / 2
        if case.loss.l2:
            loss = loss + case.loss.l2 * sum((m.weight**2).sum() for m in modules[::2])
        loss.backward()
        gradients = {name: p.grad.numpy().T.copy() for name, p in named.items()}
        if case.clip is not None and case.clip.kind == "value":
            nn.utils.clip_grad_value_(model.parameters(), case.clip.limit)
        elif case.clip is not None:
            nn.utils.clip_grad_norm_(model.parameters(), case.clip.limit)
        optimizer.step()
        after = {name: p.detach().numpy().T.copy() for name, p in named.items()}
        yield loss.item(), gradients, after


def torch_optimizer(case: Case, named: dict[str, Any]) -> Any:
    given = dict(case.optimizer.arguments)
    groups: list[Any] = list(named.values())
    biases = [p for name, p in named.items() if name.endswith("/bias")]
    if biases and not case.optimizer.decay_biases:
        kernels = [p for name, p in named.items() if name.endswith("/kernel")]
        groups = [{"params": kernels}, {"params": biases, "weight_decay": 0.0}]
    if case.optimizer.name == "sgd":
        return torch.optim.SGD(groups, lr=case.rates[0], **given)
    given["betas"] = (given.pop("beta1", 0.9), given.pop("beta2", 0.999))
    return torch.optim.Adam(groups, lr=case.rates[0], **given)


def torch_criterion(case: Case) -> Any:
    loss = case.loss
    arguments: dict[str, Any] = {"reduction": "sum" if loss.reduction == "sum" else "mean"}
    if case.sample_weights is not None:
        arguments["reduction"] = "none"
    if loss.name == "huber":
        arguments["delta"] = loss.delta
    if loss.class_weights is not None:
        arguments["weight"] = torch.tensor(loss.class_weights)
    return TORCH_LOSSES[loss.name](**arguments)


# TensorFlow


TF_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
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


def train_tensorflow(case: Case) -> Iterator[Step]:
    weights = {name: tf.Variable(value, dtype=tf.float32) for name, value in case.weights.items()}
    slots = {name: [tf.zeros_like(w), tf.zeros_like(w)] for name, w in weights.items()}
    for step, rate in enumerate(case.rates):
        with tf.GradientTape() as tape:
            loss = tf_loss(case, step, weights)
        seen = gradients = tape.gradient(loss, weights)
        if case.clip is not None and case.clip.kind == "value":
            limit = case.clip.limit
            gradients = {n: tf.clip_by_value(g, -limit, limit) for n, g in gradients.items()}
        elif case.clip is not None:
            clipped, _ = tf.clip_by_global_norm(list(gradients.values()), case.clip.limit)
            gradients = dict(zip(weights, clipped, strict=True))
        for name, weight in weights.items():
            tf_update(case, step, rate, name, weight, gradients[name], slots[name])
        after = {name: weight.numpy() for name, weight in weights.items()}
        yield float(loss), {name: g.numpy() for name, g in seen.items()}, after


def tf_loss(case: Case, step: int, parameters: dict[str, Any]) -> Any:
    x, y, weights = case.batch(step)
    z = tf.constant(x, tf.float32)
    for number, layer in enumerate(case.layers):
        z = z @ parameters[f"layer{number}/kernel"]
        if layer.bias:
            z = z + parameters[f"layer{number}/bias"]
        z = TF_ACTIVATIONS[layer.activation](z)
    loss = case.loss
    target = tf.constant(y) if loss.labels == "integer" else tf.constant(y, tf.float32)
    if loss.labels == "integer":
        terms = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=target, logits=z)
    elif loss.labels == "dense":
        terms = tf.nn.softmax_cross_entropy_with_logits(labels=target, logits=z)
    elif loss.name == "binary_cross_entropy":
        terms = tf.nn.sigmoid_cross_entropy_with_logits(labels=target, logits=z)
    elif loss.name == "squared_error":
        terms = tf.square(z - target)
    else:
        size = tf.abs(z - target)
        near = size <= loss.delta
        huber = tf.where(near, size**2 / 2, loss.delta * (size - loss.delta / 2))
        terms = size if loss.name == "absolute_error" else huber
    if loss.class_weights is not None:
        labels = y if loss.labels == "integer" else y.argmax(axis=1)
        terms *= tf.gather(tf.constant(loss.class_weights), labels)
    if weights is not None:
        terms *= tf.reshape(tf.constant(weights, tf.float32), (-1, *[1] * (len(terms.shape) - 1)))
    value = tf.reduce_sum(terms) if loss.reduction == "sum" else tf.reduce_mean(terms)
    if loss.reduction == "half_mean":
        value /= 2
    if loss.l2:
        kernels = [w for name, w in parameters.items() if name.endswith("/kernel")]
        value += loss.l2 * tf.add_n([tf.reduce_sum(kernel**2) for kernel in kernels])
    return value


def tf_update(
    case: Case, step: int, rate: float, name: str, weight: Any, gradient: Any, slots: list[Any]
) -> None:
    given: Any = case.optimizer.hyperparameters()
    if given["weight_decay"] and (case.optimizer.decay_biases or name.endswith("/kernel")):
        gradient = gradient + given["weight_decay"] * weight
    if case.optimizer.name == "sgd":
        slots[0] = given["momentum"] * slots[0] + gradient
        change = gradient + given["momentum"] * slots[0] if given["nesterov"] else slots[0]
        weight.assign_sub(rate * change)
        return
    beta1, beta2 = given["beta1"], given["beta2"]
    slots[0] = beta1 * slots[0] + (1 - beta1) * gradient
    slots[1] = beta2 * slots[1] + (1 - beta2) * gradient**2
    mean = slots[0] / (1 - beta1 ** (step + 1))
    root = tf.sqrt(slots[1] / (1 - beta2 ** (step + 1)))
    weight.assign_sub(rate * mean / (root + given["eps"]))


# JAX and optax


JAX_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "linear": lambda z: z,
    "relu": jax.nn.relu,
    "leaky_relu": functools.partial(jax.nn.leaky_relu, negative_slope=LEAKY_SLOPE),
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "gelu": functools.partial(jax.nn.gelu, approximate=False),
    "gelu_tanh": functools.partial(jax.nn.gelu, approximate=True),
    "elu": jax.nn.elu,
    "softplus": jax.nn.softplus,
    "silu": jax.nn.silu,
}


def train_jax(case: Case) -> Iterator[Step]:
    weights = {name: jnp.asarray(value, jnp.float32) for name, value in case.weights.items()}
    optimizer = optax_optimizer(case)
    state = optimizer.init(weights)
    for step in range(case.steps):
        loss, gradients = jax.value_and_grad(jax_loss)(weights, case, step)
        updates, state = optimizer.update(gradients, state, weights)
        weights = optax.apply_updates(weights, updates)
        yield float(loss), gradients, weights


def jax_loss(parameters: dict[str, Any], case: Case, step: int) -> Any:
    x, y, weights = case.batch(step)
    z = jnp.asarray(x, jnp.float32)
    for number, layer in enumerate(case.layers):
        z = z @ parameters[f"layer{number}/kernel"]
        if layer.bias:
            z = z + parameters[f"layer{number}/bias"]
        z = JAX_ACTIVATIONS[layer.activation](z)
    loss = case.loss
    target = jnp.asarray(y, jnp.int32 if loss.labels == "integer" else jnp.float32)
    if loss.labels == "integer":
        terms = optax.softmax_cross_entropy_with_integer_labels(z, target)
    elif loss.labels == "dense":
        terms = optax.softmax_cross_entropy(z, target)
    elif loss.name == "binary_cross_entropy":
        terms = optax.sigmoid_binary_cross_entropy(z, target)
    elif loss.name == "squared_error":
        terms = optax.squared_error(z, target)
    elif loss.name == "huber":
        terms = optax.huber_loss(z, target, delta=loss.delta)
    else:
        terms = jnp.abs(z - target)
    if loss.class_weights is not None:
        labels = y if loss.labels == "integer" else y.argmax(axis=1)
        terms = terms * jnp.asarray(loss.class_weights)[labels]
    if weights is not None:
        terms = terms * jnp.asarray(weights, jnp.float32).reshape(-1, *[1] * (terms.ndim - 1))
    value = jnp.sum(terms) if loss.reduction == "sum" else jnp.mean(terms)
    if loss.reduction == "half_mean":
        value = value / 2
    if loss.l2:
        kernels = [w for name, w in parameters.items() if name.endswith("/kernel")]
        value = value + loss.l2 * sum(jnp.sum(kernel**2) for kernel in kernels)
    return value


def optax_optimizer(case: Case) -> Any:
    rates = jnp.asarray(case.rates)
    varied = len(set(case.rates)) > 1
    lr: Any = (lambda count: rates[count]) if varied else case.rates[0]
    given = dict(case.optimizer.arguments)
    decay = given.pop("weight_decay", 0.0)
    given.pop("dampening", None)
    given = {OPTAX_NAMES.get(name, name): value for name, value in given.items()}
    chain = []
    if case.clip is not None and case.clip.kind == "value":
        chain.append(optax.clip(case.clip.limit))
    elif case.clip is not None:
        chain.append(optax.clip_by_global_norm(case.clip.limit))
    if decay:
        mask = None
        if not case.optimizer.decay_biases:
            mask = {name: name.endswith("/kernel") for name in case.weights}
        chain.append(optax.add_decayed_weights(decay, mask))
    make: Any = optax.sgd if case.optimizer.name == "sgd" else optax.adam
    return optax.chain(*chain, make(lr, **given))


# Keras 3, on the backend that KERAS_BACKEND names


KERAS_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "leaky_relu": functools.partial(keras.activations.leaky_relu, negative_slope=LEAKY_SLOPE),
    "gelu_tanh": functools.partial(keras.activations.gelu, approximate=True),
}


def train_keras(case: Case) -> Iterator[Step]:
    """A loop of one's own: gradients, then the optimizer's apply."""
    model, optimizer, criterion = keras_model(case), keras_optimizer(case), keras_criterion(case)
    optimizer.build(model.trainable_variables)
    run = keras_jax_step if keras.backend.backend() == "jax" else keras_tensorflow_step
    for step, rate in enumerate(case.rates):
        optimizer.learning_rate = rate
        batch = keras_batch(case, step)
        loss, gradients = run(model, optimizer, criterion, case.loss.reduction, batch)
        seen = [keras.ops.convert_to_numpy(gradient) for gradient in gradients]
        after = dict(zip(case.weights, model.get_weights(), strict=True))
        yield float(loss), dict(zip(case.weights, seen, strict=True)), after


def fit_keras(case: Case) -> Iterator[Step]:
    """Keras' own loop, compiled as by default; it shows no gradients."""
    model = keras_model(case)
    share = 0.5 if case.loss.reduction == "half_mean" else None
    model.compile(keras_optimizer(case), keras_criterion(case), loss_weights=share)
    for step, rate in enumerate(case.rates):
        model.optimizer.learning_rate = rate
        x, y, weights = keras_batch(case, step)
        loss = model.train_on_batch(x, y, sample_weight=weights)
        yield float(loss), {}, dict(zip(case.weights, model.get_weights(), strict=True))


def keras_model(case: Case) -> Any:
    model = keras.Sequential([keras.Input((case.x.shape[1],))])
    for layer in case.layers:
        activation = KERAS_ACTIVATIONS.get(layer.activation, layer.activation)
        penalty = keras.regularizers.L2(case.loss.l2) if case.loss.l2 else None
        model.add(
            keras.layers.Dense(
                layer.units, activation, use_bias=layer.bias, kernel_regularizer=penalty
            )
        )
    model.set_weights(list(case.weights.values()))
    return model


def keras_batch(case: Case, step: int) -> tuple[Any, Any, Any]:
    x, y, weights = case.batch(step)
    if case.loss.class_weights is not None:
        labels = y if case.loss.labels == "integer" else y.argmax(axis=1)
        by_row = np.array(case.loss.class_weights)[labels]
        weights = by_row if weights is None else weights * by_row
    return x.astype("float32"), y if y.dtype.kind == "i" else y.astype("float32"), weights


def keras_tensorflow_step(
    model: Any, optimizer: Any, criterion: Any, reduction: str, batch: tuple[Any, Any, Any]
) -> tuple[Any, list[Any]]:
    x, y, weights = batch
    with tf.GradientTape() as tape:
        loss = criterion(y, model(x, training=True), sample_weight=weights)
        if reduction == "half_mean":
            loss = loss / 2
        loss = loss + sum(model.losses)
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply(gradients, model.trainable_variables)
    return loss, gradients


def keras_jax_step(
    model: Any, optimizer: Any, criterion: Any, reduction: str, batch: tuple[Any, Any, Any]
) -> tuple[Any, list[Any]]:
    x, y, weights = batch

    def objective(trainable: list[Any], fixed: list[Any]) -> Any:
        outputs, _, losses = model.stateless_call(
            trainable, fixed, x, training=True, return_losses=True
        )
        loss = criterion(y, outputs, sample_weight=weights)
        return (loss / 2 if reduction == "half_mean" else loss) + sum(losses)

    trainable = [variable.value for variable in model.trainable_variables]
    fixed = [variable.value for variable in model.non_trainable_variables]
    loss, gradients = jax.value_and_grad(objective)(trainable, fixed)
    optimizer.apply(gradients, model.trainable_variables)
    return loss, gradients


def keras_optimizer(case: Case) -> Any:
    given = dict(case.optimizer.arguments)
    given.pop("dampening", None)
    arguments: dict[str, Any] = {KERAS_NAMES.get(name, name): v for name, v in given.items()}
    if case.clip is not None:
        arguments[KERAS_CLIPS[case.clip.kind]] = case.clip.limit
    make: Any = keras.optimizers.SGD if case.optimizer.name == "sgd" else keras.optimizers.Adam
    optimizer = make(**arguments)
    if not case.optimizer.decay_biases:
        optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


def keras_criterion(case: Case) -> Any:
    loss = case.loss
    reduction = "sum" if loss.reduction == "sum" else "sum_over_batch_size"
    if loss.labels == "integer":
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=reduction)
    if loss.labels == "dense":
        return keras.losses.CategoricalCrossentropy(from_logits=True, reduction=reduction)
    if loss.name == "binary_cross_entropy":
        return keras.losses.BinaryCrossentropy(from_logits=True, reduction=reduction)
    if loss.name == "huber":
        return keras.losses.Huber(loss.delta, reduction=reduction)
    if loss.name == "absolute_error":
        return keras.losses.MeanAbsoluteError(reduction=reduction)
    return keras.losses.MeanSquaredError(reduction=reduction)


TRAIN: dict[str, Callable[[Case], Iterator[Step]]] = {
    "torch": train_torch,
    "tensorflow": train_tensorflow,
    "keras@tensorflow": train_keras,
    "keras@tensorflow:fit": fit_keras,
    "keras@jax": train_keras,
    "keras@jax:fit": fit_keras,
    "jax": train_jax,
}


def main(lanes: str, path: str) -> None:
    cases = [Case.from_dict(record) for record in json.loads(Path(path).read_text())]
    compare(cases[0], lanes.split(","))
    print("ready", flush=True)
    for _ in sys.stdin:
        print(sum(compare(case, lanes.split(",")) for case in cases), "comparisons", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
