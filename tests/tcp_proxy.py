"""A TCP proxy in front of a server: drops its connections, or lets nothing through, on request."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class TcpProxy:
    """Passes bytes on between clients and one server.

    Attributes
    ----------
    address
        ``"127.0.0.1:PORT"`` where clients connect.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._open = asyncio.Event()
        self._open.set()
        self.address = ""

    def drop_connections(self) -> None:
        """End all connections at once; new ones are taken."""
        for writer in list(self._writers):
            writer.transport.abort()

    def hold(self) -> None:
        """Let nothing through, and end nothing, until `release`."""
        self._open.clear()

    def release(self) -> None:
        self._open.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with contextlib.suppress(OSError):
            await self._open.wait()
            there_reader, there_writer = await asyncio.open_connection(*self._target)
            self._writers |= {writer, there_writer}
            try:
                await asyncio.gather(
                    self._pump(reader, there_writer), self._pump(there_reader, writer)
                )
            finally:
                self._writers -= {writer, there_writer}
                writer.transport.abort()
                there_writer.transport.abort()
        self._tasks.discard(task)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self._open.wait()
            writer.write(data)
            await writer.drain()
        writer.transport.abort()

    async def close(self) -> None:
        self.drop_connections()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def tcp_proxy(host: str, port: int) -> AsyncIterator[TcpProxy]:
    """A proxy to a server, on a free port, for as long as the block runs."""
    proxy = TcpProxy(host, port)
    listening = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.address = f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        listening.close()
        await proxy.close()
