"""What was seen of a training loop: who was trained, then each step; in memory or in a file."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from parity.lanes import wire

Array = NDArray[Any]

FORMAT = 1
ELEMENTS = 4096  # of a tensor, at most, are recorded: the first, the last, and others at random
STEPS = 1000  # at most are recorded
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
    """A header and the steps so far; with a `file`, each is also written there as it comes."""

    file: BinaryIO | None = None
    header: Header | None = None
    steps: list[Step] = field(default_factory=list)
    batches: list[Mapping[str, Any]] = field(default_factory=list)
    left_out: int = 0
    error: str = ""
    ended: bool = False

    def begin(self, header: Header) -> None:
        """Take down who is trained; again where that changes."""
        self.header = header
        self._write({"parity": "watch", "format": FORMAT, "header": header.to_dict()})

    def add(self, step: Step) -> None:
        """Take down a step."""
        if len(self.steps) == STEPS:
            self.left_out += 1
            return
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

    def _write(self, message: Mapping[str, Any]) -> None:
        if self.file is not None:
            body = wire.pack(dict(message))
            # At once, so that a kill leaves whole messages.
            self.file.write(zlib.crc32(body).to_bytes(_SUM, "little") + body)
            self.file.flush()


def load(path: Path) -> Recording:
    """Return the recording in a file. Raises RecordingError for anything else."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}") from error
    recording = Recording()
    messages = _messages(content)
    try:
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


def _messages(content: bytes) -> Iterator[Any]:
    """Yield the messages of a file. Raises WireError, EOFError."""
    source = io.BytesIO(content)
    while told := source.read(_SUM):
        start = source.tell()
        message = wire.read(source.read)
        if zlib.crc32(content[start : source.tell()]) != int.from_bytes(told, "little"):
            raise wire.WireError("the checksum is another")
        yield message


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
