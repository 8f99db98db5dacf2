"""Training a Keras model: what compile, fit and the optimizers in them come to."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from parity.upgrades.lanes.keras_making import Made, arguments_of, classes, groups
from parity.upgrades.lanes.keras_models import MODELS, ROWS
from parity.upgrades.lanes.keras_optimizers import TOGETHER, wrapped
from parity.upgrades.lanes.keras_optimizers import VALUES as OPTIMIZER_VALUES
from parity.upgrades.lanes.keras_task import Line, Probed, Task
from parity.upgrades.probe import REQUIRED, Array, Arrays, Target

HALF: Final = "mixed_float16"
_MAIN: Final = "regression"  # the model of everything but fit itself
_SGD: Final = {"$": "SGD"}
_DATA: Final = ("x", "y", "verbose", "callbacks", "validation_data", "validation_steps")
_WEIGHTS: Final = ([0.5, 2.0, 0.0, 1.5, 3.0, 0.1, 1.0, 0.7, 2.5, 0.2],)
assert len(_WEIGHTS[0]) == ROWS
_FIT_VALUES: Final[Mapping[str, tuple[Any, ...]]] = {
    "batch_size": (3,),
    "epochs": (3,),
    "shuffle": (True,),
    "class_weight": ({"$": "weights of classes"},),
    "sample_weight": _WEIGHTS,
    "validation_split": (0.3,),
    "steps_per_epoch": (1,),
    "initial_epoch": (1,),
    **dict.fromkeys(_DATA, ()),
    **dict.fromkeys(("validation_batch_size", "validation_freq"), (2,)),
    **dict.fromkeys(("max_queue_size", "workers", "use_multiprocessing", "reset_metrics"), ()),
    **dict.fromkeys(("return_dict", "steps"), ()),
}
_COMPILE_VALUES: Final[Mapping[str, tuple[Any, ...]]] = {
    "optimizer": ({"$": "SGD with EMA"}, {"$": "SGD that overwrites with EMA"}),
    "loss": ("mae", "categorical_crossentropy"),
    "loss_weights": (0.25, [0.25]),
    "metrics": (["mae"], ["accuracy"]),
    "weighted_metrics": (["mae"],),
    "run_eagerly": (True,),
    "steps_per_execution": (2,),
    "auto_scale_loss": (False,),
}
_OPTIONS: Final = (
    *("weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "use_ema", "ema_momentum"),
    *("ema_overwrite_frequency", "gradient_accumulation_steps", "loss_scale_factor"),
    *("learning_rate", "jit_compile"),
)  # of optimizers, that a trainer of some backend does something about
_SHORT: Final = ("sample_weight", "validation_split")  # tried on every model, where that is quick
_TRIED: Final = ("SGD", "Adam", "AdamW")  # with those, where each fit is compiled


def found(line: Line) -> Iterator[Probed]:
    """Yield fit and compile, a layer in fit, and every optimizer in fit."""
    yield from _calls(line)
    yield _compile(line)
    yield _layer(line)
    yield from _optimizers(line)


def _calls(line: Line) -> Iterator[Probed]:
    others = [name for name in MODELS if name]
    for name, given, settings in (
        ("fit", {"epochs": 2, "batch_size": 4, "shuffle": False}, (*others, HALF)),
        ("train_on_batch", {}, ("regularized", "a mask")),
        ("evaluate", {"batch_size": 4}, ("regularized", "a mask")),
    ):
        arguments = arguments_of(getattr(line.module.Model, name))
        main = Target(
            name=f"{line.name}.Model.{name}",
            kind="fit",
            arguments=arguments,
            given={key: value for key, value in given.items() if key in arguments},
            values={key: value for key, value in _FIT_VALUES.items() if key in arguments},
            together=groups(arguments, (("sample_weight", "validation_split"),)),
        )
        yield Probed(main, functools.partial(_fit_task, name))
        some = set(_SHORT if line.backend == "torch" else ()) & set(arguments)
        more = replace(
            main,
            name=f"{main.name} of other models",
            arguments={key: value for key, value in arguments.items() if key in some},
            settings=settings,
            values={key: value for key, value in main.values.items() if key in some},
            together=(),
        )
        yield Probed(more, functools.partial(_fit_task, name))


def _fit_task(name: str, arguments: Mapping[str, Any], setting: str) -> Task:
    return _task({name: arguments}, setting)


def _compile(line: Line) -> Probed:
    arguments = arguments_of(line.module.Model.compile)
    # On torch this is a compiler of C++, of ten seconds and more a model.
    jit = {"torch": (), "jax": (False,), "tensorflow": (True,)}[line.backend]
    target = Target(
        name=f"{line.name}.Model.compile",
        kind="fit",
        arguments=arguments,
        given={"optimizer": _SGD, "loss": "mse"},
        settings=("", "two outputs"),
        values={
            **{key: value for key, value in _COMPILE_VALUES.items() if key in arguments},
            "jit_compile": jit,
        },
        together=(),
    )
    return Probed(target, lambda given, setting: _task({"compile": given}, setting or _MAIN))


def _layer(line: Line) -> Probed:
    regularizers = ("kernel_regularizer", "bias_regularizer", "activity_regularizer")
    values = {
        **dict.fromkeys(regularizers, ({"$": "L2(0.1)"}, {"$": "L1(0.1)"})),
        **dict.fromkeys(("kernel_constraint", "bias_constraint"), ({"$": "MaxNorm(0.5)"},)),
    }
    arguments = arguments_of(line.module.layers.Dense)
    target = Target(
        name=f"{line.name}.layers.Dense in fit",
        kind="fit",
        arguments={name: value for name, value in arguments.items() if name in values},
        values=values,
        together=(regularizers,),
    )
    return Probed(target, lambda given, setting: _task({"layer": given}, setting or _MAIN))


def _optimizers(line: Line) -> Iterator[Probed]:
    eager = line.backend == "torch"
    module = line.module.optimizers
    for name, kind in classes(module, module.Optimizer):
        arguments = arguments_of(kind)
        tried = {
            key: value
            for key, value in arguments.items()
            if value == REQUIRED or eager or (name in _TRIED and key in _OPTIONS)
        }
        target = Target(
            name=f"{line.name}.optimizers.{name} in fit",
            kind="fit",
            arguments=tried,
            given=wrapped(arguments),
            values={key: value for key, value in OPTIMIZER_VALUES.items() if key in tried},
            together=groups(tried, TOGETHER) if name in _TRIED else (),
        )
        yield Probed(target, _optimizer_task(f"optimizers.{name}"))


def _optimizer_task(path: str) -> Callable[[Mapping[str, Any], str], Task]:
    return lambda given, _: _task({"compile": {"optimizer": Made(path, given)}}, _MAIN)


def _task(given: Mapping[str, Mapping[str, Any]], setting: str) -> Task:
    model = MODELS[_MAIN if setting == HALF else setting]
    fit = {"epochs": 2, "batch_size": 4, "shuffle": False}
    calls = [name for name in given if name not in ("layer", "compile")]
    subject: dict[str, Any] = {
        "layer": {},
        "compile": {"optimizer": _SGD, "loss": model.loss},
        **({} if calls else {"fit": fit}),
    }
    for name, arguments in given.items():
        subject[name] = {**subject.get(name, {}), **arguments}
    options: dict[str, Any] = {"build": model.build}
    if setting == HALF:
        options["policy"] = HALF
    return Task(train, subject, model.inputs(), options)


def train(
    keras: Any, given: Any, inputs: Arrays, build: Callable[..., Any], policy: str = ""
) -> dict[str, Array]:
    """Build, compile and train a model; see its weights in the end, and what was reported."""
    if policy:
        keras.mixed_precision.set_global_policy(policy)
    model = build(keras, **given["layer"])
    model.set_weights([value for name, value in inputs.items() if name.startswith("weight")])
    model.compile(**given["compile"])
    x = inputs["x"]
    targets = [value for name, value in inputs.items() if name.startswith("target")]
    y = targets[0] if len(targets) == 1 else targets
    seen: dict[str, Any] = {}
    if "fit" in given:
        call = dict(given["fit"])
        if call.get("sample_weight"):
            call["sample_weight"] = np.array(call["sample_weight"])
        seen = model.fit(x, y, verbose=0, **call).history
    if "train_on_batch" in given:
        call = dict(given["train_on_batch"])
        weights = call.pop("sample_weight", None)
        for rows in (slice(0, 4), slice(4, 8), slice(8, 10)):
            some = targets[0][rows] if len(targets) == 1 else [value[rows] for value in targets]
            if weights:
                call["sample_weight"] = np.array(weights[rows])
            told = model.train_on_batch(x[rows], some, return_dict=True, **call)
            for name, value in told.items():
                seen.setdefault(name, []).append(value)
    if "evaluate" in given:
        call = dict(given["evaluate"])
        if call.get("sample_weight"):
            call["sample_weight"] = np.array(call["sample_weight"])
        seen = model.evaluate(x, y, verbose=0, return_dict=True, **call)
    found = {
        f"reported {name}": np.array(value, keras.backend.floatx()) for name, value in seen.items()
    }
    ends = {f"weight {n} in the end": np.array(w) for n, w in enumerate(model.get_weights())}
    return {**found, **ends}
