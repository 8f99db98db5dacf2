"""Ways to spoil a run: a mangled case, a wrong function in the control, an altered trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from types import ModuleType
from typing import Any
from unittest.mock import patch

import numpy as np
from faulty_rules import Rule, Wrong
from numpy.typing import NDArray

from parity.case import Case, with_arguments
from parity.lanes import Lane, numpy32
from parity.lanes.numpy32 import updates
from parity.trace import Trace

Array = NDArray[Any]
Tensors = dict[str, Array]
Train = Callable[[Case], Trace]
# Trains a case wrongly, given the case and what trains one rightly.
Spoiled = Callable[[Case, Train], Trace]


class InProcess:
    """In place of worker processes: a function that trains a case."""

    def __init__(self, train: Train) -> None:
        self.train = train

    def run(self, lane: Lane, cases: Sequence[Case], **_: Any) -> Iterator[Trace]:
        for case in cases:
            yield self.train(case)


def control(case: Case) -> Trace:
    """Train `case` as the healthy control does."""
    return numpy32.train(case, "")


def given(change: Callable[[Case], Case]) -> Spoiled:
    """Train another case than the one asked for."""
    return lambda case, train: train(change(case))


def altered(change: Callable[[Case, Trace], Trace]) -> Spoiled:
    """Return another trace than the run's."""
    return lambda case, train: change(case, train(case))


def replaced(table: dict[str, Any], **entries: Any) -> Spoiled:
    """Train with other entries in one of the control's tables."""

    def spoiled(case: Case, train: Train) -> Trace:
        with patch.dict(table, entries):
            return train(case)

    return spoiled


def wrapped(module: ModuleType, **wraps: Callable[[Any], Any]) -> Spoiled:
    """Train with functions of the control wrapped, anew for each run."""

    def spoiled(case: Case, train: Train) -> Trace:
        with ExitStack() as stack:
            for name, wrap in wraps.items():
                stack.enter_context(patch.object(module, name, wrap(getattr(module, name))))
            return train(case)

    return spoiled


def ruled(*wrongs: Wrong) -> Spoiled:
    """Train with the optimizer's rule made wrong."""

    def spoiled(case: Case, train: Train) -> Trace:
        rule = numpy32.UPDATES[case.optimizer.name]
        for wrong in wrongs:
            rule = wrong(rule)
        with patch.dict(numpy32.UPDATES, {case.optimizer.name: rule}):
            return train(case)

    return spoiled


def for_case(change: Callable[[Case], Case]) -> Callable[[Any], Any]:
    """Wrap a function of the control to see another case."""
    return lambda function: lambda case, *others: function(change(case), *others)


def only(dtype: str, spoiled: Spoiled) -> Spoiled:
    """Spoil the runs of one dtype; the fault is in no other."""
    return lambda case, train: (spoiled if case.dtype == dtype else given(same))(case, train)


def same(case: Case) -> Case:
    """Return the case."""
    return case


# Cases.


def without(*names: str) -> Callable[[Case], Case]:
    """Ignore arguments: the default is used."""

    def change(case: Case) -> Case:
        kept = {k: v for k, v in case.optimizer.arguments.items() if k not in names}
        return replace(case, optimizer=replace(case.optimizer, arguments=kept))

    return change


