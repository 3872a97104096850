"""Streams account for every event: delivered, or counted as missed."""

from __future__ import annotations

import asyncio
import gc

from ezmsg.core.graphcontext import GraphContext
from ezmsg.core.graphmeta import (
    ComponentMetadata,
    DynamicSettingsMetadata,
    GraphMetadata,
    TopologyChangedEvent,
)
from ezmsg.core.netprotocol import Command
from real_graphs import GraphServerProcess

from kernel_runtime import Address, KernelGraphContext, Resynced
from kernel_runtime.event_streams import EventStream
from kernel_runtime.wire import open_connection, text_argument


async def flood(context: KernelGraphContext, events: int) -> None:
    for number in range(events // 2):
        await context.connect("A", f"B{number % 7}")
        await context.disconnect("A", f"B{number % 7}")


async def test_every_event_arrives_once_and_in_order(graph_server: GraphServerProcess) -> None:
    async with KernelGraphContext(graph_server.address) as context:
        stream = context.subscribe_topology_events()
        flooding = asyncio.create_task(flood(context, 2000))
        async with asyncio.timeout(30):
            for expected in range(1, 2001):
                event = await anext(stream)
                assert isinstance(event, TopologyChangedEvent)
                assert event.seq == expected
        await flooding


async def burst(address: Address, events: int) -> None:
    """Topology events at full speed: commands of another client, sent without waiting."""
    connection = await open_connection(address, timeout=20.0)
    await connection.open_client(Command.SESSION)
    topics = text_argument("A") + text_argument("B")
    pair = Command.SESSION_CONNECT.value + topics + Command.SESSION_DISCONNECT.value + topics

    async def read_answers() -> None:
        for _ in range(events):
            await connection.read_byte()

    reading = asyncio.create_task(read_answers())
    for _ in range(events // 200):
        await connection.send(pair * 100)
    await reading
    connection.abort()


async def test_12_a_slow_consumer_of_20_000_events_at_full_speed(
    graph_server: GraphServerProcess,
) -> None:
    events = 20_000
    async with KernelGraphContext(graph_server.address) as context:
        async with context.subscribe_topology_events() as stream:
            flooding = asyncio.create_task(burst(context.address, events))
            seen = missed = 0
            async with asyncio.timeout(60):
                while seen < events:
                    item = await anext(stream)
                    if isinstance(item, Resynced):
                        assert item.missed is not None
                        missed += item.missed
                        seen += item.missed
                    else:
                        assert item.seq == seen + 1
                        seen = item.seq
                    if not flooding.done():
                        await asyncio.sleep(0.005)
            await flooding
        assert 0 < missed < events
        assert (await context.snapshot()).graph == {}


async def test_12_a_slow_consumer_is_told_what_it_missed(
    graph_server: GraphServerProcess,
) -> None:
    async with KernelGraphContext(graph_server.address) as context:
        stream: EventStream[TopologyChangedEvent] = EventStream(
            context, Command.SESSION_TOPOLOGY_SUBSCRIBE, TopologyChangedEvent, 0, buffer_size=100
        )
        await context.connect("A", "FIRST")
        first = await anext(stream)
        assert isinstance(first, TopologyChangedEvent)
        await flood(context, 3000)
        last = first.seq + 3000
        while stream.seq < last:
            await asyncio.sleep(0.01)
        seen, missed = first.seq, 0
        async with asyncio.timeout(10):
            while seen < last:
                item = await anext(stream)
                if isinstance(item, Resynced):
                    assert item.reason == "slow_consumer"
                    assert item.missed is not None
                    missed += item.missed
                    seen += item.missed
                else:
                    assert item.seq == seen + 1
                    seen = item.seq
        assert missed == 2900
        await stream.aclose()


async def test_a_replay_that_the_server_cut_says_so(graph_server: GraphServerProcess) -> None:
    async with KernelGraphContext(graph_server.address) as context:
        await flood(context, 3000)
        stream = context.subscribe_topology_events()
        async with asyncio.timeout(10):
            first = await anext(stream)
            if isinstance(first, TopologyChangedEvent):
                # A server that replays its history whole.
                assert first.seq == 1
                return
            following = await anext(stream)
        assert isinstance(following, TopologyChangedEvent)
        assert first == Resynced("gap", following.seq - 1)


async def test_settings_history_is_whole_where_a_replay_is_cut(
    graph_server: GraphServerProcess,
) -> None:
    components = {
        name: ComponentMetadata(
            address=name,
            name=name,
            component_type="x.Y",
            settings_type="x.S",
            initial_settings=(None, {"value": 1}),
            dynamic_settings=DynamicSettingsMetadata(False, None, None),
            settings_schema=None,
        )
        for name in (f"UNIT{number}" for number in range(500))
    }
    async with (
        KernelGraphContext(graph_server.address) as context,
        GraphContext(context.address, auto_start=False) as theirs,
    ):
        for _ in range(5):
            await theirs.register_metadata(GraphMetadata(1, None, components))
        stream = context.subscribe_settings_events()
        async with asyncio.timeout(20):
            for expected in range(1, 2501):
                event = await anext(stream)
                assert not isinstance(event, Resynced)
                assert event.seq == expected


async def test_a_stream_that_nobody_holds_any_more_ends(
    graph_server: GraphServerProcess,
) -> None:
    async with KernelGraphContext(graph_server.address) as context:
        await context.connect("A", "B")
        for _ in range(3):
            async for event in context.subscribe_topology_events():
                assert isinstance(event, TopologyChangedEvent)
                break
        async with asyncio.timeout(30):
            while context._streams or any(
                task.get_name() == "EventStream" for task in asyncio.all_tasks()
            ):
                gc.collect()
                await asyncio.sleep(0.01)
