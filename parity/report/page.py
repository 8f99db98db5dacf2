"""The page's content as one HTML file that opens from disk and asks for nothing else.

Jinja2 fills the templates, with everything escaped that results say. Charts are drawn by uPlot,
which stands beside its licence in `assets/uplot`: 51 kB for axes, log scales, legends and a cursor,
where others of its kind begin at 200 kB; it is kept up, has no dependencies and asks for none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from parity.records import COUNTS
from parity.report.columns import packed
from parity.report.findings import TABLE
from parity.summary import MARKS, times

ASSETS = files("parity.report") / "assets"
SCRIPTS = (
    "data",
    "theme",
    "filter",
    "matrix",
    "verdicts",
    "charts",
    "findings",
    "throughput",
    "main",
)
WORDS = {
    "agree": "agree",
    "claimed": "claimed",
    "diverge": "diverged",
    "abstain": "abstained",
    "error": "error",
}
GLYPHS = {
    **MARKS,
    "agree": "·",
    "diverge": "\N{MULTIPLICATION SIGN}",
    "abstain": "\N{EN DASH}",
    "skipped": "",
}
UPLOT = "1.6.32"


def html(page: Mapping[str, Any]) -> str:
    """Return the page of what `data.content` returned."""
    sections = [
        ("matrix", "Matrix"),
        ("findings", "Findings"),
        ("claims", "Claims"),
        *([("tables", "Semantics")] if page["tables"] else []),
        *([("throughput", "Throughput")] if page["throughput"] else []),
        *([("changes", "Changes")] if page["changes"] else []),
        ("environment", "Environment"),
    ]
    sparks = {row["lane"]: _spark(row["history"]) for row in page["matrix"]["lanes"]}
    return (
        _templates()
        .get_template("page.html")
        .render(
            page=page,
            sections=sections,
            statuses=COUNTS,
            words=WORDS,
            marks=GLYPHS,
            times=times,
            sparks=sparks,
            histories=any(sparks.values()),
            tables=[(table["title"], _markdown(table["text"])) for table in page["tables"]],
            packed=packed(_carried(page)),
            style=Markup("\n".join((_asset("uplot/uPlot.min.css"), _asset("page.css")))),
            script=Markup(_script()),
            version=version("parity"),
            uplot=UPLOT,
            columns=TABLE,
        )
    )


def _carried(page: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the page's script needs: what is drawn, filtered or listed."""
    return {
        "verdicts": page["verdicts"],
        "steps": {one["id"]: one["steps"] for one in page["findings"] if one["steps"]},
        "findings": {one["id"]: _place(one) for one in page["findings"]},
        "throughput": page["throughput"],
        "glyphs": GLYPHS,
        "words": {**WORDS, "skipped": "skipped"},
        "order": list(MARKS),
    }


def _place(one: Mapping[str, Any]) -> dict[str, str]:
    return {name: one[name] for name in ("lane", "optimizer", "problem", "stage", "sentence")}


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("parity.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


@cache
def _script() -> str:
    own = "\n".join(_asset(f"{name}.js") for name in SCRIPTS)
    return f'{_asset("uplot/uPlot.iife.min.js")}\n(() => {{ "use strict";\n{own}\n}})();'


def _markdown(text: str) -> Markup:
    """Return a page in Markdown as HTML; HTML that stands in it is shown, not obeyed."""
    rules = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["image", "link"])
    return Markup(rules.render(text))  # markdown-it escapes


def _spark(history: Sequence[Mapping[str, Any]]) -> Markup:
    """Return the worst scores of a lane's runs as a line of a few characters' width."""
    scores = [float(run["worst"]) for run in history]
    if len(scores) < 2:
        return Markup()
    # Log scale from 1/100 of the bound to 10,000 times it; the bound is the line between.
    heights = [min(4.0, max(-2.0, math.log10(max(score, 1e-2)))) for score in scores]
    step = 72 / (len(heights) - 1)
    points = " ".join(f"{n * step:.1f},{16 - (h + 2) * 2.5:.1f}" for n, h in enumerate(heights))
    told = (
        f"{len(scores)} runs, {history[0]['at']} to {history[-1]['at']}; worst {times(scores[-1])}"
    )
    return Markup(
        '<svg class="spark" viewBox="0 0 72 18" role="img"><title>{}</title>'
        '<line x1="0" x2="72" y1="11" y2="11"/><polyline points="{}"/></svg>'
    ).format(told, points)
