"""Everything that PyTorch offers for training, found by asking, and run."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np
import torch
from torch import optim

from parity.arguments.problem import known_inputs
from parity.upgrades.lanes import torch_training as training
from parity.upgrades.lanes.scripted import (
    Play,
    Plays,
    Probed,
    arguments_of,
    classes,
    gathered,
    get,
    given_for,
    plays,
    works,
)
from parity.upgrades.lanes.torch_layers import layers, losses
from parity.upgrades.lanes.torch_values import GIVEN, NAMED
from parity.upgrades.lanes.torch_values import given as known_given
from parity.upgrades.lanes.torch_values import values as known_values
from parity.upgrades.probe import Arrays, Nudge, Probe, Target

NAN, SINGLE, BRAIN, LONG = "a step of NaN", "float32", "bfloat16", "100 steps"
RESUMED, GROUPS = "resumed", "two groups"
# What the optimizers' gradients are like, in the order in which they are tried until one fits.
_TRAINED: Final = ("dense", "matrix", "sparse", "closure")
_STARTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "": {},
    SINGLE: {"dtype": SINGLE},
    "of a convolution": {"shape": (4, 2, 3)},
}
_LOSSES = np.array([5, 4, 3, 3.1, 3.2, 3.3, 2.9, 2.95, 2.99, 3.4, 3.5, 2.1])


def targets() -> list[Target]:
    """Return everything of this release that can be probed, in a fixed order."""
    return [item.target for item in _found().values()]


def run(probe: Probe, nudge: Nudge) -> Arrays:
    """Return what a probe shows. Raises KeyError for an unknown target, and what PyTorch raises."""
    return _found()[probe.target].of(probe).run(nudge)


def script(probe: Probe) -> str:
    """Return a script of NumPy and PyTorch alone that makes the call and prints what is seen."""
    head = ["import inspect", "from typing import Any", "", "import torch"]
    title = f"{probe.key}, PyTorch {torch.__version__}."
    return _found()[probe.target].of(probe).script(title, head)


@functools.cache
def _found() -> dict[str, Probed]:
    torch.set_num_threads(1)  # sums are the same on each machine
    own = (_optimizers, _schedulers, _averages, _scalers, _clips, _starts)
    return gathered(*own, losses, layers)


def _functions(path: str, marks: tuple[str, ...]) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield the functions at `path` with one of some marks in their names."""
    for name, value in sorted(vars(get(path)).items()):
        if inspect.isroutine(value) and name[0] != "_" and any(mark in name for mark in marks):
            yield f"{path}.{name}", value


def _optimizers() -> Iterator[Probed]:
    for name, kind in classes(optim, optim.Optimizer):
        path = f"torch.optim.{name}"
        arguments = arguments_of(kind, without=["params"])
        plays = {form: functools.partial(_train, path, form) for form in _TRAINED}
        form = next((form for form, play in plays.items() if works(play({}, ""))), None)
        if form is None:
            continue
        modes = [m for m in ("foreach", "fused") if m in arguments]
        modes = [m for m in modes if works(plays[form]({}, m))]
        rest = (GROUPS,) if form == "dense" else ()
        main = "closure" if form == "closure" else ""
        rest = (*rest, NAN, SINGLE, BRAIN, *(() if main else (LONG,)))
        target = Target(
            name=path,
            kind="optimizer",
            arguments=arguments,
            given={"lr": 0.1} if main else {},  # with its own, L-BFGS runs away
            settings=(main, *modes, *rest),
            values=known_values("optimizer", arguments),
            alone=(main, *modes),
        )
        yield Probed(target, plays[form])


def _train(path: str, form: str, arguments: Mapping[str, Any], setting: str) -> Play:
    inputs = known_inputs()
    if form == "matrix":
        inputs = {name: value for name, value in inputs.items() if "kernel" in name}
    options: dict[str, Any] = {"form": GROUPS if setting == GROUPS else form}
    if setting in ("foreach", "fused"):
        arguments = {setting: True, **arguments}
    if setting in (SINGLE, BRAIN):
        options["dtype"] = setting
    if setting == LONG:
        options |= {"rounds": 102, "every": 6}
    if setting == NAN:
        slopes = inputs["kernel gradients"].copy()
        slopes[2] = np.nan
        inputs["kernel gradients"] = slopes
    return Play(training.train, path, arguments, inputs, options, NAMED)


