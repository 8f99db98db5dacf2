"""What was seen of a training loop: who was trained, then each step; in memory or in a file."""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from parity.lanes import wire

Array = NDArray[Any]

FORMAT = 2
ELEMENTS = 4096  # of a tensor, at most, are recorded: the first, the last, and others at random
STEPS = 1000  # at most are recorded
# How a file begins: how many of its bytes are written, and before that their number's checksum.
# What comes after these bytes is a message that a run was killed in.
_MARK = struct.Struct("<IQ")
_SUM = 4  # bytes of the checksum before each message
_EDGE = 64  # elements at each end, where a kernel's blocks may not fit


class RecordingError(ValueError):
    """A file that is no recording; the message says what it is instead."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A tensor of the model, or of the optimizer. `group` is its number in the optimizer, if any.

    `places` are the recorded elements' places in the flattened tensor; None: all are recorded.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    group: int | None = None
    trainable: bool = True
    places: Array | None = None

    @property
    def size(self) -> int:
        """The number of its elements."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Header:
    """What was watched. `lane` is the lane whose claims hold for it.

    `rule` is the oracle's name for the optimizer; without one `why` says why updates are not
    judged. `asked` holds the constructor's arguments as the caller spelled them, where the call was
    seen. `family` describes the model where it is of the oracle's family, so that loss and
    gradients can be judged: `layers` and `loss` as `Case.to_dict` gives them, and `names`: for each
    parameter of the case that of the model, and whether it is transposed there. `warnings` are the
    kinds and sentences of findings that the optimizer's own structure tells.
    """

    lane: str
    versions: Mapping[str, str]
    optimizer: str
    parameters: tuple[Parameter, ...]
    rule: str | None = None
    why: str = ""
    dials: Mapping[str, Any] = field(default_factory=dict)
    asked: Mapping[str, Any] = field(default_factory=dict)
    family: Mapping[str, Any] | None = None
    warnings: tuple[tuple[str, str], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values and arrays."""
        return asdict(self)

    @staticmethod
    def from_dict(record: Mapping[str, Any]) -> Header:
        """Return the header that `to_dict` described. Raises TypeError, KeyError."""
        parameters = [
            Parameter(**{**given, "shape": tuple(given["shape"])}) for given in record["parameters"]
        ]
        warnings = tuple((kind, says) for kind, says in record.get("warnings", ()))
        return Header(**{**record, "parameters": tuple(parameters), "warnings": warnings})


@dataclass(frozen=True, slots=True)
class Step:
    """One call of the optimizer; arrays are flat and hold the recorded elements.

    `groups` are the arguments in effect, in the oracle's spelling; `unread` those that were given
    and that nothing reads. `gradients` are what the optimizer got, `squares` the sums of the
    squares of all their elements. `raw` are gradients as the backward pass left them where they
    were changed before the step, `changed` those that were changed after it, as they were then.
    `own` are those of the last backward pass alone, where others were added to them; `kept` names
    those that still held the gradient of the step before. `backwards` counts the passes whose sum
    was used, `wasted` those whose gradients were thrown away. `before` is left out where it is the
    `after` of the step before. `masks["layerN"]` is what dropout multiplied that layer's output by.
    """

    groups: tuple[Mapping[str, Any], ...]
    gradients: Mapping[str, Array]
    after: Mapping[str, Array]
    before: Mapping[str, Array] = field(default_factory=dict)
    squares: Mapping[str, float] = field(default_factory=dict)
    raw: Mapping[str, Array] = field(default_factory=dict)
    changed: Mapping[str, Array] = field(default_factory=dict)
    own: Mapping[str, Array] = field(default_factory=dict)
    kept: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    backwards: int = 1
    wasted: int = 0
    scheduled: str = ""
    loss: float | None = None
    x: Array | None = None
    y: Array | None = None
    masks: Mapping[str, Array] = field(default_factory=dict)

    @staticmethod
    def from_dict(record: Mapping[str, Any]) -> Step:
        """Return the step that `asdict` described. Raises TypeError, KeyError."""
        lists = {name: tuple(record[name]) for name in ("groups", "kept", "unread")}
        return Step(**{**record, **lists})


@dataclass
class Recording:
    """A header and the steps so far; with a `file`, each is also written there as it comes.

    The file is closed in the end. `unwritten` says why it does not go on, if it can't be written.
    """

    file: BinaryIO | None = None
    header: Header | None = None
    steps: list[Step] = field(default_factory=list)
    batches: list[Mapping[str, Any]] = field(default_factory=list)
    left_out: int = 0
    error: str = ""
    ended: bool = False
    unwritten: str = ""
    _written: int = _MARK.size

    def begin(self, header: Header) -> None:
        """Take down who is trained; again where that changes."""
        self.header = header
        self._write({"parity": "watch", "format": FORMAT, "header": header.to_dict()})

    def add(self, step: Step) -> None:
        """Take down a step."""
        if len(self.steps) == STEPS:
            self.left_out += 1
            return
        step = _plain(step)
        self.steps.append(step)
        self._write({"step": {key.name: getattr(step, key.name) for key in fields(step)}})

    def batch(self, told: Mapping[str, Any]) -> None:
        """Take down the `x`, `y` and `loss` of a step, which only the loop knows."""
        if len(self.batches) < STEPS:
            self.batches.append(told)
            self._write({"batch": told})

    def end(self, error: str) -> None:
        """Take down that the run ended, and what ended it, if it was an error."""
        self.error, self.ended = error, True
        self._write({"end": {"error": error, "left_out": self.left_out}})
        self._close()

    def _write(self, message: Mapping[str, Any]) -> None:
        if self.file is None:
            return
        body = wire.pack(dict(message))
        try:
            # At once, the mark last: a kill leaves whole messages, and at most a part behind them.
            self.file.seek(self._written)
            self.file.write(zlib.crc32(body).to_bytes(_SUM, "little") + body)
            self.file.flush()
            self._written = self.file.tell()
            self.file.seek(0)
            self.file.write(mark(self._written))
            self.file.flush()
        except OSError as error:  # the recording is not worth the run
            count = len(self.steps) - ("step" in message)
            self.unwritten = f"{self.file.name} holds {count} steps: {error.strerror}"
            self._close()

    def _close(self) -> None:
        file, self.file = self.file, None
        if file is not None:
            with suppress(OSError):  # what is left of a message that could not be written
                file.close()


def mark(written: int) -> bytes:
    """Return how a file of so many whole bytes begins."""
    size = written.to_bytes(8, "little")
    return _MARK.pack(zlib.crc32(size), written)


def load(path: Path) -> Recording:
    """Return the recording in a file, up to where its run was killed if it was.

    Raises RecordingError for anything else.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}") from error
    recording = Recording()
    try:
        messages = _messages(_whole(path, content))
        first = next(messages, None)
        if first is None:
            raise RecordingError(f"{path} is empty")
        if not isinstance(first, dict) or first.get("parity") != "watch":
            raise RecordingError(f"{path} is not a recording of parity.watch")
        if first["format"] != FORMAT:
            raise RecordingError(f"{path} has format {first['format']!r}, expected {FORMAT}")
        recording.header = Header.from_dict(first["header"])
        for message in messages:
            _take(recording, message)
    except (wire.WireError, EOFError) as error:
        where = f"after {len(recording.steps)} whole steps" if recording.header else "at its start"
        raise RecordingError(f"{path} is damaged or cut off {where}: {error}") from error
    except (TypeError, KeyError, AttributeError) as error:
        raise RecordingError(f"{path} is not a recording: {error}") from error
    return recording


