"""Fault 15: a hostile process on a real server, whose pickles run code wherever they are loaded.

The server's environment has the module that they name, so the server itself loads them and
passes them on, as it would in a lab where somebody's package is bad. Nothing of it may run
here, and what is honest around it must arrive.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
import types
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from ezmsg.core.graphmeta import (
    ComponentMetadata,
    DynamicSettingsMetadata,
    GraphMetadata,
    ProcessControlRequest,
    ProcessControlResponse,
    ProcessPing,
    ProcessProfilingTraceBatch,
    ProcessRegistration,
    ProcessSettingsUpdate,
    ProfilingStreamControl,
    ProfilingTraceSample,
    SettingsSnapshotValue,
)
from ezmsg.core.netprotocol import Command
from real_graphs import GraphServerProcess, graph_server_process

from kernel_runtime import GraphError, KernelGraphContext, Resynced, StandIn
from kernel_runtime.follower import GraphFollower
from kernel_runtime.topology import topology_of
from kernel_runtime.wire import Connection, open_connection, payload_argument

MODULE = "hostile_module_of_a_peer"

# Loading its pickle leaves a file that is named by the pid of whoever loaded it. The class
# pickles as itself again, so that a server that has loaded it passes it on whole.
SOURCE = """
import os, pathlib

class Bomb:
    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return (explode, (self.folder,))

def explode(folder):
    (pathlib.Path(folder) / str(os.getpid())).touch()
    return Bomb(folder)
"""


@pytest.fixture
def traps(tmp_path: Path) -> Path:
    folder = tmp_path / "traps"
    folder.mkdir()
    return folder


@pytest.fixture
def server(
    tmp_path: Path, traps: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[GraphServerProcess]:
    """A server that can import the hostile module, which this process can't."""
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / f"{MODULE}.py").write_text(SOURCE)
    with monkeypatch.context() as patched:
        patched.setenv("PYTHONPATH", str(modules))
        started = graph_server_process(tmp_path)
        server = started.__enter__()
    try:
        yield server
    finally:
        started.__exit__(None, None, None)


