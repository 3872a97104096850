"""The observer acknowledges messages a few at a time, and no publisher waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest
from ezmsg.core.messagechannel import Channel, LeakyQueue
from ezmsg.core.netprotocol import Command, uint64_to_bytes
from ezmsg.core.pubclient import Publisher
from real_graphs import wait_for

from kernel_runtime.address import parse_address
from kernel_runtime.host import GraphHost, GraphSpec
from kernel_runtime.observer import Tap
from kernel_runtime.observer.acknowledging import MOST_HELD, HeldAcknowledgements, ObservedChannels
from kernel_runtime.observer.service import CountingSubscriber, receive


class FakeTransport:
    """Notes what is written to a publisher."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def is_closing(self) -> bool:
        return False


def channel_of(num_buffers: int) -> tuple[Channel, FakeTransport]:
    transport = FakeTransport()
    writer = SimpleNamespace(transport=transport)
    fake = SimpleNamespace(num_buffers=num_buffers, _pub_writer=writer)
    return cast(Channel, fake), transport


def acknowledged(*messages: int) -> bytes:
    return b"".join(Command.RX_ACK.value + uint64_to_bytes(message) for message in messages)


async def test_a_few_are_acknowledged_together_and_none_is_forgotten() -> None:
    channel, transport = channel_of(32)
    held = HeldAcknowledgements(channel)
    for message in range(MOST_HELD):
        held.send_due()
        channel._acknowledge(message)
    assert transport.written == []
    held.send_due()
    assert transport.written == [acknowledged(*range(MOST_HELD))]
    channel._acknowledge(7)
    async with asyncio.timeout(30):
        while len(transport.written) < 2:
            await asyncio.sleep(0.01)
    assert transport.written[1] == acknowledged(7)


async def test_those_that_were_dropped_at_once_are_not_held_for_long() -> None:
    channel, transport = channel_of(32)
    HeldAcknowledgements(channel)
    for message in range(20):
        channel._acknowledge(message)
    assert b"".join(transport.written) == acknowledged(*range(20))
    assert len(transport.written) == 20 // (MOST_HELD + 1)


@pytest.mark.parametrize(("buffers", "waiting"), [(1, 1), (4, 2), (32, 19), (128, 24)])
async def test_a_publisher_of_few_buffers_can_use_them(buffers: int, waiting: int) -> None:
    queue = LeakyQueue(24)
    channels = ObservedChannels(queue)
    channel, transport = channel_of(buffers)
    channels[uuid4()] = channel
    assert queue.maxsize == waiting
    channel._acknowledge(1)
    assert bool(transport.written) == (buffers <= 8)


async def test_notifications_are_read_although_messages_wait() -> None:
    class Waiting:
        """Has always one more message."""

        dropped = 0

        def acknowledge_due(self) -> None:
            return

        @asynccontextmanager
        async def recv_zero_copy(self) -> AsyncGenerator[str, None]:
            yield "one more"

    steps: list[str] = []

    def keep(message: object, _dropped: int) -> None:
        steps.append("kept")
        if len(steps) > 20:
            raise EOFError

    async def read() -> None:
        while True:
            steps.append("read")
            await asyncio.sleep(0)

    reading = asyncio.create_task(read())
    with pytest.raises(EOFError):
        await receive(cast(CountingSubscriber, Waiting()), keep)
    reading.cancel()
    # A publisher waits for what is not read; the observer may take long over each message.
    assert steps.count("read") >= 5


async def test_all_buffers_of_a_real_publisher_are_free_again() -> None:
    host = await asyncio.to_thread(GraphHost.start, GraphSpec(factory="host_graphs:steady"))
    address = parse_address(host.address)
    publisher: Any = await Publisher.create("ASIDE", (address.host, address.port))
    try:
        with await asyncio.to_thread(Tap, address, "ASIDE") as tap:
            for number in range(100):
                await publisher.broadcast(number)
            await asyncio.to_thread(wait_for, lambda: tap.received + tap.dropped == 100, "all")
            async with asyncio.timeout(30):
                await publisher.sync()
            assert tap.latest() == 99
    finally:
        publisher.close()
        await publisher.wait_closed()
        await asyncio.to_thread(host.stop)
