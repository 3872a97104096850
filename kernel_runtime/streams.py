"""Subscriptions that survive: they reconnect, notice gaps and new servers, and say so.

ezmsg's own subscriptions end silently when the server goes, and lose events silently when
they are slow (of 20,000 topology events 14,111 were delivered; measured). Here a task
drains the socket whatever the consumer does; what a consumer did not get is told by a
`Resynced` marker between the events.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, Self, TypeVar

from . import safe_pickle
from .errors import ClosedError, GraphError, InvalidResponseError, UnsafePayloadError
from .owning_loop import on_owning_loop
from .wire import Connection

RECONNECT_FIRST_S = 0.05
RECONNECT_LONGEST_S = 1.0
EVENT_BUFFER = 4096
"""Events that wait for a slow consumer; the oldest are dropped and counted beyond."""

ResyncReason = Literal["server_restarted", "gap", "slow_consumer"]


@dataclass(frozen=True, slots=True)
class Resynced:
    """Stands in a stream where its history was cut.

    Whoever keeps state from the stream reads it anew from a snapshot.

    Attributes
    ----------
    reason
        ``"server_restarted"``: another server answers at the address, sequence numbers start
        anew. ``"gap"``: the server dropped events. ``"slow_consumer"``: this stream did,
        because they were not read.
    missed
        How many events are missing, None where it can't be known.
    """

    reason: ResyncReason
    missed: int | None = None


T = TypeVar("T")


class StreamSource(Protocol):
    """What a stream needs of the context that made it."""

    @property
    def owning_loop(self) -> asyncio.AbstractEventLoop | None: ...

    async def open_stream_connection(self) -> Connection: ...

    def release_stream(self, stream: SupervisedStream[Any]) -> None: ...


class _Buffer(Generic[T]):
    """Bounded queue between the draining task and the consumer."""

    def __init__(self, size: int) -> None:
        self._items: deque[T | Resynced] = deque()
        self._size = size
        self._dropped = 0
        self._restarted = False
        self._filled = asyncio.Event()
        self._error: BaseException | None = None

    def put(self, item: T | Resynced) -> None:
        if len(self._items) >= self._size:
            oldest = self._items.popleft()
            if isinstance(oldest, Resynced):
                # Its news must not be lost: the marker that stands in for it has them.
                self._dropped += oldest.missed or 0
                self._restarted |= oldest.reason == "server_restarted"
            else:
                self._dropped += 1
        self._items.append(item)
        self._filled.set()

    def end(self, error: BaseException | None) -> None:
        if self._error is None:
            self._error = error or StopAsyncIteration()
        self._filled.set()

    async def get(self) -> T | Resynced:
        while True:
            if self._dropped or self._restarted:
                missed, self._dropped = self._dropped, 0
                restarted, self._restarted = self._restarted, False
                return Resynced("server_restarted" if restarted else "slow_consumer", missed)
            if self._items:
                return self._items.popleft()
            if self._error is not None:
                raise self._error
            self._filled.clear()
            await self._filled.wait()


class SupervisedStream(Generic[T]):
    """An async iterator over a subscription, with a task that keeps it alive.

    Iterating starts it; `aclose`, the end of an ``async with`` block, or closing the context
    ends it. A stream of an open context does not end because the server is away, not even
    when it was away from the start: it waits, as the context does. Only a server that does
    not understand the subscription ends it, with `InvalidResponseError`.

    May be iterated from any event loop, by one consumer at a time.
    """

    def __init__(self, source: StreamSource, buffer_size: int) -> None:
        self._source = source
        self._buffer: _Buffer[T] = _Buffer(buffer_size)
        self._task: asyncio.Task[None] | None = None
        self._handed: Future[T | Resynced] | None = None
        self._closed = False
        self.is_live = False
        self.undecodable = 0

    @property
    def owning_loop(self) -> asyncio.AbstractEventLoop | None:
        return self._source.owning_loop

    def __aiter__(self) -> AsyncIterator[T | Resynced]:
        return self

    async def __anext__(self) -> T | Resynced:
        loop = self.owning_loop
        if loop is None or loop is asyncio.get_running_loop():
            return await self._next()
        if self._handed is None:
            self._handed = asyncio.run_coroutine_threadsafe(self._next_or_end(), loop)
        # Shielded and kept, so that a cancelled wait loses no item: the next call takes it up.
        item = await asyncio.shield(asyncio.wrap_future(self._handed))
        self._handed = None
        if item is None:
            raise StopAsyncIteration
        return item

    async def _next_or_end(self) -> Any:
        # A future can't carry StopAsyncIteration.
        try:
            return await self._next()
        except StopAsyncIteration:
            return None

    async def _next(self) -> T | Resynced:
        if self._task is None:
            if self._closed:
                raise StopAsyncIteration
            self._task = asyncio.create_task(self._supervise(), name=type(self).__name__)
        return await self._buffer.get()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    @on_owning_loop
    async def aclose(self) -> None:
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._task
        self._end(None)

    def cancel(self) -> None:
        """End it from its own loop, without waiting."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
        self._end(None)

    def _end(self, error: BaseException | None) -> None:
        self._buffer.end(error)
        self._source.release_stream(self)

    async def _supervise(self) -> None:
        pause_s = RECONNECT_FIRST_S
        first = True
        try:
            while True:
                connection: Connection | None = None
                try:
                    connection = await self._source.open_stream_connection()
                    await self._drain(connection, resume=not first)
                except ClosedError:
                    self._end(None)
                    return
                except InvalidResponseError:
                    if first:
                        raise
                except GraphError:
                    # The server is away, or went away: that is what this loop is for.
                    pass
                finally:
                    if self.is_live:
                        pause_s = RECONNECT_FIRST_S
                        first = False
                    self.is_live = False
                    if connection is not None:
                        connection.abort()
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, RECONNECT_LONGEST_S)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self._end(error)

    async def _drain(self, connection: Connection, *, resume: bool) -> None:
        raise NotImplementedError

    async def _read_value(self, connection: Connection) -> Any:
        """The next message, past those that can't be read."""
        while True:
            frame = await connection.read_frame()
            try:
                return safe_pickle.decode(frame)
            except UnsafePayloadError:
                self.undecodable += 1
