"""What a chain of optax transformations computes, in the oracle's spelling, and what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax

from parity.watching.findings import Kind, named
from parity.watching.lanes.optax_chain import Link

# The part of a chain that makes an optimizer of it: the oracle's rule, and its arguments.
CORES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "scale_by_adam": ("adam", {"b1": "beta1", "b2": "beta2", "eps": "eps"}),
    "scale_by_amsgrad": ("amsgrad", {"b1": "beta1", "b2": "beta2", "eps": "eps"}),
    "scale_by_adamax": ("adamax", {"b1": "beta1", "b2": "beta2", "eps": "eps"}),
    "scale_by_radam": ("radam", {"b1": "beta1", "b2": "beta2", "eps": "eps"}),
    "scale_by_rms": ("rmsprop", {"decay": "rho", "eps": "eps"}),
    "scale_by_stddev": ("rmsprop", {"decay": "rho", "eps": "eps"}),
    "scale_by_rss": (
        "adagrad",
        {"initial_accumulator_value": "initial_accumulator", "eps": "eps"},
    ),
    "scale_by_adadelta": ("adadelta", {"rho": "rho", "eps": "eps"}),
    "scale_by_lion": ("lion", {"b1": "beta1", "b2": "beta2"}),
}
CLIPS: Mapping[str, tuple[str, str]] = {
    "clip": ("value", "max_delta"),
    "clip_by_global_norm": ("global_norm", "max_norm"),
}
DECAY = "add_decayed_weights"
SCALES = ("scale", "scale_by_schedule")
# Arguments that the oracle follows at one value only; a name that optax lacks is at that value.
_FIXED: Mapping[str, Any] = {
    "mu_dtype": None,
    "accumulator_dtype": None,
    "mode": "hard",
    "bias_correction": False,
}
# Such numbers, which inject_hyperparams makes arrays of: what they are is known to the step only.
_FIXED_NUMBERS: Mapping[str, float] = {"eps_root": 0.0, "initial_scale": 0.0, "threshold": 5.0}
# The trust ratio that the oracle's Lamb has.
_PLAIN_RATIO: Mapping[str, float] = {"min_norm": 0.0, "trust_coefficient": 1.0, "eps": 0.0}


@dataclass(frozen=True, slots=True)
class Told:
    """What all chains compute: each tensor's group, None where it is frozen, and each group's call.

    `warnings` are what the chains alone tell.
    """

    numbers: Mapping[str, int | None]
    calls: tuple[Call, ...]
    warnings: tuple[tuple[Kind, str], ...]


@dataclass
class Call:
    """What some tensors' chain computes; `scaled` is what gradients are multiplied by at first."""

    arguments: dict[str, Any] = field(default_factory=dict)
    dials: dict[str, Any] = field(default_factory=dict)
    why: str = ""
    warnings: list[tuple[Kind, str]] = field(default_factory=list)
    scaled: list[Any] = field(default_factory=list)
    rates: list[Any] = field(default_factory=list)
    raw: bool = False  # nothing but the gradient is added to the weights

    def refuse(self, why: str) -> None:
        """Keep the first reason for which the oracle can't follow."""
        self.why = self.why or why


def told(links: Sequence[Link], names: Iterable[str]) -> Told:
    """Return what the links compute; tensors with the same chain, but for decay, are one group."""
    chains = {name: tuple(link for link in links if _touches(link, name)) for name in names}
    groups: dict[tuple[int, ...], list[str]] = {}
    for name, chain in chains.items():
        if not any(link.kind == "set_to_zero" for link in chain):
            groups.setdefault(_key(chain, chains), []).append(name)
    calls, numbers = [], dict.fromkeys(chains)
    warnings: list[tuple[Kind, str]] = []
    for number, group in enumerate(groups.values()):
        whole = max((chains[name] for name in group), key=len)
        call = read(whole)
        call.arguments["undecayed"] = [n for n in group if len(chains[n]) < len(whole)]
        if any(link.kind == "clip_by_global_norm" and link.names != {*group} for link in whole):
            call.refuse("gradients are clipped by a norm that other groups have a part in")
        numbers |= dict.fromkeys(group, number)
        calls.append(call)
        if not any(link.kind in {*CORES, *SCALES, "trace"} for link in whole) and len(groups) > 1:
            call.raw = True
            says = f"{named(group)}: masked out of the optimizer, the raw gradient is added to it"
            warnings.append((Kind.LEFT_OUT, says))
    warnings += [warning for call in calls for warning in call.warnings]
    return Told(numbers, tuple(calls), tuple(dict.fromkeys(warnings)))