def _schedulers() -> Iterator[Probed]:
    rates: Any = optim.lr_scheduler
    base = rates.LRScheduler if hasattr(rates, "LRScheduler") else rates._LRScheduler
    found = dict(classes(rates, base))
    found["ReduceLROnPlateau"] = rates.ReduceLROnPlateau
    pairs = [(f"torch.optim.lr_scheduler.{name}", kind) for name, kind in sorted(found.items())]
    pairs.append(("torch.optim.swa_utils.SWALR", optim.swa_utils.SWALR))
    inputs = {"rate": np.array(0.1), "losses": _LOSSES}
    for path, kind in pairs:
        play = plays(training.follow, path, inputs, {"": {}, RESUMED: _AGAIN}, NAMED)
        yield from _probed(path, kind, "schedule", play, ("", RESUMED), without=["optimizer"])


_AGAIN: Final = {"resumed": True}


def _averages() -> Iterator[Probed]:
    random = np.random.default_rng(3)
    inputs = {"kernels": random.normal(size=(6, 3, 4)), "means": random.normal(size=(6, 3))}
    forms: dict[str, Mapping[str, Any]] = {"": {}, SINGLE: {"dtype": SINGLE}}
    path = "torch.optim.swa_utils.AveragedModel"
    play = plays(training.average, path, inputs, forms, NAMED)
    yield from _probed(path, get(path), "wrapper", play, tuple(forms), without=["model"])
    for path, make in _functions("torch.optim.swa_utils", ("avg_fn",)):
        slot = "multi_avg_fn" if "multi" in path else "avg_fn"
        slotted = {form: {"slot": slot, **given} for form, given in forms.items()}
        play = plays(training.average, path, inputs, slotted, NAMED)
        yield from _probed(path, make, "wrapper", play, tuple(forms))
    path = "torch.optim.swa_utils.update_bn"
    batches = {"batches": random.normal(size=(3, 4, 3))}
    play = plays(training.renew, path, batches, {"": {}}, NAMED)
    yield from _probed(path, get(path), "wrapper", play, ("",), without=["loader", "model"])


def _scalers() -> Iterator[Probed]:
    slopes = known_inputs()["kernel gradients"].copy()
    slopes[2, 1, 1] = np.inf
    inputs = {"kernel": known_inputs()["kernel"], "kernel gradients": slopes}
    path = "torch.amp.GradScaler"
    if hasattr(torch.amp, "GradScaler"):
        play = plays(training.scale, path, inputs, {"": {}}, NAMED)
        yield from _probed(path, get(path), "wrapper", play, ("",))


def _clips() -> Iterator[Probed]:
    random = np.random.default_rng(3)
    inputs = {"kernel": random.normal(size=(4, 3)), "bias": random.normal(size=3) * 10}
    broken = {**inputs, "bias": np.array([1.0, np.inf, 2.0])}
    small = {name: value * 1e-4 for name, value in inputs.items()}
    forms = {"": inputs, "infinite": broken, "small": small}
    for path, make in _functions("torch.nn.utils", ("clip_grad", "total_norm")):
        known = {**GIVEN, "total_norm": 2.5}
        arguments = arguments_of(make, without=["parameters", "tensors"])

        def play(given: Mapping[str, Any], setting: str, path: str = path) -> Play:
            return Play(training.clip, path, given, forms[setting], {}, NAMED)

        given = given_for(arguments, known)
        if given is not None and works(play(given, "")):
            values = known_values("transformation", arguments)
            yield Probed(
                Target(path, "transformation", arguments, given, tuple(forms), values), play
            )


def _starts() -> Iterator[Probed]:
    for path, make in _functions("torch.nn.init", ("_",)):
        if path.endswith("_"):
            for_conv = path.endswith("dirac_")
            forms = {"of a convolution": _STARTS["of a convolution"]} if for_conv else _STARTS
            play = plays(training.start, path, {}, forms, NAMED)
            given = known_given("", arguments_of(make, without=["tensor"])) or {}
            fitting = [form for form in forms if works(play(given, form))]
            yield from _probed(path, make, "initializer", play, tuple(fitting), without=["tensor"])
        elif path.endswith("calculate_gain"):
            play = plays(training.gain, path, {}, {"": {}}, NAMED)
            yield from _probed(path, make, "initializer", play, ("",))


def _probed(
    path: str,
    make: Callable[..., Any],
    kind: str,
    play: Plays,
    settings: tuple[str, ...],
    *,
    without: list[str] | None = None,
) -> Iterator[Probed]:
    """Yield the target of something that can be called with what is known of its arguments."""
    arguments = arguments_of(make, without=without or ())
    given = known_given(path.rpartition(".")[2], arguments)
    if given is not None and settings and works(play(given, settings[0])):
        values = known_values(kind, arguments)
        yield Probed(Target(path, kind, arguments, given, settings, values), play)