def _whole(path: Path, content: bytes) -> bytes:
    """Return the messages that are whole. Raises RecordingError, WireError."""
    if not content:
        return content
    if len(content) < _MARK.size:
        raise wire.WireError("the file ends too early")
    _, written = _MARK.unpack_from(content)
    if content[: _MARK.size] != mark(written):
        raise wire.WireError("the checksum is another")
    if len(content) < written:
        have = f"{len(content)} of {written} bytes are there"
        raise RecordingError(f"{path} is damaged or cut off: {have}")
    return content[_MARK.size : written]


def _messages(content: bytes) -> Iterator[Any]:
    """Yield the messages of a file. Raises WireError, EOFError."""
    source = io.BytesIO(content)
    while told := source.read(_SUM):
        start = source.tell()
        # A damaged size may be larger than what can be asked for.
        message = wire.read(lambda size: source.read(min(size, len(content))))
        if zlib.crc32(content[start : source.tell()]) != int.from_bytes(told, "little"):
            raise wire.WireError("the checksum is another")
        yield message


def _plain(step: Step) -> Step:
    """Return a step whose arrays a file can hold; others are not judged, only seen to move."""
    found: dict[str, Any] = {}
    for key in fields(step):
        value = getattr(step, key.name)
        if isinstance(value, Mapping):
            value = {name: _real(one) for name, one in value.items()}
        found[key.name] = _real(value)
    return replace(step, **found)


def _real(value: Any) -> Any:
    """Return a complex array as its real and imaginary parts in turn; other values as they are."""
    if not isinstance(value, np.ndarray) or value.dtype.kind != "c":
        return value
    return np.stack([value.real, value.imag], axis=-1).reshape(*value.shape[:-1], -1)


def _take(recording: Recording, message: Mapping[str, Any]) -> None:
    if "header" in message:
        recording.header = Header.from_dict(message["header"])
    elif "batch" in message:
        recording.batches.append(dict(message["batch"]))
    elif "end" in message:
        recording.error, recording.ended = message["end"]["error"], True
        recording.left_out = message["end"]["left_out"]
    else:
        recording.steps.append(Step.from_dict(message["step"]))


def places(size: int) -> Array | None:
    """Return the places of a tensor's elements that are recorded; None: of all of them."""
    if size <= ELEMENTS:
        return None
    drawn = np.random.default_rng(0).integers(_EDGE, size - _EDGE, ELEMENTS - 2 * _EDGE)
    ends = np.arange(_EDGE)
    return np.unique(np.concatenate([ends, drawn, size - 1 - ends]))


def same(one: Array, other: Array) -> bool:
    """Return whether two arrays hold the same numbers, no number being the same as itself."""
    return np.array_equal(one, other, equal_nan=True)
