"""Subscriptions by what they carry: numbered events, and batches without numbers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from ezmsg.core.netprotocol import Command

from .soundness import is_sound
from .streams import EVENT_BUFFER, Resynced, ResyncReason, StreamSource, SupervisedStream
from .wire import Connection

RESUME_ANSWER_S = 0.5
"""How long a server may take to show the event that a stream ended with."""


class Sequenced(Protocol):
    """An event of ezmsg: numbered from 1 by the server that made it."""

    seq: int
    timestamp: float
    source_session_id: str | None


E = TypeVar("E", bound=Sequenced)
T = TypeVar("T")


class EventStream(SupervisedStream[E]):
    """Numbered events: settings or topology.

    Parameters
    ----------
    source
        Opens connections.
    command, event_type
        Which subscription, and what it carries.
    after_seq
        Events up to this number are left out.
    history
        Reads events after a number by request, where the protocol has that; replay by
        subscription gives only the newest 1,024.
    """

    def __init__(
        self,
        source: StreamSource,
        command: Command,
        event_type: type[E],
        after_seq: int,
        history: Callable[[int], Awaitable[list[E]]] | None = None,
        buffer_size: int = EVENT_BUFFER,
    ) -> None:
        super().__init__(source, buffer_size)
        self._command = command
        self._event_type = event_type
        self._seq = after_seq
        self._last: E | None = None
        self._history = history

    @property
    def seq(self) -> int:
        """Number of the newest event that was received, read by the consumer or not."""
        return self._seq

    async def _drain(self, connection: Connection, *, resume: bool) -> None:
        if resume and self._last is None:
            # Nothing is known by which to tell the server that it was from another.
            self._start_anew("gap")
        if self._history is not None:
            await self._catch_up(self._history)
            await self._subscribe(connection, self._seq)
        elif self._last is None:
            # From one before, so that the event at which the caller stands is known as well.
            await self._subscribe(connection, self._seq - 1)
        else:
            await self._subscribe(connection, self._seq - 1)
            first = await self._first_or_none(connection)
            if first is None or (first.seq <= self._seq and not _is_same(first, self._last)):
                # The event that we ended with is not there: not the server that made it.
                self._start_anew("server_restarted")
                connection.abort()
                connection = await self._source.open_stream_connection()
                try:
                    await self._subscribe(connection, 0)
                    await self._forward(connection)
                finally:
                    connection.abort()
                return
            self._deliver(first)
        await self._forward(connection)

    async def _forward(self, connection: Connection) -> None:
        self.is_live = True
        while True:
            event = await self._read_event(connection)
            if self._history is not None and event.seq > self._seq + 1:
                # The server's queue for us overflowed, but it may keep what it dropped there.
                for missed in await self._history(self._seq):
                    self._deliver(missed)
            self._deliver(event)

    async def _catch_up(self, history: Callable[[int], Awaitable[list[E]]]) -> None:
        known = self._last
        events = await history(max(0, self._seq - 1))
        if known is not None and not (events and _is_same(events[0], known)):
            self._start_anew("server_restarted")
            events = await history(0)
        for event in events:
            self._deliver(event)

    async def _subscribe(self, connection: Connection, after_seq: int) -> None:
        setup = str(max(0, after_seq)).encode()
        await connection.open_client(self._command, len(setup).to_bytes(8, "little") + setup)

    async def _first_or_none(self, connection: Connection) -> E | None:
        try:
            async with asyncio.timeout(RESUME_ANSWER_S):
                return await self._read_event(connection)
        except TimeoutError:
            return None

    async def _read_event(self, connection: Connection) -> E:
        while True:
            value = await self._read_value(connection)
            if isinstance(value, self._event_type) and is_sound(value):
                return value
            self.undecodable += 1

    def _start_anew(self, reason: ResyncReason) -> None:
        self._seq = 0
        self._last = None
        self._buffer.put(Resynced(reason))

    def _deliver(self, event: E) -> None:
        if event.seq <= self._seq:
            if event.seq == self._seq:
                self._last = event
            return
        missed = event.seq - self._seq - 1
        if missed:
            self._buffer.put(Resynced("gap", missed))
        self._seq = event.seq
        self._last = event
        self._buffer.put(event)


class BatchStream(SupervisedStream[T]):
    """Batches without numbers: profiling traces.

    A server that was away has nothing to catch up with; batches that are not read in time
    are dropped and counted.
    """

    def __init__(
        self,
        source: StreamSource,
        command: Command,
        setup: bytes,
        batch_type: type[T],
        buffer_size: int = 256,
    ) -> None:
        super().__init__(source, buffer_size)
        self._command = command
        self._setup = setup
        self._batch_type = batch_type

    async def _drain(self, connection: Connection, *, resume: bool) -> None:
        await connection.open_client(self._command, self._setup)
        if resume:
            self._buffer.put(Resynced("gap"))
        self.is_live = True
        while True:
            value = await self._read_value(connection)
            if isinstance(value, self._batch_type) and is_sound(value):
                self._buffer.put(value)
            else:
                self.undecodable += 1


def _is_same(event: Sequenced, known: Sequenced) -> bool:
    return (event.seq, event.timestamp, event.source_session_id) == (
        known.seq,
        known.timestamp,
        known.source_session_id,
    )
