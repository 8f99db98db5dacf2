"""Runs calls of one target, each once, and tells what differs between two of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, combinations, islice
from typing import Any

from parity.arguments.assigning import Absent
from parity.arguments.outcome import Channel
from parity.arguments.target import REQUIRED, Call, Run, Target, begins, same
from parity.arguments.values import equal, values_for
from parity.compare import Status
from parity.lanes import worker

_LONGEST = 300  # characters of an error or a message that are kept
_CONTEXTS = 200  # calls that are tried before an argument is said to do nothing
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")  # which is another in each run
# How documentation says that an argument is about how something is computed, not what.
_HOW = re.compile(
    r"implementation|performance|speed|faster|runtime|memory|cuda graph|autograd|xla|jit"
    r"|compil|name (?:to use|of|for)|the name|data ?type|dtype|device|serializ|deprecated",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a call did: a run, or the error; and what was said meanwhile."""

    run: Run | None
    error: str
    heard: tuple[str, ...]


Context = tuple[tuple[str, ...], str]  # arguments beside, and a setting


class Bench:
    """A target and the calls made so far."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._seen: dict[str, Seen] = {}
        self._judged: dict[str, Status | None] = {}
        self._helped: dict[str, Context] = {}

    def call(self, arguments: Mapping[str, Any], **elsewhere: Any) -> Call:
        """Return a call that gives what every call gives, and `arguments`."""
        where = {"setting": self.target.settings[0], **elsewhere}
        return Call({**self.target.given, **arguments}, **where)

    def seen(self, call: Call) -> Seen:
        """Run a call, or return what it did before."""
        key = repr(call)
        if key not in self._seen:
            self._seen[key] = self._run(call)
        return self._seen[key]

    def changes(self, call: Call, base: Call) -> bool | None:
        """Return whether `call` trains otherwise than `base`; None if either is refused."""
        one, other = self.seen(call).run, self.seen(base).run
        if one is None or other is None:
            return None
        return not (same if call.steps is None else begins)(other.seen, one.seen)

    def shown(self, call: Call, base: Call) -> Call:
        """Return `call`, or its first steps where they tell it from `base` already.

        Steps that differ make whole runs that differ; those that don't say nothing.
        """
        early, whole = self.target.early, self.seen(base).run
        if early is None or whole is None or repr(call) in self._seen:
            return call
        begun = replace(call, steps=early)
        run = self.seen(begun).run
        return call if run is None or begins(whole.seen, run.seen) else begun

    def keeps(self, call: Call, base: Call) -> bool:
        """Return whether the state beside training is the same after both."""
        one, other = self.seen(call).run, self.seen(base).run
        return one is None or other is None or same(one.state, other.state)

    def judged(self, call: Call) -> Status | None:
        """Return what the oracle says of a call; None where it says nothing."""
        status = self._judgement(call)
        # What it says of the first steps tells only whether it has something to say of all.
        if status is not None and call.steps is not None:
            status = self._judgement(replace(call, steps=None))
        return status

    def _judgement(self, call: Call) -> Status | None:
        run = self.seen(call).run
        if self.target.judge is None or run is None or call.setting or call.late:
            return None
        key = repr(call)
        if key not in self._judged:
            self._judged[key] = self.target.judge(call, run)
        return self._judged[key]

    def said(self, call: Call, base: Call) -> tuple[Channel, str]:
        """Return what a call said that `base` did not, and how."""
        silent = set(self.seen(base).heard)
        news = [text for text in self.seen(call).heard if text not in silent]
        if not news:
            return Channel.NOTHING, ""
        warned = [text for text in news if text.startswith("warning: ")]
        channel = Channel.WARNING if warned else Channel.LOG
        first = (warned or news)[0].partition(": ")[2]
        return channel, _ADDRESS.sub("", first)[:_LONGEST]

    @cached_property
    def _probes(self) -> dict[str, Any]:
        return {name: self._telling(name, values) for name, values in self.values().items()}

    def _telling(self, name: str, values: tuple[Any, ...]) -> Any:
        if len(values) == 1:
            return values[0]
        base = self.call({})
        effects = [self.changes(self.call({name: value}), base) for value in values]
        wanted = next((effect for effect in (True, False) if effect in effects), None)
        return values[effects.index(wanted)]

    def probes(self) -> dict[str, Any]:
        """Return a value for each argument: the first that does something alone, or is accepted."""
        return self._probes

    def values(self) -> dict[str, tuple[Any, ...]]:
        """Return the values to try for each argument of the signature; a brief audit tries one."""
        few = 1 if self.target.brief else None
        return {name: values[:few] for name, values in self.every().items()}

    def every(self) -> dict[str, tuple[Any, ...]]:
        """Return all values that there are for each argument of the signature."""
        found: dict[str, tuple[Any, ...]] = {}
        for name, default in self.target.arguments.items():
            known = self.target.given.get(name, default)
            own = self.target.values.get(name)
            values = values_for(name, known) if own is None else own
            values = tuple(value for value in values if not equal(value, known))
            if default is not REQUIRED or name in self.target.given:
                found[name] = values
        return {name: values for name, values in found.items() if values}

    def matters_beside(self, call: Call, varied: str, most: int) -> str | None:
        """Return what an argument without effect alone needs beside it; None if nothing helps.

        `varied` is the argument in which `call` differs from the plain one. What has helped it
        before is tried first; then one other argument, then two, up to `most`, in each setting.
        """
        contexts = self._contexts(varied, min(most, self.target.most))
        before = self._helped.get(varied)
        if before is not None and len(before[0]) <= most:
            contexts = chain([before], contexts)
        for names, setting in islice(contexts, _CONTEXTS):
            beside = {name: self.probes()[name] for name in names}
            if self._matters(call, beside, setting):
                self._helped[varied] = names, setting
                told = [f"{name}={value!r}" for name, value in beside.items()]
                return ", ".join([*told, *([setting] if setting else [])])
        return None

    def _contexts(self, varied: str, most: int) -> Iterator[Context]:
        """Yield what to try beside: one argument, another setting, and then more arguments."""
        main, *others = self.target.settings
        names = [name for name in self.probes() if name != varied] if most else []
        if self.target.brief:  # switches first, which are what most others need
            names.sort(key=lambda name: type(self.target.arguments[name]) is not bool)
        yield from (((name,), main) for name in names)
        yield from (((), setting) for setting in others)
        for many in range(2, most + 1):
            yield from ((chosen, main) for chosen in combinations(names, many))

    def _matters(self, call: Call, beside: Mapping[str, Any], setting: str) -> bool:
        base = self.call(beside, setting=setting)
        if self.seen(base).run is None:
            return False
        trial = Call({**call.arguments, **beside}, setting, call.place, dict(call.late), call.after)
        return bool(self.changes(trial, base))

    def documented(self, name: str) -> str | None:
        """Return the documentation of an argument that is said to be about how, not what."""
        text = next(_paragraphs(self.target.doc, name), "")
        return text[:_LONGEST] if _HOW.search(text) else None

    def works(self, name: str) -> bool:
        """Return whether an argument of the signature does something alone."""
        if "argument" not in self.target.trials:
            return False  # which is too costly to find out
        probes = self.probes()
        return name in probes and bool(self.changes(self.call({name: probes[name]}), self.call({})))

    def switch(self, name: str) -> bool:
        """Return whether an argument is no number, and documented to be about how, not what.

        One that changes training all the same is none, unless it chooses an implementation, which
        may round otherwise.
        """
        default = self.target.arguments.get(name, 0.0)
        text = self.documented(name)
        if text is None or type(default) in (int, float, tuple):
            return False
        return "implementation" in text or not self.works(name)

    def _run(self, call: Call) -> Seen:
        with worker.listening() as heard:
            try:
                run, error = self.target.run(call), ""
            except Absent:
                raise
            except Exception as refusal:  # noqa: BLE001  # whatever it is: it is the outcome
                text = _ADDRESS.sub("", str(refusal))
                run, error = None, f"{type(refusal).__name__}: {text}"[:_LONGEST]
        return Seen(run, error, tuple(heard))


def _paragraphs(doc: str, name: str) -> Iterator[str]:
    """Yield what stands in a docstring under an argument's name, up to the next name."""
    entry = r"^\s*`?{}`?\s*(?:\([^\n]*\))?\s*:"
    own, following = entry.format(re.escape(name)), entry.format(r"\w+")
    pattern = rf"{own}(.*?)(?={following}|^\s*$|\Z)"
    for match in re.finditer(pattern, doc, re.MULTILINE | re.DOTALL):
        yield " ".join(match[1].split())
