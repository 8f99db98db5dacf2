"""The command `parity bisect`: what is asked, of which releases, and what came of it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from rich.console import Console
from rich.markup import escape

from parity.asked import one_of
from parity.case import Case
from parity.generation import generated
from parity.lanes.catalog import LANES
from parity.lockstep import dtypes_of
from parity.parts import OPTIMIZERS
from parity.profiles import PROFILES
from parity.strategies import PROBLEMS
from parity.upgrades.bisect import Memory, Search, Verdict
from parity.upgrades.environment import INSTALLED, build
from parity.upgrades.findings import Finding
from parity.upgrades.interpreter import describe
from parity.upgrades.metadata import changelog, version
from parity.upgrades.probing import FRAMEWORKS
from parity.upgrades.releases import Release, between, releases
from parity.validity import CaseError

_CHECK = PROFILES["quick"]
_LANES = {lane.name: lane for lane in LANES}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `parity bisect`."""
    parser.epilog = (
        "exit status: 0 a release was found for each --case and for some case of each --check; "
        "1 the ends do not part in one of them; 2 it cannot be told"
    )
    parser.add_argument(
        "packages",
        nargs="+",
        metavar="PACKAGE",
        help="the package, whose ends the findings name; or both ends, as in keras==3.9.2 "
        "keras==3.15.1; else the oldest release that runs, and what is installed or the newest; "
        "what else is named goes with every release",
    )
    parser.add_argument(
        "--case",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a finding that `parity upgrade` or `pytest parity` wrote; may be given again",
    )
    parser.add_argument(
        "--lane", metavar="LANE", help="the lane for a case that `pytest parity` wrote"
    )
    parser.add_argument(
        "--check",
        action="append",
        default=[],
        metavar="OPTIMIZER/LANE",
        help="generated cases of an optimizer in a lane, as in adam/keras@jax",
    )
    parser.add_argument("--pre", action="store_true", help="prereleases too")
    parser.add_argument("--seed", type=int, default=0, help="of the drawn cases (default: 0)")


def main(options: argparse.Namespace) -> int:
    """Search the releases; return the exit status. Raises ValueError, BuildError among them."""
    asked = [[_read(path, options.lane)] for path in options.case]
    asked += [_drawn(check, options.seed) for check in options.check]
    findings = [one for mine in asked for one in mine]
    if not findings:
        raise ValueError("expected --case FILE or --check OPTIMIZER/LANE")
    package, typed, others = _named(options.packages)
    beside = _beside(package, others, findings)
    found = releases(package, prereleases=options.pre)
    chosen, implied = _chosen(package, typed, findings, found)
    console = Console()
    ends = [chosen[0].version, chosen[-1].version]
    if any(end is not None and end not in ends for end in typed):
        console.print(f"{package}: from {ends[0]} to {ends[1]}, where the findings are")
    memory = Memory(_question(package, chosen[0].version, beside, findings))
    with console.status(package) as status:

        def tell(what: str) -> None:
            status.update(escape(what))

        search = Search(package, chosen, findings, memory, beside, tell, implied)
        verdicts = list(search.run())
    for line in search.said:
        console.print(escape(line), soft_wrap=True, highlight=False)
    come = iter(verdicts)
    located = [_print(console, search, list(islice(come, len(mine)))) for mine in asked]
    firsts = {one.first for one in verdicts if one.first is not None}
    for first in sorted(firsts):
        place = build([f"{package}=={first}", *beside], prereleases=True)
        link = changelog(place, package)
        if link:
            console.print(f"changelog of {package}: {link}")
    return 0 if all(located) else 1


def _print(console: Console, search: Search, verdicts: Sequence[Verdict]) -> bool:
    """Print what came of a --case or a --check; return whether a release was found for it."""
    for one, count in distinct(verdicts):
        more = f" (and {count - 1} more cases)" if count > 1 else ""
        told = _told(search.package, one, search.releases) + more
        console.print(escape(told), soft_wrap=True, highlight=False)
    return any(one.first is not None for one in verdicts)


def distinct(verdicts: Sequence[Verdict]) -> list[tuple[Verdict, int]]:
    """Return the verdicts, each with how many are the same; of cases that only some part, those."""
    groups: dict[tuple[object, ...], list[Verdict]] = {}
    for one in verdicts:
        case = one.finding.case is not None
        what = (one.first, one.last) if case else (one.finding.probe and one.finding.probe.key,)
        groups.setdefault((one.finding.where, case, *what), []).append(one)
    found = [(alike[0], len(alike)) for alike in groups.values()]
    parts = {one.finding.where for one, _ in found if one.finding.case and one.first is not None}
    return [
        (one, count)
        for one, count in found
        if one.first is not None or one.finding.case is None or one.finding.where not in parts
    ]


def _told(package: str, verdict: Verdict, chosen: Sequence[Release]) -> str:
    """Return a verdict in a few lines."""
    finding = verdict.finding
    about = finding.probe.key if finding.probe is not None else "a case"
    if verdict.first is None:
        ends = f"{chosen[0].version} and {chosen[-1].version}"
        return f"{finding.where} {about}: {package} {ends} do not part"
    release = next(one for one in chosen if one.version == verdict.first)
    lines = [
        f"{package} {verdict.first} ({release.date or 'no date known'}) is the first that parts, "
        f"{verdict.last} the last that does not; {verdict.asked} releases were run"
    ]
    if verdict.change is not None:
        lines.append(f"  {verdict.change.sentence}")
    lines += [f"  {name} was left out: {why}" for name, why in verdict.skipped.items()]
    lesser: dict[str, list[str]] = {}
    for name in sorted(verdict.lesser, key=Version):
        lesser.setdefault(verdict.lesser[name].sentence, []).append(name)
    lines += [f"  before, by less: {', '.join(names)}: {told}" for told, names in lesser.items()]
    return "\n".join(lines)


