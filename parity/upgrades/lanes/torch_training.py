"""What is called of PyTorch's training: optimizers, schedules, averages, scalers, clips, starts.

Each function stands in scripts too, so it uses torch and NumPy alone.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import torch

from parity.upgrades.probe import Array


def train(
    make: Any,
    arguments: Any,
    inputs: Any,
    form: str = "dense",
    dtype: str = "float64",
    rounds: int = 6,
    every: int = 1,
) -> dict[str, Array]:
    """Train with known gradients; see the weights at each `every`th step, the slots in the end."""

    def array(tensor: Any) -> Array:
        dense = tensor.detach().to_dense() if tensor.is_sparse else tensor.detach()
        return np.array(dense.float() if dense.element_size() == 2 else dense)

    names = [name for name in ("kernel", "bias") if name in inputs]
    kind = getattr(torch, dtype)
    tensors = [torch.tensor(inputs[n], dtype=kind, requires_grad=True) for n in names]
    slopes = [torch.tensor(inputs[f"{n} gradients"], dtype=kind) for n in names]
    if form == "two groups":
        first, second = tensors
        optimizer = make([{"params": [first]}, {"params": [second], "lr": 0.05}], **arguments)
    else:
        optimizer = make(tensors, **arguments)
    seen = {f"{n} by step": [array(t)] for n, t in zip(names, tensors, strict=True)}
    for step in range(rounds):
        now = [slope[step % len(slope)] for slope in slopes]

        def closure(now: Any = now) -> Any:
            for tensor in tensors:
                tensor.grad = None
            loss = torch.zeros((), dtype=kind)
            for tensor, slope in zip(tensors, now, strict=True):
                curve = torch.arange(1, tensor.numel() + 1, dtype=kind).reshape(tensor.shape)
                loss = loss + (0.5 * curve * tensor**2 + slope * tensor + 0.1 * tensor**4).sum()
            loss.backward()
            return loss

        for tensor, slope in zip(tensors, now, strict=True):
            tensor.grad = slope.to_sparse() if form == "sparse" else slope.clone()
        optimizer.step(closure) if form == "closure" else optimizer.step()
        if (step + 1) % every == 0:
            for name, tensor in zip(names, tensors, strict=True):
                seen[f"{name} by step"].append(array(tensor))
    found = {name: np.stack(values) for name, values in seen.items()}
    for name, tensor in zip(names, tensors, strict=True):
        for slot, value in optimizer.state.get(tensor, {}).items():
            if isinstance(value, torch.Tensor):
                found[f"{slot} of {name}"] = array(value)
    return found


def follow(make: Any, arguments: Any, inputs: Any, resumed: bool = False) -> dict[str, Array]:
    """See the rate and the momentum that a scheduler sets over twelve steps."""
    weight = torch.ones(2, dtype=torch.float64, requires_grad=True)

    def both() -> Any:
        optimizer = torch.optim.SGD([weight], lr=float(inputs["rate"]), momentum=0.9)
        given = dict(arguments)
        if "schedulers" in given:
            given["schedulers"] = given["schedulers"](optimizer)
        if "optimizer" in inspect.signature(make).parameters:
            given["optimizer"] = optimizer
        return optimizer, make(**given)

    optimizer, scheduler = both()
    watching = isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau)
    rates, momenta = [], []
    for step, loss in enumerate(inputs["losses"]):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        momenta.append(float(optimizer.param_groups[0]["momentum"]))
        if resumed and step == 5:
            states = optimizer.state_dict(), scheduler.state_dict()
            optimizer, scheduler = both()
            optimizer.load_state_dict(states[0])
            scheduler.load_state_dict(states[1])
        weight.grad = torch.ones_like(weight)
        optimizer.step()
        scheduler.step(*([float(loss)] if watching else []))
    return {"rate by step": np.array(rates), "momentum by step": np.array(momenta)}


def average(
    make: Any, arguments: Any, inputs: Any, slot: str = "", dtype: str = "float64"
) -> dict[str, Array]:
    """See the averages of a model's weights and buffers over six updates."""
    kind = getattr(torch, dtype)
    model = torch.nn.Sequential(torch.nn.Linear(4, 3, bias=False), torch.nn.BatchNorm1d(3)).to(kind)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(0.5)
    if slot:
        function = make(**arguments)
        averaged = torch.optim.swa_utils.AveragedModel(model, **{slot: function})
    else:
        averaged = make(model, **arguments)
    rows = []
    for kernel, mean in zip(inputs["kernels"], inputs["means"], strict=True):
        with torch.no_grad():
            model[0].weight.copy_(torch.tensor(kernel))
            model[1].running_mean.copy_(torch.tensor(mean))
        averaged.update_parameters(model)
        inner = averaged.module
        rows.append([np.array(inner[0].weight.detach()), np.array(inner[1].running_mean)])
    kernels, means = zip(*rows, strict=True)
    return {"kernel by step": np.stack(kernels), "running mean by step": np.stack(means)}


