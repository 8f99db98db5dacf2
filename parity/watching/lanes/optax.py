"""Watch a JAX loop by an optax transformation that computes what the given one computes.

In compiled code an ordered callback takes the recorded elements out. They pass a `select` that a
compiler can't see through: a value that leaves the graph as it is must be stored, which keeps what
made it from being fused into what uses it, and fused arithmetic rounds otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from math import prod
from typing import Any

import jax
import numpy as np
import optax
from jax.experimental import io_callback

from parity.watching.by_hand import Model, family
from parity.watching.findings import Kind
from parity.watching.lanes.optax_arguments import Call, Told, settled, told
from parity.watching.lanes.optax_arrays import (
    Array,
    held,
    is_float,
    sampled,
    slack,
    squares,
    veiled,
    wide,
)
from parity.watching.lanes.optax_chain import Link, links, named
from parity.watching.recording import Header, Parameter, Recording, Step, places

# States that only their numbers of steps or their content tell from fresh ones.
_UNCOUNTED = ("trace", "scale_by_rms", "scale_by_stddev", "scale_by_rss", "scale_by_adadelta")


@contextmanager
def watching(
    model: Any, optimizer: Any, loss: Any, recording: Recording
) -> Iterator[optax.GradientTransformation]:
    """Record each call of the transformation that is yielded. Raises ValueError."""
    if not isinstance(optimizer, optax.GradientTransformation):
        raise ValueError(
            "expected an optax.GradientTransformation beside the parameters (of MultiSteps, its "
            f"gradient_transformation()), got {optimizer!r}"
        )
    watcher = _Watcher(model, optimizer, recording, loss)
    try:
        yield watcher.transformation()
    finally:
        jax.effects_barrier()
        watcher.finish()


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is known of a call before its numbers are: the rest of a step is sent to `_take`."""

    header: Header
    calls: tuple[Call, ...]
    uncounted: bool


