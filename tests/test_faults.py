"""What the client does when servers and processes break (numbers are those of FAULTS.md)."""

from __future__ import annotations

import asyncio
import functools
import os
import pickle
import signal
import socket
import time
from collections.abc import AsyncIterator

import psutil
import pytest
from ezmsg.core.graphmeta import (
    ProcessRegistration,
    ProcessSettingsUpdate,
    SettingsChangedEvent,
    SettingsSnapshotValue,
)
from ezmsg.core.netprotocol import Command
from real_graphs import GraphServerProcess, RunningGraph
from stopping import stop

from kernel_runtime import (
    ConnectionLostError,
    GraphError,
    GraphServerUnavailableError,
    KernelGraphContext,
    RequestTimeoutError,
    Resynced,
    StandIn,
)
from kernel_runtime.follower import GraphFollower
from kernel_runtime.wire import open_connection

# Not hung; benchmarks measure how exactly deadlines are kept.
GRACE_S = 5.0


@pytest.fixture
async def context(running_graph: RunningGraph) -> AsyncIterator[KernelGraphContext]:
    async with KernelGraphContext(running_graph.address, timeout=20.0) as opened:
        yield opened


async def until(condition: object, what: str, deadline_s: float = 30.0) -> None:
    give_up = time.monotonic() + deadline_s
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < give_up, f"Waited {deadline_s:g} s in vain for {what}."
        await asyncio.sleep(0.01)


async def pid_of(context: KernelGraphContext, unit: str) -> int:
    return (await context.process_ping(unit)).pid


async def test_1_server_killed_with_a_request_in_flight(
    context: KernelGraphContext, running_graph: RunningGraph
) -> None:
    stop(await pid_of(context, "GAIN"))
    asked = asyncio.create_task(context.process_ping("GAIN", timeout=100.0))
    await asyncio.sleep(0.05)
    running_graph.server.kill()
    async with asyncio.timeout(30):
        with pytest.raises(ConnectionLostError):
            await asked
    with pytest.raises(GraphServerUnavailableError):
        await context.snapshot()
    await until(lambda: context.status == "reconnecting", "the status to say so", 30.0)


async def test_2_server_stopped_and_continued(
    context: KernelGraphContext, running_graph: RunningGraph
) -> None:
    await context.snapshot()
    running_graph.server.send_signal(signal.SIGSTOP)
    try:
        for timeout in (0.2, 0.4):
            asked = time.monotonic()
            with pytest.raises(RequestTimeoutError, match="GraphServer"):
                await context.process_ping("GAIN", timeout=timeout)
            assert time.monotonic() - asked < timeout + GRACE_S
    finally:
        running_graph.server.send_signal(signal.SIGCONT)
    assert (await context.process_ping("GAIN")).pid
    assert "SOURCE/OUTPUT" in (await context.snapshot()).graph


async def test_2_closing_does_not_wait_for_a_stopped_server(
    running_graph: RunningGraph,
) -> None:
    async with KernelGraphContext(running_graph.address) as context:
        stream = context.subscribe_settings_events()
        await anext(stream)
        running_graph.server.send_signal(signal.SIGSTOP)
        started = time.monotonic()
    assert time.monotonic() - started < GRACE_S
    running_graph.server.send_signal(signal.SIGCONT)


def _gain(event: SettingsChangedEvent | Resynced) -> object:
    assert isinstance(event, SettingsChangedEvent)
    values = event.value.structured_value or {}
    return values.get("gain")


async def test_3_server_restarted_on_the_same_port(
    context: KernelGraphContext, running_graph: RunningGraph
) -> None:
    topology, settings = context.subscribe_topology_events(), context.subscribe_settings_events()
    await context.update_setting("GAIN", "gain", 4.0)
    async with asyncio.timeout(30):
        # Until the edit's own event, which may come after the edit was answered.
        while _gain(await anext(settings)) != 4.0:
            pass
        await anext(topology)
    await asyncio.to_thread(running_graph.server.restart)
    await until(lambda: context.status == "connected", "the new server")
    async with asyncio.timeout(30):
        assert await anext(settings) == Resynced("server_restarted")
        while not isinstance(event := await anext(topology), Resynced):
            pass
    assert event.reason == "server_restarted"
    assert (await context.snapshot()).processes == {}


