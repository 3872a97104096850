"""Every operation by our client and by ezmsg's GraphContext, on one live graph, compared.

What each call gives is reduced to what both must agree on: clocks, windows and counters of
a graph that runs differ from call to call, ids and everything else may not.
"""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from ezmsg.core.dag import CyclicException
from ezmsg.core.graphcontext import GraphContext
from ezmsg.core.graphmeta import (
    ComponentMetadata,
    DynamicSettingsMetadata,
    GraphMetadata,
    ProcessControlOperation,
    ProfilingStreamControl,
    ProfilingTraceControl,
)
from real_graphs import RunningGraph

from kernel_runtime import GraphError, KernelGraphContext

Client = Any
"""Either context: the point is that both take the same calls."""

CHANGING = {
    "timestamp",
    "window_seconds",
    "messages_published_total",
    "messages_published_window",
    "publish_rate_hz_window",
    "inflight_messages_current",
    "messages_received_total",
    "messages_received_window",
    "channel_kind_last",
    "request_id",
    "payload",
    "samples",
}


@pytest.fixture
async def clients(shared_graph: RunningGraph) -> AsyncIterator[tuple[Client, Client]]:
    host, _, port = shared_graph.address.partition(":")
    async with (
        KernelGraphContext(shared_graph.address) as ours,
        GraphContext((host, int(port)), auto_start=False) as theirs,
    ):
        yield ours, theirs


