"""Events of a GraphServer: encoded once, kept once, read by each subscriber at its own pace."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from uuid import UUID

from ezmsg.core.netprotocol import uint64_to_bytes

logger = logging.getLogger("ezmsg")

_CHUNK_BYTES = 1 << 16
_TRIM_AT = 1024


class EventHistory:
    """The newest events of one kind, numbered without gaps from 1.

    A subscriber has no queue of its own, only its place here: it gets the whole history that
    is kept, in order, and where it is too slow the numbers show what it missed.

    Parameters
    ----------
    max_events, max_bytes
        What is kept; the oldest goes first.
    """

    def __init__(self, max_events: int, max_bytes: int) -> None:
        self._max_events = max(1, max_events)
        self._max_bytes = max_bytes
        self._events: list[bytes | Callable[[], bytes]] = []
        self._sizes: list[int] = []
        self._gone = 0
        self._bytes = 0
        self._first = 1
        self._changed = asyncio.Event()
        self._awaited = False
        self.missed = 0

    @property
    def last(self) -> int:
        """Number of the newest event."""
        return self._first + len(self._events) - self._gone - 1

    def append(self, encoded: bytes | Callable[[], bytes], size: int) -> None:
        """Add the event of the next number: its pickle, or what makes it when it is first read.

        `size` is what it takes in memory, in bytes.
        """
        self._events.append(encoded)
        self._sizes.append(size)
        self._bytes += size
        kept = len(self._events) - self._gone
        while kept > self._max_events or (self._bytes > self._max_bytes and kept > 1):
            self._bytes -= self._sizes[self._gone]
            self._events[self._gone] = b""
            self._gone += 1
            self._first += 1
            kept -= 1
        if self._gone >= _TRIM_AT and self._gone > kept:
            del self._events[: self._gone]
            del self._sizes[: self._gone]
            self._gone = 0
        if self._awaited:
            self._awaited = False
            self._changed.set()
            self._changed = asyncio.Event()

    def after(self, number: int, max_bytes: int | None = None) -> list[bytes]:
        """Events above a number, oldest first; at least one if there is any, and then no more
        than `max_bytes` in all."""
        start = self._gone + max(0, number + 1 - self._first)
        found: list[bytes] = []
        size = 0
        for at in range(start, len(self._events)):
            event = self._events[at]
            if callable(event):
                event = self._events[at] = event()
            size += len(event)
            if found and max_bytes is not None and size > max_bytes:
                break
            found.append(event)
        return found

    async def send_from(
        self, after: int, subscriber_id: UUID, writer: asyncio.StreamWriter
    ) -> None:
        """Send every event above a number to a subscriber, as they come."""
        # Numbers above ours are those of an earlier server: its subscriber gets what is new.
        sent = min(max(after, 0), self.last)
        fresh = True
        while True:
            if not fresh and sent < self._first - 1:
                missed = self._first - 1 - sent
                self.missed += missed
                logger.warning(
                    "Subscriber %s of events is too slow: it missed %d of them",
                    subscriber_id,
                    missed,
                )
            sent = max(sent, self._first - 1)
            events = self.after(sent, _CHUNK_BYTES)
            fresh = False
            if not events:
                self._awaited = True
                await self._changed.wait()
                continue
            sent += len(events)
            parts: list[bytes] = []
            for event in events:
                parts += (uint64_to_bytes(len(event)), event)
            writer.write(b"".join(parts))
            await writer.drain()
