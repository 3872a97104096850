"""The graph by the control plane: edges, metadata, pause and resume, events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from ezmsg.core.graphmeta import (
    ComponentMetadata,
    DynamicSettingsMetadata,
    GraphMetadata,
    TopologyEventType,
)
from real_graphs import GraphServerProcess, RunningGraph

from kernel_runtime import (
    AddressCollisionError,
    CyclicConnectionError,
    KernelGraphContext,
    Resynced,
)
from kernel_runtime.topology import topology_of


@pytest.fixture
async def context(shared_graph: RunningGraph) -> AsyncIterator[KernelGraphContext]:
    async with KernelGraphContext(shared_graph.address) as opened:
        yield opened


@pytest.fixture
async def other(shared_graph: RunningGraph) -> AsyncIterator[KernelGraphContext]:
    async with KernelGraphContext(shared_graph.address) as opened:
        yield opened


async def test_edges_are_this_sessions(
    context: KernelGraphContext, other: KernelGraphContext
) -> None:
    await context.connect("GAIN/OUTPUT", "WATCH/INPUT")
    snapshot = await other.snapshot()
    owners = {tuple(edge): who for edge, who in snapshot.edge_owners.items()}
    assert owners["GAIN/OUTPUT", "WATCH/INPUT"] == [str(context.session_id)]
    with pytest.raises(CyclicConnectionError, match="GAIN/INPUT -> SOURCE/OUTPUT -> GAIN/INPUT"):
        await context.connect("GAIN/INPUT", "SOURCE/OUTPUT")
    await other.disconnect("GAIN/OUTPUT", "WATCH/INPUT")
    assert "WATCH/INPUT" in (await other.snapshot()).graph["GAIN/OUTPUT"]
    await context.disconnect("GAIN/OUTPUT", "WATCH/INPUT")
    await context.connect("GAIN/OUTPUT", "OTHER/INPUT")
    await context.revert()
    assert "OTHER/INPUT" not in (await other.snapshot()).graph.get("GAIN/OUTPUT", [])


async def test_a_taken_address_names_its_holder(context: KernelGraphContext) -> None:
    component = ComponentMetadata(
        address="GAIN",
        name="GAIN",
        component_type="x.Y",
        settings_type="x.S",
        initial_settings=(None, {}),
        dynamic_settings=DynamicSettingsMetadata(False, None, None),
        settings_schema=None,
    )
    pid = (await context.process_ping("GAIN")).pid
    with pytest.raises(AddressCollisionError, match=rf"'GAIN'.*pid {pid} on .*still runs"):
        await context.register_metadata(GraphMetadata(1, None, {"GAIN": component}))
    component.address = "MINE"
    await context.register_metadata(GraphMetadata(1, None, {"MINE": component}))
    assert "MINE" in await context.settings_snapshot()


async def test_a_change_is_announced_with_its_author(
    context: KernelGraphContext, other: KernelGraphContext
) -> None:
    async with asyncio.timeout(30), other.subscribe_topology_events() as stream:
        await context.connect("GAIN/OUTPUT", "WATCH/INPUT")
        while True:
            event = await anext(stream)
            assert not isinstance(event, Resynced)
            if event.source_session_id == str(context.session_id):
                break
        assert event.event_type is TopologyEventType.GRAPH_CHANGED
        assert event.changed_topics == ["WATCH/INPUT"]
        await context.close()
        following = await anext(stream)
        assert not isinstance(following, Resynced)
        assert (following.seq, following.changed_topics) == (event.seq + 1, ["WATCH/INPUT"])


async def test_pause_holds_the_graph_until_resume(context: KernelGraphContext) -> None:
    async def received() -> int:
        snapshot = await context.process_profiling_snapshot("SINK")
        return sum(one.messages_received_total for one in snapshot.subscribers.values())

    await context.pause()
    async with asyncio.timeout(30):
        before = await received()
        while (after := await received()) != before:
            before = after
            await asyncio.sleep(0.1)
    await context.resume()
    async with asyncio.timeout(30):
        while await received() <= after:
            await asyncio.sleep(0.02)
    # ezmsg's sync pauses every publisher and waits until it has nothing under way.
    await context.sync(timeout=5.0)
    settled = await received()
    assert await received() == settled
    await context.resume()


async def test_a_graph_of_plain_publishers_and_subscribers(
    graph_server: GraphServerProcess,
) -> None:
    """No units, no metadata: topics and edges are all there is, and they are shown."""
    async with KernelGraphContext(graph_server.address) as context:
        publisher = await context.publisher("plain/out")
        subscriber = await context.subscriber("plain/in")
        await context.connect("plain/out", "plain/in")
        async with asyncio.timeout(30):
            await publisher.broadcast({"number": 1})
            assert await subscriber.recv() == {"number": 1}
        topology = topology_of(await context.snapshot())
        assert topology.topics == ("plain/in", "plain/out")
        assert [(edge.from_unit, edge.to_unit) for edge in topology.edges] == [(None, None)]
        assert await context.settings_snapshot() == {}
        assert await context.profiling_snapshot_all() == {}