def _touches(link: Link, name: str) -> bool:
    """Return whether a link does something to a tensor."""
    idle = link.kind == "identity" or (link.kind == DECAY and _is_zero(link.given["weight_decay"]))
    return name in link.names and not idle


def _key(chain: Sequence[Link], chains: Mapping[str, Sequence[Link]]) -> tuple[int, ...]:
    """Return what tensors of one group share: all but decay, where only one decay is in use."""
    decays = {id(link) for links in chains.values() for link in links if link.kind == DECAY}
    return tuple(id(link) for link in chain if link.kind != DECAY or len(decays) > 1)


def settled(group: Mapping[str, Any]) -> dict[str, Any]:
    """Return a group's arguments with numbers in place; refuse those that are not the oracle's."""
    found = {name: value for name, value in group.items() if name not in _FIXED_NUMBERS}
    for name, value in _FIXED_NUMBERS.items():
        if group.get(name, value) != value and not found.get("why"):
            found["why"] = f"the oracle does not follow {name}={group[name]:g}"
    return found


def read(chain: Sequence[Link]) -> Call:
    """Return what a chain computes."""
    call = Call()
    at = _core(chain)
    core = chain[at] if at is not None else None
    first = next((n for n, link in enumerate(chain) if link.kind in SCALES), len(chain))
    if at is None:  # plain descent: all before the learning rate is done to the gradient
        call.arguments["rule"] = "sgd"
        before, behind = chain[:first], chain[first:]
    else:
        before, behind = chain[:at], chain[at + 1 :]
        _CORE.get(chain[at].kind, _named)(call, chain[at])
    _before(call, before, core)
    _behind(call, behind, core)
    call.arguments.setdefault("weight_decay", 0.0)
    return call


def _core(chain: Sequence[Link]) -> int | None:
    for kinds in (CORES, ("trace",)):
        for number, link in enumerate(chain):
            if link.kind in kinds:
                return number
    return None


def _before(call: Call, chain: Sequence[Link], core: Link | None) -> None:
    """Read what is done to the gradient before the optimizer sees it."""
    for link in chain:
        if link.kind in SCALES:
            if "clip" in call.arguments or "weight_decay" in call.arguments:
                call.refuse(f"{link.kind} stands behind clipping or decay, and before the rule")
            call.scaled.append(_factor(link))
            if core is not None and core.kind in CORES:
                says = f"{link.kind} stands before {core.kind}, which divides it out again"
                call.warnings.append((Kind.SCHEDULE, says))
        elif link.kind in CLIPS and not {"clip", "weight_decay"} & set(call.arguments):
            kind, limit = CLIPS[link.kind]
            call.arguments["clip"] = [kind, link.given[limit]]
        elif link.kind == DECAY and "weight_decay" not in call.arguments:
            _decays(call, link, "coupled")
        else:
            call.refuse(f"the oracle does not follow {link.kind} where it stands in the chain")


def _behind(call: Call, chain: Sequence[Link], core: Link | None) -> None:
    """Read what is done to the update."""
    rule = str(call.arguments.get("rule", "the rule"))
    for link in chain:
        last = link is chain[-1]
        if link.kind in SCALES:
            if "decay_at" in call.dials or (rule == "rmsprop" and "momentum" in call.arguments):
                call.refuse(f"{link.kind} stands behind the learning rate and what follows it")
            call.rates.append(_factor(link))
        elif link.kind == "trace" and core is not None and "rms" in rule and call.rates:
            _rms_momentum(call, link)
        elif link.kind == "scale_by_trust_ratio" and rule == "adam" and not call.rates:
            _trusts(call, link)
        elif link.kind == DECAY and call.arguments.get("rule") == "lamb":
            call.refuse(f"{link.kind} stands behind the trust ratio")
        elif link.kind == DECAY and "weight_decay" not in call.arguments:
            _decays(call, link, "decoupled")
            if call.rates and last:
                _decays_late(call, link)
            elif call.rates:
                call.refuse(f"{link.kind} stands behind the learning rate")
        elif link.kind in CLIPS:
            says = f"updates are clipped after {rule}, not the gradients before it ({link.kind})"
            call.warnings.append((Kind.LATE, says))
            call.refuse(f"{link.kind} stands behind {rule}")
        else:
            call.refuse(f"the oracle does not follow {link.kind} where it stands in the chain")


