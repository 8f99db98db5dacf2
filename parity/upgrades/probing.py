"""What a framework offers in one environment, asked and tried in a process of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, zip_longest
from typing import Any

from parity.arguments.values import equal, values_for
from parity.lanes.pipe import Failure, Lost, Process
from parity.lanes.process import environment
from parity.upgrades.environment import INSTALLED, Environment
from parity.upgrades.metadata import version
from parity.upgrades.probe import Probe, Seen, Target, literal

PATIENCE = 120.0  # seconds for a start, or for one probe, on a busy machine
_MODULES = "parity.upgrades.lanes"
_THREADS = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
    "CUDA_VISIBLE_DEVICES": "",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


class ProbeError(ValueError):
    """A framework that cannot be probed in an environment; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Framework:
    """A module that probes something, and what it needs.

    `packages` are the distributions whose upgrade may change it, first the one it is named after;
    `needed` those without which it is left out.
    """

    module: str
    packages: tuple[str, ...]
    needed: tuple[tuple[str, ...], ...]
    variables: Mapping[str, str] = field(default_factory=dict)

    def missing(self, place: Environment) -> str | None:
        """Return what is not installed in an environment; None if all is."""
        for names in self.needed:
            if all(version(place, name) is None for name in names):
                return f"{names[0]} is not installed"
        return None


_TENSORFLOW = ("tensorflow", "tensorflow-cpu")


def _keras(backend: str, *distributions: str) -> Framework:
    return Framework(
        f"{_MODULES}.keras",
        ("keras", *distributions),
        (("keras",), tuple(distributions[:2]) if backend == "tensorflow" else distributions[:1]),
        {"KERAS_BACKEND": backend},
    )


FRAMEWORKS: Mapping[str, Framework] = {
    "optax": Framework(
        f"{_MODULES}.optax",
        ("optax", "jax", "jaxlib", "chex"),
        (("optax",), ("jax",)),
        {"JAX_ENABLE_X64": "1"},
    ),
    "keras@torch": _keras("torch", "torch"),
    "keras@jax": _keras("jax", "jax", "jaxlib"),
    "keras@tensorflow": _keras("tensorflow", *_TENSORFLOW),
    "tf_keras": Framework(
        f"{_MODULES}.tf_keras", ("tf_keras", *_TENSORFLOW), (("tf_keras",), _TENSORFLOW)
    ),
    "torch": Framework(f"{_MODULES}.torch", ("torch",), (("torch",),)),
    "jax": Framework(f"{_MODULES}.jax", ("jax", "jaxlib"), (("jax",),), {"JAX_ENABLE_X64": "1"}),
}


class Side:
    """A framework in one environment, in a process that is started again when a probe ends it.

    Raises ProbeError where the framework is missing, or its module cannot be imported.
    """

    def __init__(self, framework: str, place: Environment = INSTALLED) -> None:
        source = FRAMEWORKS[framework]
        reason = source.missing(place)
        if reason:
            raise ProbeError(f"{framework}: {reason}")
        self.framework = framework
        self.place = place
        self._command = [place.python, "-m", "parity.upgrades", source.module]
        wanted = {**_THREADS, **source.variables, **place.variables()}
        self._environment = environment(wanted)
        self._process: Process | None = None
        self._stopped = False
        self._targets: dict[str, Target] | None = None

    def describe(self) -> dict[str, Target]:
        """Return what the framework offers, by name. Raises ProbeError."""
        if self._targets is None:
            found = self._asked({"describe": True})["targets"]
            self._targets = {t["name"]: Target.from_dict(t) for t in found}
        return self._targets

    def run(self, probe: Probe, nudges: Sequence[int] = (0,)) -> list[Seen]:
        """Return what comes of a probe with each of some nudges; a crash or a hang comes of it too.

        Raises ProbeError if the process cannot be started again.
        """
        try:
            message = self._exchange({"probe": probe.to_dict(), "nudges": list(nudges)})
        except Lost as lost:
            self.close()
            if lost.failure.kind == "import":
                raise ProbeError(self._sentence(lost.failure)) from lost
            return [Seen(error=f"{lost.failure.kind}: {lost.failure.reason}")] * len(nudges)
        if "error" in message:
            return [Seen(error=message["error"])] * len(nudges)
        return [Seen.from_dict(found) for found in message["seen"]]

    def script(self, probe: Probe) -> str:
        """Return a script that makes a probe's call by itself. Raises ProbeError."""
        return str(self._asked({"script": probe.to_dict()})["script"])

    @property
    def alive(self) -> bool:
        """Whether a process is running."""
        return self._process is not None and self._process.alive

    def close(self) -> None:
        """End the process; a later request starts a fresh one."""
        process, self._process = self._process, None
        if process is not None:
            process.close()

    def stop(self) -> None:
        """End the process for good, in the middle of a request too."""
        self._stopped = True
        self.close()

    def __enter__(self) -> Side:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _asked(self, request: Mapping[str, Any]) -> Any:
        try:
            message = self._exchange(request)
        except Lost as lost:
            self.close()
            raise ProbeError(self._sentence(lost.failure)) from lost
        if "error" in message:
            raise ProbeError(f"{self.framework} ({self.place.name}): {message['error']}")
        return message

    def _exchange(self, request: Mapping[str, Any]) -> Any:
        process = self._started()
        process.send(request)
        return process.receive(PATIENCE)

    def _started(self) -> Process:
        if self._stopped:
            raise Lost(Failure("import", "the run was ended"))
        if self._process is None or not self._process.alive:
            self.close()
            self._process = Process(self._command, self._environment)
            message = self._process.receive(PATIENCE)
            if "ready" not in message:
                raise Lost(Failure("import", message["import"], message.get("traceback", "")))
        return self._process

    def _sentence(self, failure: Failure) -> str:
        told = "does not import" if failure.kind == "import" else failure.kind
        return f"{self.framework} ({self.place.name}): {told}: {failure.reason}"


