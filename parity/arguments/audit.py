"""The audit: every framework's targets, shared out to a few processes, the long ones first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from threading import Lock

from parity.arguments.framework import FRAMEWORKS, AuditError, Framework
from parity.arguments.outcome import Outcome
from parity.arguments.record import Record
from parity.arguments.values import OLD_SPELLINGS
from parity.asked import likeliest, matches

QUICK = ("argument", "spelling")
_NO_OPTIMIZER = (".losses", ".nn.", ".Model", ".layers")
_AT_ONCE = 2  # processes side by side

Progress = Callable[[str, str, int, int], None]  # framework, target, targets done, of how many
Offered = Mapping[str, Mapping[str, Sequence[str]]]  # each framework's targets, and their arguments


def run(
    names: Sequence[str],
    record: Record,
    *,
    classes: Sequence[str] = (),
    kinds: Sequence[str] = (),
    brief: bool = False,
    at_once: int = _AT_ONCE,
    progress: Progress | None = None,
) -> list[Outcome]:
    """Audit frameworks; return the outcomes of their installed versions, target by target.

    `classes`, if any, are parts, in whatever case, of the names of the targets wanted, `kinds` the
    only trials wanted. A brief audit tries one value of each argument. Raises ValueError for a
    framework that is unknown, AuditError for one that cannot be asked, and for a class that none of
    them has.
    """
    crew = _Crew(sorted(names, key=list(FRAMEWORKS).index))
    with ThreadPoolExecutor(at_once) as pool:
        try:
            offered = dict(zip(crew.names, pool.map(crew.targets, crew.names), strict=True))
            _check_classes(classes, offered)
            work = _Work(offered, crew.versions, record, classes, kinds, brief, progress)
            parts = [pool.submit(crew.audit, work) for _ in range(at_once)]
            for part in wait(parts, return_when=FIRST_EXCEPTION).done:
                part.result()
        finally:  # Ctrl-C included, which the pool would wait out
            pool.shutdown(wait=False, cancel_futures=True)
            crew.stop()
    return work.outcomes()


def audit_framework(name: str) -> list[Outcome]:
    """Return what single arguments, a value each, and foreign spellings do in one framework."""
    return run([name], Record(), kinds=QUICK, brief=True, at_once=1)


class _Crew:
    """The processes: one of each framework to begin with, and more where there is more to do."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self._all = [Framework(name, FRAMEWORKS[name]) for name in names]
        self._free = {framework.name: framework for framework in self._all}
        self.versions = {framework.name: framework.versions for framework in self._all}

    def targets(self, name: str) -> dict[str, list[str]]:
        """Return the targets of a framework with their arguments. Raises AuditError."""
        return self._free[name].targets()

    def audit(self, work: _Work) -> None:
        """Take one target after another until none is left, where possible of one framework."""
        framework: Framework | None = None
        while (taken := work.take(framework.name if framework else "")) is not None:
            name, target = taken
            if framework is None or framework.name != name:
                if framework is not None:
                    framework.close()
                framework = self._free.pop(name, None) or self._another(name)
            work.audit(framework, target)
        if framework is not None:
            framework.close()

    def stop(self) -> None:
        """End all processes for good."""
        for framework in self._all:
            framework.stop()

    def _another(self, name: str) -> Framework:
        self._all.append(Framework(name, FRAMEWORKS[name]))
        return self._all[-1]


@dataclass
class _Work:
    """The targets that are to be audited, and those that are done."""

    offered: Offered
    versions: Mapping[str, str]
    record: Record
    classes: Sequence[str]
    kinds: Sequence[str]
    brief: bool
    progress: Progress | None
    _left: dict[str, list[str]] = field(default_factory=dict)
    _begun: set[str] = field(default_factory=set)
    _done: dict[str, int] = field(default_factory=dict)
    _spellings: list[str] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self._spellings = _spellings(self.offered)
        for name, targets in self.offered.items():
            left = [t for t in self._wanted(name) if self._whole(name, t) not in self.record.ended]
            # Whole models, and what has the most arguments, take longest: in the end nobody should
            # have to wait for them.
            self._left[name] = sorted(left, key=lambda t: (".Model." in t, len(targets[t])))
            self._done[name] = len(self._wanted(name)) - len(left)
            self._tell(name, "")

    def take(self, current: str) -> tuple[str, str] | None:
        """Return the next target: of the framework at hand, one not begun, or the one behind."""
        with self._lock:
            left = [name for name, targets in self._left.items() if targets]
            if not left:
                return None
            new = [name for name in left if name not in self._begun]
            behind = max(left, key=lambda name: len(self._left[name]))
            name = current if current in left else (*new, behind)[0]
            self._begun.add(name)
            return name, self._left[name].pop()

    def audit(self, framework: Framework, target: str) -> None:
        """Audit a target, but for what is done of it."""
        name = framework.name
        self._tell(name, target)
        before = f"{name}|{framework.versions}|{target}|"
        ours = [o for o in list(self.record.outcomes) if o.key.startswith(before)]
        done = [outcome.trial.key for outcome in ours]
        found = framework.audit(target, self._spellings, self.kinds, done, brief=self.brief)
        for outcome in found:
            self.record.add(outcome)
        self.record.end(self._whole(name, target))
        with self._lock:
            self._done[name] += 1
        self._tell(name, target)

    def outcomes(self) -> list[Outcome]:
        """Return what was found, in the order in which the frameworks offer their targets."""
        wanted = [(name, target) for name in self.offered for target in self._wanted(name)]
        order = {key: number for number, key in enumerate(wanted)}
        found = [
            outcome
            for outcome in self.record.outcomes
            if (outcome.framework, outcome.trial.target) in order
            and outcome.versions == self.versions[outcome.framework]
            and (not self.kinds or outcome.trial.kind in self.kinds)
        ]
        return sorted(found, key=lambda o: order[o.framework, o.trial.target])

    def _wanted(self, name: str) -> list[str]:
        targets = self.offered[name]
        classes = self.classes or ("",)
        return [target for target in targets if any(matches(part, target) for part in classes)]

    def _whole(self, name: str, target: str) -> str:
        """Return what names a target's audit, as it is asked for, in a file of outcomes."""
        extent = f"{','.join(self.kinds)}{' brief' if self.brief else ''}"
        asked = f"{extent}|{len(self._spellings)} spellings"
        return f"{name}|{self.versions[name]}|{target}|{asked}"

    def _tell(self, name: str, target: str) -> None:
        if self.progress:
            self.progress(name, target, self._done[name], len(self._wanted(name)))


def _check_classes(classes: Sequence[str], offered: Offered) -> None:
    """Raise AuditError for a class that no target has in its name, with the likeliest target."""
    targets = [target for found in offered.values() for target in found]
    for part in classes:
        if not any(matches(part, target) for target in targets):
            where = f"no target of {', '.join(offered)} has {part!r} in its name"
            raise AuditError(f"class: {where}{likeliest(part, targets)}")


def _spellings(offered: Offered) -> list[str]:
    """Return every name that an argument of an optimizer has anywhere, and the older ones."""
    names = {
        name
        for found in offered.values()
        for target, arguments in found.items()
        if not any(part in target for part in _NO_OPTIMIZER)
        for name in arguments
    }
    return sorted(names | set(OLD_SPELLINGS))