def steady(value: Any) -> Any:
    """A result without what changes from call to call."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return type(value), {
            field.name: steady(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if field.name not in CHANGING
        }
    if isinstance(value, dict):
        return {key: steady(item) for key, item in value.items()}
    if isinstance(value, list):
        return [steady(item) for item in value]
    return value


READS: dict[str, Callable[[Client], Awaitable[Any]]] = {
    "snapshot": lambda c: c.snapshot(),
    "settings_snapshot": lambda c: c.settings_snapshot(),
    "settings_events": lambda c: c.settings_events(),
    "settings_events after 2": lambda c: c.settings_events(2),
    "settings_events after the last": lambda c: c.settings_events(after_seq=10**6),
    "settings_input_topic": lambda c: c.settings_input_topic("GAIN"),
    "process_ping": lambda c: c.process_ping("GAIN"),
    "process_stats": lambda c: c.process_stats("SINK", timeout=20.0),
    "process_profiling_snapshot": lambda c: c.process_profiling_snapshot("GAIN"),
    "profiling_snapshot_all": lambda c: c.profiling_snapshot_all(timeout_per_process=3.0),
    "process_profiling_trace_batch": lambda c: c.process_profiling_trace_batch("GAIN"),
    "process_request": lambda c: c.process_request("GAIN", ProcessControlOperation.PING),
    "process_request by name": lambda c: c.process_request("GAIN", "PING", timeout=20.0),
    "process_request unknown": lambda c: c.process_request("GAIN", "unknown", payload=b"x"),
    "process_request nobody": lambda c: c.process_request("NOBODY", "PING"),
    "process_set_profiling_trace": lambda c: c.process_set_profiling_trace(
        "GAIN", ProfilingTraceControl(enabled=False)
    ),
    "update_setting": lambda c: c.update_setting("GAIN", "gain", 3.5),
    "update_setting nested path": lambda c: c.update_setting("GAIN", "label", "x", timeout=20.0),
    "pause": lambda c: c.pause(),
    "resume": lambda c: c.resume(),
    "sync": lambda c: c.sync(timeout=5.0),
}


@pytest.mark.parametrize("name", READS)
async def test_both_give_the_same(name: str, clients: tuple[Client, Client]) -> None:
    ours, theirs = clients
    assert steady(await READS[name](ours)) == steady(await READS[name](theirs))
    if name in ("pause", "sync"):
        # Both leave every publisher paused; an edit would wait for ever.
        await ours.resume()


FAILURES: dict[str, Callable[[Client], Awaitable[Any]]] = {
    "ping nobody": lambda c: c.process_ping("NOBODY"),
    "ping a collection": lambda c: c.process_ping("GAIN/INPUT"),
    "unknown field": lambda c: c.update_setting("GAIN", "no_such_field", 1),
    "no such unit": lambda c: c.update_setting("NOBODY", "gain", 1),
    "no settings topic": lambda c: c.settings_input_topic("NOBODY"),
    "taken address": lambda c: c.register_metadata(metadata_of("GAIN")),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_both_fail_where_one_does(name: str, clients: tuple[Client, Client]) -> None:
    ours, theirs = clients
    with pytest.raises(GraphError):
        await FAILURES[name](ours)
    with pytest.raises(RuntimeError):
        await FAILURES[name](theirs)


async def test_both_refuse_a_cycle_and_two_payloads(clients: tuple[Client, Client]) -> None:
    for client in clients:
        with pytest.raises(CyclicException):
            await client.connect("GAIN/INPUT", "SOURCE/OUTPUT")
        with pytest.raises(ValueError, match="Specify only one"):
            await client.process_request("GAIN", "PING", payload=b"x", payload_obj=1)


def metadata_of(address: str) -> GraphMetadata:
    component = ComponentMetadata(
        address=address,
        name=address,
        component_type="x.Y",
        settings_type="x.S",
        initial_settings=(b"opaque", {"value": 1}),
        dynamic_settings=DynamicSettingsMetadata(True, f"{address}/INPUT_SETTINGS", "x.S"),
        settings_schema=None,
    )
    return GraphMetadata(1, None, {address: component})


async def test_what_one_does_the_other_sees(clients: tuple[Client, Client]) -> None:
    for number, (doer, seer) in enumerate((clients, clients[::-1])):
        address = f"UNIT{number}"
        await doer.connect("GAIN/OUTPUT", f"{address}/INPUT")
        await doer.register_metadata(metadata_of(address))
        assert f"{address}/INPUT" in (await seer.snapshot()).graph["GAIN/OUTPUT"]
        assert await seer.settings_input_topic(address) == f"{address}/INPUT_SETTINGS"
        assert (await seer.settings_snapshot())[address].serialized == b"opaque"
        await doer.disconnect("GAIN/OUTPUT", f"{address}/INPUT")
        assert f"{address}/INPUT" not in (await seer.snapshot()).graph["GAIN/OUTPUT"]
        await doer.connect("GAIN/OUTPUT", f"{address}/INPUT")
        await doer.revert()
        assert f"{address}/INPUT" not in (await seer.snapshot()).graph["GAIN/OUTPUT"]
        assert await doer.settings_snapshot() == await seer.settings_snapshot()


async def test_both_streams_carry_the_same_events(clients: tuple[Client, Client]) -> None:
    ours, theirs = clients
    last = len(await ours.settings_events())
    settings = [client.subscribe_settings_events(after_seq=last) for client in clients]
    topology = [client.subscribe_topology_events() for client in clients]
    await theirs.update_setting("GAIN", "offset", 1)
    await ours.update_setting("GAIN", "offset", 2)
    await theirs.connect("GAIN/OUTPUT", "WATCH/INPUT")
    async with asyncio.timeout(10):
        for streams, count in ((settings, 2), (topology, 1)):
            mine, other = [[await anext(stream) for _ in range(count)] for stream in streams]
            assert mine == other
            for stream in streams:
                await stream.aclose()


async def test_both_trace(clients: tuple[Client, Client]) -> None:
    _, theirs = clients
    for client in clients:
        control = ProfilingTraceControl(enabled=True, ttl_seconds=10.0)
        await client.process_set_profiling_trace("GAIN", control)
    streams = [
        client.subscribe_profiling_trace(ProfilingStreamControl(interval=0.05))
        for client in clients
    ]
    async with asyncio.timeout(10):
        batches = [await anext(stream) for stream in streams]
    for stream in streams:
        await stream.aclose()
    shapes = [
        {
            process_id: (type(batch), batch.pid, {sample.metric for sample in batch.samples})
            for process_id, batch in batch.batches.items()
        }
        for batch in batches
    ]
    assert shapes[0].keys() == shapes[1].keys()
    assert type(batches[0]) is type(batches[1])
    await theirs.process_set_profiling_trace("GAIN", ProfilingTraceControl(enabled=False))


async def test_publishers_and_subscribers_are_ezmsgs_own(clients: tuple[Client, Client]) -> None:
    for number, (sender, receiver) in enumerate((clients, clients[::-1])):
        publisher = await sender.publisher(f"OUT{number}", num_buffers=4)
        subscriber = await receiver.subscriber(f"IN{number}", leaky=True)
        await sender.connect(f"OUT{number}", f"IN{number}")
        await publisher.broadcast({"number": number})
        async with asyncio.timeout(30):
            assert await subscriber.recv() == {"number": number}


def test_names_and_arguments_are_the_same() -> None:
    for name, theirs in inspect.getmembers(GraphContext, inspect.isfunction):
        if name.startswith("_"):
            continue
        parameters = inspect.signature(theirs).parameters
        ours = inspect.signature(getattr(KernelGraphContext, name)).parameters
        # Ours may take more (a timeout); what theirs takes, ours does, in the same place.
        for place, parameter in enumerate(parameters.values()):
            mine = ours[parameter.name]
            assert mine.default == parameter.default, (name, parameter.name)
            if parameter.kind is not inspect.Parameter.KEYWORD_ONLY and place:
                assert list(ours).index(parameter.name) == place, (name, parameter.name)
