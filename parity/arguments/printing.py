"""The audit as a person reads it: ignored and silent first, one line for what is alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from parity.arguments.claim import Known
from parity.arguments.known import KNOWN
from parity.arguments.outcome import Channel, Effect, Outcome

_MANY = 4  # names that are spelled out before the rest is counted


@dataclass(frozen=True, slots=True)
class Line:
    """Outcomes that are alike but for their target, value or argument."""

    effect: Effect
    channel: Channel
    kind: str
    framework: str
    arguments: tuple[str, ...]
    targets: tuple[str, ...]
    beside: str
    why: str
    count: int
    claimed: str


def lines(outcomes: Iterable[Outcome], known: Sequence[Known] = KNOWN) -> list[Line]:
    """Return the outcomes in order of how much they should worry, those that are alike as one."""
    groups: dict[tuple[str, ...], list[Outcome]] = {}
    for outcome in outcomes:
        trial = outcome.trial
        # Unknown names are taken alike by all.
        name = "" if trial.kind.startswith("unknown") else trial.argument
        beside = trial.beside or trial.setting
        who = (
            *(outcome.effect, outcome.channel, trial.kind, outcome.framework),
            *(name, beside, outcome.why),
        )
        groups.setdefault(who, []).append(outcome)
    made = [_line(alike, known) for alike in groups.values()]
    return sorted(made, key=_order)


def _line(alike: Sequence[Outcome], known: Sequence[Known]) -> Line:
    first = alike[0]
    rows = [row for row in known if row.about(first)]
    return Line(
        effect=first.effect,
        channel=first.channel,
        kind=first.trial.kind,
        framework=first.framework,
        arguments=tuple(dict.fromkeys(_argument(outcome) for outcome in alike)),
        targets=tuple(dict.fromkeys(outcome.trial.target for outcome in alike)),
        beside=first.trial.beside or first.trial.setting,
        why=first.said or first.why,
        count=len(alike),
        claimed=rows[0].why if rows and first.effect is Effect.IGNORED else "",
    )


def _argument(outcome: Outcome) -> str:
    trial = outcome.trial
    return f"{trial.argument}={trial.value}" if trial.value else trial.argument


def _order(line: Line) -> tuple[object, ...]:
    silent = line.channel is not Channel.NOTHING
    return (
        list(Effect).index(line.effect),
        silent,
        line.framework,
        line.kind,
        line.arguments,
        line.targets,
    )


def show(console: Console, outcomes: Sequence[Outcome], stale: Sequence[Known]) -> None:
    """Print the counts, and every argument that is ignored, differs or crashed."""
    table = Table("effect", "what", "argument", "of", "beside", "said", "known", title="The audit")
    for line in lines(outcomes):
        if line.effect in (Effect.IGNORED, Effect.DIFFERS, Effect.CRASHED):
            table.add_row(*cells(line))
    console.print(table)
    console.print(", ".join(f"{n} {effect}" for effect, n in counts(outcomes).items()))
    for row in stale:
        console.print(f"no longer true: {row.name}: {row.why}")


def counts(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """Return the number of outcomes of each effect, the silently ignored apart."""
    found = Counter(
        f"{outcome.effect} {'and silent' if outcome.silent else 'and said so'}"
        if outcome.effect is Effect.IGNORED
        else str(outcome.effect)
        for outcome in outcomes
    )
    names = ("ignored and silent", "ignored and said so", *list(Effect)[1:])
    return {str(name): found[str(name)] for name in names}


def cells(line: Line) -> tuple[str, ...]:
    """Return a line as the cells of a table."""
    said = f"{line.channel}: {line.why}" if line.channel is not Channel.NOTHING else line.why
    return (
        str(line.effect),
        line.kind,
        named(line.arguments),
        named(line.targets),
        line.beside,
        said[:160],
        line.claimed,
    )


def named(names: Sequence[str]) -> str:
    """Return the first few names, and how many more there are."""
    if len(names) <= _MANY:
        return ", ".join(names)
    return f"{', '.join(names[:_MANY])} and {len(names) - _MANY} more"
