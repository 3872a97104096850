"""Trace samples as columns: 28 bytes a sample, in a ring that keeps the newest."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]

BLOCK_ROWS = 1 << 16
NO_SEQ = -1
"""In place of the number of a message, where a sample carries none."""


@dataclass(frozen=True, slots=True)
class SampleStream:
    """What the samples of one endpoint's metric have in common.

    ``topic`` is the endpoint's own; ``label`` is the name of the handler that a user span was
    measured around, None elsewhere. ``channel`` is ``"LOCAL"``, ``"SHM"``, ``"TCP"`` or None.
    """

    process_id: str
    endpoint_id: str
    topic: str
    label: str | None
    metric: str
    channel: str | None


class StreamTable:
    """Numbers the streams of one connection; a number never changes its meaning."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str, str, str, str | None], int] = {}
        self._streams: list[SampleStream] = []

    def __len__(self) -> int:
        return len(self._streams)

    def __getitem__(self, code: int) -> SampleStream:
        return self._streams[code]

    def all(self) -> Sequence[SampleStream]:
        """All streams so far, by their number."""
        return tuple(self._streams)

    def code(
        self, process_id: str, endpoint_id: str, topic: str, metric: str, channel: str | None
    ) -> int:
        """Number of a stream, as a sample names it."""
        key = (process_id, endpoint_id, topic, metric, channel)
        known = self._numbers.get(key)
        if known is None:
            own_topic = endpoint_id.rpartition(":")[0]
            label = None
            if topic != own_topic and topic.startswith(f"{own_topic}:"):
                topic, label = own_topic, topic[len(own_topic) + 1 :]
            known = len(self._streams)
            self._streams.append(
                SampleStream(process_id, endpoint_id, topic, label, metric, channel)
            )
            self._numbers[key] = known
        return known


@dataclass(frozen=True, slots=True)
class Columns:
    """Samples side by side: arrays of one length.

    ``time_ns`` is on the clock of the sample's own process, ``code`` the number of its stream,
    ``seq`` the number of the message at its publisher (`NO_SEQ` where there is none).
    """

    time_ns: Int64s
    value_ns: Int64s
    seq: Int64s
    code: Codes

    def __len__(self) -> int:
        return len(self.code)

    def where(self, chosen: npt.NDArray[np.bool_] | Int64s) -> Columns:
        """The rows that a mask or an array of places chooses."""
        return Columns(
            self.time_ns[chosen], self.value_ns[chosen], self.seq[chosen], self.code[chosen]
        )

    @staticmethod
    def empty(rows: int = 0) -> Columns:
        return Columns(
            np.empty(rows, np.int64),
            np.empty(rows, np.int64),
            np.empty(rows, np.int64),
            np.empty(rows, np.int32),
        )

    @staticmethod
    def joined(parts: Sequence[Columns]) -> Columns:
        if not parts:
            return Columns.empty()
        return Columns(
            np.concatenate([part.time_ns for part in parts]),
            np.concatenate([part.value_ns for part in parts]),
            np.concatenate([part.seq for part in parts]),
            np.concatenate([part.code for part in parts]),
        )

    @property
    def nbytes(self) -> int:
        return self.time_ns.nbytes + self.value_ns.nbytes + self.seq.nbytes + self.code.nbytes


class ColumnRing:
    """The newest samples, up to a limit; what falls out is counted by stream. Thread-safe.

    Parameters
    ----------
    max_samples
        Samples to keep.
    """

    def __init__(self, max_samples: int) -> None:
        self._max_samples = max_samples
        self._blocks: deque[Columns] = deque()
        self._first_row = 0
        self._end_row = 0
        self._rows = 0
        self._dropped: dict[int, int] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._rows

    @property
    def nbytes(self) -> int:
        """Memory of the columns, with what is set aside for the next samples."""
        with self._lock:
            return sum(block.nbytes for block in self._blocks)

    @property
    def dropped(self) -> dict[int, int]:
        """Samples that fell out because newer ones came, by stream."""
        with self._lock:
            return dict(self._dropped)

    def append(self, rows: Columns) -> None:
        with self._lock:
            start = 0
            while start < len(rows):
                if not self._blocks or self._end_row == BLOCK_ROWS:
                    self._blocks.append(Columns.empty(BLOCK_ROWS))
                    self._end_row = 0
                block, at = self._blocks[-1], self._end_row
                count = min(BLOCK_ROWS - at, len(rows) - start)
                block.time_ns[at : at + count] = rows.time_ns[start : start + count]
                block.value_ns[at : at + count] = rows.value_ns[start : start + count]
                block.seq[at : at + count] = rows.seq[start : start + count]
                block.code[at : at + count] = rows.code[start : start + count]
                self._end_row += count
                self._rows += count
                start += count
                self._trim()

    def _trim(self) -> None:
        while self._rows > self._max_samples:
            last = len(self._blocks) == 1
            end = self._end_row if last else BLOCK_ROWS
            count = min(self._rows - self._max_samples, end - self._first_row)
            gone = self._blocks[0].code[self._first_row : self._first_row + count]
            for code, number in zip(*np.unique(gone, return_counts=True), strict=True):
                self._dropped[int(code)] = self._dropped.get(int(code), 0) + int(number)
            self._first_row += count
            self._rows -= count
            if self._first_row == BLOCK_ROWS:
                self._blocks.popleft()
                self._first_row = 0

    def columns(self) -> Columns:
        """All samples that are kept, in the order in which they came."""
        with self._lock:
            parts = []
            for number, block in enumerate(self._blocks):
                first = self._first_row if number == 0 else 0
                last = self._end_row if number == len(self._blocks) - 1 else BLOCK_ROWS
                parts.append(block.where(np.arange(first, last)))
            return Columns.joined(parts)
