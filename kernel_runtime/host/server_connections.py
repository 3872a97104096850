"""The connections of a GraphServer, and the watch over them: commands that don't end, readers
that don't read."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Collection
from typing import Literal

from ezmsg.core.netprotocol import close_stream_writer

from .server_limits import ServerLimits

logger = logging.getLogger("ezmsg")

Kind = Literal["new", "client", "stream", "process"]

_SWEEP_S = 0.5
_SLOWEST_BYTES_PER_S = 1 << 20
_DISCARD_BYTES = 1 << 16


class CommandError(Exception):
    """A client sent what is no command; its connection ends."""


class Connection:
    """One connection, which reads commands as ezmsg's own handlers do.

    Parameters
    ----------
    reader, writer
        As asyncio gave them.
    limits
        What this client may do.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limits: ServerLimits
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.kind: Kind = "new"
        self.commands: Collection[bytes] | None = None
        self._limits = limits
        self._command_s = limits.command_s
        self._payload_bytes = limits.payload_bytes
        self._loop = asyncio.get_running_loop()
        self._begun = self._loop.time()
        self._deadline: float | None = None
        self._unread = 0
        self._unread_since = 0.0
        peer = writer.get_extra_info("peername")
        self.host: str = peer[0] if peer else "an unknown host"

    async def read(self, size: int = -1) -> bytes:
        """Wait for the next command; bytes that are none, where `commands` are set, are
        passed over.

        A new connection has to say in time what it wants; clients may be silent for ever.
        """
        if self.kind == "new":
            self._deadline = self._begun + self._limits.first_command_s
        try:
            while True:
                byte = await self.reader.read(1)
                if not byte or self.commands is None or byte in self.commands:
                    self._begun = self._loop.time()
                    return byte
                logger.warning("A %s at %s sends what is no command; ignored", self.kind, self.host)
        finally:
            self._deadline = None

    async def readexactly(self, size: int) -> bytes:
        """Read a part of the command that was begun last."""
        if size > self._payload_bytes:
            raise CommandError(
                f"announces {size} bytes, more than the limit of {self._payload_bytes}"
            )
        self._begun += size / _SLOWEST_BYTES_PER_S
        self._deadline = self._begun + self._command_s
        try:
            return await self.reader.readexactly(size)
        finally:
            self._deadline = None

    async def discard(self) -> None:
        """Return when the client is gone; what it sends until then is thrown away."""
        with contextlib.suppress(OSError):
            while await self.reader.read(_DISCARD_BYTES):
                pass

    def abort(self) -> None:
        self.writer.transport.abort()

    async def close(self) -> None:
        with contextlib.suppress(OSError):
            await close_stream_writer(self.writer)

    def check(self, now: float) -> None:
        """End the connection where its client is over a deadline."""
        if self._deadline is not None and now > self._deadline:
            self.abort()
            logger.warning(
                "A client at %s was disconnected: its command was not there whole in time",
                self.host,
            )
            return
        unread = self.writer.transport.get_write_buffer_size()
        if unread != self._unread or not unread:
            self._unread = unread
            self._unread_since = now
        elif self.kind != "process" and now - self._unread_since > self._stalled_s:
            self.abort()
            logger.warning(
                "A %s at %s was disconnected: it reads nothing of what it asked for",
                self.kind,
                self.host,
            )

    @property
    def _stalled_s(self) -> float:
        if self.kind == "stream":
            return self._limits.stalled_stream_s
        return self._limits.stalled_client_s


class ConnectionTable:
    """All open connections."""

    def __init__(self, limits: ServerLimits) -> None:
        self._limits = limits
        self._open: set[Connection] = set()

    def add(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Connection | None:
        """Take up a new connection; None where there are too many, and it is closed."""
        if len(self._open) >= self._limits.connections:
            writer.transport.abort()
            logger.warning(
                "A client was turned away: %d connections are open, the limit; "
                "EZMSG_NB_SERVER_CONNECTIONS raises it",
                len(self._open),
            )
            return None
        connection = Connection(reader, writer, self._limits)
        self._open.add(connection)
        return connection

    async def close(self, connection: Connection) -> None:
        await connection.close()
        self._open.discard(connection)

    async def watch(self) -> None:
        """Check all connections, for ever."""
        loop = asyncio.get_running_loop()
        limits = self._limits
        pause_s = min(
            _SWEEP_S,
            limits.command_s / 4,
            limits.first_command_s / 4,
            limits.stalled_stream_s / 4,
            limits.stalled_client_s / 4,
        )
        while True:
            await asyncio.sleep(pause_s)
            now = loop.time()
            for connection in list(self._open):
                connection.check(now)

    def end_all(self) -> None:
        """Close all connections, without waiting for those who don't read."""
        for connection in list(self._open):
            if connection.writer.transport.get_write_buffer_size():
                connection.abort()
            else:
                connection.writer.close()
