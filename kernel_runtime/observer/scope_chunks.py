"""What the observer of a scope hands to the kernel: bins of a stream, or a message in words."""

from __future__ import annotations

import functools
import json
import struct
from dataclasses import asdict, dataclass, field

import numpy as np

from .extremes import Floats
from .seen_message import SeenRow

_HEAD = struct.Struct("<IIqQQ")


@dataclass(frozen=True, slots=True)
class StreamShape:
    """What the bins of a stream are.

    Attributes
    ----------
    number
        Counts the shapes that a topic had; bins of two shapes don't belong together.
    fs_hz
        Samples per second.
    samples_per_bin
        Length of a bin.
    channels
        Their names.
    unit
        Of the values; empty where it is not known.
    """

    number: int
    fs_hz: float
    samples_per_bin: int
    channels: tuple[str, ...]
    unit: str = ""

    @property
    def bins_per_s(self) -> float:
        return self.fs_hz / self.samples_per_bin


@dataclass(frozen=True, slots=True)
class ScopeChunk:
    """What came since the last one.

    Attributes
    ----------
    messages, dropped
        Received, and lost, since the observer began.
    shape, first_bin, bins
        Of a stream: shape (bins, channels, 2), and the number of the first bin.
    rows
        Of another message: the newest, in words.
    """

    messages: int
    dropped: int
    shape: StreamShape | None = None
    first_bin: int = 0
    bins: Floats = field(default_factory=lambda: np.empty((0, 0, 2), np.float32))
    rows: tuple[SeenRow, ...] = ()

    def encode(self) -> bytes:
        text = _rows_text(self.rows) if self.shape is None else _shape_text(self.shape)
        head = _HEAD.pack(len(text), len(self.bins), self.first_bin, self.messages, self.dropped)
        return b"".join((head, text, np.ascontiguousarray(self.bins).tobytes()))

    @classmethod
    def decode(cls, data: bytes) -> ScopeChunk:
        size, count, first_bin, messages, dropped = _HEAD.unpack_from(data)
        about = _about(data[_HEAD.size : _HEAD.size + size])
        if not isinstance(about, StreamShape):
            return cls(messages, dropped, rows=about)
        shape = about
        bins = np.frombuffer(data, np.float32, offset=_HEAD.size + size)
        bins = bins.reshape(count, len(shape.channels), 2)
        return cls(messages, dropped, shape, first_bin, bins)


def _rows_text(rows: tuple[SeenRow, ...]) -> bytes:
    return json.dumps({"rows": rows}).encode()


# A stream has the same shape for a long time, and many channels to be named.
@functools.lru_cache(maxsize=2)
def _shape_text(shape: StreamShape) -> bytes:
    return json.dumps({"shape": asdict(shape)}).encode()


@functools.lru_cache(maxsize=2)
def _about(text: bytes) -> StreamShape | tuple[SeenRow, ...]:
    about = json.loads(text)
    if "shape" not in about:
        return tuple(about["rows"])
    return StreamShape(**{**about["shape"], "channels": tuple(about["shape"]["channels"])})
