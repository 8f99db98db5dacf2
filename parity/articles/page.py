"""The articles' systems as a page of Markdown: what is said, what is printed, what was found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from parity.articles.lane import NEEDS, needs
from parity.articles.study import Answer, System
from parity.articles.systems import ARTICLES
from parity.lanes.installed import versions

Rows = Sequence[tuple[System, Answer]]
SHOWN = 3  # numbers that are not as printed, at most
_NOTES = ("lr in effect", "not judged")
HEAD = """# Five articles, run and judged

Written by `parity articles --write reports/articles.md`. Each system of five articles on linear
models and small networks was written anew, trained as the article trains it, and watched with
`parity.watch`. *Found* comes from the run: what the watch says, or how much it judged in silence,
with the worst score in units of the rounding bound. *Printed* compares the numbers of the article
with those of the run, digit by digit. The numbers in *Why* are those of the run. Where an article
leaves something unseeded the seed is 0 here, or what its printed numbers imply. Images are
scikit-learn's digits in place of Fashion-MNIST, and its diabetes data take the place of the house
prices.

"""


def page(rows: Rows) -> str:
    """Return the page of a run."""
    used = {top for lane in NEEDS for top in needs(lane).packages}
    told = [f"{name} {number}" for name, number in versions().items() if name in {"numpy", *used}]
    parts = [f"{HEAD}Versions: {', '.join(told)}."]
    written = lines(rows)
    for number, title in ARTICLES.items():
        parts += [f"\n## {number}. {title}\n", "| system | the article | printed | found | why |"]
        own = [
            line
            for (system, _), line in zip(rows, written, strict=True)
            if system.article == number
        ]
        parts += ["| --- | --- | --- | --- | --- |", *own]
    return "\n".join(parts) + "\n"


def lines(rows: Rows) -> list[str]:
    """Return the page's line of each system."""
    everything = {f"{system.lane}/{system.name}": answer.shown for system, answer in rows}
    cells = (_cells(system, answer, everything) for system, answer in rows)
    return [f"| {' | '.join(map(_safe, each))} |" for each in cells]


def found(answer: Answer) -> str:
    """Return what was found, or how much was judged in silence."""
    told = [f"**{each.kind}**: {each.sentence}" for each in answer.findings]
    if answer.findings and answer.heard:
        told.append(f"said meanwhile: {_heard(answer)}")
    told += [note for note in answer.notes if note.startswith(_NOTES)]
    counts = [
        f"{judged:,} elements of {stage} judged, worst {worst:.2g}"
        for stage, (judged, worst) in answer.judged.items()
        if judged
    ]
    silent = [] if answer.findings else ["silent"]
    return "<br>".join([*silent, *told, *([", ".join(counts)] if counts else [])])


def unlike(system: System, answer: Answer) -> dict[str, str]:
    """Return the numbers that are not as the article prints them, as it would print the run's."""
    rounded = {
        label: f"{answer.shown[label]:.{len(text.partition('.')[2])}f}"
        for label, text in system.prints.items()
    }
    return {label: own for label, own in rounded.items() if own != system.prints[label]}


def explained(system: System, answer: Answer, everything: Mapping[str, Mapping[str, float]]) -> str:
    """Return the explanation with the numbers of the run in it."""
    told = system.why.format(**answer.shown, all=everything)
    return f"{told} *Mended*: {system.mended}" if system.mended else told


def _cells(
    system: System, answer: Answer, everything: Mapping[str, Mapping[str, float]]
) -> Iterator[str]:
    yield f"{system.what} ({system.lane})"
    yield system.says
    yield _printed(system, answer)
    yield found(answer)
    yield explained(system, answer, everything)


def _printed(system: System, answer: Answer) -> str:
    if not system.prints:
        return "nothing"
    others, count = unlike(system, answer), len(system.prints)
    if not others:
        return f"reproduced: all {count} numbers"
    far = max(abs(answer.shown[label] - float(system.prints[label])) for label in others)
    told = [f"{label}: {system.prints[label]} printed, {own} here" for label, own in others.items()]
    more = [f"and {len(told) - SHOWN} more"] if len(told) > SHOWN else []
    start = f"{count - len(others)} of {count} reproduced, none off by more than {far:.0e}"
    return "; ".join([start, *told[:SHOWN], *more])


def _heard(answer: Answer) -> str:
    return "; ".join(dict.fromkeys(answer.heard))


def _safe(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", " ")
