"""Keep on disk what JAX compiles, so that a worker need not compile what one before it did."""

from __future__ import annotations

from contextlib import suppress

import jax

from parity.cache import cache


def keep_compiled() -> None:
    """Set a folder for compiled code, unless the user has set one.

    Compiling is nearly all that a new shape costs, and small compilations are the most of it.
    """
    if getattr(jax.config, "jax_compilation_cache_dir", None) is not None:
        return
    wanted = {
        "jax_compilation_cache_dir": str(cache() / "jax"),
        "jax_persistent_cache_min_compile_time_secs": 0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    for name, value in wanted.items():
        with suppress(AttributeError):  # of a release that has no such setting
            jax.config.update(name, value)
