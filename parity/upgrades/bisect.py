"""Which release did it: a search over the releases between two versions.

Version order is searched, though it is not the order of time. A release parts where it does what
the new end does rather than what the old end does; what else was changed before it, by less, is
told beside. A release that does not install or import is neither good nor bad: its neighbours are
asked instead. Every answer is kept, so that a search that was interrupted goes on where it was, and
findings share the releases they ask.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from parity.cache import cache
from parity.compare import Status
from parity.lanes import Lane
from parity.lanes.catalog import LANES
from parity.lockstep import Result
from parity.upgrades.change import Change
from parity.upgrades.compare import unlike
from parity.upgrades.environment import BuildError, Environment, build
from parity.upgrades.findings import Finding
from parity.upgrades.lockstep import judge_in, parting
from parity.upgrades.lockstep import unlike as parted
from parity.upgrades.noise import NUDGES, apart
from parity.upgrades.probe import Seen
from parity.upgrades.probing import ProbeError, Side
from parity.upgrades.releases import Release

Tell = Callable[[str], None]
Observed = Result | list[Seen]  # of a case, or of a probe: its run, and its further runs

# Of a process that hung or crashed: it may have been the machine, and goes another time.
_LOST: Final = re.compile(r"(^|: )(hung|crashed|import: while importing [^:]+): ")


@dataclass(frozen=True, slots=True)
class Answer:
    """What one release does: of each finding whether it parts, or why it cannot be asked.

    `changes` tell of each finding what it does otherwise than the release `first`; it parts if it
    does so as the release `last`. None: it fails where neither of them does.
    """

    parts: tuple[bool | None, ...] = ()
    changes: tuple[Change | None, ...] = ()
    lack: str = ""
    first: str = ""
    last: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where a finding begins: the first release that parts, the last that does not, and its change.

    `skipped` are the releases between these two that could not be asked, with the reasons, `lesser`
    those before that do something else again, nearer to the old end. `asked` counts the releases
    that were run for this finding. No `first`: the ends do not part.
    """

    finding: Finding
    last: str
    first: str | None
    change: Change | None
    skipped: Mapping[str, str]
    lesser: Mapping[str, Change]
    asked: int


