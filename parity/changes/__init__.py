"""What a lane may do other than it was asked to: the elementary changes that a diagnosis tries.

A change turns a case and dials into those that the lane may have followed instead. It is a rule,
not a number, so that what was found on one case can be tried on another.
"""

from __future__ import annotations

from parity.changes import dials, model, optimizer, precision
from parity.changes.change import Change

# The simplest come first. Two at a time only SIMPLE ones are tried.
SIMPLE: tuple[Change, ...] = (*optimizer.SIMPLE, *model.SIMPLE, *dials.SIMPLE)
CHANGES: tuple[Change, ...] = (
    *SIMPLE,
    *model.OF_ONE_LOSS,
    *optimizer.CONFUSED,
    *precision.OF_CONSTANTS,
)
