"""The command `parity bisect`: what is asked, of which releases, and what came of it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from rich.console import Console
from rich.markup import escape

from parity.case import OPTIMIZERS, Case, CaseError
from parity.generation import generated
from parity.lanes.catalog import LANES
from parity.lockstep import dtypes_of
from parity.profiles import PROFILES
from parity.strategies import PROBLEMS
from parity.upgrades.bisect import Memory, Search, Verdict
from parity.upgrades.environment import INSTALLED, build, changelog, version
from parity.upgrades.findings import Finding
from parity.upgrades.releases import Release, between, releases

_CHECK = PROFILES["quick"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `parity bisect`."""
    parser.epilog = (
        "exit status: 0 a release was found for each finding; 1 the ends do not part; "
        "2 it cannot be told"
    )
    parser.add_argument(
        "packages",
        nargs="+",
        metavar="PACKAGE",
        help="the package, whose ends the finding names; or both ends, as in keras==3.9.2 "
        "keras==3.15.1; what else is named goes with every release",
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
    findings = [_read(path, options.lane) for path in options.case]
    findings += [one for check in options.check for one in _drawn(check, options.seed)]
    if not findings:
        raise ValueError("expected --case FILE or --check OPTIMIZER/LANE")
    package, ends, beside = _ends(options.packages, findings)
    found = releases(package, prereleases=options.pre)
    chosen = _between(package, found, *ends)
    console = Console()
    question = [package, *beside, chosen[0].version, *(one.to_json() for one in findings)]
    with console.status(package) as status:

        def tell(what: str) -> None:
            status.update(escape(what))

        search = Search(package, chosen, findings, Memory(question), beside, tell)
        verdicts = list(search.run())
    for one, count in distinct(verdicts):
        more = f" (and {count - 1} more cases)" if count > 1 else ""
        console.print(escape(_told(package, one, chosen) + more), soft_wrap=True, highlight=False)
    firsts = {one.first for one in verdicts if one.first is not None}
    for first in sorted(firsts):
        place = build([f"{package}=={first}", *beside], prereleases=True)
        link = changelog(place, package)
        if link:
            console.print(f"changelog of {package}: {link}")
    return 0 if firsts else 1


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
    return "\n".join(lines)


def _read(path: Path, lane: str | None) -> Finding:
    """Return a finding of an upgrade, or the one that a case makes with a lane."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    if lane is None:
        try:
            return Finding.from_json(text)
        except ValueError as error:
            raise ValueError(f"{path}: {error} (a case needs --lane)") from error
    _known(lane)
    try:
        return Finding(lane, {}, {}, case=Case.from_json(text))
    except CaseError as error:
        raise ValueError(f"{path}: {error}") from error


def _drawn(check: str, seed: int) -> list[Finding]:
    """Return the generated cases of OPTIMIZER/LANE, as findings."""
    optimizer, _, name = check.partition("/")
    if optimizer not in OPTIMIZERS:
        raise ValueError(f"expected one of {', '.join(OPTIMIZERS)}, got {optimizer!r} in {check!r}")
    _known(name)
    lane = next(lane for lane in LANES if lane.name == name)
    if optimizer not in lane.optimizers:
        raise ValueError(f"{name} has no {optimizer}")
    cases = [
        case
        for problem in PROBLEMS
        for case in generated(problem, optimizer, dtypes_of(lane, _CHECK), _CHECK, seed)
        if lane.lacks(case) is None
    ]
    return [Finding(name, {}, {}, case=case) for case in cases[: _CHECK.examples * 3]]


def _known(lane: str) -> None:
    names = [one.name for one in LANES]
    if lane not in names:
        raise ValueError(f"expected one of {', '.join(names)}, got {lane!r}")


def _ends(
    words: Sequence[str], findings: Sequence[Finding]
) -> tuple[str, tuple[str | None, str | None], list[str]]:
    """Return the package, the versions of both ends, and the requirements that go with each."""
    pins: dict[str, list[str | None]] = {}
    for word in words:
        try:
            requirement = Requirement(word)
        except InvalidRequirement as error:
            raise ValueError(f"expected a package such as keras==3.9.2, got {word!r}") from error
        pinned = [one.version for one in requirement.specifier if one.operator == "=="]
        canonical = str(canonicalize_name(requirement.name))
        pins.setdefault(canonical, []).append(pinned[0] if pinned else None)
    twice = [name for name, versions in pins.items() if len(versions) == 2]
    package = twice[0] if twice else next(iter(pins))
    if len(twice) > 1 or any(len(versions) > 2 for versions in pins.values()):
        raise ValueError(f"expected one package with two ends, got {' '.join(words)}")
    beside = {name: versions[0] for name, versions in pins.items() if name != package}
    named = pins[package]
    if len(named) == 2:
        ends = (named[0], named[1])
    else:
        old = next((one.old[package] for one in findings if package in one.old), None)
        new = next((one.new[package] for one in findings if package in one.new), None)
        ends = (old, named[0] or new or version(INSTALLED, package))
    # What stands beside the package in both releases of a finding goes with every release.
    for one in findings:
        for name, pin in one.new.items():
            if name != package and one.old.get(name) == pin:
                beside.setdefault(name, pin)
    return package, ends, [f"{name}=={pin}" if pin else name for name, pin in beside.items()]


def _between(
    package: str, found: Sequence[Release], old: str | None, new: str | None
) -> list[Release]:
    """Return the releases from one end to the other, both included."""
    able = [one for one in found if one.lack is None and one.yanked is None]
    if not able:
        raise ValueError(f"{package}: no release can be installed here")
    first, last = old or able[0].version, new or able[-1].version
    after = between(found, first, last)
    start = next(one for one in found if one.version == first)
    return [start, *after]
