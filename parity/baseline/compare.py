"""Two baselines to changes: every difference has its kind, and what only rounding moves has none.

Where both sides agree with the oracle under the same dials, whatever differs is rounding: that is
what a bound says. A case that parts on both sides parts in the same way if it does so first at the
same step and stage, if the same stages part at all, and if each does so by the same score, but for
what rounding moves it by.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal

from parity.baseline.content import FAILED, IGNORED, REFUSED, SKIPPED, Finding, Offer, Row, Tried
from parity.baseline.numbers import near, near_scores
from parity.dials import DIALS
from parity.upgrades import stages
from parity.upgrades.change import Change, Kind
from parity.upgrades.probe import Target
from parity.upgrades.surface import changed

# What a check that says so itself has found, where no verdict does.
_OF_CHECKS = {"test_claim": Kind.SEMANTIC, "test_arguments": Kind.ARGUMENT}


def row_changes(lane: str, name: str, old: Row, new: Row) -> list[Change]:
    """Return what changed in a check of a lane."""
    if SKIPPED in (old.outcome, new.outcome):
        return list(_skipped(lane, name, old, new))
    if _silent(old) or _silent(new):
        return list(_told(lane, name, old, new))
    found = [*_dials(lane, name, old, new), *_judged(lane, name, old, new)]
    return found or list(_rounding(lane, name, old, new))


def offer_changes(
    framework: str, old: Mapping[str, Offer], new: Mapping[str, Offer]
) -> list[Change]:
    """Return what changed in what a framework offers: signatures first, then what calls do."""
    found = list(changed(framework, _targets(old), _targets(new)))
    for name in sorted(set(old) & set(new)):
        found += _calls(framework, name, old[name], new[name])
    return found


def version_changes(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Return each version that is another now, as `keras 3.9.2 -> 3.15.1`."""
    return [
        f"{name} {old.get(name, '(absent)')} -> {new.get(name, '(absent)')}"
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]


def _skipped(lane: str, name: str, old: Row, new: Row) -> Iterator[Change]:
    if old.outcome == new.outcome:
        return
    if new.outcome == SKIPPED:
        yield Change(Kind.GONE, lane, name, "", old.outcome, "skipped", "; ".join(new.said))
    else:
        yield Change(Kind.NEW, lane, name, "", "skipped", new.outcome)


def _silent(row: Row) -> bool:
    """Return whether a check speaks for itself: it has no verdicts, or failed beside them."""
    return not row.verdicts or (row.outcome == FAILED and bool(row.said))


def _told(lane: str, name: str, old: Row, new: Row) -> Iterator[Change]:
    if (old.outcome, old.said) != (new.outcome, new.said):
        kind = _OF_CHECKS.get(name.partition("[")[0], Kind.ERROR)
        sides = ("; ".join(row.said) or row.outcome for row in (old, new))
        yield Change(kind, lane, name, "", *sides)


def _dials(lane: str, name: str, old: Row, new: Row) -> Iterator[Change]:
    """Yield the dials that another value is claimed of, and that it is true."""
    if old.cases != new.cases:
        return
    for dial in sorted({word.partition("=")[0] for word in (*old.dials, *new.dials)}):
        was, now = (_value(dial, row) for row in (old, new))
        if was != now:
            yield Change(Kind.SEMANTIC, lane, name, dial, was, now, "the dial that is in force")


def _value(dial: str, row: Row) -> str:
    """Return a dial's values in a row; the textbook's where none is claimed."""
    values = [word.partition("=")[2] for word in row.dials if word.partition("=")[0] == dial]
    textbook = DIALS[dial][0] if dial in DIALS else ""
    return ", ".join(values) or f"{textbook or 'none'}"


def _judged(lane: str, name: str, old: Row, new: Row) -> Iterator[Change]:
    """Yield what changed in the cases that part from the oracle, in one change for each kind."""
    if ("abstain" in old.verdicts) != ("abstain" in new.verdicts):
        kind = Kind.GONE if "abstain" in new.verdicts else Kind.NEW
        sides = ("not judged" if "abstain" in row.verdicts else "judged" for row in (old, new))
        yield Change(kind, lane, name, "evidence", *sides)
    if old.cases != new.cases:
        worst = (_worst(old), _worst(new))
        # Of other cases, only whether there is a finding is the same question.
        pairs = {"": worst} if (worst[0] is None) != (worst[1] is None) else {}
    else:
        digests = sorted({*old.findings, *new.findings})
        pairs = {one: (old.findings.get(one), new.findings.get(one)) for one in digests}
    found: dict[Kind, list[tuple[Finding | None, Finding | None]]] = {}
    for digest, pair in pairs.items():
        # The losses are those of one case, which may be another one on the two sides.
        own = old.traced == new.traced == digest
        kind_of = _kind(*pair, losses=not own or near(old.losses, new.losses))
        if kind_of is not None:
            found.setdefault(kind_of, []).append(pair)
    for kind, parted in found.items():
        yield _parted(kind, lane, name, (old, new), parted)


def _kind(old: Finding | None, new: Finding | None, *, losses: bool) -> Kind | None:
    """Return the kind of a case's change; None where there is none."""
    if old is None or new is None:
        one = old or new
        return Kind.ERROR if one is not None and one.status == "error" else Kind.SEMANTIC
    if "error" in (old.status, new.status):
        return None if old == new else Kind.ERROR
    alike = losses and _same_place(old, new) and not stages.moved(old.stages, new.stages)
    return None if alike else Kind.SEMANTIC


