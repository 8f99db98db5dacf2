"""How a Keras object is made: in this process, and as the text of a script."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from inspect import Parameter, signature
from typing import Any, Final

from parity.upgrades.probe import REQUIRED, shown


@dataclass(frozen=True, slots=True)
class Made:
    """A call of what stands at `path` below Keras, such as optimizers.Adam, by keyword.

    `late` says that the function at `path` is not called yet: it gets its inputs first.
    """

    path: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    late: bool = False

    def make(self, library: Any) -> Any:
        """Return what the call gives. Raises AttributeError, or what Keras raises."""
        found = library
        for name in self.path.split("."):
            found = getattr(found, name)
        if self.late:
            return lambda *inputs: found(*inputs, **made(self.arguments, library))
        return found(**made(self.arguments, library))

    @property
    def text(self) -> str:
        """The call in Python, where Keras is `keras`."""
        given = [f"{name}={written(value)}" for name, value in self.arguments.items()]
        if self.late:
            return f"lambda *inputs: keras.{self.path}({', '.join(['*inputs', *given])})"
        return f"keras.{self.path}({', '.join(given)})"


_OPTIMIZERS: Final = {
    "SGD": Made("optimizers.SGD", {"learning_rate": 0.1}),
    "SGD with momentum": Made("optimizers.SGD", {"learning_rate": 0.1, "momentum": 0.6}),
    "SGD with EMA": Made(
        "optimizers.SGD", {"learning_rate": 0.1, "use_ema": True, "ema_momentum": 0.5}
    ),
    "SGD that overwrites with EMA": Made(
        "optimizers.SGD",
        {
            "learning_rate": 0.1,
            "use_ema": True,
            "ema_momentum": 0.5,
            "ema_overwrite_frequency": 2,
        },
    ),
    "Adam that accumulates": Made(
        "optimizers.Adam", {"learning_rate": 0.1, "gradient_accumulation_steps": 2}
    ),
    "AdamW that accumulates": Made(
        "optimizers.AdamW",
        {"learning_rate": 0.1, "weight_decay": 0.3, "gradient_accumulation_steps": 2},
    ),
    "SGD that clips": Made("optimizers.SGD", {"learning_rate": 0.1, "global_clipnorm": 0.05}),
    "SGD with a loss scale": Made(
        "optimizers.SGD", {"learning_rate": 0.1, "loss_scale_factor": 4.0}
    ),
    "LossScaleOptimizer": Made(
        "optimizers.LossScaleOptimizer",
        {"inner_optimizer": Made("optimizers.SGD", {"learning_rate": 0.1})},
    ),
}
NAMED: Final[Mapping[str, Any]] = {
    **_OPTIMIZERS,
    "SGD in a map": Made("optimizers.OptimizerMap", {"default_optimizer": _OPTIMIZERS["SGD"]}),
    "SGD with momentum in a map": Made(
        "optimizers.OptimizerMap", {"default_optimizer": _OPTIMIZERS["SGD with momentum"]}
    ),
    "exponential decay": Made(
        "optimizers.schedules.ExponentialDecay",
        {"initial_learning_rate": 0.25, "decay_steps": 2, "decay_rate": 0.5},
    ),
    "L1(0.1)": Made("regularizers.L1", {"l1": 0.1}),
    "L2(0.1)": Made("regularizers.L2", {"l2": 0.1}),
    "MaxNorm(0.5)": Made("constraints.MaxNorm", {"max_value": 0.5}),
    "NonNeg()": Made("constraints.NonNeg"),
    "Constant(0.3)": Made("initializers.Constant", {"value": 0.3}),
    "RandomNormal(seed=5)": Made("initializers.RandomNormal", {"seed": 5}),
    "Dense": Made("layers.Dense", {"units": 2}),
    "LSTM": Made("layers.LSTM", {"units": 2}),
    "LSTMCell": Made("layers.LSTMCell", {"units": 2}),
    "weights of classes": {0: 9.0, 1: 1.0, 2: 0.5},
}
"""Values that are not plain, by the name that a probe gives them."""


def made(value: Any, library: Any) -> Any:
    """Return a value with all that is to be made in it made. Raises KeyError."""
    if isinstance(value, Made):
        return value.make(library)
    if isinstance(value, Mapping):
        if set(value) == {"$"}:
            return made(NAMED[value["$"]], library)
        return {name: made(item, library) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(made(item, library) for item in value)
    return value


def written(value: Any) -> str:
    """Return a value as Python text, where Keras is `keras`. Raises KeyError."""
    if isinstance(value, Made):
        return value.text
    if isinstance(value, Mapping):
        if set(value) == {"$"}:
            return written(NAMED[value["$"]])
        return f"{{{', '.join(f'{name!r}: {written(item)}' for name, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(written, value))},)"
    return repr(value)


def arguments_of(maker: Callable[..., Any]) -> dict[str, str]:
    """Return the arguments of a class or function with their defaults as text.

    Those with a default that a class hands on to its base classes by keyword are its own too.
    """
    if not isinstance(maker, type):
        return _named(signature(maker).parameters)
    found: dict[str, str] = {}
    kinds: tuple[Any, ...] = maker.__mro__
    for kind in kinds:
        given = signature(kind.__init__).parameters
        inherited = {k: v for k, v in _named(given).items() if v != REQUIRED and k not in found}
        found = {**found, **inherited} if found else _named(given)
        if all(item.kind is not Parameter.VAR_KEYWORD for item in given.values()):
            break
    return found


def _named(parameters: Mapping[str, Parameter]) -> dict[str, str]:
    return {
        name: REQUIRED if item.default is Parameter.empty else shown(item.default)
        for name, item in parameters.items()
        if item.kind not in (Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL) and name != "self"
    }


def classes(module: Any, base: type) -> Iterator[tuple[str, type]]:
    """Yield the public subclasses of `base` in `module`, each once, under its own name if it can.

    A class has one name for all releases: aliases come and go.
    """
    found: dict[type, list[str]] = {}
    for name, value in sorted(vars(module).items()):
        if isinstance(value, type) and issubclass(value, base) and name[0] != "_":
            found.setdefault(value, []).append(name)
    for kind, names in sorted(found.items(), key=lambda item: item[1][0]):
        if kind is not base:
            yield kind.__name__ if kind.__name__ in names else names[0], kind


def functions(module: Any) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield the public functions of `module`, each once, under its own name if it can."""
    found: dict[Any, list[str]] = {}
    for name, value in sorted(vars(module).items()):
        plumbing = name in ("get", "serialize", "deserialize") or name[0] == "_"
        if callable(value) and not isinstance(value, type) and not plumbing:
            found.setdefault(value, []).append(name)
    for function, names in sorted(found.items(), key=lambda item: item[1][0]):
        own = getattr(function, "__name__", "")
        yield own if own in names else names[0], function


def groups(
    arguments: Iterable[str], wanted: Iterable[tuple[str, ...]]
) -> tuple[tuple[str, ...], ...]:
    """Return the groups of arguments that are there, of those `wanted`."""
    own = set(arguments)
    found = (tuple(name for name in group if name in own) for group in wanted)
    return tuple(group for group in found if len(group) > 1)
