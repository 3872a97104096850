"""What a broken or hostile server can send: a typed error, in time, with bounded memory."""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from ezmsg.core.netprotocol import Command

from kernel_runtime import (
    Address,
    ConnectionLostError,
    GraphServerUnavailableError,
    InvalidResponseError,
    KernelGraphContext,
    RequestTimeoutError,
)
from kernel_runtime.wire import Connection, open_connection

NOT_HUNG_S = 10.0

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


@contextlib.asynccontextmanager
async def server(behaviour: Behaviour) -> AsyncIterator[Address]:
    """A peer that can misbehave in ways that a real GraphServer can't be made to."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await behaviour(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield Address(*listening.sockets[0].getsockname())
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def greeting_then(*parts: bytes, stay: bool = True) -> Behaviour:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text("3.9.0"))
        for part in parts:
            await reader.read(1)
            writer.write(part)
        await writer.drain()
        if stay:
            await asyncio.sleep(60)

    return behave


async def connect(address: Address, timeout: float = 0.5) -> Connection:
    return await open_connection(address, timeout=timeout, max_frame_bytes=1024)


async def test_nothing_listens() -> None:
    async with server(greeting_then()) as address:
        pass
    with pytest.raises(GraphServerUnavailableError, match=str(address.port)) as caught:
        await connect(address)
    assert caught.value.address == str(address)


async def test_unknown_host() -> None:
    with pytest.raises(GraphServerUnavailableError):
        await connect(Address("no-such-host.invalid", 25978), timeout=5.0)


async def test_silent_peer_is_a_timeout_in_time() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    async with server(silent) as address:
        async with asyncio.timeout(NOT_HUNG_S):
            with pytest.raises(RequestTimeoutError, match="did not answer"):
                await connect(address, timeout=0.2)


@pytest.mark.parametrize(
    "greeting",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", struct.pack("<Q", 2**63), text("x")[:-1], b"\xff" * 64]
    + [struct.pack("<Q", 2) + b"\xff\xfe"],
)
async def test_a_peer_of_another_kind(greeting: bytes) -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await writer.drain()

    async with server(other) as address:
        with pytest.raises(GraphServerUnavailableError, match="does not greet"):
            await connect(address)


@pytest.mark.parametrize("size", [2**63, 2**64 - 1, 1025])
async def test_an_absurd_frame_is_refused_unread(size: int) -> None:
    async with server(greeting_then(struct.pack("<Q", size))) as address:
        connection = await connect(address)
        await connection.send(b"x")
        with pytest.raises(InvalidResponseError, match=str(size)):
            await connection.read_frame()
        assert not connection.is_open


async def test_a_truncated_frame_is_a_lost_connection() -> None:
    half = struct.pack("<Q", 100) + b"only this"
    async with server(greeting_then(half, stay=False)) as address:
        connection = await connect(address)
        await connection.send(b"x")
        with pytest.raises(ConnectionLostError):
            await connection.read_frame()


async def test_a_frame_without_its_end_is_invalid() -> None:
    frame = struct.pack("<Q", 2) + b"ok" + b"\xee"
    async with server(greeting_then(frame)) as address:
        connection = await connect(address)
        await connection.send(b"x")
        with pytest.raises(InvalidResponseError, match="ended a response"):
            await connection.read_response()


async def test_a_cancelled_read_goes_on_where_it_was() -> None:
    release = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text("3.9.0"))
        writer.write(struct.pack("<Q", 5) + b"he")
        await release.wait()
        writer.write(b"llo")
        await asyncio.sleep(60)

    async with server(slow) as address:
        connection = await connect(address)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await connection.read_frame()
        release.set()
        assert await connection.read_frame() == b"hello"
        connection.abort()


async def test_the_end_is_noticed_while_nobody_reads() -> None:
    async with server(greeting_then(b"bye", stay=False)) as address:
        connection = await connect(address)
        await connection.send(b"x")
        async with asyncio.timeout(30):
            await connection.wait_ended()
        assert not connection.is_open


async def test_a_server_that_stalls_mid_frame_ends_in_a_timeout() -> None:
    session = text("0a2463c8-e7cf-11f1-b7cf-02fc00000001") + Command.COMPLETE.value

    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text("3.9.0"))
        await reader.read(1)
        writer.write(session)
        await reader.read(1)
        writer.write(struct.pack("<Q", 100) + b"half")
        await asyncio.sleep(60)

    async with server(stall) as address:
        async with KernelGraphContext(address, timeout=10.0) as context:
            async with asyncio.timeout(NOT_HUNG_S):
                with pytest.raises(RequestTimeoutError, match="SESSION_SNAPSHOT"):
                    await context.command(Command.SESSION_SNAPSHOT, framed=True, timeout=0.3)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
async def test_a_forked_child_does_not_hold_the_connection() -> None:
    ended = asyncio.Event()

    async def wait_for_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text("3.9.0"))
        await reader.read()
        ended.set()

    async with server(wait_for_end) as address:
        connection = await connect(address)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.read(reader, 1)
            os._exit(0)
        try:
            connection.abort()
            async with asyncio.timeout(30):
                await ended.wait()
        finally:
            os.write(writer, b"x")
            os.waitpid(child, 0)
            os.close(reader)
            os.close(writer)