def _same_place(old: Finding, new: Finding) -> bool:
    """Return whether two findings part first at the same place, and as far but for rounding.

    Rounding makes another tensor the worst where two are as far off, but no number of none.
    """
    if (old.step, old.stage) != (new.step, new.stage) or not near_scores(old, new):
        return False
    return old.tensor == new.tensor or Decimal(old.score).is_finite()


def _parted(
    kind: Kind,
    lane: str,
    name: str,
    rows: tuple[Row, Row],
    pairs: list[tuple[Finding | None, Finding | None]],
) -> Change:
    first, last = pairs[0]
    old, new = (("agrees" if one is None else one.sentence) for one in pairs[0])
    whose = rows[1] if pairs[0][1] is not None else rows[0]
    why = [whose.cause] if kind is Kind.SEMANTIC and whose.cause else []
    if len(pairs) > 1:
        why.append(f"{len(pairs)} cases")
    if kind is Kind.SEMANTIC and first and last and _same_place(first, last):
        what, was, now = _behind(first, last, rows)
        return Change(kind, lane, name, what, was, now, "; ".join([new, *why]))
    if kind is Kind.SEMANTIC and whose.turned and pairs[0][1] is not None:
        names = [word.partition("=")[0] for word in whose.turned]
        values = ", ".join(word.partition("=")[2] for word in whose.turned)
        was = ", ".join(_value(dial, rows[0]) if dial in DIALS else "as asked" for dial in names)
        return Change(kind, lane, name, " and ".join(names), was, values, "; ".join([new, *why]))
    return Change(kind, lane, name, "", old, new, "; ".join(why))


def _behind(old: Finding, new: Finding, rows: tuple[Row, Row]) -> tuple[str, str, str]:
    """Return what changed behind a first divergence that did not, and both sides of it."""
    for stage in stages.moved(old.stages, new.stages):
        return stage, stages.told(old.stages, stage), stages.told(new.stages, stage)
    return "losses", rows[0].losses, rows[1].losses


def _worst(row: Row) -> Finding | None:
    return next(iter(row.findings.values()), None)


def _rounding(lane: str, name: str, old: Row, new: Row) -> Iterator[Change]:
    if old.traced == new.traced and old.losses != new.losses:
        why = "within the rounding bound"
        yield Change(Kind.ROUNDING, lane, name, "losses", old.losses, new.losses, why)


def _targets(held: Mapping[str, Offer]) -> dict[str, Target]:
    found = {}
    for name, offer in held.items():
        told = (word.partition("=") for word in offer.arguments)
        found[name] = Target(name, offer.kind, {argument: value for argument, _, value in told})
    return found


def _calls(framework: str, name: str, old: Offer, new: Offer) -> Iterator[Change]:
    """Yield what calls do otherwise; of a target that does so without arguments, only that."""
    changes = {
        key: change
        for key in sorted(set(old.calls) & set(new.calls))
        if (change := _call(framework, name, key, old, new)) is not None
    }
    alike = {
        key: base
        for key, change in changes.items()
        if (base := _base(old, key)) != key
        if base in changes and change.kind is changes[base].kind
    }
    counts = Counter(alike.values())
    for key, change in changes.items():
        if key in counts:
            yield replace(change, why=f"and {counts[key]} calls with an argument")
        elif key not in alike:
            yield change


def _call(framework: str, name: str, key: str, old: Offer, new: Offer) -> Change | None:
    one, other, subject = old.calls[key], new.calls[key], f"{name}{key}"
    if one.effect != other.effect:
        kind = Kind.ARGUMENT
        if REFUSED in (one.effect, other.effect):
            kind = Kind.ERROR if key == _base(old, key) else kind
        elif _alike(_numbers(key, old), _numbers(key, new)):
            kind = Kind.ROUNDING
        return Change(kind, framework, subject, "", _effect(one), _effect(other))
    if one.effect == REFUSED:
        return None
    where = _near_numbers(one.numbers, other.numbers)
    if where is not None:
        numbers = (one.numbers[where], other.numbers[where])
        return Change(Kind.SEMANTIC, framework, subject, where, *numbers)
    if one.said != other.said:
        sides = ("; ".join(tried.said) or "nothing said" for tried in (one, other))
        return Change(Kind.ARGUMENT, framework, subject, "what is said", *sides)
    for kind, mine, theirs in ((Kind.GONE, one, other), (Kind.NEW, other, one)):
        names = sorted(set(mine.numbers) - set(theirs.numbers))
        if names:
            return Change(kind, framework, subject, f"it shows {', '.join(names)}")
    if one.numbers != other.numbers:
        return Change(Kind.ROUNDING, framework, subject, "the last digit")
    return None


def _base(offer: Offer, key: str) -> str:
    """Return the key of the call without arguments, in the same setting where there are several."""
    bases = [base for base in offer.calls if base.startswith("()")]
    same = (base for base in bases if key.endswith(base[1:]))
    return next(same, bases[0] if bases else "")


def _numbers(key: str, offer: Offer) -> Mapping[str, str]:
    tried, base = offer.calls[key], offer.calls.get(_base(offer, key))
    return base.numbers if tried.effect == IGNORED and base is not None else tried.numbers


def _alike(old: Mapping[str, str], new: Mapping[str, str]) -> bool:
    return set(old) == set(new) and _near_numbers(old, new) is None


def _near_numbers(old: Mapping[str, str], new: Mapping[str, str]) -> str | None:
    """Return the first array that both show and whose numbers differ by more than rounding."""
    both = [name for name in old if name in new]
    return next((name for name in both if not near(old[name], new[name])), None)


def _effect(tried: Tried) -> str:
    return f"{tried.effect}: {tried.said[0]}" if tried.effect == REFUSED else tried.effect
