"""Profiling by the control plane: snapshots of all, traces while they are on, never silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from ezmsg.core.graphmeta import (
    ProfilingStreamControl,
    ProfilingTraceControl,
    ProfilingTraceStreamBatch,
)
from real_graphs import RunningGraph
from stopping import stopped

from kernel_runtime import KernelGraphContext, RequestTimeoutError, SettingsRejectedError


@pytest.fixture
async def context(shared_graph: RunningGraph) -> AsyncIterator[KernelGraphContext]:
    async with KernelGraphContext(shared_graph.address) as opened:
        yield opened


async def test_every_process_answers_once(
    context: KernelGraphContext, shared_graph: RunningGraph
) -> None:
    everything = await context.profiling_snapshot_all(timeout_per_process=2.0)
    assert everything.failures == {}
    published = {one.topic for found in everything.values() for one in found.publishers.values()}
    received = {one.topic for found in everything.values() for one in found.subscribers.values()}
    assert {"SOURCE/OUTPUT", "GAIN/OUTPUT"} <= published
    assert {topic.partition(":")[0] for topic in received} >= {"GAIN/INPUT", "SINK/INPUT"}
    assert len(everything) == len(shared_graph.pids)


async def test_who_does_not_answer_is_listed_with_the_reason(context: KernelGraphContext) -> None:
    ping = await context.process_ping("GAIN")
    with stopped(ping.pid):
        found = await context.profiling_snapshot_all(timeout_per_process=0.3)
    assert len(found) == 2
    assert list(found.failures) == [ping.process_id]
    assert isinstance(found.failures[ping.process_id], RequestTimeoutError)


async def test_a_trace_arrives_while_it_is_on(context: KernelGraphContext) -> None:
    taken = await context.process_set_profiling_trace(
        "GAIN", ProfilingTraceControl(enabled=True, ttl_seconds=5.0)
    )
    assert taken.ok
    async with (
        asyncio.timeout(10),
        context.subscribe_profiling_trace(ProfilingStreamControl(interval=0.05)) as stream,
    ):
        batch = await anext(stream)
    assert isinstance(batch, ProfilingTraceStreamBatch)
    topics = {sample.topic for one in batch.batches.values() for sample in one.samples}
    assert topics
    assert all(topic.startswith("GAIN/") for topic in topics)
    await context.process_set_profiling_trace("GAIN", ProfilingTraceControl(enabled=False))


async def test_a_batch_is_taken_from_the_process_itself(context: KernelGraphContext) -> None:
    # Of the samples that the process has not yet pushed to the server, some 20 ms.
    control = ProfilingTraceControl(enabled=True, ttl_seconds=5.0)
    await context.process_set_profiling_trace("GAIN", control)
    async with asyncio.timeout(30):
        while True:
            batch = await context.process_profiling_trace_batch("GAIN", max_samples=3)
            assert len(batch.samples) <= 3
            if batch.samples:
                break
    await context.process_set_profiling_trace("GAIN", ProfilingTraceControl(enabled=False))


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
