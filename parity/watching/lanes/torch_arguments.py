"""What a torch optimizer was told, in the oracle's spelling, and what it was told in vain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import optim
from torch.optim import Optimizer

from parity.lanes.spelling import TORCH, kinds
from parity.watching.lanes import judged_as

_RULES = kinds(optim, TORCH)
# What schedules keep in a group.
_SCHEDULES = {"initial_lr", "max_lr", "min_lr", "max_momentum", "base_momentum", "swa_lr"}


class Arguments:
    """An optimizer's arguments as they are at any time."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.rule, self.why = judged_as(_RULES.get(type(optimizer)), optimizer)
        # Adagrad's state is there before its first step; SGD's momentum counts none.
        if any(float(state.get("step", 1)) for state in optimizer.state.values()):
            self.rule, self.why = None, "the optimizer had taken steps before it was watched"

    def numbers(self) -> dict[int, int]:
        """Return each parameter's group, by the parameter's id."""
        groups = enumerate(self.optimizer.param_groups)
        return {id(tensor): number for number, group in groups for tensor in group["params"]}

    def groups(self, steps: int) -> tuple[Mapping[str, Any], ...]:
        """Return each group's arguments as the next step sees them, after so many others."""
        return tuple(self._told(group, steps) for group in self.optimizer.param_groups)

    def unread(self) -> tuple[str, ...]:
        """Return what stands in a group, or on the optimizer, and is read by nobody."""
        known = {"params", "param_names", *_SCHEDULES, *self.optimizer.defaults}
        found = [
            f"group {number}: {key}={value!r}"
            for number, group in enumerate(self.optimizer.param_groups)
            for key, value in group.items()
            if key not in known
        ]
        names = {*self.optimizer.defaults, "learning_rate"}
        found += [
            f"{n}={value!r} on the optimizer"
            for n, value in vars(self.optimizer).items()
            if n in names
        ]
        return tuple(found)

    def _told(self, group: Mapping[str, Any], steps: int) -> Mapping[str, Any]:
        names = TORCH[self.rule].arguments if self.rule else {}
        spelled = {theirs: name for name, theirs in names.items()}
        told: dict[str, Any] = {
            spelled.get(name, name): float(value)
            for name, value in group.items()
            if name in {*self.optimizer.defaults} and _is_number(value)
        }
        if "betas" in group:
            told["beta1"], told["beta2"] = map(float, group["betas"])
        if group.get("lr_decay"):
            told["lr"] /= 1 + steps * float(group["lr_decay"])
        if group.get("maximize"):
            told["why"] = "maximize=True: the oracle minimises"
        if group.get("amsgrad"):
            told["rule"] = "amsgrad"
        if isinstance(self.optimizer, optim.LBFGS):
            told["waits"] = True  # where the gradient is below its tolerance
        if group.get("decoupled_weight_decay"):
            told["dials"] = {"weight_decay": "decoupled"}
        return told


def _is_number(value: Any) -> bool:
    if value is None or isinstance(value, (str, tuple)):
        return False
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
