"""What a probe of Keras comes to: a short function, what it is given, and both as a script.

The function that runs here is the one that stands in the script, so neither can say anything else.
"""

from __future__ import annotations

import contextlib
import gc
import inspect
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from parity.upgrades.lanes.keras_making import made, written
from parity.upgrades.probe import Array, Arrays, Nudge, Probe, Target

SEED: Final = 1  # of every generator there is, before each probe
_WIDTH: Final = 100


@dataclass(frozen=True, slots=True)
class Line:
    """A line of Keras (Keras 3, or tf_keras) as it is imported here, with its backend."""

    module: Any
    name: str
    backend: str

    def get(self, path: str) -> Any:
        """Return what stands at `path`, such as optimizers.schedules; None if nothing does."""
        found = self.module
        for name in path.split("."):
            found = getattr(found, name, None)
        return found

    def path(self, target: str) -> str:
        """Return the path of a target below Keras: optimizers.Adam of keras.optimizers.Adam."""
        return target.removeprefix(f"{self.name}.")

    @property
    def dtype(self) -> str:
        """The widest type that operations keep: on torch and jax they make float32 of float64."""
        return "float64" if self.backend == "tensorflow" else "float32"

    def restart(self, dtype: str) -> None:
        """Forget what earlier probes left: names, policies, generators."""
        clear = self.get("utils.clear_session") or self.get("backend.clear_session")
        if "free_memory" in inspect.signature(clear).parameters:
            clear(free_memory=False)  # a quarter of a second, otherwise
        else:
            clear()
        self.module.backend.set_floatx(dtype)
        self.module.mixed_precision.set_global_policy(dtype)
        self.module.utils.set_random_seed(SEED)


@dataclass(frozen=True, slots=True)
class Task:
    """A probe ready to run: `call(keras, subject, inputs, **options)` gives what is seen.

    `subject` is a call, or plain values with calls among them. `inputs` are arrays by name; those
    of floats are what a nudge moves. Functions among the options stand in the script too. `wide`:
    in float64 on every backend, for calls that keep it.
    """

    call: Callable[..., dict[str, Array]]
    subject: Any
    inputs: Arrays
    options: Mapping[str, Any] = field(default_factory=dict)
    wide: bool = False

    def run(self, line: Line, nudge: Nudge) -> Arrays:
        """Return what is seen. Raises what Keras raises."""
        line.restart(self._dtype(line))
        inputs = {name: nudge(value) for name, value in self._inputs(line).items()}
        subject = made(self.subject, line.module)
        return self.call(line.module, subject, inputs, **self.options)

    def script(self, line: Line, title: str) -> str:
        """Return a script that does the same and prints what is seen, a line each."""
        helpers = [value for value in self.options.values() if callable(value)]
        given = {
            name: value.__name__ if callable(value) else repr(value)
            for name, value in self.options.items()
        }
        options = "".join(f", {name}={value}" for name, value in given.items())
        return "\n".join(
            [
                f'"""{title}"""',
                "",
                "from __future__ import annotations",
                "",
                *_head(line),
                *("\n\n" + inspect.getsource(item).rstrip() for item in (*helpers, self.call)),
                "",
                "",
                "inputs = {",
                *(f'    "{name}": {_array(value)},' for name, value in self._inputs(line).items()),
                "}",
                f'keras.backend.set_floatx("{self._dtype(line)}")',
                f'keras.mixed_precision.set_global_policy("{self._dtype(line)}")',
                f"keras.utils.set_random_seed({SEED})",
                f"subject = {written(self.subject)}",
                f"seen = {self.call.__name__}(keras, subject, inputs{options})",
                "print(keras.__version__)",
                "for name, value in seen.items():",
                '    print(f"{name}: {value.tolist()}")',
                "",
            ]
        )

    def _dtype(self, line: Line) -> str:
        return "float64" if self.wide else line.dtype

    def _inputs(self, line: Line) -> dict[str, Array]:
        return {
            name: value.astype(self._dtype(line)) if value.dtype.kind == "f" else value
            for name, value in self.inputs.items()
        }


@dataclass(frozen=True, slots=True)
class Probed:
    """A target, and the task of a call of it: what a module of this folder finds."""

    target: Target
    task: Callable[[Mapping[str, Any], str], Task]

    def of(self, probe: Probe) -> Task:
        """Return the task of a probe of the target. Raises KeyError for an unknown value."""
        return self.task({**self.target.given, **probe.arguments}, probe.setting)


def gathered(line: Line, modules: Iterable[Any]) -> dict[str, Probed]:
    """Return what the modules find of a line, by name, ready to be run quickly."""
    found = {item.target.name: item for module in modules for item in module.found(line)}
    first = next(iter(found))
    with contextlib.suppress(Exception):  # a later run of it says what is wrong
        found[first].of(Probe(first)).run(line, Nudge(0))
    gc.freeze()  # some releases collect garbage at every start: nothing imported so far is any
    return found


def _head(line: Line) -> list[str]:
    environment = ["import inspect", "import os", ""]
    if line.name == "keras":
        environment.append(f'os.environ["KERAS_BACKEND"] = "{line.backend}"')
    if line.backend == "jax":
        environment.append('os.environ["JAX_ENABLE_X64"] = "1"')
    imported = "import keras" if line.name == "keras" else f"import {line.name} as keras"
    return [*(environment if len(environment) > 3 else []), imported, "import numpy as np"]


def _array(value: Array) -> str:
    kind = "" if value.dtype in (float, int, bool) else f", dtype={str(value.dtype)!r}"
    if value.dtype == np.float32:
        value = value.astype(str).astype(float)  # of the shortest text that is the same number
    text = repr(value.tolist()).replace("inf", "np.inf")
    lines = textwrap.wrap(f"{text}{kind}", _WIDTH - 12, break_long_words=False)
    return "np.array(" + "\n        ".join(lines) + ")"
