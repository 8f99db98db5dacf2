"""The audit as a page of Markdown: what costs the most, all outcomes, what is out of reach."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from parity.arguments.known import KNOWN
from parity.arguments.outcome import Channel, Effect, Outcome
from parity.arguments.printing import Line, cells, counts, lines, named
from parity.arguments.reach import OUT_OF_REACH


def markdown(outcomes: Sequence[Outcome]) -> str:
    """Return the page of a run: counts, then what is ignored, differs or is inert, as tables."""
    versions = sorted({outcome.versions for outcome in outcomes})
    head = "# Which arguments do something\n\nWritten by `parity audit --report=FILE`; run with"
    parts = [f"{head} {'; '.join(versions)}.\n", "| effect | trials |\n| --- | ---: |"]
    parts += [f"| {effect} | {number} |" for effect, number in counts(outcomes).items()]
    parts += ["\n## The ones that cost the most\n", *_costly(outcomes)]
    parts += ["\n## One name, several meanings\n", *_meanings(outcomes)]
    every = lines(outcomes)
    for title, effects, silent in _SECTIONS:
        found = [
            line
            for line in every
            if line.effect in effects
            and (silent is None or silent is (line.channel is Channel.NOTHING))
        ]
        parts += [f"\n## {title} ({len(found)} lines)\n", *_rows(found)]
    parts += ["\n## Out of reach\n", *_table("what | why", OUT_OF_REACH)]
    return "\n".join(parts) + "\n"


def _costly(outcomes: Iterable[Outcome]) -> list[str]:
    """Return what people lose training to: ignored, silent, and something else is expected."""
    silent = [o for o in outcomes if o.effect is Effect.IGNORED and o.silent]
    rows = []
    for row in KNOWN:
        about = [outcome for outcome in silent if row.about(outcome)] if row.expected else []
        if about:
            trials = [outcome.trial for outcome in about]
            arguments = tuple(dict.fromkeys(trial.argument for trial in trials))
            targets = tuple(dict.fromkeys(trial.target for trial in trials))
            beside = tuple(dict.fromkeys(filter(None, (t.beside or t.setting for t in trials))))
            kinds = tuple(dict.fromkeys(trial.kind for trial in trials))
            who = (named(kinds), named(arguments), named(targets), named(beside))
            rows.append((*who, row.expected, row.why))
    return _table("what | argument | of | beside | expected | what happens", rows)


def _meanings(outcomes: Iterable[Outcome]) -> list[str]:
    """Return what each name that is ignored as a foreign spelling somewhere does everywhere."""
    found: dict[str, dict[str, Counter[Effect]]] = {}
    ignored = set()
    for outcome in outcomes:
        trial = outcome.trial
        where = trial.target.rpartition(".")[0]
        if trial.kind not in ("argument", "spelling") or where.endswith(_NO_OPTIMIZER):
            continue
        found.setdefault(trial.argument, {}).setdefault(where, Counter())[outcome.effect] += 1
        if trial.kind == "spelling" and outcome.effect is Effect.IGNORED:
            ignored.add(trial.argument)
    rows = [
        (name, where, ", ".join(f"{effect} {n}" for effect, n in sorted(effects.items())))
        for name in sorted(ignored)
        for where, effects in found[name].items()
    ]
    return _table("name | of | trials", rows)


_NO_OPTIMIZER = ("schedules", "losses", "nn", "Model", "layers")
_SECTIONS: tuple[tuple[str, tuple[Effect, ...], bool | None], ...] = (
    ("Ignored and silent", (Effect.IGNORED,), True),
    ("Ignored, and said so", (Effect.IGNORED,), False),
    ("Not as the oracle says, or crashed", (Effect.DIFFERS, Effect.CRASHED), None),
    ("Inert: without effect alone", (Effect.INERT,), None),
)


def _rows(found: Sequence[Line]) -> list[str]:
    head = "what | argument | of | beside | said, or why | known"
    return _table(head, [cells(line)[1:] for line in found])


def _table(head: str, rows: Iterable[Sequence[str]]) -> list[str]:
    parts = [f"| {head} |", f"|{' --- |' * (head.count('|') + 1)}"]
    for row in rows:
        safe = [cell.replace("|", "\\|").replace("\n", " ") for cell in row]
        parts.append(f"| {' | '.join(safe)} |")
    return parts