def _trusts(call: Call, link: Link) -> None:
    """Read a trust ratio behind Adam, which makes a Lamb of it."""
    call.arguments["rule"] = "lamb"
    for name, value in _PLAIN_RATIO.items():
        seen = link.given[name]
        if isinstance(seen, jax.Array) or seen != value:
            call.refuse(f"the oracle does not follow {link.kind} with {name}={seen}")


def _decays(call: Call, link: Link, how: str) -> None:
    rate = link.given["weight_decay"]
    call.arguments["weight_decay"] = rate(link.state.count) if callable(rate) else rate
    call.dials["weight_decay"] = how


def _decays_late(call: Call, link: Link) -> None:
    """Read decay that is added to the update as it is, so that its sign is not flipped."""
    rate = call.arguments["weight_decay"]
    call.dials["decay_at"] = "without lr"
    if isinstance(rate, (int, float)) and rate < 0:
        call.arguments["weight_decay"] = -rate
        return
    call.dials["decay_sign"] = "negative"
    says = "add_decayed_weights stands behind the learning rate: weights grow by their share of "
    call.warnings.append((Kind.ORDER, f"{says}{rate} at each step"))


def _factor(link: Link) -> Any:
    if link.kind == "scale":
        return link.given["step_size"]
    return link.given["step_size_fn"](link.state.count)


def _named(call: Call, link: Link) -> None:
    """Read a core's rule and the arguments that are only spelled otherwise."""
    rule, names = CORES[link.kind]
    call.arguments["rule"] = rule
    for name, spelled in names.items():
        call.arguments[spelled] = link.given[name]
    for name, value in _FIXED.items():
        seen = link.given.get(name, value)
        if seen != value:
            call.refuse(f"the oracle does not follow {link.kind} with {name}={seen}")
    for name in _FIXED_NUMBERS:
        if name in link.given:
            call.arguments[name] = link.given[name]
    traced = (link.given.get(name) for name in ("b1", "b2", "decay", "rho"))
    if any(isinstance(value, jax.Array) for value in traced):
        call.dials["constants"] = "working"


def _adam(call: Call, link: Link) -> None:
    _named(call, link)
    if link.given.get("nesterov"):
        call.arguments["rule"] = "nadam"
    if link.given.get("nesterov") and link.kind == "scale_by_radam":
        call.refuse("the oracle's radam has no Nesterov momentum")
    m, v = (link.given.get(f"bias_correction_{name}", True) for name in ("mu", "nu"))
    if not (m and v):
        call.dials["bias_correction"] = "m only" if m else "v only" if v else "none"
    if call.arguments.get("eps") is not None and _is_zero(link.given["eps"]):
        call.arguments["eps"] = call.arguments.pop("eps_root", 0.0)
        call.dials["eps"] = "inside"


def _is_zero(value: Any) -> bool:
    return not isinstance(value, jax.Array) and not value


def _rms(call: Call, link: Link) -> None:
    _named(call, link)
    call.arguments["centered"] = link.kind == "scale_by_stddev"
    start = call.arguments.get("initial_scale")
    if isinstance(start, (int, float)):
        call.dials["first_square"] = float(call.arguments.pop("initial_scale"))
    if not link.given.get("eps_in_sqrt", True):
        call.dials["eps"] = "after"


def _rms_momentum(call: Call, link: Link) -> None:
    call.arguments["momentum"] = link.given["decay"]
    if link.given.get("nesterov"):
        call.refuse("the oracle's rmsprop has no Nesterov momentum")


def _trace(call: Call, link: Link) -> None:
    call.arguments |= {"rule": "sgd", "momentum": link.given["decay"]}
    call.arguments["nesterov"] = bool(link.given.get("nesterov"))
    if link.given.get("accumulator_dtype") is not None:
        call.refuse(f"the momentum is kept in {link.given['accumulator_dtype']}")


_CORE: Mapping[str, Callable[[Call, Link], None]] = {
    "scale_by_adam": _adam,
    "scale_by_amsgrad": _adam,
    "scale_by_radam": _adam,
    "scale_by_rms": _rms,
    "scale_by_stddev": _rms,
    "trace": _trace,
}