@dataclass
class Search:
    """A bisection of some findings over the releases of one package, the first and last included.

    `beside` are the requirements that go with every release. `implied` are the ends, old and new,
    that nobody named: past releases that cannot be asked they move inwards, and `said` tells so.
    """

    package: str
    releases: Sequence[Release]
    findings: Sequence[Finding]
    memory: Memory
    beside: Sequence[str] = ()
    tell: Tell = lambda _: None
    implied: tuple[bool, bool] = (False, False)
    said: list[str] = field(default_factory=list)
    _answers: dict[str, Answer] = field(default_factory=dict)
    _ran: dict[str, list[Observed]] = field(default_factory=dict)

    def run(self) -> Iterator[Verdict]:
        """Yield each finding's verdict. Raises BuildError where an end fails."""
        self._settle_old()
        self._settle_new()
        for number, finding in enumerate(self.findings):
            yield self._verdict(number, finding)

    def _settle_old(self) -> None:
        """Make sure that the old end can be asked; an implied one is looked for by halves.

        What is too old to run here is followed by what is not. Raises BuildError.
        """
        every, lack = self.releases, self._ask(0).lack
        if not lack:
            return
        low, high = 0, len(every) - 1
        while self.implied[0] and high - low > 1:
            middle = (low + high) // 2
            self._begin(every[middle:])
            low, high, lack = (
                (middle, high, told) if (told := self._ask(0).lack) else (low, middle, lack)
            )
        if high == len(every) - 1:
            raise BuildError(f"{self.package} {every[low].version}: {lack}")
        self._begin(every[high:])
        oldest = f"{self._version(0)} is the oldest that was found to run"
        self.said.append(f"{self.package} {oldest}; {every[low].version}: {lack}")

    def _settle_new(self) -> None:
        """Make sure that the new end can be asked; an implied one walks back. Raises BuildError."""
        newest = self._version(-1)
        while lack := self._ask(-1).lack:
            if not self.implied[1] or len(self.releases) == 2:
                raise BuildError(f"{self.package} {self._version(-1)}: {lack}")
            self.releases, last = self.releases[:-1], f"{self._version(-1)}: {lack}"
        if newest != self._version(-1):
            told = f"{self._version(-1)} is the newest that runs"
            self.said.append(f"{self.package} {told}; {last}")

    def _begin(self, releases: Sequence[Release]) -> None:
        """Search other releases: what others did was compared with another first one."""
        self.releases = releases
        self._answers = {name: one for name, one in self._answers.items() if one.lack}

    def _verdict(self, number: int, finding: Finding) -> Verdict:
        """Search for the place between a release that is as before and one that is not."""
        low, high = 0, len(self.releases) - 1
        asked, lacks, lesser = 2, dict[str, str](), dict[str, Change]()
        end = self._ask(high)
        if not end.parts[number]:
            version = self.releases[high].version
            return Verdict(finding, version, None, None, lacks, lesser, asked)
        while able := [n for n in range(low + 1, high) if self._version(n) not in lacks]:
            middle = min(able, key=lambda n: abs(2 * n - low - high))
            answer = self._ask(middle)
            if answer.lack:
                lacks[self._version(middle)] = answer.lack
                continue
            asked += 1
            change, parts = answer.changes[number], answer.parts[number]
            if parts is None and change is not None:
                lacks[self._version(middle)] = change.new
            elif parts:
                high, end = middle, answer
            else:
                low = middle
                lesser |= {} if change is None else {self._version(middle): change}
        between = {self._version(n) for n in range(low + 1, high)}
        skipped = {version: lack for version, lack in lacks.items() if version in between}
        places = self._version(low), self._version(high)
        return Verdict(finding, *places, end.changes[number], skipped, lesser, asked)

    def _version(self, number: int) -> str:
        return self.releases[number].version

    def _ask(self, number: int) -> Answer:
        """Return what a release does, run once for all findings."""
        release = self.releases[number]
        if release.version not in self._answers:
            self._answers[release.version] = self._run(release)
        return self._answers[release.version]

    def _run(self, release: Release) -> Answer:
        if release.lack is not None:
            return Answer(lack=release.lack)
        if release.yanked is not None:
            return Answer(lack=f"yanked: {release.yanked or 'no reason given'}")
        ends = self._version(0), self._version(-1)
        known = self.memory.get(release.version)
        if known is not None and (known.lack or (known.first, known.last) == ends):
            return known
        self.tell(f"{self.package} {release.version}")
        try:
            first, seen = self._observed(self.releases[0]), self._observed(release)
            triples = zip(self.findings, first, seen, strict=True)
            changes = tuple(_apart(*triple) for triple in triples)
            parts: tuple[bool | None, ...] = tuple(change is not None for change in changes)
            if any(parts):
                last = self._observed(self.releases[-1])
                ran = zip(self.findings, first, last, seen, strict=True)
                parts = tuple(p and _as_last(*one) for p, one in zip(parts, ran, strict=True))
        except BuildError as error:
            return Answer(lack=str(error))  # another time the index may answer
        except ProbeError as error:
            answer, errors = Answer(lack=str(error)), [str(error)]
        else:
            answer = Answer(parts, changes, first=ends[0], last=ends[1])
            compared = {*ends, release.version} & {*self._ran}
            errors = [told for name in compared for one in self._ran[name] for told in _errors(one)]
        if not any(map(_LOST.search, errors)):
            self.memory.keep(release.version, answer)
        return answer

    def _observed(self, release: Release) -> list[Observed]:
        """Return what a release does for each finding, run once: a process for each framework."""
        if release.version in self._ran:
            return self._ran[release.version]
        wanted = [f"{self.package}=={release.version}", *self.beside]
        place = build(wanted, prereleases=True, tell=self.tell)
        seen: dict[int, Observed] = {}
        for where in dict.fromkeys(finding.where for finding in self.findings):
            mine = [n for n, finding in enumerate(self.findings) if finding.where == where]
            seen |= zip(mine, _seen(place, where, self.findings, mine), strict=True)
        return self._ran.setdefault(release.version, [seen[n] for n in range(len(self.findings))])


def _seen(
    place: Environment, where: str, findings: Sequence[Finding], mine: Sequence[int]
) -> Iterator[Observed]:
    """Yield what an environment does for the findings of one framework or lane."""
    probes = [probe for number in mine if (probe := findings[number].probe) is not None]
    if probes:
        with Side(where, place) as side:
            side.describe()
            for probe in probes:
                yield side.run(probe, (0, *NUDGES))
        return
    cases = [case for number in mine if (case := findings[number].case) is not None]
    harness = judge_in(place)
    try:
        for result in harness.run(_lane(where), cases):
            if result.verdict.reason.startswith("import:"):
                raise ProbeError(f"{where} ({place.name}): {result.verdict.reason}")
            yield result
    finally:
        harness.workers.close()


