"""PyTorch's losses, activations and other layers: their values and gradients on small inputs."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any, Final

from torch import nn

from parity.upgrades.lanes import torch_training as training
from parity.upgrades.lanes.scripted import Play, Probed, arguments_of, classes, works
from parity.upgrades.lanes.torch_values import (
    EVERY_LAYER_FORM,
    FAR,
    LAYER_FORMS,
    LOSS_FORMS,
    MADE_FOR,
    NAMED,
)
from parity.upgrades.lanes.torch_values import given as known_given
from parity.upgrades.lanes.torch_values import values as known_values
from parity.upgrades.probe import Arrays, Target

SINGLE, EVALUATED = "float32", "evaluated"
_IN_EVALUATION: Final = ("Norm", "Dropout", "RReLU", "Transformer", "Attention")


def losses() -> Iterator[Probed]:
    """Yield the losses, with the forms of inputs that each takes."""
    for name, kind in classes(nn, nn.modules.loss._Loss):
        path = f"torch.nn.{name}"
        arguments = arguments_of(kind)
        given = known_given(name, arguments)
        if given is None:
            continue
        play = functools.partial(_applied, path, LOSS_FORMS)
        takes = {"target", "targets"} & {*arguments_of(getattr(kind, "forward", kind))}
        forms = [
            form
            for form, (inputs, slopes) in LOSS_FORMS.items()
            if (len(inputs) > slopes) is bool(takes) and works(play(given, form))
        ]
        if "ignore_index" in arguments and "labels" in forms:
            forms.append("labels, one of them -1")
        if forms:
            settings = tuple(forms)
            values = known_values("loss", arguments)
            yield Probed(Target(path, "loss", arguments, given, settings, values), play)


def layers() -> Iterator[Probed]:
    """Yield the activations and layers that can be made with what is known of their arguments."""
    for name, kind in classes(nn, nn.Module):
        path = f"torch.nn.{name}"
        if issubclass(kind, nn.modules.loss._Loss) or "Lazy" in name or hasattr(kind, "append"):
            continue
        arguments = arguments_of(kind) or _of_cells(kind)
        given = known_given(name, arguments)
        play = functools.partial(_applied, path, EVERY_LAYER_FORM)
        if given is None:
            continue
        first = [form for mark, form in MADE_FOR.items() if mark in name]
        form = next((f for f in (*first[-1:], *LAYER_FORMS) if works(play(given, f))), None)
        if form is None:
            continue
        what = "activation" if kind.__module__.endswith("activation") else "layer"
        rest = [FAR] if form == "near" else []
        rest += [f"{form}, {SINGLE}"]
        if any(mark in name for mark in _IN_EVALUATION):
            rest.append(f"{form}, {EVALUATED}")
        target = Target(
            name=path,
            kind=what,
            arguments=arguments,
            given=given,
            settings=(form, *rest),
            values=known_values(what, arguments),
            together=(),
            alone=(form, FAR) if what == "activation" else (form,),
        )
        yield Probed(target, play)


def _of_cells(kind: type) -> dict[str, str]:
    """Return the arguments of a class that hands all of them on, but for what it says itself."""
    bases = [base for base in kind.__mro__[1:] if base not in (nn.Module, object)]
    return arguments_of(bases[0], without=["mode"]) if bases else {}


def _applied(
    path: str,
    forms: Mapping[str, tuple[Arrays, int]],
    arguments: Mapping[str, Any],
    setting: str,
) -> Play:
    form, _, how = setting, "", ""
    if setting not in forms:
        form, _, how = setting.rpartition(", ")
    inputs, slopes = forms[form]
    options: dict[str, Any] = {"slopes": slopes}
    if how == SINGLE:
        options["dtype"] = SINGLE
    if how == EVALUATED:
        options["evaluated"] = True
    return Play(training.apply, path, arguments, inputs, options, NAMED)
