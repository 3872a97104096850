"""Who listens to a topic of our graphs may leave at any moment: its publisher goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from ezmsg.core.subclient import Subscriber
from real_graphs import wait_for

from kernel_runtime.address import parse_address
from kernel_runtime.context import KernelGraphContext
from kernel_runtime.host import GraphHost, GraphSpec

TOPIC = "SOURCE/OUTPUT"
ROUNDS = 50
SOME_S = 30.0


@pytest.fixture
def host() -> Iterator[GraphHost]:
    opened = GraphHost.start(GraphSpec(factory="host_graphs:rapid"))
    try:
        yield opened
    finally:
        opened.stop()


async def listen_and_leave(address: tuple[str, int]) -> None:
    subscriber = await Subscriber.create(TOPIC, address, leaky=True)
    try:
        async with asyncio.timeout(SOME_S):
            await subscriber.recv()
    finally:
        subscriber.close()
        await subscriber.wait_closed()


async def published(address: str) -> int:
    async with KernelGraphContext(address) as context:
        snapshots = await context.profiling_snapshot_all()
    return sum(
        publisher.messages_published_total
        for process in snapshots.values()
        for publisher in process.publishers.values()
    )


def test_a_publisher_outlives_those_who_leave(host: GraphHost) -> None:
    address = parse_address(host.address)

    async def come_and_go() -> None:
        for _ in range(ROUNDS):
            await listen_and_leave((address.host, address.port))

    asyncio.run(come_and_go())
    assert host.status == "running"
    before = asyncio.run(published(host.address))
    wait_for(
        lambda: asyncio.run(published(host.address)) > before + 1_000,
        "the publisher to go on",
    )
    assert [line.text for line in host.logs() if "Traceback" in line.text] == []
