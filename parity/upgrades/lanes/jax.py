"""Everything that JAX itself offers for training, found by asking, and run."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import jax
import numpy as np

from parity.arguments.problem import known_inputs
from parity.lanes.jax_cache import keep_compiled
from parity.upgrades.lanes import jax_calls as calls
from parity.upgrades.lanes.jax_values import FORMS, GIVEN, NAMED, OWN, VALUES
from parity.upgrades.lanes.scripted import (
    Play,
    Plays,
    Probed,
    arguments_of,
    gathered,
    get,
    given_for,
    plays,
    works,
)
from parity.upgrades.probe import REQUIRED, Arrays, Nudge, Probe, Target

keep_compiled()  # a release compiles what the other one has compiled
NAN, SINGLE, LONG = "a step of NaN", "float32", "100 steps"
_OPTIMIZERS: Final = "jax.example_libraries.optimizers"
_SPECIAL: Final = (  # of jax.scipy.special, what losses and distributions are made of
    *("betaln", "digamma", "entr", "erf", "erfc", "erfinv", "expit", "gammaln", "kl_div"),
    *("log_ndtr", "log_softmax", "logit", "logsumexp", "ndtr", "ndtri", "rel_entr", "softmax"),
    *("xlog1py", "xlogy", "multigammaln"),
)
_NO_FUNCTIONS: Final = ("get_scaled_dot_general_config", "scaled_dot_general", "scaled_matmul")
_NO_DRAWS: Final = ("PRNGKey", "key", "key_data", "key_impl", "key_dtype", "wrap_key_data", "clone")
_OTHER_BITS: Final = "rbg"
_OF_BITS: Final = ("bits", "normal", "uniform")  # of which the other draws are made
_CONVOLUTION: Final = "of a convolution"


def targets() -> list[Target]:
    """Return everything of this release that can be probed, in a fixed order."""
    return [item.target for item in _found().values()]


def run(probe: Probe, nudge: Nudge) -> Arrays:
    """Return what a probe shows. Raises KeyError for an unknown target, and what JAX raises."""
    return _found()[probe.target].of(probe).run(nudge)


def script(probe: Probe) -> str:
    """Return a script of NumPy and JAX alone that makes the call and prints what is seen."""
    x64 = 'os.environ["JAX_ENABLE_X64"] = "1"'
    head = ["import os", "from typing import Any", "", x64, "import jax", "import jax.random"]
    return _found()[probe.target].of(probe).script(f"{probe.key}, JAX {jax.__version__}.", head)


@functools.cache
def _found() -> dict[str, Probed]:
    return gathered(_functions, _special, _starts, _optimizers, _draws)


def _offered(path: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield the public functions at `path`, each once: aliases come and go."""
    found: dict[int, tuple[str, Any]] = {}
    try:
        module = get(path)
    except AttributeError:
        return
    for name in sorted(dir(module)):
        value = getattr(module, name)
        ours = str(getattr(value, "__module__", "")).startswith("jax")
        if name[0] != "_" and callable(value) and not inspect.isclass(value) and ours:
            own = getattr(value, "__name__", name) == name
            if own or id(value) not in found:
                found[id(value)] = name, value
    yield from sorted(found.values(), key=lambda entry: entry[0])


def _functions() -> Iterator[Probed]:
    for name, make in _offered("jax.nn"):
        if name not in _NO_FUNCTIONS:
            yield from _evaluated(f"jax.nn.{name}", make)


def _special() -> Iterator[Probed]:
    for name, make in _offered("jax.scipy.special"):
        if name in _SPECIAL:
            yield from _evaluated(f"jax.scipy.special.{name}", make)


def _evaluated(path: str, make: Callable[..., Any]) -> Iterator[Probed]:
    """Yield a function of one array or more, with the forms of inputs that it takes."""
    arguments = arguments_of(make)
    name = path.rpartition(".")[2]
    known = OWN.get(name, {"num_classes": 4})
    count = sum(default == REQUIRED for n, default in arguments.items() if n not in known)
    rest = dict(list(arguments.items())[count:])
    given = given_for(rest, known)
    forms = FORMS.get(count)
    if given is None or forms is None:
        return

    def play(arguments: Mapping[str, Any], setting: str) -> Play:
        return Play(calls.evaluate, path, arguments, forms[setting], {}, NAMED)

    able = tuple(form for form in forms if _traces(play(given, form)))
    if able:
        kind = "activation" if count == 1 else "function"
        yield Probed(Target(path, kind, rest, given, able, _values(rest), (), able[:2]), play)


