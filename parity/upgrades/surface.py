"""What two releases say that they offer: targets, arguments and defaults, asked and not run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from parity.upgrades.change import Change, Kind
from parity.upgrades.probe import REQUIRED, Target

Surface = Mapping[str, Target]


def changed(where: str, old: Surface, new: Surface) -> Iterator[Change]:
    """Yield what is gone and new, and the arguments and defaults that changed."""
    for name in sorted({*old, *new}):
        if name not in new:
            yield Change(Kind.GONE, where, name, f"the {old[name].kind}", "offered")
        elif name not in old:
            yield Change(Kind.NEW, where, name, f"the {new[name].kind}", "", "offered")
        else:
            yield from _arguments(where, old[name], new[name])


def _arguments(where: str, old: Target, new: Target) -> Iterator[Change]:
    before, after = old.arguments, new.arguments
    for name in dict.fromkeys((*before, *after)):
        if name not in after:
            yield Change(Kind.ARGUMENT, where, old.name, name, f"default {before[name]}")
        elif name not in before:
            yield Change(Kind.ARGUMENT, where, old.name, name, "", f"default {after[name]}")
        elif before[name] != after[name]:
            required = REQUIRED in (before[name], after[name])
            kind = Kind.ARGUMENT if required else Kind.DEFAULT
            yield Change(kind, where, old.name, name, before[name], after[name])
    # Of what both have, who stands where: an argument given by its place means another one.
    for name in before:
        if name in after and (was := _place(name, before)) != (now := _place(name, after)):
            came = list(after)[was - 1] if was <= len(after) else "nothing"
            why = f"given by place, argument {was} is {came} now"
            told = (f"argument {was}", f"argument {now}", why)
            yield Change(Kind.ARGUMENT, where, old.name, f"the place of {name}", *told)
            return  # those behind it moved with it


def _place(name: str, arguments: Mapping[str, str]) -> int:
    return list(arguments).index(name) + 1
