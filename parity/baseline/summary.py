"""The changes at the end of a run: the worst kind first, what is alike in one line."""

from __future__ import annotations

from collections.abc import Iterator

from parity.baseline.gate import Judged
from parity.upgrades.change import Change, Kind

_MOST = 20  # lines of one kind


def lines(judged: Judged, fail: tuple[Kind, ...]) -> Iterator[str]:
    """Yield the section's lines: the changes by kind, then what is to be said of the comparison."""
    for kind in Kind:
        own = [change for change in judged.changes if change.kind is kind]
        if own:
            yield f"{kind}{'' if kind in fail else ' (does not fail)'}: {len(own)}"
            yield from _of_one_kind(own)
    yield from judged.notes


def _of_one_kind(changes: list[Change]) -> Iterator[str]:
    groups: dict[tuple[str, ...], list[Change]] = {}
    for change in changes:
        told = (change.where, change.what, change.old, change.new)
        # What has neither is told apart by its subject alone.
        alone = "" if change.what or change.old else change.subject
        groups.setdefault((*told, alone), []).append(change)
    for group in list(groups.values())[:_MOST]:
        more = f" (and {len(group) - 1} more like it)" if len(group) > 1 else ""
        yield f"  {group[0].sentence}{more}"
    left = sum(map(len, list(groups.values())[_MOST:]))
    if left:
        yield f"  and {left} more, all of them in the file of --parity-json"
