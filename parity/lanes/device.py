"""Whether a lane's device is there, asked of its driver; no framework is imported for it."""

from __future__ import annotations

import ctypes
import functools
import importlib.metadata
import importlib.util
import sys
from contextlib import suppress

NONE = "no CUDA device"


def lacking(package: str) -> str | None:
    """Return why a framework has no CUDA device here; None if it has one."""
    reason = _driver()
    if reason is not None:
        return reason
    if package == "torch" and _version("torch").endswith("+cpu"):
        return f"torch {_version('torch')} is built for the CPU"
    if package == "tensorflow" and _version("tensorflow-cpu"):
        return f"tensorflow-cpu {_version('tensorflow-cpu')} is built for the CPU"
    plugins = ("jax_cuda12_plugin", "jax_cuda13_plugin")
    if package == "jax" and not any(map(importlib.util.find_spec, plugins)):
        return 'jax has no CUDA plugin (pip install "jax[cuda13]")'
    return None


@functools.cache
def _driver() -> str | None:
    """Return why the CUDA driver has no device, None if it has one.

    cuInit and cuDeviceGetCount are of the CUDA Driver API, and give 0 for success.
    """
    library = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(library)
    except OSError:
        return f"{NONE} (no driver {library})"
    count = ctypes.c_int()
    failed = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    return NONE if failed or not count.value else None


def _version(distribution: str) -> str:
    """Return an installed distribution's version; empty where it is not installed."""
    with suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(distribution)
    return ""
