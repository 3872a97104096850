"""A kernel that is a process of the graph: seen by others, answering, gone without a trace."""

from __future__ import annotations

import asyncio
import os
import pickle
import time
from collections.abc import AsyncIterator, Callable

import pytest
from ezmsg.core.graphcontext import GraphContext
from ezmsg.core.graphmeta import (
    ProcessControlErrorCode,
    ProcessControlOperation,
    ProfilingStreamControl,
    ProfilingTraceControl,
)
from real_graphs import GraphServerProcess

from kernel_runtime import AddressCollisionError, ClosedError, KernelGraphContext, KernelProcess
from kernel_runtime.kernel_process import Operation
from kernel_runtime.topology import topology_of


@pytest.fixture
async def context(graph_server: GraphServerProcess) -> AsyncIterator[KernelGraphContext]:
    async with KernelGraphContext(graph_server.address) as opened:
        yield opened


@pytest.fixture
async def theirs(graph_server: GraphServerProcess) -> AsyncIterator[GraphContext]:
    async with GraphContext((graph_server.host, graph_server.port), auto_start=False) as opened:
        yield opened


async def until(condition: Callable[[], bool], what: str, deadline_s: float = 30.0) -> None:
    give_up = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < give_up, f"Waited {deadline_s:g} s in vain for {what}."
        await asyncio.sleep(0.01)


async def test_it_is_seen_and_answers_and_leaves(
    context: KernelGraphContext, theirs: GraphContext
) -> None:
    async with KernelProcess(context, "NOTEBOOK") as process:
        output = await process.publisher("OUTPUT")
        await process.subscriber("INPUT", leaky=True)
        topology = topology_of(await theirs.snapshot())
        unit = topology.units["NOTEBOOK"]
        assert (unit.pid, unit.process_id) == (os.getpid(), str(process.process_id))
        assert [(port.topic, port.direction) for port in unit.ports] == [
            ("NOTEBOOK/OUTPUT", "output"),
            ("NOTEBOOK/INPUT", "input"),
        ]
        await context.connect("NOTEBOOK/OUTPUT", "NOTEBOOK/INPUT")
        for number in range(3):
            await output.broadcast(number)
        ping = await theirs.process_ping("NOTEBOOK")
        assert (ping.pid, ping.process_id) == (os.getpid(), process.process_id)
        assert (await theirs.process_stats("NOTEBOOK")).owned_units == ["NOTEBOOK"]
        profile = await theirs.process_profiling_snapshot("NOTEBOOK")
        assert [one.messages_published_total for one in profile.publishers.values()] == [3]
        assert len(profile.subscribers) == 1
        with pytest.raises(RuntimeError, match="UNSUPPORTED_OPERATION"):
            await theirs.update_setting("NOTEBOOK", "gain", 1.0)
    snapshot = await theirs.snapshot()
    assert snapshot.processes == {}
    assert topology_of(snapshot).units == {}
    with pytest.raises(ClosedError):
        await process.publisher("LATE")


async def test_custom_operations_take_and_give_bytes(
    context: KernelGraphContext, theirs: GraphContext
) -> None:
    asked = asyncio.Event()

    async def slow(payload: bytes) -> bytes:
        await asked.wait()
        return payload[::-1]

    def broken(payload: bytes) -> bytes:
        raise RuntimeError("not today")

    def wrong(payload: bytes) -> bytes:
        return "text"  # type: ignore[return-value]

    operations: dict[str, Operation] = {"reverse": slow, "broken": broken, "wrong": wrong}
    async with KernelProcess(context, "NOTEBOOK", operations=operations):
        reversing = asyncio.create_task(
            theirs.process_request("NOTEBOOK", "reverse", payload=b"abc")
        )
        # Answered beside an operation that takes its time.
        assert (await context.process_ping("NOTEBOOK")).pid == os.getpid()
        asked.set()
        assert (await reversing).payload == b"cba"
        failed = await context.process_request("NOTEBOOK", "broken")
        assert failed.error_code is ProcessControlErrorCode.HANDLER_ERROR
        assert "not today" in (failed.error or "")
        invalid = await context.process_request("NOTEBOOK", "wrong")
        assert invalid.error_code is ProcessControlErrorCode.INVALID_RESPONSE
        unknown = await context.process_request("NOTEBOOK", "unknown")
        assert unknown.error_code is ProcessControlErrorCode.UNSUPPORTED_OPERATION
    with pytest.raises(ValueError, match="PING"):
        KernelProcess(context, operations={"PING": broken})


async def test_it_can_be_traced(context: KernelGraphContext, theirs: GraphContext) -> None:
    async with KernelProcess(context, "NOTEBOOK") as process:
        output = await process.publisher("OUTPUT")
        control = ProfilingTraceControl(enabled=True, ttl_seconds=5.0)
        assert (await theirs.process_set_profiling_trace("NOTEBOOK", control)).ok
        stream = context.subscribe_profiling_trace(ProfilingStreamControl(interval=0.05))
        waiting = asyncio.create_task(anext(stream))
        async with asyncio.timeout(30):
            while not waiting.done():
                await output.broadcast(1)
                await asyncio.sleep(0.01)
        (batch,) = (await waiting).batches.values()  # type: ignore[union-attr]
        assert (batch.pid, batch.process_id) == (os.getpid(), process.process_id)
        assert {sample.topic for sample in batch.samples} == {"NOTEBOOK/OUTPUT"}
        await stream.aclose()


class Trap:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (self.path,))


async def test_hostile_requests_run_nothing_and_break_nothing(
    context: KernelGraphContext, theirs: GraphContext, tmp_path: object
) -> None:
    trap = f"{tmp_path}/kernel-ran-this"
    async with KernelProcess(context, "NOTEBOOK", operations={"echo": lambda raw: raw}):
        for operation in (
            ProcessControlOperation.SET_PROFILING_TRACE,
            ProcessControlOperation.GET_PROFILING_TRACE_BATCH,
        ):
            for value in (Trap(trap), ProfilingTraceControl(enabled=True, sample_mod="x")):  # type: ignore[arg-type]
                await theirs.process_request("NOTEBOOK", operation, payload_obj=value)
        hostile = pickle.dumps(Trap(trap))
        echoed = await theirs.process_request("NOTEBOOK", "echo", payload=hostile)
        assert echoed.payload == hostile
        assert (await theirs.process_ping("NOTEBOOK")).pid == os.getpid()
    assert not os.path.exists(trap)


async def test_a_taken_name_is_said_with_its_holder(
    context: KernelGraphContext, theirs: GraphContext
) -> None:
    async with KernelProcess(context, "NOTEBOOK"):
        with pytest.raises(AddressCollisionError, match=f"pid {os.getpid()} .*still runs"):
            async with KernelProcess(context, "NOTEBOOK"):
                pass
        assert (await theirs.process_ping("NOTEBOOK")).pid == os.getpid()


async def test_it_registers_again_with_a_new_server(
    context: KernelGraphContext, graph_server: GraphServerProcess
) -> None:
    async with KernelProcess(context) as process:
        assert process.name == f"KERNEL_{os.getpid()}"
        former = process.process_id
        await asyncio.to_thread(graph_server.restart)
        await until(lambda: process.process_id != former, "the process to register again")
        async with asyncio.timeout(30):
            while process.name not in topology_of(await context.snapshot()).units:
                await asyncio.sleep(0.02)
        assert (await context.process_ping(process.name)).pid == os.getpid()
