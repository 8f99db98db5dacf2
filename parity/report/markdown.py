"""The page's content as Markdown, for where no browser is: a log, a pull request, a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from parity.records import COUNTS
from parity.report.findings import TABLE
from parity.summary import LEGEND, MARKS, rounded, times

HEADINGS = ("agree", "claimed", "diverged", "abstained", "error", "worst", "unjudged")


def markdown(page: Mapping[str, Any]) -> str:
    """Return what `data.content` returned, as Markdown, in the order of the page."""
    parts = [f"# {_safe(page['verdict']['sentence'])}.", _extent(page), *_matrix(page["matrix"])]
    parts += ["## Findings", *(_finding(one) for one in page["findings"] or ())]
    parts += [] if page["findings"] else ["No check found a difference."]
    parts += ["## Claims", _claims(page["claims"])]
    parts += [f"## {table['title']}\n\n{_below(table['text'])}" for table in page["tables"]]
    if page["throughput"]:
        parts += ["## Throughput", *(_speeds(group) for group in page["throughput"])]
    if page["changes"]:
        names = ("kind", "where", "subject", "what", "old", "new", "why")
        rows = [[change[name] for name in names] for change in page["changes"]]
        parts += ["## Changes against the baseline", _table(names, rows)]
    parts += ["## Environment", *_environment(page["environment"]), f"Made {page['made']} UTC."]
    return "\n\n".join(parts) + "\n"


def _extent(page: Mapping[str, Any]) -> str:
    told = page["verdict"]
    counts = ", ".join(
        f"{told['counts'][name]:,} {name}" for name in COUNTS if told["counts"][name]
    )
    return f"{told['verdicts']:,} verdicts on {told['lanes']} lanes: {counts or 'none'}."


def _matrix(matrix: Mapping[str, Any]) -> list[str]:
    names, problems = matrix["optimizers"], matrix["problems"]
    rows = []
    for row in matrix["lanes"]:
        cells = []
        for name in names:
            found = [row["cells"].get(f"{name}/{problem}") for problem in problems]
            cells.append("".join(MARKS[cell["status"]] if cell else " " for cell in found))
        counts = [str(row["counts"][name] or "") for name in COUNTS]
        shown = [f"`{cell}`" if cell.strip() else "" for cell in cells]
        rows.append([row["lane"], *shown, *counts, _times(row["worst"]), f"{row['unjudged']:.2%}"])
    skipped = [f"- `{row['lane']}` was skipped: {_safe(row['why'])}" for row in matrix["missing"]]
    text = [_table(("lane", *names, *HEADINGS), rows), LEGEND.rstrip()] if rows else []
    return ["## Matrix", *text, *(["\n".join(skipped)] if skipped else [])]


def _finding(one: Mapping[str, Any]) -> str:
    lines = [f'<a id="{one["id"]}"></a>', f"### {_safe(one['sentence'])}", ""]
    at = one["divergence"]
    if at:
        score = f"{one['times']} times the rounding bound {float(at['bound']):.3g}"
        lines.append(f"- expected {at['expected']}, seen {at['seen']}: {score}")
    for name, value in (("cause", one["cause"]), ("case", one["case"]["summary"])):
        if value:
            lines.append(f"- {name}: {_safe(value)}")
    lines.append(f"- claims: {_safe(', '.join(one['claims'])) or 'none says so'}")
    if one["steps"]:
        near = slice(one["near"], one["near"] + TABLE)
        steps = one["steps"]["step"][near]
        rows = [[stage, *map(_times, of[near])] for stage, of in one["steps"]["score"].items()]
        lines += ["", _table(("score by step", *(str(step + 1) for step in steps)), rows)]
    for text in (one["again"], one["script"]):
        if text:
            fence = "`" * (3 + max(map(len, re.findall("`+", text)), default=0))
            lines += ["", fence, text.rstrip(), fence]
    return "\n".join(lines)


def _claims(claims: Sequence[Mapping[str, Any]]) -> str:
    if not claims:
        return "No verdict needed a claim."
    rows = [
        [f"`{c['name']}`", c["why"], ", ".join(c["lanes"]), str(c["verdicts"]), c["source"]]
        for c in claims
    ]
    return _table(("claim", "why", "lanes", "verdicts", "source"), rows)


def _speeds(group: Mapping[str, Any]) -> str:
    sizes = group["sizes"]
    rows = []
    for row in group["lanes"]:
        found = [row["sizes"].get(size["size"]) for size in sizes]
        rows.append([row["lane"], *(_speed(s) if s else "" for s in found)])
    rows.append(["ceiling", *(rounded(s["ceiling"]) if s["ceiling"] else "" for s in sizes)])
    title = f"Steps per second, {group['problem']}" + (group["device"] and f" on {group['device']}")
    return f"{_safe(title)}\n\n" + _table(("lane", *(size["size"] for size in sizes)), rows)


def _speed(found: Mapping[str, float]) -> str:
    share = f" ({rounded(100 * found['of_ceiling'])}%)" if found["of_ceiling"] else ""
    return rounded(found["per_second"]) + share


def _environment(found: Mapping[str, Any]) -> list[str]:
    runs = found["runs"]
    rows = [[name, *(str(run.get(name, "")) for run in runs)] for name in found["facts"]]
    rows += [[row["package"], *row["versions"]] for row in found["versions"]]
    return [_table(("", *(run["name"] for run in runs)), rows)] if runs else []


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(map(_safe, head))} |", f"|{' --- |' * len(head)}"]
    return "\n".join(lines + [f"| {' | '.join(map(_safe, row))} |" for row in rows])


def _below(text: str) -> str:
    """Return a page of its own as a part of this one: its title left out, its headings lower."""
    lines = text.splitlines()
    kept = lines[1:] if lines and lines[0].startswith("# ") else lines
    return "\n".join(f"#{line}" if line.startswith("#") else line for line in kept).strip()


def _times(score: Any) -> str:
    return "" if score is None else times(float(score))


def _safe(text: str) -> str:
    """Return text for one cell or line, in which nothing is taken for HTML or a column."""
    told = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    return told.replace("|", "\\|")
