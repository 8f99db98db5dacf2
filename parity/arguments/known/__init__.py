"""The arguments that are known to be ignored, each with the reason: claims that every audit checks.

An ignored argument that no row names fails the audit, and so does a row that is no longer true.
"""

from __future__ import annotations

from parity.arguments.claim import Known
from parity.arguments.known.fit import FIT
from parity.arguments.known.late import LATE
from parity.arguments.known.losses import LOSSES
from parity.arguments.known.names import NAMES
from parity.arguments.known.pairs import PAIRS
from parity.arguments.known.schedules import SCHEDULES
from parity.arguments.known.values import VALUES

KNOWN: tuple[Known, ...] = (*NAMES, *VALUES, *LATE, *PAIRS, *SCHEDULES, *FIT, *LOSSES)
