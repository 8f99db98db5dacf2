"""Train a case with PyTorch: its modules, losses and optimizers, called as its users call them."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import nn, optim

from parity.cache import cache
from parity.case import Case
from parity.lanes import Refused
from parity.lanes.loop import Look, Loop, done, trained
from parity.lanes.spelling import TORCH, TORCH_PAIRS
from parity.parts import LEAKY_SLOPE, Clip, Loss
from parity.trace import Trace

Array = NDArray[Any]
Tensors = dict[str, Any]  # tensors or parameters by the case's names

ACTIVATIONS: Mapping[str, Callable[[], Any]] = {
    "linear": nn.Identity,
    "relu": nn.ReLU,
    "leaky_relu": functools.partial(nn.LeakyReLU, LEAKY_SLOPE),
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "gelu_tanh": functools.partial(nn.GELU, approximate="tanh"),
    "elu": nn.ELU,
    "softplus": nn.Softplus,
    "silu": nn.SiLU,
}
LOSSES: Mapping[str, Callable[..., Any]] = {
    "squared_error": nn.MSELoss,
    "absolute_error": nn.L1Loss,
    "huber": nn.HuberLoss,
    "smooth_l1": nn.SmoothL1Loss,
    "softmax_cross_entropy": nn.CrossEntropyLoss,
    "binary_cross_entropy": nn.BCEWithLogitsLoss,
}
# Each mode's own arguments; torch.compile and CUDA take the optimizer as it comes.
MODES: Mapping[str, Mapping[str, bool]] = {
    "loop": {"foreach": False},
    "foreach": {"foreach": True},
    "fused": {"fused": True},
    "compile": {},
    "cuda": {},
}

torch.set_num_threads(1)  # the arithmetic is small, and lanes run side by side


def train(case: Case, mode: str) -> Trace:
    """Run `case`; `mode` says how the optimizer goes over the parameters, or is compile or cuda.

    In cuda, all is on that device. In compile, loss and update are compiled, anew for each case:
    what torch compiles depends on what it compiled before. Raises Refused where torch refuses an
    argument.
    """
    return trained(loop(case, mode), case.rates)


def loop(case: Case, mode: str) -> Loop:
    """Return the loop of `case`. Raises Refused where torch refuses an argument."""
    if mode == "compile":  # before an optimizer is made, which settles the folder
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache() / "torch"))
    dtype = getattr(torch, case.dtype)
    device = torch.device("cuda" if mode == "cuda" else "cpu")
    layers = _layers(case, dtype, device)
    model = nn.Sequential(*(module for pair in layers for module in pair))
    weights = _parameters(layers)
    optimizer = _optimizer(case, weights, mode)
    objective, update = _objective(case, model, weights, dtype, device), optimizer.step
    if mode == "compile":
        torch.compiler.reset()
        objective = torch.compile(objective, fullgraph=True)
        update = torch.compile(update)

    def step(batch: tuple[Any, ...], look: Look | None) -> Any:
        optimizer.zero_grad()
        loss = objective(*batch)
        loss.backward()
        if look is not None:  # copies: clipping writes to them
            look({name: _array(p.grad).copy() for name, p in weights.items()})
        if case.clip is not None:
            _clip(list(weights.values()), case.clip)
        update()
        return loss.detach()

    return Loop(
        batch=lambda number: _batch(case, number, dtype, device),
        rate=functools.partial(_set_rate, optimizer),
        step=step,
        weights=lambda: _arrays(weights),
        state=lambda: _state(case, optimizer, weights),
        wait=torch.cuda.synchronize if mode == "cuda" else done,
    )


def _layers(case: Case, dtype: Any, device: Any) -> list[tuple[Any, Any]]:
    """Return each layer's linear module, holding the case's weights, and its activation."""
    layers = []
    features = case.x.shape[1]
    for number, layer in enumerate(case.layers):
        linear = nn.Linear(features, layer.units, bias=layer.bias, device=device, dtype=dtype)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(case.weights[f"layer{number}/kernel"].T))
            if layer.bias:
                linear.bias.copy_(torch.tensor(case.weights[f"layer{number}/bias"]))
        layers.append((linear, ACTIVATIONS[layer.activation]()))
        features = layer.units
    return layers


def _parameters(layers: list[tuple[Any, Any]]) -> Tensors:
    weights: Tensors = {}
    for number, (linear, _) in enumerate(layers):
        weights[f"layer{number}/kernel"] = linear.weight
        if linear.bias is not None:
            weights[f"layer{number}/bias"] = linear.bias
    return weights


def _optimizer(case: Case, weights: Tensors, mode: str) -> Any:
    call = case.optimizer
    spelling = TORCH[call.name]
    given = dict(call.arguments)
    arguments: dict[str, Any] = {}
    for argument, names in TORCH_PAIRS.items():
        if set(names) & set(given):
            defaults = zip(names, _default_pair(call.name, argument), strict=True)
            arguments[argument] = tuple(given.pop(name, value) for name, value in defaults)
    arguments |= spelling.spelled(given)
    groups = _groups(weights, decay_biases=call.decay_biases)
    rate: Any = case.rates[0]
    # A float would be baked in, and compiled anew for each rate of a schedule. But a tensor beside
    # momentum and a second group makes torch 2.13 raise SpeculationLogDivergence.
    broken = isinstance(groups[0], dict) and bool(given.get("momentum"))
    if mode == "compile" and len(set(case.rates)) > 1 and not broken:
        rate = torch.tensor(rate, dtype=torch.float64)
    try:
        return spelling.found_in(optim)(groups, lr=rate, **arguments, **MODES[mode])
    except ValueError as error:
        raise Refused(str(error)) from error


@functools.cache
def _default_pair(name: str, argument: str) -> tuple[float | None, float]:
    first, second = inspect.signature(TORCH[name].found_in(optim)).parameters[argument].default
    return first, second


def _groups(weights: Tensors, *, decay_biases: bool) -> list[Any]:
    biases = [p for name, p in weights.items() if name.endswith("/bias")]
    if decay_biases or not biases:
        return list(weights.values())
    kernels = [p for name, p in weights.items() if name.endswith("/kernel")]
    return [{"params": kernels}, {"params": biases, "weight_decay": 0.0}]


def _set_rate(optimizer: Any, rate: float) -> None:
    for group in optimizer.param_groups:
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def _objective(
    case: Case, model: Any, weights: Tensors, dtype: Any, device: Any
) -> Callable[..., Any]:
    """Return the function from a batch's x, y and sample weights to the loss."""
    loss = case.loss
    criterion = _criterion(loss, dtype, device, weighted=case.sample_weights is not None)
    kernels = [p for name, p in weights.items() if name.endswith("/kernel")]

    def objective(x: Any, y: Any, sample_weights: Any) -> Any:
        value = criterion(model(x), y)
        if sample_weights is not None:
            value = sample_weights.view(-1, *[1] * (value.dim() - 1)) * value
            value = value.sum() if loss.reduction == "sum" else value.mean()
        if loss.reduction == "half_mean":
            value = 0.5 * value
        if loss.l2:
            value = value + loss.l2 * sum(kernel.square().sum() for kernel in kernels)
        return value

    return objective


