"""What a GraphServer sends to one client that may not be reading."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

from ezmsg.core.netprotocol import ClientInfo

_SLICE_BYTES = 1 << 18
_DIRECT_BYTES = 1 << 16
_PRUNE_AT = 64


class Parcel:
    """One message on its way; it can be taken back while nothing of it was written."""

    __slots__ = ("message",)

    def __init__(self, message: bytes) -> None:
        self.message: bytes | None = message


class Outbox:
    """Messages to one process in order, bounded; handing one in never waits.

    Parameters
    ----------
    writer
        The process' control connection.
    max_bytes
        What may wait here.
    """

    def __init__(self, writer: asyncio.StreamWriter, max_bytes: int) -> None:
        self._writer = writer
        self._transport = writer.transport
        # drain() then waits until all is in the socket, so that what waits is known here.
        self._transport.set_write_buffer_limits(high=0)
        self._max_bytes = max_bytes
        self._waiting: deque[Parcel] = deque()
        self._waiting_bytes = 0
        self._pump: asyncio.Task[None] | None = None

    def hand_in(self, message: bytes) -> Parcel | None:
        """Send a message, or keep it until the process reads; None where that is too much."""
        if self._transport.is_closing():
            return None
        parcel = Parcel(message)
        idle = self._pump is None and not self._transport.get_write_buffer_size()
        if idle and len(message) <= _DIRECT_BYTES:
            self._writer.write(message)
            parcel.message = None
            return parcel
        if self._waiting_bytes + len(message) > self._max_bytes:
            return None
        self._waiting.append(parcel)
        self._waiting_bytes += len(message)
        if self._pump is None:
            self._pump = asyncio.create_task(self._send_waiting(), name="server-outbox")
        return parcel

    def take_back(self, parcel: Parcel) -> bool:
        """Drop a message; False where a part of it was written already."""
        if parcel.message is None:
            return False
        self._waiting_bytes -= len(parcel.message)
        self._waiting.remove(parcel)
        parcel.message = None
        return True

    async def send(self, message: bytes) -> None:
        """Send a message, waiting for room."""
        while self.hand_in(message) is None:
            if self._transport.is_closing():
                raise ConnectionResetError("the process is gone")
            await self._writer.drain()
            await asyncio.sleep(0)

    async def _send_waiting(self) -> None:
        try:
            await self._writer.drain()
            while self._waiting:
                parcel = self._waiting.popleft()
                message = parcel.message
                assert message is not None
                parcel.message = None
                for start in range(0, len(message), _SLICE_BYTES):
                    self._writer.write(message[start : start + _SLICE_BYTES])
                    await self._writer.drain()
                self._waiting_bytes -= len(message)
        except OSError:
            # The connection's own reader sees its end and says so.
            self._waiting.clear()
        finally:
            self._pump = None

    async def close(self) -> None:
        pump = self._pump
        if pump is not None:
            pump.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await pump


class AckLane:
    """A message that a client acknowledges with COMPLETE, each time that it is sent.

    One is under way at a time. Whoever asks for it meanwhile shares the next; so a client
    that stands still costs one message.
    """

    def __init__(self, client: ClientInfo, message: bytes) -> None:
        self._writer = client.writer
        self._message = message
        self._under_way: list[asyncio.Future[None]] = []
        self._following: list[asyncio.Future[None]] = []
        self._closed = False

    def ask(self) -> asyncio.Future[None]:
        """Send the message; the result is there when the client has acknowledged it, or is
        gone."""
        asked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._closed or self._writer.transport.is_closing():
            asked.set_result(None)
        elif self._under_way:
            if len(self._following) >= _PRUNE_AT:
                self._following = [one for one in self._following if not one.done()]
            self._following.append(asked)
        else:
            self._under_way = [asked]
            self._writer.write(self._message)
        return asked

    def acknowledged(self) -> None:
        """The client has sent COMPLETE."""
        done, self._under_way = self._under_way, []
        _resolve(done)
        if self._following:
            self._under_way, self._following = self._following, []
            if self._writer.transport.is_closing():
                self.close()
            else:
                self._writer.write(self._message)

    def close(self) -> None:
        """The client is gone: nobody waits for it any more."""
        self._closed = True
        waiting = self._under_way + self._following
        self._under_way, self._following = [], []
        _resolve(waiting)


def _resolve(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)
