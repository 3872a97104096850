"""In the observer: from messages to what a scope shows of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from ezmsg.util.messages.axisarray import AxisArray, CoordinateAxis, LinearAxis

from .extremes import Extremes, Floats
from .ring import RingWriter
from .scope_chunks import ScopeChunk, StreamShape
from .seen_message import rows_of

BINS_PER_S = 2000.0
"""At most; the kernel joins them to the columns of the picture."""

MAX_CHANNELS = 4096
FLUSH_S = 0.05
MESSAGE_EVERY_S = 0.2
"""Between two messages that are put in words."""

_LONGEST_GAP_S = 60.0


class ScopeSource:
    """Takes the messages of a topic, and keeps what can be seen of them.

    Parameters
    ----------
    ring
        Where it is kept.
    clock
        Seconds, of a clock that never goes back.
    """

    def __init__(self, ring: RingWriter, clock: Callable[[], float] = time.monotonic) -> None:
        self._ring = ring
        self._clock = clock
        self._messages = 0
        self._shape: StreamShape | None = None
        self._shapes = 0
        self._extremes = Extremes(1, 0)
        self._pending: list[Floats] = []
        self._first_bin = 0
        self._next_offset_s: float | None = None
        self._offset_moves = False
        self._written_at = float("-inf")
        self._names = ChannelNames()

    def take(self, message: object, dropped: int) -> None:
        """Take a message, and the number of those that were lost so far."""
        self._messages += 1
        found = samples_of(message, self._names)
        if found is None:
            self._take_other(message, dropped)
        else:
            self._take_samples(*found, dropped)

    def _take_other(self, message: object, dropped: int) -> None:
        self._shape = None
        if self._clock() - self._written_at >= MESSAGE_EVERY_S:
            self._write(ScopeChunk(self._messages, dropped, rows=tuple(rows_of(message))))

    def _take_samples(
        self, samples: np.ndarray[Any, Any], shape: StreamShape, offset_s: float, dropped: int
    ) -> None:
        if self._shape is None or replace(shape, number=self._shape.number) != self._shape:
            self._shapes += 1
            self._shape = replace(shape, number=self._shapes)
            self._extremes = Extremes(shape.samples_per_bin, len(shape.channels))
            self._pending.clear()
            self._first_bin = 0
            self._next_offset_s = None
            self._offset_moves = False
        missing = self._missing(offset_s, len(samples), shape.fs_hz)
        if missing:
            self._pending.append(self._extremes.skip(missing))
        self._pending.append(self._extremes.add(samples))
        if self._clock() - self._written_at >= FLUSH_S:
            bins = np.concatenate(self._pending)
            self._pending.clear()
            self._write(ScopeChunk(self._messages, dropped, self._shape, self._first_bin, bins))
            self._first_bin = self._extremes.next_bin

    def _missing(self, offset_s: float, samples: int, fs_hz: float) -> int:
        """How many samples did not come before these, as far as their times tell."""
        expected_s = self._next_offset_s
        self._next_offset_s = offset_s + samples / fs_hz
        if expected_s is None:
            return 0
        late = round((offset_s - expected_s) * fs_hz)
        if late == 0:
            self._offset_moves = True
        # Where a source leaves the offset as it is, it says nothing.
        told = self._offset_moves and 0 < late < _LONGEST_GAP_S * fs_hz
        return late if told else 0

    def _write(self, chunk: ScopeChunk) -> None:
        self._written_at = self._clock()
        self._ring.write(chunk.encode(), chunk.dropped)


class ChannelNames:
    """Names of a message's channels, made anew only where its axes are others than before."""

    def __init__(self) -> None:
        self._made_of: tuple[object, ...] | None = None
        self._names: tuple[str, ...] = ()

    def of(self, message: AxisArray, dims: list[str]) -> tuple[str, ...]:
        """Names of all that is along these dimensions, one after the other."""
        made_of = tuple(_axis_identity(message, dim) for dim in dims)
        if made_of != self._made_of:
            self._made_of, self._names = made_of, _channel_names(message, dims)
        return self._names


def _axis_identity(message: AxisArray, dim: str) -> tuple[object, ...]:
    size = message.data.shape[message.dims.index(dim)]
    axis = message.axes.get(dim)
    if isinstance(axis, LinearAxis):
        return dim, size, axis.gain, axis.offset, axis.unit
    if isinstance(axis, CoordinateAxis):
        values = axis.data
        # References to objects are no values: those are looked at one by one.
        same = tuple(values.flat) if values.dtype.hasobject else values.tobytes()
        return dim, size, values.shape, values.dtype.str, same
    return dim, size


def samples_of(
    message: object, names: ChannelNames
) -> tuple[np.ndarray[Any, Any], StreamShape, float] | None:
    """Samples (time, channel) of a message, what they are, and the time of the first.

    None where it is not an array of real numbers over an even time.
    """
    if not isinstance(message, AxisArray) or message.data.dtype.kind not in "iufb":
        return None
    time_dim = _time_dim(message)
    if time_dim is None:
        return None
    axis = message.axes[time_dim]
    assert isinstance(axis, LinearAxis)
    data = np.moveaxis(message.data, message.dims.index(time_dim), 0)
    data = data.reshape(len(data), -1)
    if not 0 < data.shape[1] <= MAX_CHANNELS:
        return None
    if data.dtype.kind == "b":
        data = data.astype(np.uint8)
    others = [dim for dim in message.dims if dim != time_dim]
    fs_hz = 1.0 / axis.gain
    shape = StreamShape(
        number=0,
        fs_hz=fs_hz,
        samples_per_bin=max(1, int(np.ceil(fs_hz / BINS_PER_S))),
        channels=names.of(message, others),
        unit=str(message.attrs.get("unit", "")),
    )
    return data, shape, float(axis.offset)


def _time_dim(message: AxisArray) -> str | None:
    def is_even(dim: str) -> bool:
        axis = message.axes.get(dim)
        return isinstance(axis, LinearAxis) and axis.gain > 0

    if "time" in message.dims:
        return "time" if is_even("time") else None
    for dim in message.dims:
        if is_even(dim) and message.axes[dim].unit == "s":
            return str(dim)
    return None


def _channel_names(message: AxisArray, dims: list[str]) -> tuple[str, ...]:
    names = [""]
    for dim in dims:
        size = message.data.shape[message.dims.index(dim)]
        axis = message.axes.get(dim)
        if isinstance(axis, CoordinateAxis) and axis.data.shape == (size,):
            parts = [str(value) for value in axis.data]
        elif isinstance(axis, LinearAxis):
            parts = [f"{axis.value(at):g}{axis.unit}" for at in range(size)]
        else:
            parts = [f"{dim}{at}" for at in range(size)]
        names = [f"{name}·{part}" if name else part for name in names for part in parts]
    return tuple(name or "value" for name in names)
