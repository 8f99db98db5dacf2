"""A repro in PyTorch, as its users write it."""

from __future__ import annotations

from parity.case import Case
from parity.compare import Stage
from parity.lanes import Lane
from parity.lanes.spelling import TORCH
from parity.parts import LEAKY_SLOPE, OPTIMIZERS
from parity.repro.shown import Part, Shown
from parity.repro.text import Code, call, gradient, indented, index, literal, steps

ACTIVATIONS = {
    "relu": "ReLU()",
    "leaky_relu": f"LeakyReLU({LEAKY_SLOPE})",
    "tanh": "Tanh()",
    "sigmoid": "Sigmoid()",
    "gelu": "GELU()",
    "gelu_tanh": 'GELU(approximate="tanh")',
    "elu": "ELU()",
    "softplus": "Softplus()",
    "silu": "SiLU()",
}
LOSSES = {
    "squared_error": "MSELoss",
    "absolute_error": "L1Loss",
    "huber": "HuberLoss",
    "smooth_l1": "SmoothL1Loss",
    "softmax_cross_entropy": "CrossEntropyLoss",
    "binary_cross_entropy": "BCEWithLogitsLoss",
}
MODES = {"loop": {"foreach": False}, "foreach": {"foreach": True}, "fused": {"fused": True}}


def lines(shown: Shown, lane: Lane) -> list[str]:
    """Return the lines from the imports to what is seen."""
    body = _slope(shown, lane) if shown.part is Part.SLOPE else _update(shown, lane)
    device = ['torch.set_default_device("cuda")'] if lane.mode == "cuda" else []
    return ["import torch", *device, *body]


def _update(shown: Shown, lane: Lane) -> list[str]:
    dtype = f"torch.{shown.case.dtype}"
    compiled = lane.mode == "compile"
    rate: object = shown.case.rates[0]
    if compiled and shown.scheduled and not _broken(shown):
        rate = Code(f"torch.tensor({rate!r}, dtype=torch.float64)")
    body = [
        f"{name} = torch.nn.Parameter(torch.tensor({literal(w, shown.case.dtype)}, dtype={dtype}))"
        for name, w in shown.weights.items()
    ]
    body.append(f"optimizer = {_optimizer(shown, lane, rate)}")
    if compiled:
        body.append("step = torch.compile(optimizer.step)")
    body.append(steps(shown))
    inside = []
    if shown.scheduled:
        inside.append("for group in optimizer.param_groups:")
        inside.append(f'    group["lr"]{".fill_(lr)" if isinstance(rate, Code) else " = lr"}')
    inside += [
        f"{name}.grad = torch.tensor({gradient(name)}, dtype={dtype})" for name in shown.weights
    ]
    inside += _clip(shown)
    inside.append("step()" if compiled else "optimizer.step()")
    value = shown.tensor
    if shown.stage is Stage.STATE:
        slot = TORCH[shown.case.optimizer.name].slots[shown.slot]
        value = f'optimizer.state[{value}]["{slot}"]'
    return [*body, *indented(inside), f"seen = {value}{index(shown)}.item()"]


def _broken(shown: Shown) -> bool:
    """Return whether torch.compile cannot take a tensor for the rate: see the lane."""
    return _grouped(shown) and bool(shown.case.optimizer.arguments.get("momentum"))


def _grouped(shown: Shown) -> bool:
    biases = [name for name in shown.weights if name.startswith("bias")]
    return bool(biases) and not shown.case.optimizer.decay_biases