@pytest.fixture
def bomb(traps: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A hostile value, and no way to import what it names once it is pickled."""
    module = types.ModuleType(MODULE)
    exec(SOURCE, module.__dict__)
    module.Bomb.__module__ = module.explode.__module__ = MODULE
    sys.modules[MODULE] = module
    return module.Bomb(str(traps))


def hostile(value: object) -> bytes:
    """Pickle with the module at hand, which is gone again before anything is read."""
    raw = pickle.dumps(value)
    sys.modules.pop(MODULE, None)
    return raw


def nobody_ran_it_here(traps: Path) -> bool:
    return str(os.getpid()) not in {path.name for path in traps.iterdir()}


class HostileProcess:
    """A process client that says and answers what it likes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def tell(self, command: Command, payload: bytes, *, answered: bool = True) -> None:
        await self._connection.send(command.value, payload_argument(payload))
        if answered:
            assert await self._connection.read_byte() == Command.COMPLETE.value

    async def answer_requests(self, payload: bytes) -> None:
        while True:
            assert await self._connection.read_byte() == Command.PROCESS_ROUTE_REQUEST.value
            request = pickle.loads(await self._connection.read_frame())
            assert isinstance(request, ProcessControlRequest)
            response = ProcessControlResponse(request.request_id, ok=True, payload=payload)
            raw = pickle.dumps(response)
            await self.tell(Command.PROCESS_ROUTE_RESPONSE, raw, answered=False)


@pytest.fixture
async def context(server: GraphServerProcess) -> AsyncIterator[KernelGraphContext]:
    async with KernelGraphContext(server.address) as opened:
        yield opened


@pytest.fixture
async def process(context: KernelGraphContext) -> AsyncIterator[HostileProcess]:
    connection = await open_connection(context.address, timeout=20.0)
    await connection.open_client(Command.PROCESS)
    process = HostileProcess(connection)
    registration = ProcessRegistration(pid=1, host="h", units=["BAD"])
    await process.tell(Command.PROCESS_REGISTER, pickle.dumps(registration))
    yield process
    connection.abort()


def component(address: str, settings: Any) -> ComponentMetadata:
    return ComponentMetadata(
        address=address,
        name=address,
        component_type="x.Y",
        settings_type="x.S",
        initial_settings=(b"opaque", settings),
        dynamic_settings=DynamicSettingsMetadata(False, None, None),
        settings_schema=None,
    )


async def test_metadata_in_snapshot_and_initial_settings(
    context: KernelGraphContext, bomb: Any, traps: Path
) -> None:
    components = {"BAD": component("BAD", {"x": bomb}), "GOOD": component("GOOD", {"x": 1})}
    raw = hostile(GraphMetadata(1, None, components))
    connection = await open_connection(context.address, timeout=20.0)
    await connection.open_client(Command.SESSION)
    await connection.send(Command.SESSION_REGISTER.value, payload_argument(raw))
    assert await connection.read_byte() == Command.COMPLETE.value
    assert list(traps.iterdir()), "the server did not load it: this test proves nothing"

    for _ in range(3):
        topology = topology_of(await context.snapshot())
        assert set(topology.units) == {"BAD", "GOOD"}
    settings = await context.settings_snapshot()
    assert settings["GOOD"].structured_value == {"x": 1}
    assert isinstance(settings["BAD"].structured_value["x"], StandIn)  # type: ignore[index]
    assert len(await context.settings_events()) == 2
    async with asyncio.timeout(30), context.subscribe_settings_events() as stream:
        events = [await anext(stream), await anext(stream)]
    assert {event.component_address for event in events} == {"BAD", "GOOD"}  # type: ignore[union-attr]
    assert nobody_ran_it_here(traps)
    connection.abort()


async def test_settings_events_between_honest_ones(
    context: KernelGraphContext, process: HostileProcess, bomb: Any, traps: Path
) -> None:
    async def report(value: Any) -> None:
        update = ProcessSettingsUpdate("BAD", value, timestamp=1.0)
        sys.modules[MODULE] = module
        await process.tell(Command.PROCESS_SETTINGS_UPDATE, hostile(update))

    module = sys.modules[MODULE]
    follower = GraphFollower(context)
    await follower.start()
    async with context.subscribe_settings_events() as stream:
        values = [
            SettingsSnapshotValue(b"", {"n": 0}, {"n": 0}),
            SettingsSnapshotValue(b"", {"n": bomb}, {"n": bomb}),
            SettingsSnapshotValue(b"", bomb, bomb),
            bomb,
            17,
            SettingsSnapshotValue(b"", {"n": 5}, {"n": 5}),
        ]
        for value in values:
            await report(value)
        seen: list[Any] = []
        async with asyncio.timeout(30):
            while not seen or getattr(seen[-1], "seq", 0) != len(values):
                seen.append(await anext(stream))
    honest = [item.seq for item in seen if not isinstance(item, Resynced)]
    assert honest == [1, 2, 6]
    missed = [item.missed for item in seen if isinstance(item, Resynced)]
    assert sum(number or 0 for number in missed) == 3
    assert isinstance(seen[1].value.structured_value["n"], StandIn)
    assert (await context.settings_snapshot())["BAD"].structured_value == {"n": 5}
    async with asyncio.timeout(30):
        while (state := follower.settings.state("BAD")) is None or state.structured != {"n": 5}:
            await asyncio.sleep(0.01)
    await follower.stop()
    assert nobody_ran_it_here(traps)


async def test_a_registration_of_nonsense_spoils_no_snapshot(
    context: KernelGraphContext, process: HostileProcess, bomb: Any, traps: Path
) -> None:
    """Pid, host and units of a process go into every snapshot and topology event."""
    async with context.subscribe_topology_events() as stream:
        registration = ProcessRegistration(pid=bomb, host=[bomb], units=["WORSE"])  # type: ignore[arg-type]
        await process.tell(Command.PROCESS_REGISTER, hostile(registration))
        async with asyncio.timeout(30):
            while (await anext(stream)).seq < 2:  # type: ignore[union-attr]
                pass
        topology = topology_of(await context.snapshot())
        (found,) = topology.processes.values()
        assert (found.pid, found.host, found.units) == (None, None, ("WORSE",))
        await context.connect("A", "B")
        async with asyncio.timeout(30):
            event = await anext(stream)
        assert event.changed_topics == ["B"]  # type: ignore[union-attr]
    assert nobody_ran_it_here(traps)


async def test_trace_batches(
    context: KernelGraphContext, process: HostileProcess, bomb: Any, traps: Path
) -> None:
    def batch(*values: Any) -> bytes:
        samples = [
            ProfilingTraceSample(float(number), "e", "BAD/OUT", "publish_delta_ns", value)
            for number, value in enumerate(values)
        ]
        (process_id,) = snapshot.processes
        sys.modules[MODULE] = module
        return hostile(ProcessProfilingTraceBatch(process_id, 1, "h", 1.0, samples))

    module = sys.modules[MODULE]
    snapshot = await context.snapshot()
    control = ProfilingStreamControl(interval=0.02)
    async with context.subscribe_profiling_trace(control) as stream:
        waiting = asyncio.create_task(anext(stream))
        await asyncio.sleep(0.1)
        update = Command.PROCESS_PROFILING_TRACE_UPDATE
        await process.tell(update, batch(1.0), answered=False)
        async with asyncio.timeout(30):
            assert _values(await waiting) == [1.0]
            await process.tell(update, batch(bomb), answered=False)
            # The server makes a batch of its own of each: an honest one must come apart.
            while stream.undecodable == 0:
                await asyncio.sleep(0.01)
            await process.tell(update, batch(2.0), answered=False)
            assert _values(await anext(stream)) == [2.0]
    assert nobody_ran_it_here(traps)


def _values(batch: Any) -> list[float]:
    return [sample.value for one in batch.batches.values() for sample in one.samples]


async def test_process_responses(
    context: KernelGraphContext, process: HostileProcess, bomb: Any, traps: Path
) -> None:
    ping = ProcessPing(bomb, bomb, bomb, bomb)
    for payload in (hostile(ping), b"\x80\x04Nr\xff\xff\xff\xff.", b"garbage"):
        answering = asyncio.create_task(process.answer_requests(payload))
        for ask in (
            context.process_ping("BAD", timeout=20.0),
            context.process_stats("BAD", timeout=20.0),
            context.process_profiling_snapshot("BAD", timeout=20.0),
            context.process_profiling_trace_batch("BAD", timeout=20.0),
            context.update_setting("BAD", "gain", 1.0, timeout=20.0),
        ):
            with pytest.raises(GraphError) as caught:
                await ask
            assert not isinstance(caught.value, TimeoutError)
        found = await context.profiling_snapshot_all(timeout_per_process=20.0)
        assert found == {}
        assert len(found.failures) == 1
        raw = await context.process_request("BAD", "custom", timeout=20.0)
        assert raw.payload == payload
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)
    assert nobody_ran_it_here(traps)
