"""The newest messages of a topic, in memory that two processes share.

One process writes and never waits; another reads whenever it likes. A message that was
overwritten while it was read is told by its checksum, and was not the newest any more.

Layout: a header of 64-bit numbers, a table with an entry for each of the newest messages, and
the bytes of the messages, one after the other, around and around.
"""

from __future__ import annotations

import mmap
import struct
import time
import zlib
from dataclasses import dataclass

SLOTS = 4096
DATA_BYTES = 64 << 20
_HEADER = struct.Struct("<QQQQ")
_ENTRY = struct.Struct("<QQQdI4x")
_TABLE_AT = 64
_DATA_AT = _TABLE_AT + SLOTS * _ENTRY.size
RING_BYTES = _DATA_AT + DATA_BYTES


def ring_bytes(data_bytes: int) -> int:
    """Size of the memory for a ring that holds so many bytes of messages."""
    return _DATA_AT + data_bytes


@dataclass(frozen=True, slots=True)
class RingCounts:
    """What the writer has counted.

    Attributes
    ----------
    newest
        Number of the newest message, counted from 1; 0 before the first.
    dropped
        Messages that the writer was too late for.
    too_large
        Messages that don't fit.
    """

    newest: int
    dropped: int
    too_large: int


class RingWriter:
    """The side that writes; there is one."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory
        self._data_bytes = len(memory) - _DATA_AT
        self._counts = RingCounts(0, 0, 0)
        self._end = 0

    def write(self, payload: bytes, dropped: int) -> None:
        """Add a message, in the place of the oldest ones."""
        newest, too_large = self._counts.newest, self._counts.too_large
        if len(payload) > self._data_bytes // 4:
            too_large += 1
        else:
            newest += 1
            at = self._end % self._data_bytes
            if at + len(payload) > self._data_bytes:
                # A message lies in one piece: the rest of the round stays unused.
                self._end += self._data_bytes - at
                at = 0
            self._memory[_DATA_AT + at : _DATA_AT + at + len(payload)] = payload
            _ENTRY.pack_into(
                self._memory,
                _TABLE_AT + newest % SLOTS * _ENTRY.size,
                newest,
                at,
                len(payload),
                time.time(),
                zlib.crc32(payload),
            )
            self._end += len(payload)
        self._counts = RingCounts(newest, dropped, too_large)
        _HEADER.pack_into(self._memory, 0, newest, dropped, too_large, 0)


class RingReader:
    """The side that reads."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory
        self._data_bytes = len(memory) - _DATA_AT

    @property
    def counts(self) -> RingCounts:
        return RingCounts(*_HEADER.unpack_from(self._memory)[:3])

    def read(self, number: int) -> bytes | None:
        """A message by its number; None where it is not there any more, or not yet."""
        found, at, size, _, checksum = _ENTRY.unpack_from(
            self._memory, _TABLE_AT + number % SLOTS * _ENTRY.size
        )
        if found != number or at + size > self._data_bytes:
            return None
        payload = self._memory[_DATA_AT + at : _DATA_AT + at + size]
        return payload if zlib.crc32(payload) == checksum else None
