"""The losses of a Keras line: value and gradient of classes and functions, on data of all forms."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np

from parity.upgrades.lanes.keras_gradients import GRADIENTS, Derive
from parity.upgrades.lanes.keras_making import Made, arguments_of, classes, functions, groups
from parity.upgrades.lanes.keras_task import Line, Probed, Task
from parity.upgrades.probe import REQUIRED, Array, Arrays, Target

WEIGHTED: Final = " with weights"
MASKED: Final = " with a mask"
VALUES: Final[Mapping[str, tuple[Any, ...]]] = {
    "reduction": ("sum", "none", "mean", "mean_with_sample_weight"),
    "label_smoothing": (0.2,),
    "ignore_class": (1, -1),
    "from_logits": (True,),
    "axis": (1, 0),
    "alpha": (0.6,),
    "beta": (0.3,),
    "gamma": (1.0,),
    "smooth": (0.3,),
    "delta": (0.3,),
    "apply_class_balancing": (True,),
    "mask_index": (1,),
    **dict.fromkeys(("name", "dtype", "y_true", "y_pred", "target", "output"), ()),
}
TOGETHER: Final = (
    *(("from_logits", name) for name in ("label_smoothing", "ignore_class", "axis", "reduction")),
    *(("reduction", name) for name in ("ignore_class", "label_smoothing", "axis")),
    ("apply_class_balancing", "alpha"),
    ("alpha", "beta", "gamma"),
)


def _random(*shape: int, seed: int = 3) -> Array:
    return np.round(np.random.default_rng(seed).uniform(0.1, 0.9, shape), 3)


def _signed(*shape: int, seed: int = 3) -> Array:
    values: Array = np.round(np.random.default_rng(seed).normal(0, 2, shape), 3)
    return values


def _shares(values: Array) -> Array:
    shares: Array = values / values.sum(-1, keepdims=True)
    return shares


_LABELS: Final = np.array([0, 1, 2, 1, 0])
_OUTSIDE: Final = np.array([0, -1, 2, 1, -1])
_ONE_HOT: Final = np.eye(3)[_LABELS]
_CERTAIN: Final = np.array([[1, 0, 0], [0, 0, 1], [0, 1e-9, 1], [0.5, 0.5, 0], [0, 0.5, 0.5]])
_LOGITS: Final = np.array([[60, -60, 0], [0, 60, -60], [-60.0, 2, 60], [0, 0, 0], [1, -2, 3]])
_SOME: Final = np.where(_random(5, 3, seed=8) < 0.5, 0.0, 1.0)
_SIGNED: Final = np.where(np.arange(15).reshape(5, 3) % 4 == 1, 0.0, _signed(5, 3))
_LIKE: Final = np.where(np.arange(15).reshape(5, 3) % 3 == 1, _SIGNED, _signed(5, 3, seed=4))
_Form = tuple[Array, Array]  # targets and predictions
_FLOATS: Final[Mapping[str, _Form]] = {
    "": (_random(5, 3, seed=4), _random(5, 3)),
    "signed values": (_LIKE, _SIGNED),
    "signs": (np.where(_SOME > 0, 1.0, -1.0), _SIGNED),
    "large values": (_LIKE * 1e3, _SIGNED * 40),
    "zeros and ones": (_SOME, _random(5, 3)),
    "certain": (_SOME, _CERTAIN),
    "one-hot": (_ONE_HOT, _shares(_random(5, 3))),
    "one-hot, certain": (_ONE_HOT, _CERTAIN),
    "logits": (_ONE_HOT, _LOGITS),
    "rank 1": (_random(5, seed=4), _random(5)),
    "rank 4": (np.eye(3)[np.arange(8).reshape(2, 2, 2) % 3], _shares(_random(2, 2, 2, 3))),
}
_INTEGERS: Final[Mapping[str, _Form]] = {
    "": (_LABELS, _shares(_random(5, 3))),
    "a column": (_LABELS[:, None], _shares(_random(5, 3))),
    "certain": (_LABELS, _CERTAIN),
    "logits": (_LABELS, _LOGITS),
    "labels outside": (_OUTSIDE, _shares(_random(5, 3))),
    "labels outside, certain": (_OUTSIDE, _CERTAIN),
    "rank 4": (np.arange(8).reshape(2, 2, 2) % 3, _shares(_random(2, 2, 2, 3))),
}
_SEQUENCES: Final[Mapping[str, _Form]] = {
    "": (np.array([[1, 2, 1], [3, 3, 0]]), _signed(2, 6, 4)),
    "long": (np.array([[1, 2, 1, 3, 2, 2, 1]] * 2), _signed(2, 6, 4)),
}


_OF_LABELS: Final = ("sparse", "circle", "generalized")


def forms(name: str) -> Mapping[str, _Form]:
    """Return the data, by form, that a loss or metric of that name is for; the main one first."""
    lower = name.lower()
    if "ctc" in lower:
        return _SEQUENCES
    return _INTEGERS if any(word in lower for word in _OF_LABELS) else _FLOATS


def found(line: Line) -> Iterator[Probed]:
    """Yield the losses of the line: its classes, and the functions that are losses."""
    module = line.module.losses
    derive = GRADIENTS[line.backend]
    masks = (MASKED,) if line.backend != "jax" else ()  # an array of jax carries none
    for name, kind in classes(module, module.Loss):
        of = f"{line.name}.losses.{name}"
        settings = (*forms(name), WEIGHTED, *masks)
        yield _probed(line, of, kind, settings, functools.partial(_of_class, derive))
    for name, function in functions(module):
        arguments = list(arguments_of(function))
        if arguments[:2] == ["y_true", "y_pred"]:
            of = f"{line.name}.losses.{name}"
            task = functools.partial(_of_function, derive)
            yield _probed(line, of, function, tuple(forms(name)), task)


def _probed(
    line: Line,
    name: str,
    maker: Callable[..., Any],
    settings: tuple[str, ...],
    task: Callable[[str, Mapping[str, Any], str], Task],
) -> Probed:
    arguments = arguments_of(maker)
    target = Target(
        name=name,
        kind="loss",
        arguments=arguments,
        given={"q": 0.5} if arguments.get("q") == REQUIRED else {},
        settings=settings,
        values={key: value for key, value in VALUES.items() if key in arguments},
        together=groups(arguments, TOGETHER),
    )
    return Probed(target, functools.partial(task, line.path(name)))


def _of_class(derive: Derive, path: str, arguments: Mapping[str, Any], setting: str) -> Task:
    options: dict[str, Any] = {"derive": derive}
    if setting in (WEIGHTED, MASKED):
        options["masked"] = setting == MASKED
        inputs = _inputs(path, "")
        inputs["weights"] = np.array([0.5, 2.0, 0.0, 1.5, 3.0])[: len(inputs["targets"])]
        return Task(lose, Made(path, arguments), inputs, options)
    return Task(lose, Made(path, arguments), _inputs(path, setting), options)


def _of_function(derive: Derive, path: str, arguments: Mapping[str, Any], setting: str) -> Task:
    subject = Made(path, arguments, late=True)
    return Task(lose, subject, _inputs(path, setting), {"derive": derive})


def _inputs(path: str, form: str) -> dict[str, Array]:
    targets, predictions = forms(path.rpartition(".")[2])[form]
    return {"targets": targets, "predictions": predictions}


def lose(
    keras: Any, loss: Any, inputs: Arrays, derive: Derive, masked: bool = False
) -> dict[str, Array]:
    """See a loss, and its gradient with respect to the predictions."""
    given = {}
    if "weights" in inputs and not masked:
        given = {"sample_weight": inputs["weights"]}

    def value(predictions: Any) -> Any:
        if masked:
            predictions._keras_mask = inputs["weights"] > 1
        return loss(inputs["targets"], predictions, **given)

    seen, slopes = derive(value, [inputs["predictions"]])
    return {"loss": seen, "gradient": slopes[0]}
