"""What is wrong with a watched loop, or worth knowing, beside the numbers of single updates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from parity.watching.changes import how
from parity.watching.recording import Array, Header, Parameter, Recording, Step, same
from parity.watching.updates import befores


class Kind(StrEnum):
    """What a finding is about."""

    UPDATE = "update"
    FORWARD = "forward"
    BACKWARD = "backward"
    UNREAD = "unread argument"
    LEFT_OUT = "left out"
    FROZEN = "frozen"
    NO_GRADIENT = "no gradient"
    NEVER_MOVED = "never moved"
    BIAS_DECAY = "decay on biases"
    KEPT = "gradients kept"
    WASTED = "gradients wasted"
    LATE = "changed after the step"
    SCHEDULE = "schedule"
    SKIPPED = "skipped"
    NO_UPDATE = "no update"
    NOT_FINITE = "not finite"
    BETWEEN = "changed between steps"
    ORDER = "order of the chain"
    SIGN = "sign of the update"
    STATE = "state"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, in a sentence; `steps` are those where it was seen, from zero."""

    kind: Kind
    sentence: str
    steps: tuple[int, ...] = ()


def findings(recording: Recording, *, followed: bool) -> list[Finding]:
    """Return what is wrong with who is trained and with what happened between steps.

    Where updates were `followed`, the oracle agrees with all of them: what did not move was not to.
    """
    found: list[Finding] = []
    if not recording.steps:
        found.append(Finding(Kind.NO_UPDATE, "no update was seen: nothing is trained"))
    if recording.header is None:
        return found
    for look in _LOOKS:
        found += look(recording.header, recording.steps)
    return found if followed else [*found, *_still(recording.steps)]


def notes(recording: Recording) -> list[str]:
    """Return what is worth knowing and not wrong."""
    return [line for look in _NOTES for line in look(recording.steps)]


