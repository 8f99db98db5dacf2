"""Watch a PyTorch loop by hooks on parameters, optimizer, model and loss; they change nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import wraps
from importlib.metadata import version
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from parity.watching.lanes.torch_arguments import Arguments
from parity.watching.lanes.torch_family import Family
from parity.watching.recording import Header, Parameter, Recording, Step, places, same

Array = NDArray[Any]


@contextmanager
def watching(
    model: torch.nn.Module, optimizer: Optimizer | None, loss: Any, recording: Recording
) -> Iterator[Optimizer]:
    """Record what happens to `model` and `optimizer` until the block ends. Raises ValueError."""
    if not isinstance(optimizer, Optimizer):
        raise ValueError(f"expected a torch.optim optimizer beside the model, got {optimizer!r}")
    watcher = _Watcher(model, optimizer, loss, recording)
    with ExitStack() as stack:
        for handle in watcher.hooks():
            stack.callback(handle.remove)
        stack.enter_context(patch.object(LRScheduler, "step", watcher.scheduled(LRScheduler.step)))
        stack.callback(watcher.finish)
        yield optimizer


@dataclass
class _Tensor:
    """A parameter, and what is known of its gradient since the last step."""

    name: str
    tensor: torch.nn.Parameter
    places: torch.Tensor | None
    arrived: int = 0
    own: Array | None = None  # what the last backward pass gave
    raw: Array | None = None  # what .grad held after it
    kept: bool = False
    wasted: int = 0
    used: torch.Tensor | None = None  # .grad as the last step left it
    version: int = 0  # of it, which every change in place moves on

    def values(self, tensor: torch.Tensor) -> Array:
        """Return the recorded elements of a tensor of this shape; 16 bits, exactly, as float32."""
        flat = _dense(tensor).reshape(-1)
        flat = flat if self.places is None else flat[self.places]
        wide = flat.float() if flat.element_size() == 2 else flat
        return np.array(wide.cpu().resolve_conj().resolve_neg().numpy())


class _Watcher:
    def __init__(
        self, model: torch.nn.Module, optimizer: Optimizer, loss: Any, recording: Recording
    ) -> None:
        self.optimizer, self.recording = optimizer, recording
        self.tensors = _tensors(model, optimizer)
        self.arguments = Arguments(optimizer)
        self.family = Family(model, loss, {id(one.tensor): one.name for one in self.tensors})
        self.scheduling = ""
        self.steps = 0
        self.last: dict[str, Array] = {}  # weights after the last step
        self.pending: Step | None = None  # whose gradients may still be changed

    def hooks(self) -> Iterator[Any]:
        """Register every hook; yield its handle."""
        for one in self.tensors:
            if one.tensor.requires_grad:
                yield one.tensor.register_hook(self._arriving(one))
                yield one.tensor.register_post_accumulate_grad_hook(self._arrived(one))
        yield self.optimizer.register_step_pre_hook(self._stepping)
        yield self.optimizer.register_step_post_hook(lambda *_: self._stepped())
        yield from self.family.hooks()

    def scheduled(self, step: Any) -> Any:
        """Return a schedule's step that takes down when it is called."""

        def noted(scheduler: Any, *args: Any, **kwargs: Any) -> Any:
            # The first call is the constructor's own.
            if scheduler.optimizer is self.optimizer and getattr(scheduler, "_step_count", False):
                if any(one.arrived for one in self.tensors):
                    self.scheduling = "between the backward pass and the step"
                elif not self.steps:
                    self.scheduling = "before the first step"
            return step(scheduler, *args, **kwargs)

        return noted

    def finish(self) -> None:
        """Take down the last step, whose gradients nobody will change any more."""
        self._look_back(self.tensors)
        self._flush()
        if self.recording.header is None:
            self.recording.begin(self._header())

    def _arriving(self, one: _Tensor) -> Any:
        def hook(gradient: torch.Tensor) -> None:
            self._look_back([one])
            one.own = one.values(gradient)

        return hook

    def _arrived(self, one: _Tensor) -> Any:
        def hook(parameter: torch.nn.Parameter) -> None:
            assert parameter.grad is not None
            one.raw = one.values(parameter.grad)
            one.version = parameter.grad._version
            fresh = one.own is not None and same(one.raw, one.own)
            if one.arrived:
                one.wasted += fresh
            else:
                one.kept = self.steps > 0 and not fresh
            one.arrived += 1

        return hook

    def _look_back(self, tensors: list[_Tensor]) -> None:
        """Take down gradients that were changed, and not to zero, after the step that used them."""
        for one in tensors:
            used, one.used = one.used, None
            if used is None or used._version == one.version or self.pending is None:
                continue
            now = one.values(used)
            if now.any() and not same(now, self.pending.gradients[one.name]):
                changed = {**self.pending.changed, one.name: now}
                self.pending = replace(self.pending, changed=changed)

    def _flush(self) -> None:
        step, self.pending = self.pending, None
        if step is None or not step.after:  # no step, or one that raised
            return
        header = self._header()
        known = self.recording.header
        if known is None or _groups(known) != _groups(header):
            self.recording.begin(header)
        self.recording.add(step)

    def _stepping(self, optimizer: Optimizer, args: Any, kwargs: Any) -> Any:
        """Take down what a step begins with; where it has a closure, return one that does so."""
        self._look_back(self.tensors)
        self._flush()
        self.pending = self._seen()
        closure = kwargs.get("closure", args[1] if len(args) > 1 else None)
        if not callable(closure):
            return None
        noted = self._closure(closure)
        if "closure" in kwargs:
            return args, {**kwargs, "closure": noted}
        return (args[0], noted, *args[2:]), kwargs

    def _closure(self, closure: Callable[[], Any]) -> Callable[[], Any]:
        """Return a step's closure that takes down what the step goes on with after it."""
        before: Mapping[str, Array] | None = None  # as the first call left them

        @wraps(closure)
        def noted() -> Any:
            nonlocal before
            if before is not None:  # passes of a search along a line: none is wasted
                for one in self.tensors:
                    one.arrived = one.wasted = 0
            value = closure()
            step = self._seen()
            if before is not None:  # the last loss is not that of the weights before the step
                step = replace(step, before=before, loss=None, x=None, y=None, masks={})
            self.pending, before = step, step.before
            return value

        return noted

    def _seen(self) -> Step:
        """Return a step as it is known before the optimizer changes weights."""
        inside = self.arguments.numbers()
        trained = [one for one in self.tensors if id(one.tensor) in inside]
        have = [one for one in trained if one.tensor.grad is not None]
        gradients = {one.name: one.values(one.tensor.grad) for one in have}
        raw = {
            one.name: one.raw
            for one in have
            if one.raw is not None and not same(one.raw, gradients[one.name])
        }
        own = {
            one.name: one.own
            for one in self.tensors
            if one.own is not None and not same(one.own, gradients.get(one.name, np.empty(0)))
        }
        before = {one.name: one.values(one.tensor) for one in self.tensors}
        apart = {one.name: why for one in have if (why := self._one_by_one(one))}
        groups = self.arguments.groups(self.steps)
        return Step(
            groups=tuple({**group, "unjudged": apart} for group in groups) if apart else groups,
            gradients=gradients,
            after={},
            before={
                n: w for n, w in before.items() if n not in self.last or not same(w, self.last[n])
            },
            squares={one.name: _square(one.tensor.grad) for one in have if raw},
            raw=raw,
            own=own,
            kept=tuple(one.name for one in have if one.kept),
            unread=self.arguments.unread(),
            backwards=max((one.arrived for one in trained), default=0),
            wasted=max((one.wasted for one in trained), default=0),
            scheduled=self.scheduling,
            **self.family.taken(),
        )

    def _one_by_one(self, one: _Tensor) -> str:
        """Return why the update of a sparse gradient is more sums than that of its dense values."""
        gradient = one.tensor.grad
        if gradient is None or gradient.layout is not torch.sparse_coo:
            return ""
        group = self.optimizer.param_groups[self.arguments.numbers()[id(one.tensor)]]
        if gradient.coalesce()._nnz() == gradient._nnz() and not group.get("momentum"):
            return ""
        return "has a sparse gradient, which may be added in parts: the oracle adds it as one"

    def _stepped(self) -> None:
        assert self.pending is not None
        self.last = {one.name: one.values(one.tensor) for one in self.tensors}
        self.pending = replace(self.pending, after=self.last)
        self.steps, self.scheduling = self.steps + 1, ""
        for one in self.tensors:
            one.arrived = one.wasted = 0
            one.kept, one.own, one.raw = False, None, None
            one.used = one.tensor.grad
            one.version = 0 if one.used is None else one.used._version

    def _header(self) -> Header:
        inside = self.arguments.numbers()
        return Header(
            lane="torch",
            versions={"torch": version("torch")},
            optimizer=f"torch.optim.{type(self.optimizer).__name__}",
            parameters=tuple(
                Parameter(
                    name=one.name,
                    shape=tuple(one.tensor.shape),
                    dtype=str(one.tensor.dtype).removeprefix("torch."),
                    group=inside.get(id(one.tensor)),
                    trainable=one.tensor.requires_grad,
                    places=None if one.places is None else one.places.cpu().numpy(),
                )
                for one in self.tensors
            ),
            rule=self.arguments.rule,
            why=self.arguments.why,
            family=self.family.described,
        )


def _groups(header: Header) -> list[int | None]:
    return [parameter.group for parameter in header.parameters]


def _tensors(model: torch.nn.Module, optimizer: Optimizer) -> list[_Tensor]:
    """Return the parameters of the model, and those that only the optimizer has."""
    found = {id(tensor): (name, tensor) for name, tensor in model.named_parameters()}
    for number, group in enumerate(optimizer.param_groups):
        for place, tensor in enumerate(group["params"]):
            found.setdefault(id(tensor), (f"group{number}[{place}]", tensor))
    return [_Tensor(name, tensor, _places(tensor)) for name, tensor in found.values()]


def _places(tensor: torch.Tensor) -> torch.Tensor | None:
    found = places(tensor.numel())
    return None if found is None else torch.from_numpy(found).to(tensor.device)


def _dense(tensor: torch.Tensor) -> torch.Tensor:
    """Return the values of a tensor, which may be sparse."""
    held = tensor.detach()
    return held if held.layout is torch.strided else held.to_dense()


def _square(gradient: torch.Tensor | None) -> float:
    assert gradient is not None
    dtype = torch.complex128 if gradient.is_complex() else torch.float64
    return float(torch.linalg.vector_norm(_dense(gradient), dtype=dtype)) ** 2
