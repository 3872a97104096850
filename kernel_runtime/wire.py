"""Bytes on a socket to a GraphServer: handshake, commands, frames.

The protocol is ezmsg's (``ezmsg.core.netprotocol`` and ``graphserver``): on connecting the
server sends its version; a client then sends one command byte and its arguments. Strings
and payloads are preceded by their length as 8 bytes, little endian. A session serves one
request at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from typing import Final
from uuid import UUID

from ezmsg.core.netprotocol import UINT64_SIZE, Command, encode_str, uint64_to_bytes

from .address import Address
from .errors import (
    ConnectionLostError,
    GraphServerUnavailableError,
    InvalidResponseError,
    RequestTimeoutError,
)

DEFAULT_MAX_FRAME_BYTES: Final = 256 * 1024 * 1024
"""Largest frame that is read; a longer one ends the connection before it is received."""

_MAX_TEXT_BYTES: Final = 4096
_STREAM_BUFFER_BYTES: Final = 1024 * 1024

# A link that is cut for 10 s must come back, one that is cut for 30 s counts as gone.
_KEEPALIVE: Final = {
    "TCP_KEEPIDLE": 10,
    "TCP_KEEPINTVL": 5,
    "TCP_KEEPCNT": 4,
    "TCP_USER_TIMEOUT": 30_000,
}

_open_descriptors: set[int] = set()


def _close_in_forked_child() -> None:
    # A forked child would keep our sessions open after our death.
    for descriptor in _open_descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _open_descriptors.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_forked_child)


def _notice_a_dead_peer(sock: socket.socket) -> None:
    """Have the system end a connection whose other side is gone without a word.

    A stopped process doesn't count: its system still answers. What platforms lack, is left.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        option = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