def probes_of(targets: Iterable[Target], *, brief: bool = False) -> Iterator[Probe]:
    """Yield the calls to try: every base call, every argument alone, and pairs.

    What says most comes first: the main setting's base calls; then, in turn, every argument alone,
    pairs that no target of its kind was called with yet, and settings likewise; then the rest, one
    value of an argument before a second one. Brief: base calls and arguments in the main setting.
    """
    targets = [target for target in targets if target.settings]
    base = [Probe(t.name, {}, setting) for t in targets for setting in t.settings[:1]]
    alone = list(_alone(targets, 0, slice(1)))
    if brief:
        yield from (*base, *alone)
        return
    others = (Probe(t.name, {}, setting) for t in targets for setting in t.settings[1:])
    settings = [*others, *_alone(targets, 0, slice(1, None))]
    pairs = [Probe(t.name, pair, t.settings[0]) for t in targets for pair in _pairs(t)]
    every = {one.key: one for one in (*base, *alone, *settings, *pairs)}
    new = (_new(some, every, targets) for some in (pairs, settings))
    turns = (one for turn in zip_longest(alone, *new) for one in turn if one is not None)
    ordered = (*base, *turns, *settings, *pairs, *_alone(targets, 1, slice(1)))
    yield from {one.key: one for one in ordered}.values()


def _new(
    probes: Sequence[Probe], every: Mapping[str, Probe], targets: Sequence[Target]
) -> Iterator[Probe]:
    """Yield what a kind of target is called with for the first time, after its simpler calls.

    Without these more would be told to have changed than what changed.
    """
    kinds = {target.name: target.kind for target in targets}
    mains = {target.name: target.settings[0] for target in targets}
    met = set[tuple[str, str, frozenset[str]]]()
    for probe in probes:
        what = (kinds[probe.target], probe.setting, frozenset(probe.arguments))
        if what in met:
            continue
        met.add(what)
        for given in ({}, *({name: value} for name, value in probe.arguments.items())):
            for setting in (mains[probe.target], probe.setting):
                simpler = Probe(probe.target, given, setting).key
                if simpler in every:
                    yield every[simpler]
        yield probe


def _alone(targets: Sequence[Target], number: int, which: slice) -> Iterator[Probe]:
    """Yield calls with one argument, the value of that number, in some of the settings."""
    for target in targets:
        able = target.settings if target.alone is None else target.alone
        for setting in target.settings[which]:
            for name, values in _values(target).items() if setting in able else ():
                yield from (
                    Probe(target.name, {name: value}, setting)
                    for value in values[number : number + 1]
                )


def _values(target: Target) -> dict[str, tuple[Any, ...]]:
    """Return plain values for each argument, none of them what every call gives."""
    found = {}
    for name, default in target.arguments.items():
        values = target.values.get(name)
        if values is None:
            values = values_for(name, literal(default))
        plain = [value for value in values if _plain(value)]
        found[name] = tuple(v for v in plain if not equal(v, target.given.get(name, default)))
    return found


def _plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_plain, value))
    if isinstance(value, dict):
        return all(isinstance(name, str) and _plain(item) for name, item in value.items())
    return value is None or isinstance(value, (bool, int, float, str))


def _pairs(target: Target) -> Iterator[dict[str, Any]]:
    values = {name: found[0] for name, found in _values(target).items() if found}
    groups = [tuple(values)] if target.together is None else target.together
    seen = set()
    for group in groups:
        for pair in combinations([name for name in group if name in values], 2):
            if pair not in seen:
                seen.add(pair)
                yield {name: values[name] for name in pair}