def _criterion(loss: Loss, dtype: Any, device: Any, *, weighted: bool) -> Any:
    arguments: dict[str, Any] = {"reduction": "sum" if loss.reduction == "sum" else "mean"}
    if weighted:
        arguments["reduction"] = "none"
    if loss.name == "huber":
        arguments["delta"] = loss.delta
    if loss.name == "smooth_l1":
        arguments["beta"] = loss.delta
    if loss.class_weights is not None:
        arguments["weight"] = torch.tensor(loss.class_weights, device=device, dtype=dtype)
    if loss.label_smoothing:
        arguments["label_smoothing"] = loss.label_smoothing
    try:
        return LOSSES[loss.name](**arguments)
    except TypeError as error:
        raise Refused(str(error)) from error


def _batch(case: Case, step: int, dtype: Any, device: Any) -> tuple[Any, Any, Any]:
    x, y, sample_weights = case.batch(step)
    tensor = functools.partial(torch.tensor, device=device)
    return (
        tensor(x, dtype=dtype),
        tensor(y, dtype=torch.int64 if case.loss.labels == "integer" else dtype),
        None if sample_weights is None else tensor(sample_weights, dtype=dtype),
    )


def _clip(parameters: list[Any], clip: Clip) -> None:
    if clip.kind == "value":
        nn.utils.clip_grad_value_(parameters, clip.limit)
    elif clip.kind == "global_norm":
        nn.utils.clip_grad_norm_(parameters, clip.limit)
    else:
        for parameter in parameters:
            nn.utils.clip_grad_norm_(parameter, clip.limit)


def _state(case: Case, optimizer: Any, weights: Tensors) -> dict[str, dict[str, Array]]:
    found: dict[str, dict[str, Array]] = {}
    for slot, key in TORCH[case.optimizer.name].slots.items():
        tensors = {name: optimizer.state[p].get(key) for name, p in weights.items()}
        # A slot that the arguments given, or the parameter, don't need is absent, or None.
        held = {name: tensor for name, tensor in tensors.items() if tensor is not None}
        if held:
            found[slot] = _arrays(held)
    return found


def _arrays(tensors: Tensors) -> dict[str, Array]:
    return {name: _array(tensor) for name, tensor in tensors.items()}


def _array(tensor: Any) -> Array:
    """Return the case's view of a tensor (kernels are transposed); 16 bits, exactly, as float32."""
    tensor = tensor.detach().cpu()
    if tensor.element_size() == 2:
        tensor = tensor.float()
    array: Array = tensor.numpy().T
    return array
