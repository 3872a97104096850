"""Times of publishers and subscribers at a GraphServer: to be set up, and for messages to pass."""

from __future__ import annotations

import asyncio
import time

from ezmsg.core.graphcontext import GraphContext
from ezmsg.core.netprotocol import Address
from ezmsg.core.pubclient import Publisher
from ezmsg.core.subclient import Subscriber

PAIRS = 9
MESSAGES = 1000


async def pubsub_setup_s(address: Address) -> float:
    """Set up pairs of publishers and subscribers on one topic each, and two topics of many."""
    started = time.perf_counter()
    publishers: list[Publisher] = []
    subscribers: list[Subscriber] = []
    async with GraphContext(address, auto_start=False) as context:
        for number in range(PAIRS):
            await context.connect(f"FROM{number}", f"TO{number}")
            publishers.append(await Publisher.create(f"FROM{number}", address, buf_size=1024))
            subscribers.append(await Subscriber.create(f"TO{number}", address))
        for _ in range(PAIRS // 3):
            publishers.append(await Publisher.create("SHARED", address, buf_size=1024))
            subscribers.append(await Subscriber.create("SHARED", address))
        took_s = time.perf_counter() - started
        # While their edges are there: a subscriber that loses them as it closes fails.
        await _close(*subscribers)
    await _close(*publishers)
    return took_s


async def _close(*ends: Publisher | Subscriber) -> None:
    for end in ends:
        end.close()
        await end.wait_closed()


async def throughput_s(address: Address) -> float:
    """Pass messages from a publisher to a subscriber through shared memory."""
    publisher = await Publisher.create("FLOOD", address, allow_local=False)
    subscriber = await Subscriber.create("FLOOD", address)
    try:
        started = time.perf_counter()

        async def send() -> None:
            for number in range(MESSAGES):
                await publisher.broadcast(number)

        sending = asyncio.create_task(send())
        for _ in range(MESSAGES):
            async with subscriber.recv_zero_copy():
                pass
        await sending
        return time.perf_counter() - started
    finally:
        await _close(subscriber, publisher)