class _Watcher:
    def __init__(
        self,
        model: Any,
        optimizer: optax.GradientTransformation,
        recording: Recording,
        described: Model | None,
    ) -> None:
        self.optimizer, self.recording = optimizer, recording
        self.inner = optax.with_extra_args_support(optimizer)
        self.model = {name: leaf for name, leaf in named(model).items() if is_float(leaf)}
        shapes = {name: tuple(leaf.shape) for name, leaf in self.model.items()}
        self.family = None if described is None else family(described, shapes)
        # As the last step left them; those of the model are all that is known without `params`.
        self.weights: dict[str, Array] = held(sampled(self.model))
        self.slack: dict[str, Array] = {}  # how far from them rounding may have led
        self.pending: Step | None = None  # whose weights the next one will show
        self.counts: list[int] = []
        self.steps = self.stale = 0
        self.started = self.finished = False
        self.warnings: dict[tuple[str, str], None] = {}

    def transformation(self) -> optax.GradientTransformation:
        """Return what computes the same and is recorded."""
        kind = type(self.optimizer)
        extra = issubclass(kind, optax.GradientTransformationExtraArgs)
        return kind(self._init, self._update if extra else self._plain_update)

    def _init(self, params: Any) -> Any:
        self.started = True
        return self.optimizer.init(params)

    def _plain_update(self, updates: Any, state: Any, params: Any = None) -> Any:
        return self._update(updates, state, params)

    def _update(self, updates: Any, state: Any, params: Any = None, **extra: Any) -> Any:
        found, after = self.inner.update(updates, state, params, **extra)
        if not self.finished:
            self._see(updates, state, params, found, extra)
        return found, after

    def _see(self, gradients: Any, state: Any, params: Any, updates: Any, extra: Any) -> None:
        tensors = named(gradients)
        try:
            parts = list(links(self.optimizer, state, gradients, extra))
            read = told(parts, tensors)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # Closures are nobody's promise: a release that keeps other ones must not end the run.
            parts = [Link(f"what can't be read ({error!r})", {}, (), frozenset(tensors))]
            read = told(parts, tensors)
        shown: dict[str, Any] = {
            "gradients": sampled(tensors),
            "updates": sampled(named(updates)),
            "params": {} if params is None else sampled(named(params)),
        }
        traced = any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(shown))
        shown = veiled(shown) if traced else shown
        shown["squares"] = squares(tensors) if _needs_squares(read) else {}
        shown["counts"] = [
            part.state.count for part in parts if "count" in getattr(part.state, "_fields", ())
        ]
        numbers = [(call.arguments, call.scaled, call.rates) for call in read.calls]
        leaves, tree = jax.tree.flatten(numbers)
        shown["numbers"] = [leaf for leaf in leaves if isinstance(leaf, jax.Array)]
        plan = self._plan(tensors, parts, read, traced)

        def take(arrays: Any) -> None:
            known = iter(arrays.pop("numbers"))
            values = [float(next(known)) if isinstance(x, jax.Array) else x for x in leaves]
            self._take(plan, arrays, jax.tree.unflatten(tree, values))

        if traced:
            io_callback(take, None, shown, ordered=True)
        else:
            take(shown)

    def _plan(
        self, tensors: Mapping[str, Any], parts: list[Link], read: Told, traced: bool
    ) -> _Plan:
        # Of a model that holds the trained parameters somewhere inside, nothing can be said.
        others = self.model if tensors.keys() <= self.model.keys() else {}
        parameters = [
            Parameter(
                name=name,
                shape=tuple(leaf.shape),
                dtype=str(leaf.dtype),
                group=read.numbers.get(name),
                trainable=name not in tensors or read.numbers[name] is not None,
                places=places(int(leaf.size)),
            )
            for name, leaf in {**others, **tensors}.items()
        ]
        rules = [call.arguments["rule"] for call in read.calls]
        header = Header(
            lane="jax:jit" if traced else "jax:plain",
            versions=_versions(),
            optimizer="optax: " + ", ".join(dict.fromkeys(part.kind for part in parts)),
            parameters=tuple(parameters),
            rule=rules[0] if rules else None,
            why="" if rules else "no tensor is trained",
            warnings=tuple((str(kind), says) for kind, says in read.warnings),
            family=self.family,
        )
        uncounted = any(part.kind in _UNCOUNTED for part in parts)
        return _Plan(header, read.calls, uncounted)

    def _take(self, plan: _Plan, arrays: Any, numbers: Any) -> None:
        """Take down a step; the one before it is complete with the weights that this one shows."""
        if self.finished:
            return
        gradients, updates, params = (
            held(arrays[name]) for name in ("gradients", "updates", "params")
        )
        before = self._look_back(params)
        self._begin(plan, [int(count) for count in arrays["counts"]])
        idle = not any(update.any() for update in updates.values())
        groups = tuple(
            self._group(call, arguments, scaled, rates, idle=idle)
            for call, (arguments, scaled, rates) in zip(plan.calls, numbers, strict=True)
        )
        used = dict(gradients)
        for one in plan.header.parameters:
            if one.group is not None and one.name in used:
                for factor in numbers[one.group][1]:
                    used[one.name] = np.asarray(factor, used[one.name].dtype) * used[one.name]
        weights = {
            n: params.get(n, self.weights.get(n, np.zeros_like(u))) for n, u in updates.items()
        }
        after = {
            name: (weights[name] + update).astype(weights[name].dtype)
            for name, update in updates.items()
        }
        self.pending = Step(
            groups=groups,
            gradients=wide(used),
            after=wide(after),
            before=wide(weights) if not self.steps else before,
            squares={
                n: np.asarray(s, np.float64).sum().item() for n, s in arrays["squares"].items()
            },
            raw=wide({n: g for n, g in gradients.items() if used[n] is not g}),
        )
        self.weights, self.steps = after, self.steps + 1
        self.slack = {name: slack(updates[name], value) for name, value in after.items()}

    def _group(
        self, call: Call, arguments: Any, scaled: Any, rates: Any, *, idle: bool
    ) -> Mapping[str, Any]:
        """Return the arguments in effect; `idle` says that this call moves nothing."""
        found = {**arguments, "dials": call.dials}
        if call.why:
            found["why"] = call.why
        if call.why and not rates:  # nobody knows when it is going to move something
            return {**found, "waits": True} if idle else found
        found["lr"] = -prod(rates)
        if found["lr"] * prod(scaled) < 0 and not call.raw:
            says = "no learning rate flips the update's sign: weights climb along the gradient"
            self.warnings[str(Kind.SIGN), says] = None
        return settled(found)

    def _look_back(self, params: Mapping[str, Array]) -> dict[str, Array]:
        """Complete and write the last step; return the weights that something else changed since.

        Compiled code may add the update to the weights without rounding it first: the weights that
        the next call shows are the true ones where they are within rounding of the sum.
        """
        changed: dict[str, Array] = {}
        step, self.pending = self.pending, None
        if step is None:
            return changed
        seen = wide(params)
        after = dict(step.after)
        for name, value in seen.items():
            away = np.abs(value.astype(np.float64) - after[name])
            if (
                np.array_equal(value, after[name], equal_nan=True)
                or (away <= self.slack[name]).all()
            ):
                after[name] = value
            else:
                changed[name] = value
        self.recording.add(replace(step, after=after))
        return changed

    def _begin(self, plan: _Plan, counts: list[int]) -> None:
        known, header = self.recording.header, plan.header
        if known is None:
            why = ""
            if any(counts):
                why = f"the optimizer had taken {max(counts)} steps before it was watched"
            elif plan.uncounted and not self.started:
                why = (
                    "the optimizer's state was made by another transformation than the watched one"
                )
            header = replace(header, rule=None, why=why) if why else header
            self.recording.begin(header)
        elif _groups(known) != _groups(header):
            self.recording.begin(replace(header, rule=known.rule and header.rule, why=known.why))
        elif len(counts) == len(self.counts):
            self.stale += any(now <= then for now, then in zip(counts, self.counts, strict=True))
        self.counts = counts

    def finish(self) -> None:
        """Take down the last step, and what only all of them tell."""
        self._look_back({})
        self.finished = True
        header = self.recording.header
        if header is None:
            self.recording.begin(self._untrained())
            return
        if self.stale:
            says = "the state that update returned was not given to the next one"
            where = f" ({self.stale} of {self.steps} steps)"
            self.warnings[str(Kind.STATE), says + where] = None
        if self.warnings:
            self.recording.begin(replace(header, warnings=(*header.warnings, *self.warnings)))

    def _untrained(self) -> Header:
        parameters = [
            Parameter(n, tuple(leaf.shape), str(leaf.dtype), 0) for n, leaf in self.model.items()
        ]
        why = "the watched transformation's update was not called"
        return Header("jax:plain", _versions(), "optax", tuple(parameters), why=why)


def _versions() -> dict[str, str]:
    return {name: version(name) for name in ("jax", "optax")}


def _groups(header: Header) -> list[tuple[str, int | None]]:
    return [(parameter.name, parameter.group) for parameter in header.parameters]


def _needs_squares(read: Told) -> bool:
    return any((call.arguments.get("clip") or [""])[0] == "global_norm" for call in read.calls)
