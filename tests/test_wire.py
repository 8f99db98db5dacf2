"""Messages survive the wire exactly, and damaged bytes are noticed."""

from __future__ import annotations

import contextlib
import io
import math
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from parity.lanes import wire
from parity.lanes.wire import WireError

TYPES = [np.dtype(kind) for kind in wire.KINDS]
arrays = st.sampled_from(TYPES).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, min_side=0, max_side=4))
)
numbers = st.integers() | st.floats()
leaves = st.none() | st.booleans() | numbers | st.text(max_size=5) | arrays
names = st.text(max_size=5).filter(lambda name: not name.startswith("\0"))
messages = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)


def received(data: bytes) -> Any:
    stream = io.BytesIO(data)
    # A damaged length is beyond what a stream can be asked for.
    return wire.read(lambda size: stream.read(min(size, len(data))))


def same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return (
            isinstance(other, np.ndarray)
            and one.dtype == other.dtype
            and one.shape == other.shape
            and one.tobytes() == other.tobytes()
        )
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float):
        return (math.isnan(one) and math.isnan(other)) or struct.pack("d", one) == struct.pack(
            "d", other
        )
    return bool(one == other)


@given(messages)
def test_a_message_comes_back_as_it_was_sent(message: Any) -> None:
    assert same(message, received(wire.pack(message)))


@given(st.lists(messages, max_size=3))
def test_messages_follow_one_another(sent: list[Any]) -> None:
    source = io.BytesIO(b"".join(map(wire.pack, sent))).read
    assert all(same(message, wire.read(source)) for message in sent)
    with pytest.raises(EOFError):
        wire.read(source)


@given(arrays)
def test_memory_order_does_not_matter(array: np.ndarray[Any, Any]) -> None:
    assert same(array.T.copy(), received(wire.pack(array.T)))
    reverse = array[::-1] if array.ndim else array
    assert same(reverse.copy(), received(wire.pack(reverse)))


def test_tuples_arrive_as_lists_and_numpy_scalars_as_plain_ones() -> None:
    sent = {"a": (1, np.float64(0.1)), "b": np.int64(3)}
    assert received(wire.pack(sent)) == {"a": [1, 0.1], "b": 3}


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", 1j, np.array(["a"]), np.array([1j])])
def test_what_cannot_cross_is_refused_by_the_sender(value: object) -> None:
    with pytest.raises(WireError, match="cannot cross"):
        wire.pack({"value": value})


@given(messages, st.data())
def test_a_message_that_ends_early_is_noticed(message: Any, data: st.DataObject) -> None:
    packed = wire.pack(message)
    size = data.draw(st.integers(0, len(packed) - 1))
    with pytest.raises(WireError if size else EOFError):
        received(packed[:size])


@given(st.binary(min_size=1).filter(lambda data: not data.startswith(wire.MAGIC)))
def test_bytes_that_are_no_message_are_noticed(data: bytes) -> None:
    with pytest.raises(WireError):
        received(data)


@given(messages, st.data())
def test_a_damaged_message_is_read_or_noticed(message: Any, data: st.DataObject) -> None:
    packed = bytearray(wire.pack(message))
    for _ in range(data.draw(st.integers(1, 4))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    only_a_wire_error(bytes(packed))


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(repr))
@example('{"\\u0000array": ["<f8", [1], 0]}')
@example('{"\\u0000array": ["<f8", [-1], 0]}')
@example('{"\\u0000array": ["<f8", [0, -1], 0]}')
@example('{"\\u0000array": ["<f8", [1], -8]}')
@example('{"\\u0000array": ["<f8", [9223372036854775807, 9], 0]}')
@example('{"\\u0000array": ["O", [1], 0]}')
@example('{"\\u0000array": ["V8", [1], 0]}')
@example('{"\\u0000array": ["(", [1], 0]}')
@example('{"\\u0000array": [null, [1], 0]}')
@example('{"\\u0000array": [{"\\u0000array": 0}, [1], 0]}')
@example('{"\\u0000array": 3}')
@example("1" * 5000)
def test_a_header_of_anything_is_read_or_noticed(header: str) -> None:
    only_a_wire_error(with_header(header))


@pytest.mark.parametrize(
    "header",
    [
        '{"\\u0000array": ["<f8", [1e400], 0]}',
        '{"\\u0000array": ["<f8", [99999999999999999999], 0]}',
        '{"\\u0000array": [",", [1], 0]}',
        "[" * 100_000,
    ],
    ids=["infinite", "too large", "no type", "too deep"],
)
def test_a_header_that_breaks_its_reader_is_noticed(header: str) -> None:
    with pytest.raises(WireError):
        received(with_header(header))


def with_header(header: str) -> bytes:
    encoded = header.encode("utf-8", "surrogatepass")
    return struct.pack("<4sQQ", wire.MAGIC, len(encoded), 8) + encoded + b"\0" * 8


def only_a_wire_error(data: bytes) -> None:
    with contextlib.suppress(WireError):  # to be refused is right too
        received(data)
