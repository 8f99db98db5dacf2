"""Lanes: one way each to run a case, and what each can run; no framework is imported here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from parity.case import Case
from parity.parts import ACTIVATIONS, CLIPS, LOSSES

OPTIONS = (
    "sample_weights",
    "class_weights",
    "label_smoothing",
    "label_smoothing of integers",
    "l2",
    "decay_biases",
    "schedule",
)


class Refused(Exception):
    """The framework or lane does not take this case; the message is the reason in its own words."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One way to run a case: framework, backend, mode; and what it offers.

    `module` is a module's name or the path of a Python file; it has `train(case, mode) -> Trace`.
    `packages` are the modules that must be installed. `optimizers` maps each optimizer to the
    hyperparameters that the lane passes on. `environment` is set for its worker process; `x64` is
    added to it for float64 cases, which then get a worker of their own. `device` is cuda for a lane
    that needs such a device. `pace` is the share of the
    generated cases that this lane gets: below 1 where a case costs a compilation.
    """

    name: str
    module: str
    mode: str = ""
    packages: tuple[str, ...] = ()
    optimizers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dtypes: tuple[str, ...] = ("float32", "float64")
    activations: tuple[str, ...] = ACTIVATIONS
    losses: tuple[str, ...] = tuple(LOSSES)
    clips: tuple[str, ...] = CLIPS
    options: tuple[str, ...] = OPTIONS
    environment: Mapping[str, str] = field(default_factory=dict)
    x64: Mapping[str, str] = field(default_factory=dict)
    device: str = ""
    pace: float = 1.0

    def lacks(self, case: Case) -> str | None:
        """Return why this lane cannot run `case`, or None if it can."""
        optimizer, loss = case.optimizer, case.loss
        offered = self.optimizers.get(optimizer.name)
        if offered is None:
            return f"no optimizer {optimizer.name}"
        for name, value in optimizer.arguments.items():
            if value and name not in offered:
                return f"{optimizer.name} takes no {name}"
        if case.dtype not in self.dtypes:
            return f"no dtype {case.dtype}"
        if loss.name not in self.losses:
            return f"no loss {loss.name}"
        for layer in case.layers:
            if layer.activation not in self.activations:
                return f"no activation {layer.activation}"
        if case.clip is not None and case.clip.kind not in self.clips:
            return f"no clipping by {case.clip.kind}"
        asked = {
            "sample_weights": case.sample_weights is not None,
            "class_weights": loss.class_weights is not None,
            "label_smoothing": loss.label_smoothing != 0,
            "label_smoothing of integers": loss.label_smoothing != 0 and loss.labels == "integer",
            "l2": loss.l2 != 0,
            "decay_biases": not optimizer.decay_biases,
            "schedule": len(set(case.rates)) > 1,
        }
        for option in OPTIONS:
            if asked[option] and option not in self.options:
                return f"no {option}"
        return None
