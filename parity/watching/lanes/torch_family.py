"""A torch model and loss as the oracle's own, where they are of its family."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from torch import Tensor, nn

_ACTIVATIONS: Mapping[type, str] = {
    nn.Identity: "linear",
    nn.ReLU: "relu",
    nn.LeakyReLU: "leaky_relu",
    nn.Tanh: "tanh",
    nn.Sigmoid: "sigmoid",
    nn.ELU: "elu",
    nn.Softplus: "softplus",
    nn.SiLU: "silu",
}
_LOSSES: Mapping[type, str] = {
    nn.MSELoss: "squared_error",
    nn.L1Loss: "absolute_error",
    nn.HuberLoss: "huber",
    nn.SmoothL1Loss: "smooth_l1",
    nn.CrossEntropyLoss: "softmax_cross_entropy",
    nn.BCEWithLogitsLoss: "binary_cross_entropy",
}
# Arguments that the oracle's activations and losses have at one value only.
_FIXED = {"negative_slope": 0.01, "alpha": 1.0, "beta": 1, "threshold": 20, "pos_weight": None}


class Family:
    """The description of a model and loss for a header, and the batches that they are given."""

    def __init__(self, model: nn.Module, loss: Any, names: Mapping[int, str]) -> None:
        self.model, self.loss = model, loss
        self.described = _described(model, loss, names)
        self._inputs: list[Any] = []
        self._targets: list[tuple[Any, Any]] = []
        self._dropout = _dropout(model) if self.described is not None else {}
        self._masks: dict[str, Any] = {}

    def hooks(self) -> Iterator[Any]:
        """Register a hook on model and loss; yield the handles."""
        if self.described is not None:
            yield self.model.register_forward_hook(self._passed)
            yield self.loss.register_forward_hook(self._lost)
            for layer, module in self._dropout.items():
                yield module.register_forward_hook(self._dropped(layer))

    def taken(self) -> dict[str, Any]:
        """Return batch and loss since the last call, if there was one forward pass."""
        inputs, targets = self._inputs, self._targets
        masks, self._masks = self._masks, {}
        self._inputs, self._targets = [], []
        if len(inputs) != 1 or len(targets) != 1:
            return {}
        y, value = targets[0]
        return {"x": inputs[0], "y": y, "loss": value, "masks": masks}

    def _passed(self, module: nn.Module, args: tuple[Any, ...], output: Tensor) -> None:
        if output.requires_grad and len(args) == 1:
            self._inputs.append(np.array(args[0].detach().cpu().double().numpy()))

    def _lost(self, module: nn.Module, args: tuple[Any, ...], output: Tensor) -> None:
        if output.requires_grad and len(args) == 2:
            self._targets.append(
                (np.array(args[1].detach().cpu().numpy()), float(output.detach().sum()))
            )

    def _dropped(self, layer: str) -> Any:
        def hook(module: nn.Dropout, args: tuple[Any, ...], output: Tensor) -> None:
            # Where the input was zero the output does not say, and it makes no difference.
            kept = (output.detach() != 0).cpu().numpy()
            factor = 1 / (1 - module.p) if module.training and module.p < 1 else 1.0
            self._masks[layer] = np.where(kept, factor, 0.0)

        return hook


def _dropout(model: nn.Module) -> dict[str, nn.Dropout]:
    """Return each module of dropout by the layer whose output it changes."""
    found: dict[str, nn.Dropout] = {}
    layers = 0
    for module in _flat(model):
        layers += type(module) is nn.Linear
        if type(module) is nn.Dropout:
            found[f"layer{layers - 1}"] = module
    return found


def _described(model: nn.Module, loss: Any, names: Mapping[int, str]) -> dict[str, Any] | None:
    layers, kept = _layers(model, names), _loss(loss)
    if layers is None or kept is None:
        return None
    found: dict[str, Any] = {"layers": [], "loss": kept, "names": {}}
    for number, (linear, activation) in enumerate(layers):
        bias = linear.bias is not None
        found["layers"].append(
            {"units": linear.out_features, "activation": activation, "bias": bias}
        )
        found["names"][f"layer{number}/kernel"] = [names[id(linear.weight)], True]
        if bias:
            found["names"][f"layer{number}/bias"] = [names[id(linear.bias)], False]
    return found


def _layers(model: nn.Module, names: Mapping[int, str]) -> list[tuple[nn.Linear, str]] | None:
    layers: list[tuple[nn.Linear, str]] = []
    for module in _flat(model):
        activation = _activation(module)
        if any(tensor.is_complex() for tensor in module.parameters()):
            return None
        if type(module) is nn.Linear:
            layers.append((module, "linear"))
        elif type(module) is nn.Dropout and layers and not module.inplace:
            continue
        elif activation is None or not layers or layers[-1][1] != "linear":
            return None
        else:
            layers[-1] = (layers[-1][0], activation)
    return layers or None


def _flat(module: nn.Module) -> Iterator[nn.Module]:
    if type(module) is nn.Sequential:
        for part in module:
            yield from _flat(part)
    else:
        yield module


def _activation(module: nn.Module) -> str | None:
    if type(module) is nn.GELU:
        return "gelu" if module.approximate == "none" else "gelu_tanh"
    name = _ACTIVATIONS.get(type(module))
    return name if name is not None and _as_fixed(module) else None


def _as_fixed(module: nn.Module) -> bool:
    return all(getattr(module, name, value) == value for name, value in _FIXED.items())


def _loss(loss: Any) -> dict[str, Any] | None:
    name = _LOSSES.get(type(loss))
    if name is None or loss.reduction == "none" or getattr(loss, "pos_weight", None) is not None:
        return None
    weight = getattr(loss, "weight", None)
    if weight is not None and name != "softmax_cross_entropy":
        return None
    return {
        "name": name,
        "reduction": loss.reduction,
        "delta": float(getattr(loss, "delta", getattr(loss, "beta", 1.0))),
        "label_smoothing": float(getattr(loss, "label_smoothing", 0.0)),
        "class_weights": None if weight is None else weight.tolist(),
    }
