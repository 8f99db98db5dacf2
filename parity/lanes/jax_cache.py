"""Keep on disk what JAX compiles, so that a worker need not compile what one before it did."""

from __future__ import annotations

import os
from pathlib import Path

import jax


def keep_compiled() -> None:
    """Set a folder for compiled code, unless the user has set one.

    Compiling is nearly all that a new shape costs, and small compilations are the most of it.
    """
    if jax.config.jax_compilation_cache_dir is not None:
        return
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    jax.config.update("jax_compilation_cache_dir", str(caches / "parity" / "jax"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
