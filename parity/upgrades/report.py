"""The report of an upgrade: on the terminal, in Markdown for a pull request, as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape

from parity.report.columns import finite
from parity.upgrades.change import Change, Kind
from parity.upgrades.compare import Found
from parity.upgrades.groups import Group, grouped
from parity.upgrades.groups import lines as cells
from parity.upgrades.upgrade import Report

FORMAT = 1
_BRIEF = (Kind.GONE, Kind.NEW)  # many lines that say little: shown as one each
_STYLES = {Kind.SEMANTIC: "bold red", Kind.ERROR: "bold red", Kind.DEFAULT: "bold yellow"}
EXPLAINED = {
    Kind.SEMANTIC: "training differs by more than rounding",
    Kind.DEFAULT: "a default is another one",
    Kind.ARGUMENT: "moved, or accepted, ignored, refused or warned about where it was not",
    Kind.ERROR: "one side fails",
    Kind.GONE: "offered before, and not any more",
    Kind.NEW: "not offered before",
    Kind.ROUNDING: "both within what rounding explains",
}


def show(console: Console, report: Report, files: Mapping[str, str]) -> None:
    """Print every change, the worst first; `files` are repros by a change's sentence."""

    def say(text: str, style: str = "") -> None:
        console.print(escape(text), style=style, soft_wrap=True, highlight=False)

    say(title(report), "bold")
    groups = everything(report)
    for kind in Kind:
        mine = [group for group in groups if group.first.kind is kind]
        if not mine:
            continue
        say(f"\n{kind}: {EXPLAINED[kind]}", _STYLES.get(kind, ""))
        if kind in _BRIEF:
            names = [one.change.subject for group in mine for one in group.found]
            say(f"  {', '.join(dict.fromkeys(names))}")
            continue
        for group, (_, where, what, how) in zip(mine, cells(mine), strict=True):
            say(f"  {where}  {what}: {how}")
            if group.first.sentence in files:
                say(f"    repro: {files[group.first.sentence]}")
    for line in ("", *beside(report), summary(report)):
        say(line)


def title(report: Report) -> str:
    """Return both sides in one line."""
    old, new = (_named(side) for side in (report.old, report.new))
    return f"{old} → {new}"


def _named(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items()) or "as installed"


def everything(report: Report) -> list[Group]:
    """Return all changes in groups, those of lanes too."""
    return grouped([*(Found(one.change) for one in report.apart), *report.found])


def summary(report: Report) -> str:
    """Return how many changes there are of each kind."""
    groups = everything(report)
    counts = Counter(group.first.kind for group in groups)
    found = ", ".join(f"{counts[kind]} {kind}" for kind in Kind if counts[kind])
    tried = sum(report.tried.values())
    return f"{found or 'no change'}; {tried} calls on both sides in {report.seconds:.0f} s"


def beside(report: Report) -> list[str]:
    """Return what was not looked at, a sentence each."""
    found = [f"{name} was left out: {reason}" for name, reason in report.skipped.items()]
    found += [
        f"{name}: {count} calls were not tried: the budget was used up (--budget)"
        for name, count in report.left.items()
        if count
    ]
    found += [
        f"lane {name}: {count} checks were not tried: the budget was used up (--budget)"
        for name, count in report.cut.items()
        if count
    ]
    return found


def markdown(report: Report, links: Mapping[str, str]) -> str:
    """Return the report as a comment on a pull request; `links` are changelogs by package."""
    groups = everything(report)
    out = [f"### {title(report)}", "", summary(report), ""]
    out += [f"Changelog of {name}: {link}" for name, link in links.items()]
    for kind in Kind:
        mine = [group for group in groups if group.first.kind is kind]
        if not mine:
            continue
        out += ["", f"#### {kind} ({len(mine)}): {EXPLAINED[kind]}", ""]
        rows = [f"- {_code(row[1])} {_code(row[2])} — {_plain(row[3])}" for row in cells(mine)]
        folded = len(rows) > 12
        out += ["<details><summary>all</summary>", "", *rows, "", "</details>"] if folded else rows
    out += ["", *beside(report)]
    return "\n".join(out).rstrip() + "\n"


def _code(text: str) -> str:
    return f"`{text.replace('`', chr(39))}`"


def _plain(text: str) -> str:
    for sign in "<>|*_":
        text = text.replace(sign, f"\\{sign}")
    return text


def to_json(report: Report, links: Mapping[str, str], failing: Collection[Kind]) -> str:
    """Return the report as JSON, every change with what shows it; inf and nan stand as text."""
    found = [
        {
            **one.change.to_dict(),
            "probe": None if one.probe is None else one.probe.to_dict(),
            "others": list(one.others),
        }
        for one in report.found
    ]
    found += [
        {**one.change.to_dict(), "lane": one.lane.name, "case": one.case.to_dict()}
        for one in report.apart
    ]
    record: dict[str, Any] = {
        "format": FORMAT,
        "old": dict(report.old),
        "new": dict(report.new),
        "fails": any(fails(change, failing) for change in report.changes),
        "changes": found,
        "tried": report.tried,
        "left": report.left,
        "ran": report.ran,
        "cut": report.cut,
        "skipped": report.skipped,
        "changelogs": dict(links),
        "seconds": round(report.seconds, 1),
    }
    plain = finite(record)
    text = json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False, default=_array)
    return text + "\n"


def _array(value: Any) -> Any:
    return finite(value.tolist()) if hasattr(value, "tolist") else str(value)


def fails(change: Change, failing: Collection[Kind]) -> bool:
    """Return whether a change fails the gate."""
    return change.kind in failing
