"""Trace samples of a GraphServer: kept as they came, read from where a reader stands."""

from __future__ import annotations

import asyncio
import bisect
import logging
import time
from collections import deque
from collections.abc import Mapping
from uuid import UUID

from ezmsg.core.graphmeta import (
    ProcessProfilingTraceBatch,
    ProfilingStreamControl,
    ProfilingTraceSample,
    ProfilingTraceStreamBatch,
)

from .passing_pickle import decode_inward, encode

logger = logging.getLogger("ezmsg")

_READY_SAMPLES = 5000
_MESSAGE_SAMPLES = 1000
_SHARED_BYTES = 1 << 20
_SHARED_S = 0.1
_TRIM_AT = 1024
_MIN_INTERVAL_S = 0.01
_MAX_INTERVAL_S = 3600.0


class _Push:
    """One message of samples of a process; the samples are at hand while it is new."""

    __slots__ = ("count", "first", "payload", "samples")

    def __init__(self, first: int, samples: list[ProfilingTraceSample], payload: bytes) -> None:
        self.first = first
        self.count = len(samples)
        self.payload = payload
        self.samples: list[ProfilingTraceSample] | None = samples


class TraceRing:
    """The newest samples of one process, numbered from 1.

    Old ones are kept as the bytes that came, a fifth of their size as objects.

    Parameters
    ----------
    max_samples, max_bytes
        What is kept; the oldest goes first.
    """

    def __init__(self, max_samples: int, max_bytes: int) -> None:
        self._max_samples = max(1, max_samples)
        self._max_bytes = max_bytes
        self._pushes: list[_Push] = []
        self._gone = 0
        self._bytes = 0
        self._ready: deque[_Push] = deque()
        self._ready_samples = 0
        self._warm: _Push | None = None
        self.last = 0
        self.pid = -1
        self.host = ""

    @property
    def first(self) -> int:
        """Number of the oldest sample that is kept."""
        if len(self._pushes) == self._gone:
            return self.last + 1
        return max(self._pushes[self._gone].first, self.last - self._max_samples + 1)

    def add(self, batch: ProcessProfilingTraceBatch, payload: bytes) -> None:
        """Take the samples of a message that was decoded from `payload`."""
        self.pid, self.host = batch.pid, batch.host
        if not batch.samples:
            return
        push = _Push(self.last + 1, batch.samples, payload)
        self.last += push.count
        self._pushes.append(push)
        self._bytes += len(payload)
        while len(self._pushes) - self._gone > 1 and (
            self._pushes[self._gone + 1].first <= self.last - self._max_samples + 1
            or self._bytes > self._max_bytes
        ):
            oldest = self._pushes[self._gone]
            self._bytes -= len(oldest.payload)
            oldest.payload = b""
            self._gone += 1
        if self._gone >= _TRIM_AT and self._gone > len(self._pushes) // 2:
            del self._pushes[: self._gone]
            self._gone = 0
        self._ready.append(push)
        self._ready_samples += push.count
        while self._ready_samples > _READY_SAMPLES and len(self._ready) > 1:
            cold = self._ready.popleft()
            cold.samples = None
            self._ready_samples -= cold.count

    def after(self, number: int, max_samples: int) -> list[ProfilingTraceSample]:
        """At most `max_samples` samples above a number, which is not below ``first - 1``."""
        found: list[ProfilingTraceSample] = []
        at = bisect.bisect_right(self._pushes, number + 1, lo=self._gone, key=_first_of) - 1
        while at < len(self._pushes) and len(found) < max_samples:
            push = self._pushes[at]
            skip = max(0, number + 1 - push.first)
            if push.samples is None:
                self._warm_up(push)
            assert push.samples is not None
            found += push.samples[skip : skip + max_samples - len(found)]
            at += 1
        return found

    def _warm_up(self, push: _Push) -> None:
        batch: ProcessProfilingTraceBatch = decode_inward(push.payload, scan=False)
        push.samples = batch.samples
        if self._warm is not None:
            self._warm.samples = None
        self._warm = push


def _first_of(push: _Push) -> int:
    return push.first


