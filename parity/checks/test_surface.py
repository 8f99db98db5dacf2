"""What does each framework offer, and what do its calls do? Asked where a baseline keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # nothing heavy while tests are collected
    from parity.lanes import Lane
    from parity.session import Session


def test_surface(
    parity_session: Session, request: pytest.FixtureRequest, lane: Lane, framework: str
) -> None:
    """Signatures and defaults; calls accepted, ignored or refused, and numbers of what they do.

    A brief run leaves out the calls with an argument.
    """
    from parity.baseline.gather import offers
    from parity.upgrades.probing import ProbeError, Side, probes_of

    try:
        with Side(framework) as side:
            targets = side.describe()
            probes = probes_of(targets.values(), brief=True)
            if parity_session.profile.brief:
                probes = (probe for probe in probes if not probe.arguments)
            found = offers(side, probes, targets, parity_session.known_offers(framework))
    except ProbeError as error:
        pytest.fail(f"{lane.name}: {error}", pytrace=False)
    parity_session.offer(request.node.nodeid, framework, found)