def arguments(change: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Callable[[Case], Case]:
    """Give other arguments."""
    return lambda case: with_arguments(case, **change(case.optimizer.hyperparameters()))


def rates(change: Callable[[tuple[float, ...]], tuple[float, ...]]) -> Callable[[Case], Case]:
    """Train at other rates."""
    return lambda case: replace(case, rates=tuple(change(case.rates)))


def loss(**changes: Any) -> Callable[[Case], Case]:
    """Minimise another loss."""
    return lambda case: replace(case, loss=replace(case.loss, **changes))


def reduction(wanted: str, used: str) -> Callable[[Case], Case]:
    """Take one reduction for another."""
    return lambda case: loss(reduction=used)(case) if case.loss.reduction == wanted else case


def other_loss(wanted: str, used: str) -> Callable[[Case], Case]:
    """Take one loss for another."""
    return lambda case: loss(name=used)(case) if case.loss.name == wanted else case


def activation(wanted: str, used: str) -> Callable[[Case], Case]:
    """Take one activation for another."""

    def change(case: Case) -> Case:
        swap = [replace(a, activation=used) if a.activation == wanted else a for a in case.layers]
        return replace(case, layers=tuple(swap))

    return change


def clipped_by(wanted: str, used: str) -> Callable[[Case], Case]:
    """Take one kind of clipping for another."""

    def change(case: Case) -> Case:
        if case.clip is None or case.clip.kind != wanted:
            return case
        return replace(case, clip=replace(case.clip, kind=used))

    return change


def not_clipped_by(kind: str) -> Callable[[Case], Case]:
    """Ignore clipping of one kind."""

    def change(case: Case) -> Case:
        ignored = case.clip is not None and case.clip.kind == kind
        return replace(case, clip=None) if ignored else case

    return change


def partial_batches_dropped(case: Case) -> Case:
    """Train the next batch in place of a partial one."""
    full = [rows for rows in case.batches if len(rows) == len(case.batches[0])]
    steps = [full[step % len(full)] for step in range(case.steps)]
    return replace(case, batches=tuple(steps))


def partial_batches_padded(case: Case) -> Case:
    """Repeat a partial batch's last row until it is full."""
    size = len(case.batches[0])
    return replace(case, batches=tuple(b + b[-1:] * (size - len(b)) for b in case.batches))


def last_row_dropped(case: Case) -> Case:
    """Leave out each batch's last row."""
    return replace(case, batches=tuple(rows[:-1] or rows for rows in case.batches))


def always_first_batch(case: Case) -> Case:
    """Train the first batch at each step."""
    return replace(case, batches=(case.batches[0],) * case.steps)


def weights_drawn_anew(case: Case) -> Case:
    """Start from other weights than the case's."""
    return replace(case, weights={name: w[::-1] / 2 + 1 for name, w in case.weights.items()})


def labels_shifted(case: Case) -> Case:
    """Shuffle the inputs but not their labels."""
    return replace(case, y=np.roll(case.y, 1, axis=0))


def labels_hard(case: Case) -> Case:
    """Take the most probable class for the only one."""
    if case.loss.labels != "dense":
        return case
    return replace(case, y=np.eye(case.y.shape[1])[case.y.argmax(1)])


def sample_weights_squared(case: Case) -> Case:
    """Multiply by the sample weights twice."""
    weights = case.sample_weights
    return case if weights is None else replace(case, sample_weights=weights * weights)


def sample_weights_ignored(case: Case) -> Case:
    """Leave the sample weights out."""
    return replace(case, sample_weights=None)


def kept_state(case: Case, train: Train) -> Trace:
    """Train with the state that an earlier run has left."""
    states: list[Tensors] = []

    def starting_state(*arguments: Any) -> Tensors:
        states.append(original(*arguments))
        return states[-1]

    original = numpy32.starting_state
    with patch.object(numpy32, "starting_state", starting_state):
        train(case)
    left = iter(states)
    with patch.object(numpy32, "starting_state", lambda *_: next(left)):
        return train(case)


def one_trust_ratio(case: Case, train: Train) -> Trace:
    """Scale all tensors' steps by the ratio of their norms together."""
    at: Tensors = {}
    states: list[Tensors] = []
    ratio, count, trust_ratio = 1.0, 0, updates.trust_ratio
    backward, clip, starting_state = numpy32.backward, numpy32.clip, numpy32.starting_state

    def noted(case: Case, weights: Tensors, *others: Any) -> Tensors:
        at.update(weights)
        return backward(case, weights, *others)

    def started(*arguments: Any) -> Tensors:
        states.append(starting_state(*arguments))
        return states[-1]

    def clipped(case: Case, gradients: Tensors, shuffle: Any) -> Tensors:
        nonlocal ratio, count
        count += 1
        given = clip(case, gradients, shuffle)
        steps = []
        for (name, w), state in zip(at.items(), states, strict=True):
            h = numpy32.hyperparameters(case, name)
            step = updates.adam_direction(given[name], dict(state), h, count)
            steps.append(updates.with_decay(w, step, h).ravel())
        whole = np.concatenate([w.ravel() for w in at.values()])
        ratio = trust_ratio(whole, np.concatenate(steps))
        return given

    with (
        patch.multiple(numpy32, backward=noted, clip=clipped, starting_state=started),
        patch.object(updates, "trust_ratio", lambda w, step: ratio),
    ):
        return train(case)


def decay_clipped(case: Case, train: Train) -> Trace:
    """Clip the gradient with the decay in it."""
    at: Tensors = {}
    backward, clip, with_decay = numpy32.backward, numpy32.clip, updates.with_decay

    def noted(case: Case, weights: Tensors, *others: Any) -> Tensors:
        at.update(weights)
        return backward(case, weights, *others)

    def clipped(case: Case, gradients: Tensors, shuffle: Any) -> Tensors:
        decayed = {
            name: with_decay(at[name], g, numpy32.hyperparameters(case, name))
            for name, g in gradients.items()
        }
        return clip(case, decayed, shuffle)

    with (
        patch.multiple(numpy32, backward=noted, clip=clipped),
        patch.object(updates, "with_decay", lambda w, g, h: g),
    ):
        return train(case)


def step_clipped(case: Case, train: Train) -> Trace:
    """Clip each tensor's step, not its gradient."""
    limit = case.clip
    if limit is None:
        return train(case)

    def wrong(rule: Rule) -> Rule:
        def update(w: Array, *others: Any) -> Array:
            step = {"": rule(w, *others) - w}
            return w + numpy32.CLIPS[limit.kind](step, limit.limit, None)[""]

        return update

    return ruled(wrong)(replace(case, clip=None), train)


# Traces.


def loss_after(case: Case, trace: Trace) -> Trace:
    """Report each step's loss after its update."""
    losses = []
    for step in range(case.steps):
        weights = {name: w[step + 1].astype(case.dtype) for name, w in trace.weights.items()}
        x, y, sample_weights = case.batch(step)
        batch = x.astype(case.dtype), y, sample_weights
        seen = numpy32.forward(case, batch, weights, None)[2]
        value = numpy32.loss(case, batch, seen, None)[0] + numpy32.penalty(case, weights, None)
        losses.append(float(value))
    return replace(trace, losses=np.array(losses))


def running_mean_of_losses(case: Case, trace: Trace) -> Trace:
    """Report the mean of the losses so far, as a progress bar does."""
    count = np.arange(1, case.steps + 1)
    return replace(trace, losses=np.cumsum(trace.losses) / count)


def weights_before(case: Case, trace: Trace) -> Trace:
    """Report the weights before the step as those after it."""
    late = {name: np.concatenate([w[:1], w[:-1]]) for name, w in trace.weights.items()}
    return replace(trace, weights=late)


def moments_exchanged(case: Case, trace: Trace) -> Trace:
    """Report m as v and v as m."""
    state = {**trace.state, "m": trace.state["v"], "v": trace.state["m"]}
    return replace(trace, state=state)
