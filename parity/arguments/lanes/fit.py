"""What compile, fit and layers of a Keras model take: trained weights tell what was used."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from parity.arguments.assigning import assign
from parity.arguments.target import Array, Call, Run, Target, arguments_of

_ROWS = 12
_RANDOM = np.random.default_rng(5)
_X = _RANDOM.normal(size=(_ROWS, 3)).astype("float32")
_LABELS = np.array([0, 1, 2, 1] * 3)
# Rows of several classes; the first of them is never the last class.
_SEVERAL = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1], [0, 1, 0]] * 3, "float32")
_VALIDATION = (_X[:4] + 1, _LABELS[:4])
_EVERY_OTHER = np.array([0.1, 3.0] * 6)
_FIT: Mapping[str, tuple[Any, ...]] = {
    "batch_size": (4, 3),
    "epochs": (3,),
    "shuffle": (False,),
    "class_weight": (
        {0: 9.0, 1: 1.0},
        {"0": 9.0, "1": 1.0},
        {7: 9.0},
        {0: 1.0, 1: 1.0, 2: 9.0},
    ),
    "sample_weight": (_EVERY_OTHER,),
    "validation_split": (0.25,),
    "validation_data": (_VALIDATION,),
    "initial_epoch": (1,),
    "steps_per_epoch": (1,),
    "validation_steps": (1,),
    "validation_batch_size": (1,),
    "validation_freq": (2,),
}
_COMPILE: Mapping[str, tuple[Any, ...]] = {
    "loss": ("mae",),
    "loss_weights": ([0.25],),
    "metrics": (["mae"],),
    "weighted_metrics": (["mae"],),
    "steps_per_execution": (2,),
    "jit_compile": (True,),
}
_REGULARIZED = ("kernel_regularizer", "bias_regularizer", "activity_regularizer")
_CONSTRAINED = ("kernel_constraint", "bias_constraint")
_KEPT = ("_regularizer", "_constraint")
# Callbacks and printing do not steer training, the queue is about speed.
_BESIDE = ("callbacks", "verbose", "max_queue_size", "workers", "use_multiprocessing")


def targets(library: Any, name: str) -> list[Target]:
    """Return fit, compile and a layer of a Keras line."""
    model, layer = library.Model, library.layers.Dense
    return [
        Target(
            name=f"{name}.Model.fit",
            arguments=arguments_of(model.fit, without=("x", "y", *_BESIDE)),
            run=functools.partial(_fit, library),
            doc=model.fit.__doc__ or "",
            given={"epochs": 2},
            settings=("arrays", "several labels a row", "a dataset", "a generator"),
            strict=True,
            trials=("argument", "setting", "pair"),
            values=_FIT,
            most=1,
        ),
        Target(
            name=f"{name}.Model.compile",
            arguments=arguments_of(model.compile, without=("pss_evaluation_shards",)),
            run=functools.partial(_compile, library),
            doc=model.compile.__doc__ or "",
            given={"loss": "mse"},
            trials=("argument", "assigned", "assigned late"),
            values={
                **_COMPILE,
                "optimizer": (functools.partial(library.optimizers.SGD, 0.05),),
            },
            most=0,
        ),
        Target(
            name=f"{name}.layers.Dense",
            arguments={n: v for n, v in arguments_of(layer).items() if n.endswith(_KEPT)},
            run=functools.partial(_layer, library),
            doc=layer.__doc__ or "",
            trials=("argument", "assigned", "assigned late"),
            values={
                **dict.fromkeys(_REGULARIZED, (library.regularizers.L2(0.5),)),
                **dict.fromkeys(_CONSTRAINED, (library.constraints.NonNeg(),)),
            },
            most=0,
        ),
    ]


def compiled(library: Any, optimizer: Target, make: Callable[..., Any]) -> Target:
    """Return an optimizer inside a compiled model, whose attributes are set while it trains."""
    return Target(
        name=f"{optimizer.name} in fit",
        arguments=optimizer.arguments,
        run=functools.partial(_train, library, make),
        doc=optimizer.doc,
        trials=("assigned late",),
        most=0,
    )


def _model(library: Any, activation: str = "softmax", **arguments: Any) -> Any:
    library.utils.set_random_seed(1)
    layer = library.layers.Dense(3, activation=activation, **arguments)
    model = library.Sequential([library.Input((3,)), layer])
    model.layers[-1].set_weights([_RANDOM_WEIGHTS, np.zeros(3, "float32")])
    return model


_RANDOM_WEIGHTS = _RANDOM.normal(size=(3, 3)).astype("float32")


def _fit(library: Any, call: Call) -> Run:
    model = _model(library)
    several = call.setting == "several labels a row"
    loss = "categorical_crossentropy" if several else "sparse_categorical_crossentropy"
    model.compile(library.optimizers.SGD(0.1), loss=loss, run_eagerly=True)
    labels = _SEVERAL if several else _LABELS
    data: tuple[Any, ...] = (_X, labels)
    if call.setting == "a dataset":
        data = (tf.data.Dataset.from_tensor_slices(data).batch(2),)
    elif call.setting == "a generator":
        data = (_batches(labels),)
    given = dict(call.arguments)
    if call.setting == "a generator":
        given.setdefault("steps_per_epoch", 6)
    elif call.setting != "a dataset":
        given.setdefault("batch_size", 6)
    history = model.fit(*data, verbose=0, **given).history
    beside = {key: np.array(value) for key, value in history.items()}
    return Run(_weights(model), beside)


def _batches(labels: Array) -> Iterator[tuple[Array, Array]]:
    while True:
        for start in range(0, _ROWS, 2):
            yield _X[start : start + 2], labels[start : start + 2]


def _compile(library: Any, call: Call) -> Run:
    model = _model(library, "linear")
    given = {
        "optimizer": functools.partial(library.optimizers.SGD, 0.01),
        **call.arguments,
    }
    model.compile(**{**given, "optimizer": given["optimizer"]()})
    _trained(model, call, model)
    return Run(_weights(model))


def _layer(library: Any, call: Call) -> Run:
    model = _model(library, "linear", **call.arguments)
    model.compile(library.optimizers.SGD(0.1), loss="mse")
    _trained(model, call, model.layers[-1])
    return Run(_weights(model))


def _train(library: Any, make: Callable[..., Any], call: Call) -> Run:
    model = _model(library, "linear")
    optimizer = make(**call.arguments)
    model.compile(optimizer, loss="mse")
    _trained(model, call, optimizer)
    return Run(_weights(model))


def _trained(model: Any, call: Call, where: Any) -> None:
    """Train a few batches; set what is to be set late in between."""
    targets = np.eye(3, dtype="float32")[_LABELS]
    for step in range(6):
        if call.place and step == call.after:
            for name, value in call.late.items():
                made = value() if isinstance(value, functools.partial) else value
                assign(where, name, made, call)
        model.train_on_batch(_X[2 * step : 2 * step + 2], targets[2 * step : 2 * step + 2])


def _weights(model: Any) -> dict[str, Array]:
    return {str(number): np.array(w) for number, w in enumerate(model.get_weights())}