def renew(make: Any, arguments: Any, inputs: Any) -> dict[str, Array]:
    """See the running statistics that are renewed from batches."""
    model = torch.nn.BatchNorm1d(3).double()
    make(list(torch.tensor(inputs["batches"])), model, **arguments)
    return {name: np.array(value) for name, value in model.named_buffers()}


def scale(make: Any, arguments: Any, inputs: Any) -> dict[str, Array]:
    """Train with a scaled loss, a step of which overflows; see the weights and the scale."""
    scaler = make(**arguments)
    weight = torch.tensor(inputs["kernel"], requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.1)
    weights, scales = [np.array(weight.detach())], [scaler.get_scale()]
    for slope in torch.tensor(inputs["kernel gradients"]):
        optimizer.zero_grad()
        scaler.scale((weight * slope).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        weights.append(np.array(weight.detach()))
        scales.append(scaler.get_scale())
    return {"kernel by step": np.stack(weights), "scale by step": np.array(scales)}


def clip(make: Any, arguments: Any, inputs: Any) -> dict[str, Array]:
    """See clipped gradients, and the norm that is returned."""
    given = dict(arguments)
    tensors = []
    for name in ("kernel", "bias"):
        tensors.append(torch.zeros(inputs[name].shape, dtype=torch.float64, requires_grad=True))
        tensors[-1].grad = torch.tensor(inputs[name])
    if "total_norm" in given:
        given["total_norm"] = torch.tensor(given["total_norm"])
    of_gradients = "tensors" in inspect.signature(make).parameters
    norm = make([t.grad for t in tensors] if of_gradients else tensors, **given)
    told = {} if norm is None else {"norm": np.array(norm)}
    ends = {f"gradient {n}": np.array(tensor.grad) for n, tensor in enumerate(tensors)}
    return {**told, **ends}


def start(
    make: Any, arguments: Any, inputs: Any, shape: Any = (5, 4), dtype: str = "float64"
) -> dict[str, Array]:
    """See a tensor that is filled from a seed."""
    torch.manual_seed(1)
    tensor = torch.zeros(shape, dtype=getattr(torch, dtype))
    with torch.no_grad():
        make(tensor, **arguments)
    return {"tensor": np.array(tensor)}


def gain(make: Any, arguments: Any, inputs: Any) -> dict[str, Array]:
    """See a factor of starting values."""
    return {"gain": np.array(float(make(**arguments)))}


def apply(
    make: Any,
    arguments: Any,
    inputs: Any,
    slopes: int = 1,
    dtype: str = "float64",
    evaluated: bool = False,
) -> dict[str, Array]:
    """Call a layer or loss; see its values, and gradients of what it is given and of its own."""

    def leaves(value: Any) -> Any:
        parts = value if isinstance(value, tuple | list) else [value]
        return [leaf for one in parts for leaf in (leaves(one) if one is not value else [one])]

    kind = getattr(torch, dtype)
    torch.manual_seed(1)
    module = make(**arguments).to(kind)
    module.train(not evaluated)
    given = []
    for number, value in enumerate(inputs.values()):
        tensor = torch.tensor(value)
        tensor = tensor.to(kind) if tensor.is_floating_point() else tensor
        given.append(tensor.requires_grad_() if number < slopes else tensor)
    torch.manual_seed(2)
    values = [leaf for leaf in leaves(module(*given)) if isinstance(leaf, torch.Tensor)]
    found = {f"value {n}": np.array(v.detach()) for n, v in enumerate(values)}
    able = [value for value in values if value.requires_grad]
    ramps = [torch.linspace(1, 2, v.numel(), dtype=v.dtype).reshape(v.shape) for v in able]
    if able:
        torch.autograd.backward(able, ramps)
    own = dict(module.named_parameters())
    whole = {**{f"input {n}": tensor for n, tensor in enumerate(given)}, **own}
    for name, tensor in whole.items():
        if tensor.grad is not None:
            found[f"gradient of {name}"] = np.array(tensor.grad.to_dense())
    buffers = module.named_buffers()
    return {**found, **{f"buffer {name}": np.array(value) for name, value in buffers}}
