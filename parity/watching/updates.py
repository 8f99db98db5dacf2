"""The update stage of a recording: is each step what the optimizer's arguments promise?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from parity.bounds import ARITHMETICS, Array
from parity.dials import Dials
from parity.known import CLAIMS, dials, in_force
from parity.optimizers import WHOLE
from parity.parts import Clip, Optimizer
from parity.updates import Training
from parity.watching.causes import Run, causes
from parity.watching.judged import Judged, added, seen
from parity.watching.recording import Header, Parameter, Recording, Step

RATE = "lr"
CLIP = "clip"


@dataclass(frozen=True, slots=True)
class Part:
    """Tensors that are updated alike, and the steps at which they have a gradient."""

    parameters: tuple[Parameter, ...]
    steps: tuple[int, ...]


def judged(recording: Recording) -> Judged:
    """Return what the oracle says of every recorded update."""
    header = recording.header
    if header is None or not recording.steps:
        return Judged()
    if header.rule is None:
        return Judged(unjudged=(header.why,))
    apart = _apart(recording.steps)
    whole = Judged(unjudged=tuple(f"{name} {why}" for name, why in apart.items()))
    before = befores(recording.steps)
    for part in _parts(header, recording.steps):
        whole = added(whole, _judged_part(header, recording.steps, before, part))
    return whole


def befores(steps: Iterable[Step]) -> list[Mapping[str, Array]]:
    """Return the weights with which each step began."""
    found: list[Mapping[str, Array]] = []
    last: Mapping[str, Array] = {}
    for step in steps:
        found.append({**last, **step.before})
        last = {**found[-1], **step.after}
    return found


def _apart(steps: list[Step]) -> dict[str, str]:
    """Return the parameters that are not judged, though others of their group are, and why."""
    told = [group.get("unjudged", {}) for step in steps for group in step.groups]
    return {name: why for each in told for name, why in each.items()}


def _parts(header: Header, steps: list[Step]) -> Iterator[Part]:
    found: dict[tuple[Any, ...], list[Parameter]] = {}
    apart = _apart(steps)
    for parameter in header.parameters:
        if parameter.group is None or not parameter.size or parameter.name in apart:
            continue
        have = tuple(n for n, step in enumerate(steps) if parameter.name in step.gradients)
        if have:
            found.setdefault((parameter.group, parameter.dtype, have), []).append(parameter)
    for (_, _, have), parameters in found.items():
        yield Part(tuple(parameters), have)


def _judged_part(
    header: Header, steps: list[Step], befores: list[Mapping[str, Array]], part: Part
) -> Judged:
    first = part.parameters[0]
    if first.dtype not in ARITHMETICS:
        return Judged(unjudged=(f"{first.name} is {first.dtype}: the oracle has no bound for it",))
    assert first.group is not None
    told = [dict(steps[n].groups[first.group]) for n in part.steps]
    if "why" in told[0]:
        return Judged(unjudged=(str(told[0]["why"]),))
    names = [parameter.name for parameter in part.parameters]
    of = _training(header, steps, part, told)
    if of.optimizer in WHOLE and of.squares is not None:
        parts = ", ".join(p.name for p in part.parameters if p.places is not None)
        return Judged(unjudged=(f"{parts}: of {of.optimizer} the oracle needs all elements",))
    run = Run(
        of=of,
        before={name: np.stack([befores[n][name] for n in part.steps]) for name in names},
        after={name: np.stack([steps[n].after[name] for n in part.steps]) for name in names},
        gradients={n: np.stack([steps[s].gradients[n] for s in part.steps]) for n in names},
        dials=_dials(header, of, told[0], first.dtype),
        dtype=first.dtype,
    )
    found = Judged()
    scored = run.scored()
    for parameter in part.parameters:
        name = parameter.name
        one = seen("update", parameter, part.steps, run.after[name], *scored[name])
        found = added(found, one)
    if found.parting is None:
        return found
    return replace(found, parting=replace(found.parting, causes=tuple(causes(run))))


def _training(
    header: Header, steps: list[Step], part: Part, told: list[dict[str, Any]]
) -> Training:
    assert header.rule is not None
    names = [parameter.name for parameter in part.parameters]
    clip = told[0].get(CLIP)
    whole = all(parameter.places is None for parameter in part.parameters)
    squares = {n: np.array([steps[s].squares.get(n, np.nan) for s in part.steps]) for n in names}
    switched = {n for n in names if n in told[0].get("undecayed", ())}
    return Training(
        optimizer=told[0].get("rule", header.rule),
        shapes={p.name: (_recorded(p),) for p in part.parameters},
        hyperparameters=[_hyperparameters(told[0].get("rule", header.rule), now) for now in told],
        rates=[float(now[RATE]) for now in told],
        partial=[False] * len(told),
        undecayed=frozenset(switched),
        clip=None if clip is None else Clip(str(clip[0]), float(clip[1])),
        squares=None if whole else squares,
        sizes={p.name: p.size for p in part.parameters},
    )


def _recorded(parameter: Parameter) -> int:
    return parameter.size if parameter.places is None else parameter.places.size


def _hyperparameters(rule: str, now: Mapping[str, Any]) -> dict[str, float | bool]:
    known = Optimizer(rule).hyperparameters()
    return {name: now.get(name, default) for name, default in known.items()}


def _dials(header: Header, of: Training, told: Mapping[str, Any], dtype: str) -> Dials:
    """Return the dials that the claims about the lane turn, and those of the call."""
    given = of.hyperparameters[0]
    seen: dict[str, set[Any]] = {
        "optimizer": {of.optimizer},
        "argument": {name for name, value in given.items() if value},
        "given": set(given),
        "clip": {of.clip.kind if of.clip else None},
        "schedule": {len(set(of.rates)) > 1},
        "dtype": {dtype},
    }
    claims = (
        claim
        for claim in in_force(CLAIMS, header.versions)
        if claim.covers(header.lane)
        and all(not seen.get(k, set()).isdisjoint(values) for k, values in claim.when.items())
    )
    return {**dials(claims), **header.dials, **told.get("dials", {})}