def _starts() -> Iterator[Probed]:
    for name, make in _offered("jax.nn.initializers"):
        path = f"jax.nn.initializers.{name}"
        fills = "shape" in arguments_of(make)
        call = calls.fill if fills else calls.start
        forms: dict[str, Mapping[str, Any]] = {"": {}, _CONVOLUTION: {"shape": (2, 2, 3, 4)}}
        play = plays(call, path, {}, forms, NAMED)
        without = ["key", "shape"] if fills else []
        yield from _probed(path, make, "initializer", play, tuple(forms), without)


def _optimizers() -> Iterator[Probed]:
    inputs = known_inputs()
    broken = inputs["kernel gradients"].copy()
    broken[2] = np.nan
    forms: dict[str, Mapping[str, Any]] = {
        "": {},
        NAN: {},
        SINGLE: {"dtype": SINGLE},
        LONG: {"rounds": 102, "every": 6},
    }
    random = np.random.default_rng(3)
    slopes = {"kernel": random.normal(size=(4, 3)), "bias": random.normal(size=3) * 10}
    for name, make in _offered(_OPTIMIZERS):
        path = f"{_OPTIMIZERS}.{name}"
        train = plays(calls.optimize, path, inputs, forms, NAMED)

        def trained(given: Mapping[str, Any], setting: str, train: Plays = train) -> Play:
            play = train(given, setting)
            if setting == NAN:
                moved = {**inputs, "kernel gradients": broken}
                return Play(play.call, play.what, given, moved, {}, NAMED)
            return play

        found = list(_probed(path, make, "optimizer", trained, tuple(forms), []))
        follow = plays(calls.follow, path, {}, {"": {}}, NAMED)
        found += [] if found else _probed(path, make, "schedule", follow, ("",), [])
        clip = plays(calls.clip, path, slopes, {"": {}}, NAMED)
        tree = ["grad_tree", "tree"]
        if not found and {*tree} & {*arguments_of(make)}:
            found += _probed(path, make, "transformation", clip, ("",), tree)
        yield from found


def _draws() -> Iterator[Probed]:
    forms: dict[str, Mapping[str, Any]] = {"": {}}
    other = {**forms, _OTHER_BITS: {"implementation": _OTHER_BITS}}
    for name, make in _offered("jax.random"):
        if name not in _NO_DRAWS:
            path = f"jax.random.{name}"
            able = other if name in _OF_BITS else forms
            play = plays(calls.draw, path, {}, able, NAMED)
            yield from _probed(path, make, "distribution", play, tuple(able), ["key"])


def _probed(
    path: str,
    make: Callable[..., Any],
    kind: str,
    play: Plays,
    settings: tuple[str, ...],
    without: list[str],
) -> Iterator[Probed]:
    """Yield the target of something that can be called with what is known of its arguments."""
    arguments = arguments_of(make, without=without)
    name = path.rpartition(".")[2]
    own = {n: v for n, v in OWN.get(name, {}).items() if n in arguments}
    if kind == "distribution" and "shape" in arguments:
        own = {"shape": GIVEN["shape"], **own}
    needed = given_for({n: d for n, d in arguments.items() if n not in own}, GIVEN)
    if needed is None:
        return
    given = {**needed, **own}
    traced = kind in ("initializer", "distribution")
    if not (_traces if traced else works)(play(given, settings[0])):
        return
    values = _values(arguments)
    if kind == "distribution":  # a second to compile for each call
        values = {**dict.fromkeys(arguments, ()), "dtype": ({"$": "float32"},)}
    together = () if traced else None
    target = Target(path, kind, arguments, given, settings, values, together, settings[:1])
    yield Probed(target, play)


def _values(arguments: Mapping[str, str]) -> dict[str, tuple[Any, ...]]:
    return {name: found for name, found in VALUES.items() if name in arguments}


def _traces(play: Play) -> bool:
    """Return whether a call gives something, without compiling it."""
    make, arguments = get(play.what), play.made()
    key, shape = jax.random.PRNGKey(7), (5, 4)
    calling: Mapping[Any, Callable[..., Any]] = {
        calls.evaluate: lambda *inputs: make(*inputs, **arguments),
        calls.start: lambda: make(**arguments)(key, shape, "float64"),
        calls.fill: lambda: make(key, shape, **arguments),
        calls.draw: lambda: make(key, **_arrays(arguments)),
    }
    try:
        jax.eval_shape(calling[play.call], *play.inputs.values())
    except Exception:  # noqa: BLE001  # not made for these inputs
        return False
    return True


def _arrays(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {
        n: np.array(v) if isinstance(v, tuple) and n != "shape" else v for n, v in arguments.items()
    }
