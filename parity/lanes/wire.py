"""Plain values and NumPy arrays as bytes: a JSON header, then the arrays' raw memory; no pickle."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

MAGIC = b"PRTY"
KINDS = "?bhilqBHILQefd"  # array types that may cross: booleans, integers, floats
_HEAD = struct.Struct("<4sQQ")
HEAD_SIZE = _HEAD.size


class WireError(ValueError):
    """Bytes that are not a message."""


def pack(message: Any) -> bytes:
    """Return `message` (plain values, lists, dicts with string keys, arrays) as bytes."""
    arrays: list[np.ndarray[Any, Any]] = []
    header = json.dumps(_strip(message, arrays)).encode()
    payload = b"".join(array.tobytes() for array in arrays)
    return _HEAD.pack(MAGIC, len(header), len(payload)) + header + payload


def sizes(head: bytes) -> tuple[int, int]:
    """Return the lengths of header and payload that the first HEAD_SIZE bytes announce."""
    if len(head) != HEAD_SIZE:
        raise WireError(f"expected {HEAD_SIZE} bytes, got {len(head)}")
    magic, header, payload = _HEAD.unpack(head)
    if magic != MAGIC:
        raise WireError(f"expected {MAGIC!r}, got {magic!r}")
    return header, payload


def read(source: Callable[[int], bytes]) -> Any:
    """Return the next message from `source(number of bytes)`. Raises WireError, EOFError."""
    head = source(HEAD_SIZE)
    if not head:
        raise EOFError("no further message")
    header_size, payload_size = sizes(head)
    header, payload = source(header_size), source(payload_size)
    if len(header) != header_size or len(payload) != payload_size:
        raise WireError("the message ends too early")
    try:
        return _fill(json.loads(header), payload)
    # What json, NumPy and Python say of text, types, shapes and depths that nobody packed.
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError, SyntaxError) as error:
        raise WireError(f"damaged message: {error}") from error


def _strip(value: Any, arrays: list[np.ndarray[Any, Any]]) -> Any:
    if isinstance(value, np.ndarray):
        if value.dtype.char not in KINDS:
            raise WireError(f"an array of {value.dtype} cannot cross")
        offset = sum(array.nbytes for array in arrays)
        arrays.append(np.ascontiguousarray(value))
        return {"\0array": [value.dtype.str, list(value.shape), offset]}
    if isinstance(value, dict):
        return {str(key): _strip(item, arrays) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strip(item, arrays) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    raise WireError(f"a {type(value).__name__} cannot cross")


def _fill(value: Any, payload: bytes) -> Any:
    if isinstance(value, dict):
        if "\0array" in value:
            kind, shape, offset = value["\0array"]
            dtype = np.dtype(kind)
            if dtype.char not in KINDS:
                raise WireError(f"an array of {dtype} cannot cross")
            count = math.prod(shape)
            return np.frombuffer(payload, dtype, count, offset).reshape(shape)
        return {key: _fill(item, payload) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, payload) for item in value]
    return value
