"""PyTorch's optimizers and losses, as the audit finds and calls them."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn, optim

from parity.arguments import problem
from parity.arguments.assigning import Absent, assign
from parity.arguments.problem import KERNEL, STEPS
from parity.arguments.target import (
    ATTRIBUTES,
    CONSTRUCTOR,
    GROUPS,
    Array,
    Call,
    Run,
    Target,
    arguments_of,
    classes,
)
from parity.compare import Status
from parity.lanes.spelling import TORCH
from parity.parts import OPTIMIZERS

# Learning-rate schedulers that are put beside an optimizer: what it was given must still matter.
SCHEDULERS: Mapping[str, Callable[[Any], Any]] = {
    "OneCycleLR": lambda o: optim.lr_scheduler.OneCycleLR(o, max_lr=0.2, total_steps=20),
    "CyclicLR": lambda o: optim.lr_scheduler.CyclicLR(o, base_lr=0.01, max_lr=0.2),
    "StepLR": lambda o: optim.lr_scheduler.StepLR(o, step_size=2),
}
# The problems in the order in which they are tried until one fits: what the gradients are like.
_FORMS = ("dense", "matrix", "sparse", "closure")


def targets() -> list[Target]:
    """Return every optimizer of torch.optim and every loss of torch.nn."""
    return [*_optimizers(), *_losses()]


def _optimizers() -> list[Target]:
    found = []
    for name, kind in classes(optim, optim.Optimizer):
        form = next(form for form in _FORMS if _fits(kind, form))
        found.append(
            Target(
                name=f"torch.optim.{name}",
                arguments=arguments_of(kind, without=["params"]),
                run=functools.partial(_train, kind, form),
                doc=kind.__doc__ or "",
                settings=("", *SCHEDULERS),
                strict=True,
                trials=(*CONSTRUCTOR, "values", "schedule", *ATTRIBUTES, *GROUPS),
                values={"(schedules)": _schedules(kind)},
                has=functools.partial(_has, kind),
                judge=functools.partial(_judge, kind) if form == "dense" else None,
            )
        )
    return found


def _schedules(kind: type) -> tuple[Any, ...]:
    numbers = {n: v for n, v in arguments_of(kind).items() if type(v) in (int, float)}
    made = ("lambda step=0: 0.3 / (1 + step)", lambda step=0: 0.3 / (1 + step), 0.3)
    return tuple((name, (made,)) for name in numbers)


def _fits(kind: type, form: str) -> bool:
    try:
        _train(kind, form, Call())
    except (ValueError, RuntimeError, TypeError):
        return False
    return True


def _has(kind: Callable[..., Any], name: str) -> bool:
    tensor = torch.zeros((2, 2), requires_grad=True)
    return hasattr(kind([tensor]), name)


def _train(kind: Callable[..., Any], form: str, call: Call) -> Run:
    tensors = {
        name: torch.tensor(value, requires_grad=True)
        for name, value in problem.probe().weights.items()
        if form != "matrix" or name == KERNEL
    }
    optimizer = kind(_groups(tensors, call), **call.arguments)
    scheduler = SCHEDULERS[call.setting](optimizer) if call.setting else None
    seen: dict[str, list[Array]] = {name: [_array(t)] for name, t in tensors.items()}
    for step in range(STEPS):
        if call.place and step == call.after:
            _assign(optimizer, call)
        _set_gradients(tensors, form, step)
        if form == "closure":
            optimizer.step(functools.partial(_closure, tensors, step))
        else:
            optimizer.step()
        if scheduler is not None:
            scheduler.step()
        for name, tensor in tensors.items():
            seen[name].append(_array(tensor))
    state = {
        f"{name}/{slot}": _array(value)
        for name, tensor in tensors.items()
        for slot, value in optimizer.state.get(tensor, {}).items()
        if isinstance(value, torch.Tensor) and value.ndim
    }
    return Run({name: np.stack(values) for name, values in seen.items()}, state)


def _groups(tensors: Mapping[str, Any], call: Call) -> Any:
    if call.place != "first group":
        return list(tensors.values())
    first, *others = tensors.values()
    rest = [{"params": others}] if others else []
    return [{"params": [first], **call.late}, *rest]


def _assign(optimizer: Any, call: Call) -> None:
    for name, value in call.late.items():
        if call.place == "group":
            if name not in optimizer.param_groups[0]:
                raise Absent(name)
            optimizer.param_groups[0][name] = value
        elif call.place.endswith("attribute"):
            assign(optimizer, name, value, call)


def _set_gradients(tensors: Mapping[str, Any], form: str, step: int) -> None:
    for name, tensor in tensors.items():
        gradient = torch.tensor(problem.gradients()[name][step])
        tensor.grad = gradient.to_sparse() if form == "sparse" else gradient


def _closure(tensors: Mapping[str, Any], step: int) -> Any:
    """Return the loss of a quadratic and set its gradients, for optimizers that ask for both."""
    for tensor in tensors.values():
        tensor.grad = None
    loss = torch.zeros((), dtype=torch.float64)
    for name, tensor in tensors.items():
        curve = torch.arange(1, tensor.numel() + 1, dtype=torch.float64).reshape(tensor.shape)
        slope = torch.tensor(problem.gradients()[name][step])
        loss = loss + (0.5 * curve * tensor**2 + slope * tensor + 0.1 * tensor**4).sum()
    loss.backward()
    return loss


def _judge(kind: type, call: Call, run: Run) -> Status | None:
    given = {**arguments_of(kind, without=["params"]), **call.arguments}
    betas = given.pop("betas", None)
    if betas is not None:
        given["beta1"], given["beta2"] = betas
    for name, spelling in TORCH.items():
        if not spelling.is_of(optim, kind, given):
            continue
        known = spelling.of(OPTIMIZERS[name])
        spelled = {*known.arguments.values(), "lr", "betas"}
        others = {k: v for k, v in call.arguments.items() if k not in spelled}
        fixed = spelling.switches
        if any(value is not fixed.get(key, value is None) for key, value in others.items()):
            return None
        chosen = known.read(given)
        chosen |= {beta: given[beta] for beta in ("beta1", "beta2") if beta in given}
        rates = (float(given["lr"]),) * STEPS
        return problem.verdict("torch", name, chosen, rates, None, run.seen)
    return None


def _losses() -> list[Target]:
    found = []
    for name, kind in classes(nn, nn.modules.loss._Loss):
        settings = tuple(form for form in LOSS_FORMS if _takes(kind, form))
        if "ignore_index" in arguments_of(kind):
            settings = (*settings, NEGATIVE)
        if settings:
            found.append(
                Target(
                    name=f"torch.nn.{name}",
                    arguments=arguments_of(kind),
                    run=functools.partial(_evaluate, kind),
                    doc=kind.__doc__ or "",
                    settings=settings,
                    strict=True,
                    trials=(*CONSTRUCTOR, "values"),
                    values=_LOSS_VALUES,
                )
            )
    return found


def _random(*shape: int, seed: int = 3) -> Any:
    return torch.tensor(np.random.default_rng(seed).normal(size=shape))


def _shares(*shape: int, seed: int = 4) -> Any:
    return torch.softmax(_random(*shape, seed=seed), -1)


NEGATIVE = "labels, one of them -1"  # which a loss takes when told to ignore it
# Each with the inputs that a gradient is taken of, and the others.
LOSS_FORMS: Mapping[str, Callable[[], tuple[list[Any], list[Any]]]] = {
    "labels": lambda: ([_random(5, 3)], [torch.tensor([0, 1, 2, 1, 0])]),
    "values": lambda: ([_random(5, 3)], [_random(5, 3, seed=5)]),
    NEGATIVE: lambda: ([_random(5, 3)], [torch.tensor([0, 1, -1, 1, 0])]),
    "probabilities": lambda: ([_random(5, 3)], [_shares(5, 3)]),
    "both probabilities": lambda: ([_shares(5, 3, seed=8)], [_shares(5, 3)]),
    "signs": lambda: ([_random(5, 3)], [torch.sign(_random(5, 3, seed=6))]),
    "several labels": lambda: ([_random(2, 4)], [torch.tensor([[2, 0, -1, 1], [1, 2, 3, -1]])]),
    "variances": lambda: ([_random(5, 3)], [_random(5, 3, seed=5), _shares(5, 3) * 1e-2]),
    "two inputs": lambda: (
        [_random(5, 3), _random(5, 3, seed=7)],
        [torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0], dtype=torch.float64)],
    ),
    "ranking": lambda: (
        [_random(5), _random(5, seed=7)],
        [torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0], dtype=torch.float64)],
    ),
    "triplets": lambda: ([_random(5, 3), _random(5, 3, seed=7), _random(5, 3, seed=9)], []),
    "sequences": lambda: (
        [torch.log_softmax(_random(6, 2, 4), -1)],
        [torch.tensor([[1, 2], [2, 3]]), torch.tensor([6, 1]), torch.tensor([2, 2])],
    ),
}
_WEIGHT = np.array([0.5, 2.0, 3.0])
_LOSS_VALUES: Mapping[str, tuple[Any, ...]] = {
    "weight": (torch.tensor(_WEIGHT),),
    "pos_weight": (torch.tensor(_WEIGHT),),
    "distance_function": (lambda one, other: (one - other).abs().sum(-1),),
    "ignore_index": (1, 2, -1),
    "beta": (0.3, 0.15),
    "eps": (0.03, 0.2),
    "p": (2, 1),
}


def _takes(kind: Callable[..., Any], form: str) -> bool:
    """Return whether a loss is made for such inputs: it takes them without a warning on shapes."""
    named = "target" in arguments_of(getattr(kind, "forward", kind))
    try:
        if named is not bool(LOSS_FORMS[form]()[1]):
            return False
        with warnings.catch_warnings():
            warnings.filterwarnings("error", "Using a target size")
            _evaluate(kind, Call(setting=form))
    except (ValueError, RuntimeError, TypeError, IndexError, UserWarning):
        return False
    return True


def _evaluate(kind: Callable[..., Any], call: Call) -> Run:
    inputs, others = LOSS_FORMS[call.setting]()
    inputs = [tensor.detach().clone().requires_grad_() for tensor in inputs]
    loss = kind(**call.arguments)(*inputs, *others)
    torch.autograd.backward(loss, torch.ones_like(loss))
    seen = {f"gradient {number}": _array(tensor.grad) for number, tensor in enumerate(inputs)}
    return Run({"loss": _array(loss), **seen})


def _array(tensor: Any) -> Array:
    tensor = tensor.detach()
    dense = tensor.to_dense() if tensor.is_sparse else tensor
    array: Array = dense.float().numpy() if dense.element_size() == 2 else dense.numpy()
    return np.array(array)
