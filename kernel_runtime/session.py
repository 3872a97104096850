"""A session with a GraphServer: one request at a time, cancellable, reopened when it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

from ezmsg.core.netprotocol import Command

from .errors import ClosedError
from .wire import Connection

OpenConnection = Callable[[], Awaitable[Connection]]


class _Response:
    """One answer that is owed to us; reading it can be cancelled and gone on with."""

    def __init__(self, *, framed: bool) -> None:
        self._framed = framed

    async def read(self, connection: Connection) -> bytes:
        if self._framed:
            return await connection.read_response()
        return await connection.read_byte()


class Session:
    """Requests over one connection, in the order in which they were made.

    A request that is cancelled or times out leaves its answer owed; the next request reads
    it first. Deadlines are the caller's (``asyncio.timeout``).
    """

    def __init__(self, open_connection: OpenConnection) -> None:
        self._open_connection = open_connection
        self._connection: Connection | None = None
        self._owed: _Response | None = None
        self._turn = asyncio.Lock()
        self._closed = False
        self.session_id: UUID | None = None

    @property
    def is_open(self) -> bool:
        return self._connection is not None and self._connection.is_open

    @property
    def connection(self) -> Connection | None:
        return self._connection

    async def open(self) -> None:
        """Make sure that there is a live session, without asking anything."""
        async with self._turn:
            await self._ready()

    async def exchange(self, *parts: bytes, framed: bool) -> bytes:
        """Send one command and return its answer.

        Parameters
        ----------
        *parts
            The command byte and its arguments.
        framed
            Whether the answer is a frame and COMPLETE, or a single byte.

        Raises
        ------
        ConnectionLostError, GraphServerUnavailableError, InvalidResponseError, ClosedError
        """
        async with self._turn:
            connection = await self._ready()
            response = self._owed = _Response(framed=framed)
            await connection.send(*parts)
            body = await response.read(connection)
            self._owed = None
            return body

    async def _ready(self) -> Connection:
        if self._closed:
            raise ClosedError("This session was closed here.")
        connection = self._connection
        if connection is not None and connection.is_open and self._owed is not None:
            await self._owed.read(connection)
            self._owed = None
        if connection is None or not connection.is_open:
            self._owed = None
            connection = await self._open_connection()
            try:
                self.session_id = await connection.open_client(Command.SESSION)
            except BaseException:
                connection.abort()
                raise
            self._connection = connection
        return connection

    def close(self) -> None:
        """End the session at once; whoever waits for an answer gets `ConnectionLostError`."""
        self._closed = True
        if self._connection is not None:
            self._connection.abort()