def _read(path: Path, lane: str | None) -> Finding:
    """Return a finding of an upgrade, or the one that a case makes with a lane."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    if lane is None:
        try:
            finding = Finding.from_json(text)
        except ValueError as error:
            raise ValueError(f"{path}: {error} (a case needs --lane)") from error
        one_of(f"{path}: where", finding.where, FRAMEWORKS if finding.probe else _LANES)
        return finding
    one_of("lane", lane, _LANES)
    try:
        return Finding(lane, {}, {}, case=Case.from_json(text))
    except CaseError as error:
        raise ValueError(f"{path}: {error}") from error


def _drawn(check: str, seed: int) -> list[Finding]:
    """Return the generated cases of OPTIMIZER/LANE, as findings."""
    optimizer, _, name = check.partition("/")
    one_of(f"optimizer of {check!r}", optimizer, OPTIMIZERS)
    lane = _LANES[one_of(f"lane of {check!r}", name, _LANES)]
    if optimizer not in lane.optimizers:
        raise ValueError(f"{name} has no {optimizer}")
    cases = [
        case
        for problem in PROBLEMS
        for case in generated(problem, optimizer, dtypes_of(lane, _CHECK), _CHECK, seed)
        if lane.lacks(case) is None
    ]
    return [Finding(name, {}, {}, case=case) for case in cases[: _CHECK.examples * 3]]


def _named(words: Sequence[str]) -> tuple[str, list[str | None], dict[str, str]]:
    """Return the package, the ends that its words name, and the other requirements by name."""
    named: dict[str, list[Requirement]] = {}
    for word in words:
        try:
            requirement = Requirement(word)
        except InvalidRequirement as error:
            raise ValueError(f"expected a package such as keras==3.9.2, got {word!r}") from error
        named.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    twice = [name for name, same in named.items() if len(same) == 2]
    if len(twice) > 1 or any(len(same) > 2 for same in named.values()):
        raise ValueError(f"expected one package with two ends, got {' '.join(words)}")
    package = twice[0] if twice else next(iter(named))
    ends = [_end(requirement) for requirement in named.pop(package)]
    return package, ends, {name: str(requirement) for name, [requirement] in named.items()}


def _end(requirement: Requirement) -> str | None:
    """Return the version that a word for the package names, None for the name alone."""
    name, _, end = str(requirement).partition("==")
    with suppress(InvalidVersion):  # told below, with what was given
        if name == requirement.name:
            return str(Version(end)) if end else None
    raise ValueError(
        f"expected {requirement.name} alone or one exact version of it, as in "
        f"{requirement.name}==1.2.3, got {str(requirement)!r}"
    )


def _beside(package: str, typed: Mapping[str, str], findings: Sequence[Finding]) -> list[str]:
    """Return what goes with every release: what was typed, and what a finding has on both sides."""
    found = dict(typed)
    for one in findings:
        for name, pin in one.new.items():
            if canonicalize_name(name) != package and one.old.get(name) == pin:
                found.setdefault(canonicalize_name(name), f"{name}=={pin}")
    return list(found.values())


def _chosen(
    package: str,
    typed: Sequence[str | None],
    findings: Sequence[Finding],
    found: Sequence[Release],
) -> tuple[list[Release], tuple[bool, bool]]:
    """Return the releases from end to end, and whether the old and the new end are implied."""
    able = [one.version for one in found if one.lack is None and one.yanked is None]
    if not able:
        raise ValueError(f"{package}: no release can be installed here")
    first, last = [None, *typed][-2:]
    # The widest of all findings: each is searched over the same releases.
    olds = _pins(package, [one.old for one in findings])
    news = _pins(package, [one.new for one in findings])
    old = first or (_offered(olds[0], found) if olds else None)
    new = last or (_offered(news[-1], found) if news else None)
    here = version(INSTALLED, package)
    newest = _offered(here, found) if here else able[-1]
    chosen = between(found, old or able[0], new or newest)
    return _within(chosen, len(findings), olds, news), (old is None, new is None)


def _within(
    chosen: list[Release], findings: int, olds: Sequence[str], news: Sequence[str]
) -> list[Release]:
    """Return the releases from end to end of the findings, where all of them say theirs.

    What changed outside of a finding's own releases is something else.
    """
    versions = [one.version for one in chosen]
    low, high = 0, len(chosen)
    if len(olds) == findings and (old := _offered(olds[0], chosen)) in versions[:-1]:
        low = versions.index(old)
    if len(news) == findings and (new := _offered(news[-1], chosen)) in versions[low + 1 :]:
        high = versions.index(new) + 1
    return chosen[low:high]


def _pins(package: str, sides: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the versions of a package on one side of some findings, the oldest first."""
    named = [(canonicalize_name(name), pin) for side in sides for name, pin in side.items()]
    return sorted((pin for name, pin in named if name == package), key=Version)


def _offered(pin: str, found: Sequence[Release]) -> str:
    """Return a version as the indexes have it: without the +cpu of a build that they lack."""
    return pin if any(one.version == pin for one in found) else pin.partition("+")[0]


def _question(
    package: str, first: str, beside: Sequence[str], findings: Sequence[Finding]
) -> list[str]:
    """Return all that the answers of a search depend on; Parity is among what is installed."""
    base = describe(INSTALLED.python)
    installed = [f"{name}=={pin}" for name, pin in sorted(base.installed().items())]
    asked = [package, first, *beside, *(one.to_json() for one in findings)]
    return [*asked, base.tag, base.release, base.platform, *installed]