def _errors(observed: Observed) -> list[str]:
    """Return why there is nothing to compare of some runs, empty texts where there is."""
    if isinstance(observed, Result):
        return [observed.verdict.reason]
    return [seen.error for seen in observed]


def _fails(observed: Observed) -> bool:
    return observed.trace is None if isinstance(observed, Result) else bool(observed[0].error)


def _apart(finding: Finding, first: Observed, other: Observed) -> Change | None:
    if isinstance(first, Result) and isinstance(other, Result):
        return parted(_lane(finding.where), first, other)
    assert finding.probe is not None
    assert not isinstance(first, Result)
    assert not isinstance(other, Result)
    return unlike(finding.where, finding.probe, first, other)


def _as_last(finding: Finding, first: Observed, last: Observed, other: Observed) -> bool | None:
    """Return whether what parts from the first release does what the last one does.

    Of two numbers it does the nearer one. None: it fails, which neither end does.
    """
    fails = [_fails(one) for one in (first, last, other)]
    if all(fails) and isinstance(last, Result) and isinstance(other, Result):
        return parted(_lane(finding.where), last, other) is None  # the ends fail in two ways
    if any(fails):
        return None if fails == [False, False, True] else fails[2] == fails[1]
    if isinstance(first, Result) and isinstance(last, Result) and isinstance(other, Result):
        diverges = [one.verdict.status is Status.DIVERGE for one in (first, last, other)]
        if diverges[0] != diverges[1]:
            return diverges[2] == diverges[1]
        # Where the ends part; elsewhere a release between them may do what neither does.
        return not {*parting(first, last)[:1]} & {*parting(last, other)}
    assert not isinstance(first, Result)
    assert not isinstance(last, Result)
    assert not isinstance(other, Result)
    old, new, seen = first[0], last[0], other[0]
    place = apart(first, last)
    if place is None:  # they part in what is said
        come, gone = ({*a.messages} - {*b.messages} for a, b in ((new, old), (old, new)))
        return come <= {*seen.messages} and not gone & {*seen.messages}
    both = [name for name in seen.arrays if name in new.arrays]
    if any(seen.arrays[name].shape != new.arrays[name].shape for name in both):
        return False
    if place.array not in both:
        return True  # the ends part in a shape, and this is the last one's
    values = seen.arrays[place.array]
    value = (values if place.step is None else values[place.step])[place.index]
    if np.isfinite([place.old, place.new]).all():
        return bool(abs(value - place.new) < abs(value - place.old))
    return bool(np.isfinite(value) == np.isfinite(place.new))


def _lane(name: str) -> Lane:
    return next(lane for lane in LANES if lane.name == name)


class Memory:
    """The answers of a search as lines of a file, so that it goes on where it was.

    The file is named after all that the answers depend on; a line that was cut off is no answer.
    """

    def __init__(self, question: Sequence[str]) -> None:
        digest = hashlib.sha256("\n".join(question).encode()).hexdigest()[:16]
        self.path = cache() / "bisect" / f"{digest}.jsonl"
        self._known: dict[str, Answer] = {}
        if self.path.is_file():
            for line in self.path.read_text("utf-8").splitlines():
                # What JSON can't read, or what is not the record that `keep` writes.
                with suppress(ValueError, KeyError, TypeError, AttributeError):
                    record = json.loads(line)
                    changes = [c and Change.from_dict(c) for c in record["changes"]]
                    told = (tuple(record["parts"]), tuple(changes), record["lack"])
                    answer = Answer(*told, record["first"], record["last"])
                    self._known[record["version"]] = answer

    def get(self, version: str) -> Answer | None:
        """Return what a release was seen to do, None if it was not asked."""
        return self._known.get(version)

    def keep(self, version: str, answer: Answer) -> None:
        """Write an answer down. Raises BuildError where the cache cannot be written to."""
        self._known[version] = answer
        changes = [change and change.to_dict() for change in answer.changes]
        record = {"version": version, "parts": answer.parts, "changes": changes}
        record |= {"lack": answer.lack, "first": answer.first, "last": answer.last}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
        except OSError as error:
            raise BuildError(f"{self.path}: {error.strerror}") from error
