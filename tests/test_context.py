"""The context's own life: opening, other loops, closing. Operations have suites of their own."""

from __future__ import annotations

import asyncio

import pytest
from real_graphs import GraphServerProcess, RunningGraph

from kernel_runtime import (
    ClosedError,
    KernelGraphContext,
    UnsupportedOperationError,
    background_loop,
)


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


async def test_closing_is_final(graph_server: GraphServerProcess) -> None:
    context = KernelGraphContext(graph_server.address)
    await context.__aenter__()
    stream = context.subscribe_topology_events()
    waiting = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)
    await context.close()
    await context.close()
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
        return loop.run(nothing(), timeout=20.0)

    with pytest.raises(RuntimeError, match="blocking call"):
        loop.run(block(), timeout=20.0)
    assert loop.run(nothing(), timeout=20.0) == 1
    loop.stop()
    assert background_loop() is not loop
    background_loop().stop()
