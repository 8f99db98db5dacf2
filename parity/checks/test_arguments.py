"""Is every ignored argument a known one?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # nothing heavy while tests are collected
    from collections.abc import Sequence

    from parity.arguments.claim import Known
    from parity.arguments.outcome import Outcome
    from parity.lanes import Lane

CLAIMS = "parity/arguments/known"


def test_arguments(lane: Lane, framework: str) -> None:
    """Every argument of every optimizer and loss, and those that other libraries have."""
    from parity.arguments.audit import audit_framework
    from parity.arguments.claim import stale, unknown
    from parity.arguments.framework import FRAMEWORKS
    from parity.arguments.known import KNOWN
    from parity.lanes.installed import missing

    lack = missing(FRAMEWORKS[framework].needs)
    if lack is not None:
        pytest.skip(
            f"{lane.name}: the audit of {framework} needs {FRAMEWORKS[framework].lane}: {lack}"
        )
    outcomes = audit_framework(framework)
    # A brief audit says nothing on a claim about other trials too.
    told = [row for row in KNOWN if row.kind in ("argument", "spelling")]
    news, gone = unknown(outcomes, KNOWN), stale(outcomes, told)
    if news or gone:
        pytest.fail(_finding(framework, news, gone), pytrace=False)


def _finding(framework: str, news: Sequence[Outcome], gone: Sequence[Known]) -> str:
    """Return what is ignored and not known, and what is known and not ignored."""
    lines = [f"{framework}: {len(news)} ignored arguments that {CLAIMS} does not name, "]
    lines[0] += f"{len(gone)} that it names and that are not ignored any more"
    for outcome in news:
        trial = outcome.trial
        said = "nothing is said" if outcome.silent else f"{outcome.channel}: {outcome.said}"
        call = f"{trial.target}({trial.argument}={trial.value})"
        lines.append(f"  {call} trains as without it; {said}")
    lines += [f"  no longer true: {row.name}: {row.why}" for row in gone]
    return "\n".join([*lines, f"  again:  parity audit --frameworks={framework}"])