def named(names: Sequence[str]) -> str:
    """Return up to three names, and how many more there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _is(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _trained(header: Header) -> list[Parameter]:
    """Return who is trained; a tensor of no elements has nothing to train."""
    return [p for p in header.parameters if p.group is not None and p.trainable and p.size]


def _warned(header: Header, steps: Sequence[Step]) -> Iterator[Finding]:
    for kind, says in header.warnings:
        yield Finding(Kind(kind), says)


def _unread(header: Header, steps: Sequence[Step]) -> Iterator[Finding]:
    found: dict[str, list[int]] = {}
    for number, step in enumerate(steps):
        for what in step.unread:
            found.setdefault(what, []).append(number)
    for what, where in found.items():
        rates = dict.fromkeys(f"{group.get('lr', 0.0):g}" for group in steps[where[0]].groups)
        says = f"{what} is accepted and read by nobody: lr={', '.join(rates)} is in effect"
        yield Finding(Kind.UNREAD, says, tuple(where))


def _left_out(header: Header, steps: Sequence[Step]) -> Iterator[Finding]:
    names = [p.name for p in header.parameters if p.group is None and p.trainable]
    if names:
        says = f"{named(names)} {_is(names)} not in the optimizer: nothing trains them"
        yield Finding(Kind.LEFT_OUT, says)


def _frozen(header: Header, steps: Sequence[Step]) -> Iterator[Finding]:
    names = [p.name for p in header.parameters if not p.trainable]
    if names:
        yield Finding(Kind.FROZEN, f"{named(names)} {_is(names)} frozen: nothing trains them")


def _unmoved(header: Header, steps: Sequence[Step]) -> Iterator[Finding]:
    if not steps:
        return
    starts = befores(steps)
    without, still = [], []
    for parameter in _trained(header):
        name = parameter.name
        if not any(name in step.gradients for step in steps):
            without.append(name)
        elif not _held_at_zero(parameter, steps) and all(
            same(a[name], s.after[name]) for a, s in zip(starts, steps, strict=True)
        ):
            still.append(name)
    if without:
        yield Finding(Kind.NO_GRADIENT, f"{named(without)} never got a gradient")
    if still and len(still) < len(_trained(header)):
        zero = not any(step.gradients[name].any() for step in steps for name in still)
        why = "its gradient was always zero" if zero else "though there were gradients"
        yield Finding(Kind.NEVER_MOVED, f"{named(still)} never moved: {why}")


def _held_at_zero(parameter: Parameter, steps: Sequence[Step]) -> bool:
    """Return whether a tensor is zero, and in a group whose lambda1 may keep it there."""
    group = parameter.group
    return group is not None and all(
        step.groups[group].get("lambda1") and not step.after[parameter.name].any() for step in steps
    )


def _bias_decay(header: Header, steps: Sequence[Step]) -> Iterator[Finding]:
    decays = {
        number: group["weight_decay"]
        for step in steps
        for number, group in enumerate(step.groups)
        if group.get("weight_decay")
    }
    names = [
        p.name
        for p in _trained(header)
        if p.group in decays and p.name not in _undecayed(steps, p.group) and _is_bias(p.name)
    ]
    if names:
        rate = next(iter(decays.values()))
        says = f"weight decay of {rate:g} is applied to the biases {named(names)} as well"
        yield Finding(Kind.BIAS_DECAY, says)


def _undecayed(steps: Sequence[Step], group: int) -> Sequence[str]:
    found: Sequence[str] = steps[0].groups[group].get("undecayed", ())
    return found


def _is_bias(name: str) -> bool:
    return name.replace("/", ".").split(".")[-1].split(":")[0].lower() in ("bias", "b", "beta")


def _steps_where(
    kind: Kind, says: str, holds: Callable[[Step], object]
) -> Callable[[Header, Sequence[Step]], Iterator[Finding]]:
    """Return a look for steps of which something is true; the sentence says where it began."""

    def look(header: Header, steps: Sequence[Step]) -> Iterator[Finding]:
        where = tuple(number for number, step in enumerate(steps) if holds(step))
        if where:
            yield Finding(kind, f"{says} ({_at(where, len(steps))})", where)

    return look


def _at(where: Sequence[int], count: int) -> str:
    if len(where) == 1:
        return f"step {where[0] + 1} of {count}"
    return f"{len(where)} of {count} steps, first step {where[0] + 1}"


def _late(header: Header, steps: Sequence[Step]) -> Iterator[Finding]:
    where = tuple(number for number, step in enumerate(steps) if step.changed)
    if where:
        step = steps[where[0]]
        says = how({n: step.gradients[n] for n in step.changed}, step.changed)
        sentence = f"gradients were {says} after the step that had used them, to no effect"
        yield Finding(Kind.LATE, f"{sentence} ({_at(where, len(steps))})", where)


def _scheduled(header: Header, steps: Sequence[Step]) -> Iterator[Finding]:
    for when in dict.fromkeys(step.scheduled for step in steps if step.scheduled):
        where = tuple(number for number, step in enumerate(steps) if step.scheduled == when)
        rate = steps[where[0]].groups[0]["lr"]
        says = f"the schedule stepped {when}, which then took lr={rate:g}"
        yield Finding(Kind.SCHEDULE, f"{says} ({_at(where, len(steps))})", where)


def _unmoved_at(steps: Sequence[Step]) -> list[int]:
    """Return the steps in which no weight moved though there was a gradient and a rate."""
    where = []
    for number, (start, step) in enumerate(zip(befores(steps), steps, strict=True)):
        rates = any(group.get("lr", 1.0) and "waits" not in group for group in step.groups)
        asked = rates and any(value.any() for value in step.gradients.values())
        if asked and all(same(start[name], value) for name, value in step.after.items()):
            where.append(number)
    return where


def _finite(tensors: Mapping[str, Array]) -> bool:
    return all(bool(np.isfinite(value).all()) for value in tensors.values())


def _skipped(header: Header, steps: Sequence[Step]) -> Iterator[Finding]:
    where = [number for number in _unmoved_at(steps) if not _finite(steps[number].gradients)]
    if where:
        says = "no weight moved, the gradient was not finite"
        yield Finding(Kind.SKIPPED, f"{says} ({_at(where, len(steps))})", tuple(where))


def _still(steps: Sequence[Step]) -> Iterator[Finding]:
    where = [number for number in _unmoved_at(steps) if _finite(steps[number].gradients)]
    if where and len(where) < len(steps):
        says = f"no weight moved, though there were gradients ({_at(where, len(steps))})"
        yield Finding(Kind.SKIPPED, says, tuple(where))
    elif where:
        says = "no weight ever moved, though there were gradients"
        yield Finding(Kind.NEVER_MOVED, says, tuple(where))


def _not_finite(header: Header, steps: Sequence[Step]) -> Iterator[Finding]:
    where = [number for number, step in enumerate(steps) if not _finite(step.after)]
    if where:
        names = [
            name for name, value in steps[where[0]].after.items() if not np.isfinite(value).all()
        ]
        says = f"{named(names)} {_is(names)} not finite ({_at(where, len(steps))})"
        yield Finding(Kind.NOT_FINITE, says, tuple(where))


def _between(header: Header, steps: Sequence[Step]) -> Iterator[Finding]:
    names: dict[str, int] = {}
    for number, step in enumerate(steps[1:], 1):
        for name in step.before:
            names.setdefault(name, number)
    if names:
        first = min(names.values())
        says = f"{named(list(names))} changed between steps, by something else than the optimizer"
        yield Finding(Kind.BETWEEN, f"{says} (first before step {first + 1})", (first,))


_LOOKS: tuple[Callable[[Header, Sequence[Step]], Iterator[Finding]], ...] = (
    _warned,
    _unread,
    _left_out,
    _frozen,
    _unmoved,
    _bias_decay,
    _steps_where(
        Kind.KEPT,
        "gradients of the step before were still there and were added to: zero_grad was left out",
        lambda step: step.kept,
    ),
    _steps_where(
        Kind.WASTED,
        "a backward pass's gradients were thrown away without a step",
        lambda step: step.wasted,
    ),
    _late,
    _scheduled,
    _skipped,
    _not_finite,
    _between,
)


def _accumulated(steps: Sequence[Step]) -> Iterator[str]:
    counts = sorted({step.backwards for step in steps if step.backwards > 1 and not step.wasted})
    if counts:
        most = " or ".join(map(str, counts))
        yield f"steps took the sum of the gradients of {most} backward passes"


def _clipped(steps: Sequence[Step]) -> Iterator[str]:
    found: dict[str, int] = {}
    for step in steps:
        if step.raw:
            says = how(step.raw, {name: step.gradients[name] for name in step.raw})
            found[says] = found.get(says, 0) + 1
    for says, count in found.items():
        yield f"gradients were {says} before the step ({count} of {len(steps)} steps)"


def _rates(steps: Sequence[Step]) -> Iterator[str]:
    rates = dict.fromkeys(group["lr"] for step in steps for group in step.groups if "lr" in group)
    if len(rates) > 1:
        first, last = f"{next(iter(rates)):g}", f"{next(reversed(rates)):g}"
        yield f"lr in effect: from {first} to {last}, {len(rates)} different ones"
    elif rates:
        yield f"lr in effect: {next(iter(rates)):g}"


_NOTES: tuple[Callable[[Sequence[Step]], Iterator[str]], ...] = (_rates, _accumulated, _clipped)
