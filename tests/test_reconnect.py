"""A dropped connection, a silent server, another server: what is kept, and what is said."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable

from ezmsg.core.graphcontext import GraphContext
from ezmsg.core.graphmeta import (
    ComponentMetadata,
    DynamicSettingsMetadata,
    GraphMetadata,
    TopologyChangedEvent,
)
from real_graphs import GraphServerProcess
from tcp_proxy import tcp_proxy

from kernel_runtime import KernelGraphContext, Resynced, background_loop


def metadata_of(*addresses: str) -> GraphMetadata:
    return GraphMetadata(
        1,
        None,
        {
            address: ComponentMetadata(
                address=address,
                name=address,
                component_type="x.Y",
                settings_type="x.S",
                initial_settings=(None, {"value": 1}),
                dynamic_settings=DynamicSettingsMetadata(False, None, None),
                settings_schema=None,
            )
            for address in addresses
        },
    )


async def until(condition: Callable[[], bool], what: str, deadline_s: float = 30.0) -> None:
    give_up = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < give_up, f"Waited {deadline_s:g} s in vain for {what}."
        await asyncio.sleep(0.01)


async def test_what_a_session_owns_survives_a_dropped_connection(
    graph_server: GraphServerProcess,
) -> None:
    async with (
        tcp_proxy(graph_server.host, graph_server.port) as proxy,
        KernelGraphContext(proxy.address) as context,
        GraphContext((graph_server.host, graph_server.port), auto_start=False) as theirs,
    ):
        seen: list[str] = []
        context.on_status(seen.append)
        await context.connect("A", "B")
        await context.connect("B", "C")
        await context.disconnect("B", "C")
        await context.register_metadata(metadata_of("MINE"))
        former = context.session_id
        proxy.drop_connections()
        await until(lambda: seen == ["reconnecting", "connected"], "the connection to come back")
        assert context.session_id != former
        snapshot = await theirs.snapshot()
        assert snapshot.graph == {"A": ["B"], "B": []}
        assert "MINE" in await theirs.settings_snapshot()
        assert context.warnings == ()


async def test_streams_go_on_after_a_dropped_connection_without_a_cut(
    graph_server: GraphServerProcess,
) -> None:
    async with (
        tcp_proxy(graph_server.host, graph_server.port) as proxy,
        KernelGraphContext(proxy.address) as context,
        GraphContext((graph_server.host, graph_server.port), auto_start=False) as theirs,
        context.subscribe_topology_events() as topology,
        context.subscribe_settings_events() as settings,
    ):
        await theirs.connect("A", "B0")
        await theirs.register_metadata(metadata_of("UNIT"))
        async with asyncio.timeout(10):
            assert (await anext(topology)).seq == 1  # type: ignore[union-attr]
            assert (await anext(settings)).seq == 1  # type: ignore[union-attr]
            for number in (1, 2, 3):
                proxy.drop_connections()
                await theirs.connect("A", f"B{number}")
                await theirs.register_metadata(metadata_of("UNIT"))
                for stream in (topology, settings):
                    event = await anext(stream)
                    assert not isinstance(event, Resynced)
                    assert event.seq == number + 1


async def test_what_is_lost_to_another_server_is_said(graph_server: GraphServerProcess) -> None:
    async with KernelGraphContext(graph_server.address) as context:
        await context.connect("A", "B")
        await context.register_metadata(metadata_of("MINE"))
        await asyncio.to_thread(graph_server.restart)
        await until(lambda: context.warnings != (), "the warning")
        assert "A -> B" in context.warnings[0]
        assert "MINE" in context.warnings[0]
        assert (await context.snapshot()).graph == {}


async def test_a_stream_may_start_while_the_server_is_away(
    graph_server: GraphServerProcess,
) -> None:
    async with KernelGraphContext(graph_server.address) as context:
        graph_server.kill()
        await until(lambda: context.status == "reconnecting", "the status to say so")
        topology, settings = (
            context.subscribe_topology_events(),
            context.subscribe_settings_events(),
        )
        waiting = [asyncio.create_task(anext(topology)), asyncio.create_task(anext(settings))]
        await asyncio.sleep(0.1)
        assert not any(task.done() for task in waiting)
        await asyncio.to_thread(graph_server.restart)
        await until(lambda: context.status == "connected", "the new server")
        await context.connect("A", "B")
        await context.register_metadata(metadata_of("MINE"))
        async with asyncio.timeout(30):
            for event in await asyncio.gather(*waiting):
                assert not isinstance(event, Resynced)
                assert event.seq == 1


async def test_a_silent_server_is_shown_within_2_s(graph_server: GraphServerProcess) -> None:
    async with KernelGraphContext(graph_server.address) as context:
        graph_server.send_signal(signal.SIGSTOP)
        try:
            await until(lambda: context.status == "reconnecting", "the status to say so", 30.0)
        finally:
            graph_server.send_signal(signal.SIGCONT)
        await until(lambda: context.status == "connected", "the status to say so")
        assert (await context.snapshot()).graph == {}


async def test_a_stream_is_read_from_another_loop_and_a_cancelled_wait_loses_nothing(
    graph_server: GraphServerProcess,
) -> None:
    loop = background_loop()
    context = KernelGraphContext(graph_server.address)
    await asyncio.wrap_future(loop.submit(context.__aenter__()))
    try:
        async with context.subscribe_topology_events() as stream:
            for number in range(1, 30):
                waiting = asyncio.create_task(anext(stream))
                await asyncio.sleep(0.001)
                await context.connect("A", f"B{number}")
                waiting.cancel()
                try:
                    event = await waiting
                except asyncio.CancelledError:
                    async with asyncio.timeout(30):
                        event = await anext(stream)
                assert isinstance(event, TopologyChangedEvent)
                assert event.seq == number
        async with asyncio.timeout(30):
            assert [event async for event in stream] == []
    finally:
        await context.close()
        loop.stop()
