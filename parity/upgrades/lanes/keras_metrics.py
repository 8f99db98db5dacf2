"""The metrics of a Keras line, updated batch by batch."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from parity.upgrades.lanes.keras_losses import forms
from parity.upgrades.lanes.keras_making import Made, arguments_of, classes
from parity.upgrades.lanes.keras_task import Line, Probed, Task
from parity.upgrades.probe import REQUIRED, Array, Arrays, Target

WEIGHTED: Final = "with weights"
_SETTINGS: Final = ("", "zeros and ones", "one-hot", "signs", "rank 1")
_LABELS: Final = np.array([0, 1, 2, 1, 0])
_CLASSES: Final = np.array([0, 2, 2, 1, 1])
_GIVEN: Final[Mapping[str, Any]] = {
    "num_classes": 3,
    "target_class_ids": [0, 1],
    **dict.fromkeys(("recall", "precision", "specificity", "sensitivity"), 0.5),
}
_VALUES: Final[Mapping[str, tuple[Any, ...]]] = {
    **dict.fromkeys(("name", "dtype", "fn"), ()),
    "num_classes": (4,),
    "target_class_ids": ([0],),
    "threshold": (0.3,),
    "thresholds": ([0.2, 0.6],),
    "class_id": (1,),
    "top_k": (1,),
    "k": (1,),
    "axis": (0,),
    "average": ("micro", "macro"),
    "class_aggregation": ("variance_weighted_average",),
    "num_regressors": (1,),
    "ignore_class": (1,),
    "curve": ("PR",),
    "summation_method": ("minoring", "majoring"),
    "num_thresholds": (5,),
    "from_logits": (True,),
    "label_smoothing": (0.2,),
}


def found(line: Line) -> Iterator[Probed]:
    """Yield the metrics of the line."""
    module = line.module.metrics
    for name, kind in classes(module, module.Metric):
        arguments = arguments_of(kind)
        settings = _SETTINGS if "Sparse" not in name and "IoU" not in name else _SETTINGS[:1]
        target = Target(
            name=f"{line.name}.metrics.{name}",
            kind="metric",
            arguments=arguments,
            given=_given(arguments),
            settings=(*settings, WEIGHTED),
            values={key: value for key, value in _VALUES.items() if key in arguments},
            together=(),
        )
        yield Probed(target, functools.partial(_task, line.path(target.name)))


def _given(arguments: Mapping[str, str]) -> dict[str, Any]:
    given = {n: _GIVEN[n] for n, v in arguments.items() if v == REQUIRED and n in _GIVEN}
    return {**given, "k": 2} if "k" in arguments else given  # by default more than there are


def _task(path: str, arguments: Mapping[str, Any], setting: str) -> Task:
    name = path.rpartition(".")[2]
    form = "" if setting == WEIGHTED else setting
    targets, predictions = forms(name)[form]
    if "IoU" in name and "OneHot" not in name and "Binary" not in name:
        targets, predictions = _LABELS, _CLASSES
    elif form == "" and "sparse" not in name.lower() and _counts(name):
        targets = np.where(targets > 0.5, 1.0, 0.0)
    inputs = {"targets": targets, "predictions": predictions}
    if setting == WEIGHTED:
        inputs["weights"] = np.array([0.5, 2.0, 0.0, 1.5, 3.0])
    alone = name in ("Mean", "Sum")
    return Task(measure, Made(path, arguments), inputs, {"alone": alone})


def _counts(name: str) -> bool:
    """Return whether a metric is of what is true or false."""
    words = ("Precision", "Recall", "Positive", "Negative", "AUC", "Specificity", "Sensitivity")
    return any(word in name for word in (*words, "Score", "Accuracy", "IoU"))


def measure(keras: Any, metric: Any, inputs: Arrays, alone: bool) -> dict[str, Array]:
    """See a metric after each of three batches, and after a reset; `alone`: it takes no targets."""
    seen: dict[str, list[Array]] = {}
    for step, rows in enumerate([slice(0, 2), slice(2, 4), slice(4, 5), slice(1, 3)]):
        if step == 3:
            metric.reset_state()
        given = [inputs["predictions"][rows]]
        if not alone:
            given.insert(0, inputs["targets"][rows])
        weights = {"sample_weight": inputs["weights"][rows]} if "weights" in inputs else {}
        metric.update_state(*given, **weights)
        result = metric.result()
        parts = result if isinstance(result, dict) else {"result": result}
        for name, value in parts.items():
            array = value.detach() if hasattr(value, "detach") else value
            seen.setdefault(f"{name} by step", []).append(np.array(array))
    return {name: np.stack(values) for name, values in seen.items()}
