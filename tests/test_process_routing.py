"""Requests find the process that owns a unit now, and never wait for one of another process."""

from __future__ import annotations

import asyncio
import os
import signal
import threading

import psutil
import pytest
from real_graphs import RunningGraph
from stopping import stop

from kernel_runtime import (
    ClosedError,
    GraphError,
    KernelGraphContext,
    KernelProcess,
    ProcessDisconnectedError,
    RequestTimeoutError,
    UnroutableUnitError,
    background_loop,
)


async def test_calls_from_many_threads_and_loops_are_each_answered(
    shared_graph: RunningGraph,
) -> None:
    """Sixteen threads block on the shared loop, four have loops of their own, at once."""
    loop = background_loop()
    context = KernelGraphContext(shared_graph.address)
    loop.run(context.__aenter__(), timeout=5.0)
    failures: list[BaseException] = []

    def blocking() -> None:
        try:
            for unit in shared_graph.units * 3:
                assert loop.run(context.process_ping(unit), timeout=5.0).pid
                assert "SOURCE/OUTPUT" in loop.run(context.snapshot(), timeout=5.0).graph
        except BaseException as error:
            failures.append(error)

    async def ask() -> None:
        pings = await asyncio.gather(
            *(context.process_ping(unit) for unit in shared_graph.units * 5)
        )
        assert {ping.pid for ping in pings} == set(shared_graph.pids)

    def own_loop() -> None:
        try:
            asyncio.run(ask())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=blocking) for _ in range(16)]
    threads += [threading.Thread(target=own_loop) for _ in range(4)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            await asyncio.to_thread(thread.join, 30.0)
        assert failures == []
    finally:
        await context.close()
        with pytest.raises(ClosedError):
            await context.snapshot()
        loop.stop()


async def test_a_unit_that_comes_is_found_and_one_that_leaves_is_not(
    shared_graph: RunningGraph,
) -> None:
    async with (
        KernelGraphContext(shared_graph.address) as context,
        KernelGraphContext(shared_graph.address) as other,
    ):
        with pytest.raises(UnroutableUnitError):
            await context.process_ping("COMES")
        for _ in range(2):
            async with KernelProcess(other, "COMES") as process:
                assert (await context.process_ping("COMES")).process_id == process.process_id
            with pytest.raises((UnroutableUnitError, ProcessDisconnectedError)):
                await context.process_ping("COMES")


async def test_two_kernels_on_one_graph_do_not_delay_each_other(
    shared_graph: RunningGraph,
) -> None:
    async with (
        KernelGraphContext(shared_graph.address) as one,
        KernelGraphContext(shared_graph.address) as other,
    ):
        stopped = (await one.process_ping("GAIN")).pid
        stop(stopped)
        try:
            hanging = [
                asyncio.create_task(context.process_ping("GAIN", timeout=60.0))
                for context in (one, other)
            ]
            await asyncio.sleep(0.05)
            for context in (one, other):
                for unit in ("SOURCE", "SINK"):
                    await context.process_ping(unit, timeout=30.0)
            assert not any(task.done() for task in hanging)
        finally:
            os.kill(stopped, signal.SIGCONT)
        for task in hanging:
            assert (await task).pid == stopped
        for context in (one, other):
            assert (await context.process_ping("GAIN")).pid == stopped


async def test_many_edits_to_a_stopped_process_wedge_nobody(shared_graph: RunningGraph) -> None:
    """FAULTS.md: 115 edits of 50 kB to a stopped process froze the server for everybody."""
    async with (
        KernelGraphContext(shared_graph.address) as context,
        KernelGraphContext(shared_graph.address) as other,
    ):
        stopped = (await context.process_ping("GAIN")).pid
        stop(stopped)
        try:
            edits = [
                asyncio.create_task(
                    context.update_setting("GAIN", "label", "x" * 50_000, timeout=1.0)
                )
                for _ in range(200)
            ]
            outcomes = await asyncio.gather(*edits, return_exceptions=True)
            assert all(isinstance(outcome, RequestTimeoutError) for outcome in outcomes)
            assert "SOURCE/OUTPUT" in (await other.snapshot()).graph
            await other.process_ping("SINK")
        finally:
            os.kill(stopped, signal.SIGCONT)
        async with asyncio.timeout(30):
            while True:
                try:
                    await context.process_ping("GAIN", timeout=1.0)
                    break
                except GraphError:
                    continue


async def test_a_process_that_dies_while_asked_is_named(running_graph: RunningGraph) -> None:
    async with KernelGraphContext(running_graph.address) as context:
        victim = (await context.process_ping("GAIN")).pid
        stop(victim)
        asked = asyncio.create_task(context.process_ping("GAIN", timeout=100.0))
        await asyncio.sleep(0.1)
        psutil.Process(victim).kill()
        # Long before its deadline.
        async with asyncio.timeout(30):
            with pytest.raises(GraphError, match="GAIN"):
                await asked
        async with asyncio.timeout(30):
            while True:
                try:
                    await context.process_ping("GAIN", timeout=0.5)
                except UnroutableUnitError:
                    break
                except GraphError:
                    await asyncio.sleep(0.05)
        assert (await context.process_ping("SINK")).pid
