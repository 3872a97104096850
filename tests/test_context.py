"""The client on a healthy graph: it says what ezmsg's own GraphContext says."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator

import pytest
from ezmsg.core.graphcontext import GraphContext
from ezmsg.core.graphmeta import (
    ComponentMetadata,
    DynamicSettingsMetadata,
    GraphMetadata,
    ProfilingTraceControl,
    SettingsEventType,
)
from real_graphs import GraphServerProcess, RunningGraph

from kernel_runtime import (
    AddressCollisionError,
    ClosedError,
    CyclicConnectionError,
    HandlerError,
    KernelGraphContext,
    SettingsRejectedError,
    UnroutableUnitError,
    UnsupportedOperationError,
    background_loop,
)


@pytest.fixture
async def context(running_graph: RunningGraph) -> AsyncIterator[KernelGraphContext]:
    async with KernelGraphContext(running_graph.address) as opened:
        yield opened


@pytest.fixture
async def theirs(context: KernelGraphContext) -> AsyncIterator[GraphContext]:
    async with GraphContext(context.address, auto_start=False) as opened:
        yield opened


async def test_snapshots_are_equal(context: KernelGraphContext, theirs: GraphContext) -> None:
    assert await context.snapshot() == await theirs.snapshot()
    assert await context.settings_snapshot() == await theirs.settings_snapshot()
    assert await context.settings_events() == await theirs.settings_events()
    assert await context.settings_events(2) == await theirs.settings_events(2)
    assert context.server_version
    assert context.warnings == ()


async def test_process_requests_are_equal(
    context: KernelGraphContext, theirs: GraphContext
) -> None:
    ours_ping, their_ping = await context.process_ping("GAIN"), await theirs.process_ping("GAIN")
    assert (ours_ping.pid, ours_ping.host, ours_ping.process_id) == (
        their_ping.pid,
        their_ping.host,
        their_ping.process_id,
    )
    assert (await context.process_stats("GAIN")).owned_units == ["GAIN"]
    ours = await context.process_profiling_snapshot("SINK")
    other = await theirs.process_profiling_snapshot("SINK")
    assert ours.publishers.keys() == other.publishers.keys()
    assert ours.subscribers.keys() == other.subscribers.keys()
    everything = await context.profiling_snapshot_all()
    assert everything.keys() == (await theirs.profiling_snapshot_all()).keys()
    assert everything.failures == {}


async def test_a_setting_is_patched(context: KernelGraphContext, theirs: GraphContext) -> None:
    patched = await context.update_setting("GAIN", "gain", 2.5)
    assert patched.structured_value is not None
    assert patched.structured_value["gain"] == 2.5
    async for event in context.subscribe_settings_events():
        if event.event_type is SettingsEventType.SETTINGS_UPDATED:  # type: ignore[union-attr]
            assert event.value == patched  # type: ignore[union-attr]
            break
    seen = (await theirs.settings_snapshot())["GAIN"].structured_value
    assert seen is not None
    assert seen["gain"] == 2.5


async def test_errors_are_named(context: KernelGraphContext) -> None:
    with pytest.raises(UnroutableUnitError, match="NOBODY") as unroutable:
        await context.process_ping("NOBODY")
    assert (unroutable.value.unit, unroutable.value.operation) == ("NOBODY", "PING")
    assert unroutable.value.address == str(context.address)
    with pytest.raises(HandlerError, match="no_such_field"):
        await context.update_setting("GAIN", "no_such_field", 1)
    with pytest.raises(UnsupportedOperationError):
        await context.settings_input_topic("NOBODY")
    with pytest.raises(SettingsRejectedError, match="pickled"):
        await context.update_setting("GAIN", "label", threading.Lock())
    with pytest.raises(SettingsRejectedError, match="bytes"):
        await context.update_setting("GAIN", "label", "x" * 12_000_000)
    response = await context.process_request("GAIN", "no such operation")
    assert not response.ok
    with pytest.raises(UnsupportedOperationError):
        context.decode_process_payload(response, object)
    with pytest.raises(ValueError, match="payload"):
        await context.process_request("GAIN", "PING", payload=b"x", payload_obj=1)


async def test_a_trace_control_that_would_break_a_process_is_not_sent(
    context: KernelGraphContext,
) -> None:
    for control in (
        ProfilingTraceControl(enabled=True, sample_mod="x"),  # type: ignore[arg-type]
        ProfilingTraceControl(enabled=True, sample_mod=0),
        ProfilingTraceControl(enabled=True, metrics="publish"),  # type: ignore[arg-type]
        ProfilingTraceControl(enabled=True, ttl_seconds=-1.0),
        ProfilingTraceControl(enabled=1),  # type: ignore[arg-type]
    ):
        with pytest.raises(SettingsRejectedError):
            await context.process_set_profiling_trace("GAIN", control)
    assert (await context.process_ping("GAIN")).pid
    taken = await context.process_set_profiling_trace("GAIN", ProfilingTraceControl(enabled=False))
    assert taken.ok


async def test_edges_are_this_sessions(context: KernelGraphContext, theirs: GraphContext) -> None:
    await context.connect("GAIN/OUTPUT", "WATCH/INPUT")
    snapshot = await theirs.snapshot()
    owners = {tuple(edge): who for edge, who in snapshot.edge_owners.items()}
    assert owners["GAIN/OUTPUT", "WATCH/INPUT"] == [str(context.session_id)]
    with pytest.raises(CyclicConnectionError, match="GAIN/INPUT -> SOURCE/OUTPUT -> GAIN/INPUT"):
        await context.connect("GAIN/INPUT", "SOURCE/OUTPUT")
    await context.disconnect("GAIN/OUTPUT", "WATCH/INPUT")
    await context.connect("GAIN/OUTPUT", "OTHER/INPUT")
    await context.revert()
    assert "OTHER/INPUT" not in (await theirs.snapshot()).graph.get("GAIN/OUTPUT", [])


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
    with pytest.raises(AddressCollisionError, match=f"'GAIN'.*pid {pid}"):
        await context.register_metadata(GraphMetadata(1, None, {"GAIN": component}))
    component.address = "MINE"
    await context.register_metadata(GraphMetadata(1, None, {"MINE": component}))
    assert "MINE" in await context.settings_snapshot()


async def test_pause_holds_the_graph_until_resume(context: KernelGraphContext) -> None:
    async def received() -> int:
        snapshot = await context.process_profiling_snapshot("SINK")
        return sum(one.messages_received_total for one in snapshot.subscribers.values())

    await context.pause()
    async with asyncio.timeout(5):
        before = await received()
        while (after := await received()) != before:
            before = after
            await asyncio.sleep(0.1)
    await context.resume()
    async with asyncio.timeout(5):
        while await received() <= after:
            await asyncio.sleep(0.02)


async def test_a_whole_value_reaches_the_unit_again_and_again(
    running_graph: RunningGraph, context: KernelGraphContext
) -> None:
    # On 3.9.0 a publisher that comes and goes makes the unit deaf after a call or two.
    rates = [50.0, 60.0, 70.0, 80.0, 90.0]
    stream = context.subscribe_settings_events(after_seq=len(await context.settings_events()))
    for rate in rates:
        value = {"rate_hz": rate}
        await context.update_settings("SOURCE", value)
        async with asyncio.timeout(5):
            event = await anext(stream)
        assert event.value.structured_value == value  # type: ignore[union-attr]
    await stream.aclose()


async def test_calls_from_another_loop_are_handed_over(running_graph: RunningGraph) -> None:
    loop = background_loop()
    context = KernelGraphContext(running_graph.address)
    await asyncio.wrap_future(loop.submit(context.__aenter__()))
    try:
        snapshot = await context.snapshot()
        assert "SOURCE/OUTPUT" in snapshot.graph
        pings = await asyncio.gather(*(context.process_ping("GAIN") for _ in range(20)))
        assert len({ping.pid for ping in pings}) == 1
    finally:
        await context.close()
    with pytest.raises(ClosedError):
        await context.snapshot()
    loop.stop()


async def test_a_cancelled_request_leaves_the_lane_usable(context: KernelGraphContext) -> None:
    for pause_s in (0.0, 0.0001, 0.0005, 0.002):
        asked = [
            asyncio.create_task(context.snapshot()),
            asyncio.create_task(context.process_ping("GAIN")),
        ]
        await asyncio.sleep(pause_s)
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        assert "SOURCE/OUTPUT" in (await context.snapshot()).graph
        assert (await context.process_stats("GAIN")).owned_units == ["GAIN"]


async def test_closing_is_quick_and_final(graph_server: GraphServerProcess) -> None:
    context = KernelGraphContext(graph_server.address)
    await context.__aenter__()
    stream = context.subscribe_topology_events()
    waiting = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)
    started = time.monotonic()
    await context.close()
    await context.close()
    assert time.monotonic() - started < 0.5
    with pytest.raises(StopAsyncIteration):
        await waiting
    with pytest.raises(ClosedError):
        await context.snapshot()


def test_a_server_is_never_started_here() -> None:
    with pytest.raises(UnsupportedOperationError, match="auto_start"):
        KernelGraphContext(auto_start=True)


def test_a_blocking_call_on_the_loop_itself_is_refused() -> None:
    loop = background_loop()

    async def nothing() -> int:
        return 1

    async def block() -> int:
        return loop.run(nothing(), timeout=1.0)

    with pytest.raises(RuntimeError, match="blocking call"):
        loop.run(block(), timeout=2.0)
    assert loop.run(nothing(), timeout=1.0) == 1
    loop.stop()
    assert background_loop() is not loop
    background_loop().stop()