async def test_4_a_half_sent_command_of_another_client(
    context: KernelGraphContext, running_graph: RunningGraph
) -> None:
    await context.snapshot()
    with socket.create_connection((running_graph.server.host, running_graph.server.port)) as rude:
        rude.sendall(Command.PUBLISH.value + b"\x05")
        deadline = time.monotonic() + 30.0
        while True:
            asked = time.monotonic()
            try:
                await context.command(Command.SESSION_SNAPSHOT, framed=True, timeout=0.3)
            except RequestTimeoutError:
                assert time.monotonic() - asked < 0.3 + GRACE_S
                break
            assert time.monotonic() < deadline, "The lock was never held."
    assert "SOURCE/OUTPUT" in (await context.snapshot()).graph


async def test_5_a_stopped_process_delays_no_other(context: KernelGraphContext) -> None:
    stopped = await pid_of(context, "GAIN")
    stop(stopped)
    try:
        hanging = asyncio.create_task(context.process_ping("GAIN", timeout=3.0))
        await asyncio.sleep(0.05)
        for unit in ("SOURCE", "SINK"):
            await context.process_ping(unit, timeout=30.0)
        assert not hanging.done()
        with pytest.raises(RequestTimeoutError, match="GAIN"):
            await hanging
        asked = time.monotonic()
        with pytest.raises(RequestTimeoutError, match="was not sent"):
            await context.update_setting("GAIN", "gain", 9.0, timeout=20.0)
        assert time.monotonic() - asked < 10.0
        found = await context.profiling_snapshot_all(timeout_per_process=0.3)
        assert len(found) == 2
        assert len(found.failures) == 1
    finally:
        os.kill(stopped, signal.SIGCONT)
    assert (await context.process_ping("GAIN")).pid == stopped
    values = (await context.settings_snapshot())["GAIN"].structured_value
    assert values is not None
    assert values["gain"] == 1.0


async def test_6_a_killed_unit_process_is_told_within_2_s(context: KernelGraphContext) -> None:
    follower = GraphFollower(context)
    await follower.start()
    try:
        psutil.Process(await pid_of(context, "GAIN")).kill()
        await until(lambda: "GAIN" in follower.unit_states, "the news of GAIN", 30.0)
        assert follower.unit_states["GAIN"].condition == "dead"
        assert follower.topology.units["GAIN"].process_id is None
        with pytest.raises(GraphError):
            await context.process_ping("GAIN", timeout=0.5)
    finally:
        await follower.stop()


class Explosive:
    """Unpickling it makes a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (self.path,))


async def test_15_hostile_settings_between_honest_ones(
    graph_server: GraphServerProcess, tmp_path: object
) -> None:
    """A hostile process reports settings; the server passes them on to us."""
    trap = f"{tmp_path}/kernel-ran-this"

    async with KernelGraphContext(graph_server.address) as context:
        stream = context.subscribe_settings_events()
        connection = await open_connection(context.address, timeout=20.0)
        await connection.open_client(Command.PROCESS)

        async def send(command: Command, payload: bytes) -> None:
            await connection.send(command.value, len(payload).to_bytes(8, "little"), payload)
            assert await connection.read_byte() == Command.COMPLETE.value

        await send(
            Command.PROCESS_REGISTER,
            pickle.dumps(ProcessRegistration(pid=1, host="h", units=["BAD"])),
        )
        call = functools.partial(os.mkdir, trap)
        for number in (1, 2):
            value = {"number": number, "call": call}
            update = ProcessSettingsUpdate(
                component_address="BAD",
                value=SettingsSnapshotValue(pickle.dumps(Explosive(trap)), value, value),
                timestamp=1.0,
            )
            await send(Command.PROCESS_SETTINGS_UPDATE, pickle.dumps(update))
        async with asyncio.timeout(30):
            events = [await anext(stream), await anext(stream)]
        for number, event in enumerate(events, start=1):
            assert isinstance(event, SettingsChangedEvent)
            assert event.value.structured_value is not None
            assert event.value.structured_value["number"] == number
            assert isinstance(event.value.structured_value["call"], StandIn)
            assert isinstance(event.value.serialized, bytes)
        assert not os.path.exists(trap)
        connection.abort()