class _WireProtocol(asyncio.StreamReaderProtocol):
    """A stream that says at once when the other side is gone, also while nobody reads."""

    def __init__(self, reader: asyncio.StreamReader, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(reader, loop=loop)
        self.ended: asyncio.Future[None] = loop.create_future()
        self._descriptor = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        sock: socket.socket = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _notice_a_dead_peer(sock)
        self._descriptor = sock.fileno()
        _open_descriptors.add(self._descriptor)

    def _end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def eof_received(self) -> bool:
        super().eof_received()
        self._end()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        # Before the descriptor is closed, so that its number can't be another's yet.
        _open_descriptors.discard(self._descriptor)
        super().connection_lost(exc)
        self._end()


class Connection:
    """One connection to a GraphServer, after the handshake.

    Made by `open_connection`. All reads raise `ConnectionLostError` when the connection
    ends, and `InvalidResponseError` on a frame that the protocol does not allow. Deadlines
    are the caller's (``asyncio.timeout``).
    """

    def __init__(
        self,
        address: Address,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        protocol: _WireProtocol,
        server_version: str,
        max_frame_bytes: int,
    ) -> None:
        self.address = address
        self.server_version = server_version
        self.max_frame_bytes = max_frame_bytes
        self.bytes_received = 0
        self._frame_size: int | None = None
        self._reader = reader
        self._writer = writer
        self._protocol = protocol

    @property
    def is_open(self) -> bool:
        return not self._protocol.ended.done() and not self._writer.is_closing()

    async def wait_ended(self) -> None:
        """Return when the connection is gone, from either side."""
        await asyncio.shield(self._protocol.ended)

    def abort(self) -> None:
        """Close at once, without waiting for what was not sent yet."""
        self._writer.transport.abort()

    async def send(self, *parts: bytes) -> None:
        """Write one whole command with its arguments.

        Half a command would hold the server's one lock, so it is written in one piece.
        """
        try:
            self._writer.write(b"".join(parts))
            await self._writer.drain()
        except (OSError, RuntimeError) as error:
            raise self._lost() from error

    async def read_byte(self) -> bytes:
        return await self._exactly(1)

    async def read_text(self) -> str:
        size = int.from_bytes(await self._exactly(UINT64_SIZE), "little")
        if size > _MAX_TEXT_BYTES:
            raise self._invalid(f"announced a text of {size} bytes")
        raw = await self._exactly(size)
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self._invalid("sent a text that is not UTF-8") from error

    async def read_frame(self) -> bytes:
        # Resumable: the length is kept until its bytes have come, so that a cancelled read
        # leaves the stream in step.
        if self._frame_size is None:
            self._frame_size = await self._read_frame_size()
        frame = await self._exactly(self._frame_size)
        self._frame_size = None
        return frame

    async def _read_frame_size(self) -> int:
        size = int.from_bytes(await self._exactly(UINT64_SIZE), "little")
        if size > self.max_frame_bytes:
            raise self._invalid(
                f"announced a frame of {size} bytes, more than the limit of "
                f"{self.max_frame_bytes} bytes"
            )
        return size

    async def read_response(self) -> bytes:
        """Read a frame and the COMPLETE byte that ends a framed response; resumable as well."""
        if self._frame_size is None:
            self._frame_size = await self._read_frame_size()
        body = await self._exactly(self._frame_size + 1)
        self._frame_size = None
        if body[-1:] != Command.COMPLETE.value:
            raise self._invalid(f"ended a response with {body[-1:]!r}")
        return body[:-1]

    async def open_client(self, command: Command, setup: bytes = b"") -> UUID:
        """Turn the connection into a session or subscription; returns the id it was given."""
        await self.send(command.value, setup)
        text = await self.read_text()
        answer = await self.read_byte()
        if answer != Command.COMPLETE.value:
            raise self._invalid(f"refused {command.name} with {answer!r}")
        try:
            return UUID(text)
        except ValueError as error:
            raise self._invalid(f"gave {text!r} as a client id") from error

    async def _exactly(self, size: int) -> bytes:
        try:
            data = await self._reader.readexactly(size)
        except (asyncio.IncompleteReadError, OSError) as error:
            raise self._lost() from error
        self.bytes_received += size
        return data

    def _lost(self) -> ConnectionLostError:
        self.abort()
        return ConnectionLostError(
            f"The connection to the GraphServer at {self.address} ended. The server stopped, "
            f"or the network between broke; what was asked may or may not have happened.",
            address=str(self.address),
        )

    def _invalid(self, what: str) -> InvalidResponseError:
        # The stream can't be in step any more, so it ends here.
        self.abort()
        return InvalidResponseError(
            f"The server at {self.address} {what}; the connection was closed. Is it an ezmsg "
            f"GraphServer of version 3.9 or newer?",
            address=str(self.address),
        )


async def open_connection(
    address: Address,
    *,
    timeout: float,
    max_frame_bytes: int = DEFAULT_MAX_FRAME_BYTES,
) -> Connection:
    """Connect to a GraphServer and read its version.

    Parameters
    ----------
    address
        Where it is.
    timeout
        Seconds that connecting and the handshake may take together.
    max_frame_bytes
        Frames longer than this are refused.

    Raises
    ------
    GraphServerUnavailableError
        Nothing listens there, the host is unknown, or it does not speak the protocol.
    RequestTimeoutError
        Something accepted the connection or dropped its packets, and said nothing in time.
    """
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_STREAM_BUFFER_BYTES, loop=loop)
    protocol = _WireProtocol(reader, loop)
    transport: asyncio.Transport | None = None
    try:
        async with asyncio.timeout(timeout):
            transport, _ = await loop.create_connection(
                lambda: protocol, address.host, address.port
            )
            writer = asyncio.StreamWriter(transport, protocol, reader, loop)
            connection = Connection(address, reader, writer, protocol, "", max_frame_bytes)
            connection.server_version = await connection.read_text()
            return connection
    except TimeoutError as error:
        _abort(transport)
        raise RequestTimeoutError(
            f"The GraphServer at {address} did not answer within {timeout:g} s. It may be "
            f"stopped or busy, or a firewall drops the packets.",
            address=str(address),
        ) from error
    except (ConnectionLostError, InvalidResponseError) as error:
        _abort(transport)
        raise GraphServerUnavailableError(
            f"Something listens at {address}, but it does not greet as an ezmsg GraphServer "
            f"does. Check the port.",
            address=str(address),
        ) from error
    except OSError as error:
        _abort(transport)
        reason = error.strerror or str(error) or type(error).__name__
        raise GraphServerUnavailableError(
            f"No GraphServer answers at {address} ({reason}). Is the pipeline running, and is "
            f"this its address? `ezmsg-nb doctor {address}` tells more.",
            address=str(address),
        ) from error
    except BaseException:
        _abort(transport)
        raise


def _abort(transport: asyncio.Transport | None) -> None:
    if transport is not None:
        transport.abort()


def text_argument(text: str) -> bytes:
    """A string as the protocol sends it: length, then UTF-8."""
    return encode_str(text)


def payload_argument(payload: bytes) -> bytes:
    """Bytes as the protocol sends them: length, then the bytes."""
    return uint64_to_bytes(len(payload)) + payload