def _optimizer(shown: Shown, lane: Lane, rate: object) -> str:
    optimizer = shown.case.optimizer
    given = dict(optimizer.arguments)
    arguments: dict[str, object] = {"lr": rate}
    if "beta1" in given or "beta2" in given:
        textbook = OPTIMIZERS[optimizer.name]
        betas = [given.pop(name, textbook[name]) for name in ("beta1", "beta2")]
        arguments["betas"] = tuple(betas)
    if "eps1" in given or "eps2" in given:
        eps2 = OPTIMIZERS["adafactor"]["eps2"]  # torch's default too; its eps1 is the dtype's
        arguments["eps"] = (given.pop("eps1", None), given.pop("eps2", eps2))
    spelling = TORCH[optimizer.name]
    arguments |= spelling.spelled(given) | dict(spelling.switches)
    groups = f"[{', '.join(shown.weights)}]"
    if _grouped(shown):
        kernels = ", ".join(name for name in shown.weights if name.startswith("kernel"))
        biases = ", ".join(name for name in shown.weights if name.startswith("bias"))
        groups = f'[{{"params": [{kernels}]}}, {{"params": [{biases}], "weight_decay": 0.0}}]'
    modes = MODES.get(lane.mode, {})
    return call(f"torch.optim.{spelling.name}", groups, **arguments, **modes)


def _clip(shown: Shown) -> list[str]:
    clip, names = shown.case.clip, list(shown.weights)
    if clip is None:
        return []
    if clip.kind == "norm":
        return [f"torch.nn.utils.clip_grad_norm_({name}, {clip.limit!r})" for name in names]
    function = "clip_grad_value_" if clip.kind == "value" else "clip_grad_norm_"
    return [f"torch.nn.utils.{function}([{', '.join(names)}], {clip.limit!r})"]


def _slope(shown: Shown, lane: Lane) -> list[str]:
    case, backward = shown.case, shown.stage is Stage.BACKWARD
    dtype = f"torch.{case.dtype}"
    labels = "torch.int64" if case.loss.labels == "integer" else dtype
    x, y, sample_weights = case.batch(0)
    body = [
        f"x = torch.tensor({literal(x, case.dtype)}, dtype={dtype})",
        f"y = torch.tensor({literal(y, case.dtype)}, dtype={labels})",
    ]
    if sample_weights is not None:
        body.append(f"c = torch.tensor({literal(sample_weights, case.dtype)}, dtype={dtype})")
    grad = ", requires_grad=True" if backward else ""
    body += [
        f"{name} = torch.tensor({literal(w, case.dtype)}, dtype={dtype}{grad})"
        for name, w in shown.weights.items()
    ]
    inside = [*_forward(case), *_loss(case, dtype)]
    if lane.mode == "compile":
        inside = ["@torch.compile", "def objective():", *indented([*inside, "return loss"])]
        inside.append("loss = objective()")
    body += inside
    if backward:
        return [*body, "loss.backward()", f"seen = {shown.tensor}.grad{index(shown)}.item()"]
    return [*body, "seen = loss.item()"]


def _forward(case: Case) -> list[str]:
    found, source = [], "x"
    for number, layer in enumerate(case.layers):
        bias = f" + bias{number}" if layer.bias else ""
        value = f"{source} @ kernel{number}{bias}"
        if layer.activation != "linear":
            value = f"torch.nn.{ACTIVATIONS[layer.activation]}({value})"
        found.append(f"z = {value}")
        source = "z"
    return found


def _loss(case: Case, dtype: str) -> list[str]:
    loss, weighted = case.loss, case.sample_weights is not None
    arguments: dict[str, object] = {}
    if loss.reduction == "sum":
        arguments["reduction"] = "sum"
    if weighted:
        arguments["reduction"] = "none"
    if loss.name in ("huber", "smooth_l1"):
        arguments["delta" if loss.name == "huber" else "beta"] = loss.delta
    if loss.class_weights is not None:
        weights = list(loss.class_weights)
        arguments["weight"] = Code(f"torch.tensor({weights}, dtype={dtype})")
    if loss.label_smoothing:
        arguments["label_smoothing"] = loss.label_smoothing
    found = [f"loss = {call(f'torch.nn.{LOSSES[loss.name]}', **arguments)}(z, y)"]
    if weighted:
        column = "c" if loss.name == "softmax_cross_entropy" else "c[:, None]"
        total = "sum" if loss.reduction == "sum" else "mean"
        found.append(f"loss = ({column} * loss).{total}()")
    if loss.reduction == "half_mean":
        found.append("loss = 0.5 * loss")
    if loss.l2:
        squares = " + ".join(f"kernel{n}.square().sum()" for n in range(len(case.layers)))
        found.append(f"loss = loss + {loss.l2!r} * ({squares})")
    return found
