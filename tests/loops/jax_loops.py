"""Loops in JAX with optax, healthy and with a mistake each; prints what the watch says of them.

A learning rate by the wrong name is no mistake that can be made: optax raises TypeError.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from sklearn.datasets import load_digits
from telling import chosen, told

import parity

STEPS = 12


def dense(rng: Any, *shape: int) -> dict[str, Any]:
    kernel = rng.normal(size=shape) / np.sqrt(np.prod(shape[:-1]))
    return {"kernel": jnp.asarray(kernel, "float32"), "bias": jnp.zeros(shape[-1])}


def perceptron(params: Any, x: Any) -> Any:
    hidden = jax.nn.relu(x @ params["hidden"]["kernel"] + params["hidden"]["bias"])
    return hidden @ params["head"]["kernel"] + params["head"]["bias"]


def Convolution(params: Any, x: Any) -> Any:
    """Return what a convolution and attention with two heads make of images."""
    filters = params["filters"]["kernel"]
    seen = jax.lax.conv_general_dilated(
        x.reshape(-1, 8, 8, 1), filters, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    seen = jax.nn.relu(seen + params["filters"]["bias"]).reshape(len(x), -1, 4)
    parts = seen @ params["attention"]["kernel"] + params["attention"]["bias"]
    query, key, value = jnp.split(parts.reshape(len(x), -1, 2, 6), 3, axis=3)
    shares = jax.nn.softmax(jnp.einsum("nqhd,nkhd->nhqk", query, key) / np.sqrt(2))
    mixed = jnp.einsum("nhqk,nkhd->nqhd", shares, value).reshape(len(x), -1, 4)
    return mixed.mean(1) @ params["head"]["kernel"] + params["head"]["bias"]


def weights(model: Any) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    if model is perceptron:
        return {"hidden": dense(rng, 64, 16), "head": dense(rng, 16, 10)}
    return {
        "filters": dense(rng, 3, 3, 1, 4),
        "attention": dense(rng, 4, 12),
        "head": dense(rng, 4, 10),
    }


def objective(params: Any, x: Any, y: Any, model: Any, stopped: bool) -> Any:
    if stopped:
        params = {**params, "head": jax.lax.stop_gradient(params["head"])}
    outputs = model(params, x)
    # Decay in the loss is what compilers fuse with the update, which a watch must not undo.
    penalty = 1e-4 * sum(jnp.sum(layer["kernel"] ** 2) for layer in params.values())
    return optax.softmax_cross_entropy_with_integer_labels(outputs, y).mean() + penalty


slope, slope_and_loss = jax.grad(objective), jax.value_and_grad(objective)
slope_alone = jax.jit(slope, static_argnums=(3, 4))


MODEL = parity.Model(
    (parity.Layer(16, "relu"), parity.Layer(10)), parity.Loss("softmax_cross_entropy", l2=1e-4)
)


@dataclass(frozen=True)
class Loop:
    """The usual loop on the digits, with places where it can be done wrongly."""

    optimizer: Callable[[], Any] = lambda: optax.adam(1e-3)
    how: str = "jitted"
    stopped: bool = False
    kept: bool = True  # the state that an update returns is used
    shown: bool = True  # update is given the weights
    by_hand: Callable[[Any], Any] = lambda params: params
    told: bool = False  # the trace is told of each batch and loss

    def run(self, model: Any, *, watched: bool = True) -> tuple[Any, list[Any]]:
        """Train; return what the watch saw, and the weights in the end."""
        params, optimizer = weights(model), self.optimizer()
        if not watched:
            return None, self.train(model, params, optimizer)
        described = MODEL if self.told and model is perceptron else None
        with parity.watch(params, optimizer, described) as trace:
            if self.told:
                return trace, self.train_and_tell(model, params, trace)
            return trace, self.train(model, params, trace.optimizer)

    def train_and_tell(self, model: Any, params: Any, trace: Any) -> list[Any]:
        tx = trace.optimizer

        @jax.jit
        def step(params: Any, state: Any, x: Any, y: Any) -> Any:
            loss, gradients = slope_and_loss(params, x, y, model, self.stopped)
            updates, state = tx.update(gradients, state, params)
            return optax.apply_updates(params, updates), state, loss

        state = tx.init(params)
        for x, y in zip(*batches(), strict=True):
            params, state, loss = step(params, state, x, y)
            trace.batch(x, y, loss)
        return [np.asarray(leaf) for leaf in jax.tree.leaves(params)]

    def train(self, model: Any, params: Any, tx: Any) -> list[Any]:
        grown = slope_alone if self.how == "eager" else slope

        def step(params: Any, state: Any, x: Any, y: Any) -> Any:
            gradients = grown(params, x, y, model, self.stopped)
            updates, after = tx.update(gradients, state, params if self.shown else None)
            params = self.by_hand(optax.apply_updates(params, updates))
            return params, after if self.kept else state

        state, (x, y) = tx.init(params), batches()
        if self.how == "scanned":
            scan = jax.jit(functools.partial(jax.lax.scan, lambda c, b: (step(*c, *b), None)))
            (params, state), _ = scan((params, state), (x, y))
        else:
            done = {
                "eager": step,
                "jitted": jax.jit(step),
                "donated": jax.jit(step, donate_argnums=(0, 1)),
            }[self.how]
            for rows, labels in zip(x, y, strict=True):
                params, state = done(params, state, rows, labels)
        return [np.asarray(leaf) for leaf in jax.tree.leaves(params)]


def batches() -> tuple[Any, Any]:
    x, y = load_digits(return_X_y=True)
    rows = 8 * STEPS
    return jnp.asarray(x[:rows].reshape(STEPS, 8, 64) / 16), jnp.asarray(y[:rows].reshape(STEPS, 8))


def kernels(params: Any) -> Any:
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key == "kernel", params)


def below(params: Any) -> Any:
    return jax.tree_util.tree_map_with_path(lambda path, _: path[0].key != "head", params)


def labels(params: Any) -> Any:
    return jax.tree.map(lambda on: "trained" if on else "frozen", below(params))


def halving() -> Any:
    return optax.exponential_decay(1e-3, 1, 0.5)


def rule_by_rule() -> Any:
    """Return a transformation with another rule for each tensor; Convolution has six."""
    rules = {
        "0": optax.amsgrad(1e-3),
        "1": optax.rmsprop(1e-3, centered=True, momentum=0.9),
        "2": optax.radam(1e-3),
        "3": optax.adagrad(1e-2),
        "4": optax.adadelta(1.0),
        "5": optax.lion(1e-3, weight_decay=0.0),
    }
    return optax.partition(rules, numbered)


def numbered(params: Any) -> Any:
    leaves, tree = jax.tree.flatten(params)
    return jax.tree.unflatten(tree, [str(number) for number in range(len(leaves))])


def shrunk(params: Any) -> Any:
    return {**params, "head": jax.tree.map(lambda leaf: 0.9 * leaf, params["head"])}


HEALTHY = {
    "healthy": Loop(),
    "healthy and told": Loop(told=True),
    "healthy eager": Loop(how="eager"),
    "healthy in a scan": Loop(how="scanned"),
    "healthy with donated buffers": Loop(how="donated"),
    "healthy with clipping": Loop(
        lambda: optax.chain(optax.clip_by_global_norm(0.05), optax.adam(1e-3))
    ),
    "healthy with a schedule": Loop(lambda: optax.adam(halving())),
    "healthy with momentum": Loop(lambda: optax.sgd(0.1, momentum=0.9, nesterov=True)),
    "healthy with decay on weights": Loop(lambda: optax.adamw(1e-3, mask=kernels)),
    "healthy with injected numbers": Loop(
        lambda: optax.inject_hyperparams(optax.adam)(learning_rate=halving())
    ),
    "healthy without params": Loop(shown=False),
    "healthy with every rule": Loop(rule_by_rule, "eager"),
    "healthy with trust ratios": Loop(lambda: optax.lamb(1e-3, weight_decay=0.1, mask=kernels)),
}
MISTAKES = {
    "decay on biases": Loop(lambda: optax.adamw(1e-3), "eager"),
    "a parameter left out": Loop(lambda: optax.masked(optax.adam(1e-3), below), "eager"),
    "a layer frozen": Loop(
        lambda: optax.partition(
            {"trained": optax.adam(1e-3), "frozen": optax.set_to_zero()}, labels
        )
    ),
    "a gradient stopped": Loop(stopped=True),
    "the schedule before the rule": Loop(
        lambda: optax.chain(
            optax.scale_by_schedule(optax.exponential_decay(1.0, 1, 0.5)), optax.adam(1e-3)
        ),
        "eager",
    ),
    "clipped after the step": Loop(
        lambda: optax.chain(optax.adam(1e-3), optax.clip_by_global_norm(0.05)), "eager"
    ),
    "decay behind the rate": Loop(
        lambda: optax.chain(optax.adam(1e-3), optax.add_decayed_weights(1e-4, kernels)), "eager"
    ),
    "no learning rate": Loop(
        lambda: optax.chain(optax.scale_by_adam(), optax.scale(1e-3)), "eager"
    ),
    "the state thrown away": Loop(kept=False),
    "weights changed by hand": Loop(by_hand=shrunk),
}


def main() -> None:
    found = {}
    for model in chosen(perceptron, Convolution):
        for name, loop in {**HEALTHY, **MISTAKES}.items():
            trace, trained = loop.run(model)
            _, plain = loop.run(model, watched=False)
            found[f"{model.__name__}: {name}"] = told(trace, trained, plain)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