class TraceStore:
    """The rings of all processes, and the messages to readers that are made of them.

    Attributes
    ----------
    rings
        By process id.
    lost
        Samples that readers were too slow for.
    """

    def __init__(self, max_samples: int, max_bytes: int) -> None:
        self._max_samples = max_samples
        self._max_bytes = max_bytes
        self._shared: tuple[object, float, bytes] | None = None
        self.rings: dict[UUID, TraceRing] = {}
        self.added = asyncio.Event()
        self.lost = 0

    def add(self, process_id: UUID, batch: ProcessProfilingTraceBatch, payload: bytes) -> None:
        ring = self.rings.get(process_id)
        if ring is None:
            ring = self.rings[process_id] = TraceRing(self._max_samples, self._max_bytes)
        ring.add(batch, payload)
        self.added.set()
        self.added = asyncio.Event()

    def encode(
        self,
        spans: Mapping[UUID, tuple[int, int]],
        origins: Mapping[UUID, tuple[int, str]],
    ) -> bytes:
        """Encode samples by process, given as (above which number, at most how many).

        Readers in step share one encoding.
        """
        now = time.time()
        if self._shared is not None:
            made_of, made_at, encoded = self._shared
            if made_of == spans and abs(now - made_at) < _SHARED_S:
                return encoded
        batches = {}
        for process_id, (number, max_samples) in spans.items():
            ring = self.rings.get(process_id)
            pid, host = origins[process_id]
            batches[process_id] = ProcessProfilingTraceBatch(
                process_id=process_id,
                pid=pid,
                host=host,
                timestamp=now,
                samples=[] if ring is None else ring.after(number, max_samples),
            )
        try:
            encoded = encode(ProfilingTraceStreamBatch(timestamp=now, batches=batches))
        except Exception:
            for batch in batches.values():
                self._drop_what_cannot_be_sent(batch)
            encoded = encode(ProfilingTraceStreamBatch(timestamp=now, batches=batches))
        if len(encoded) <= _SHARED_BYTES:
            self._shared = (spans, now, encoded)
        return encoded

    def _drop_what_cannot_be_sent(self, batch: ProcessProfilingTraceBatch) -> None:
        try:
            encode(batch)
        except Exception as error:
            logger.warning(
                "Process %s traces what can't be sent on; dropped: %s", batch.process_id, error
            )
            self.lost += len(batch.samples)
            batch.samples = []


class TraceReader:
    """One subscriber of traces: what it wants, and how far it is.

    Parameters
    ----------
    store
        What it reads.
    control
        As the subscriber sent it.
    """

    def __init__(self, store: TraceStore, control: ProfilingStreamControl) -> None:
        self._store = store
        self._wanted = (
            None if control.process_ids is None else sorted(set(control.process_ids), key=str)
        )
        self._max_samples = max(1, control.max_samples)
        self._empty_too = bool(control.include_empty_batches)
        self._interval_s = min(max(_MIN_INTERVAL_S, float(control.interval)), _MAX_INTERVAL_S)
        self._read: dict[UUID, int] = {}
        self._this_time: dict[UUID, int] = {}
        self._begun = False

    async def wait(self) -> None:
        """Wait for the next of its times, and until there is something for it.

        Readers of one interval have the same times, so that they can share messages.
        """
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._interval_s - loop.time() % self._interval_s)
        while not (self._empty_too or self._has_new()):
            await self._store.added.wait()
        self._this_time = {}
        self._begun = True

    def _has_new(self) -> bool:
        rings = self._store.rings
        return any(
            rings[process_id].last > self._read.get(process_id, 0)
            for process_id in (rings if self._wanted is None else self._wanted)
            if process_id in rings
        )

    def next(self, connected: Mapping[UUID, tuple[int, str]], subscriber_id: UUID) -> bytes | None:
        """Make its next message of this time; None when all is said.

        Parameters
        ----------
        connected
            Pid and host of the processes that are there.
        subscriber_id
            Who reads.
        """
        wanted = sorted(connected, key=str) if self._wanted is None else self._wanted
        spans: dict[UUID, tuple[int, int]] = {}
        origins: dict[UUID, tuple[int, str]] = {}
        room = _MESSAGE_SAMPLES
        for process_id in wanted:
            ring = self._store.rings.get(process_id)
            read = count = 0
            if ring is not None:
                read = self._place(process_id, ring, subscriber_id)
                used = self._this_time.get(process_id, 0)
                count = min(ring.last - read, self._max_samples - used, room)
                room -= count
                self._this_time[process_id] = used + count
                self._read[process_id] = read + count
            if not count and not (self._empty_too and self._begun):
                continue
            spans[process_id] = (read, count)
            origins[process_id] = connected.get(
                process_id, (-1, "") if ring is None else (ring.pid, ring.host)
            )
        self._begun = False
        return self._store.encode(spans, origins) if spans else None

    def _place(self, process_id: UUID, ring: TraceRing, subscriber_id: UUID) -> int:
        """Return the number of the last sample that it has, or can't have any more."""
        read = self._read.get(process_id, 0)
        if read >= ring.first - 1:
            return read
        if read:
            lost = ring.first - 1 - read
            self._store.lost += lost
            logger.warning(
                "Subscriber %s of traces is too slow: it lost %d samples", subscriber_id, lost
            )
        return ring.first - 1
