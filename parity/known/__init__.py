"""The claims: where each framework differs from the textbook by design, and how to ask for them."""

from __future__ import annotations

from parity.known import cuda, jax, keras, tensorflow, tf_keras, torch
from parity.known.claim import Claim, claimed, dials, facts, in_force

__all__ = ["CLAIMS", "Claim", "claimed", "dials", "facts", "in_force"]

CLAIMS: tuple[Claim, ...] = (
    *keras.CLAIMS,
    *jax.CLAIMS,
    *torch.CLAIMS,
    *tensorflow.CLAIMS,
    *tf_keras.CLAIMS,
    *cuda.CLAIMS,
)
