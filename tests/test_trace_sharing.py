"""Traces that share processes: two graphs of one kernel, other observers, processes that join."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from real_graphs import wait_for
from trace_graphs import RATE_HZ, traced_graph

import ezmsg_nb as ezn
from ezmsg_nb.trace import Trace
from kernel_runtime import KernelGraphContext, UnsupportedOperationError, background_loop
from kernel_runtime.profiling.trace import TraceHub
from kernel_runtime.profiling.trace_controls import shared_controls
from kernel_runtime.profiling.trace_scope import TraceScope


@pytest.fixture(autouse=True, scope="module")
def no_loop_left() -> Iterator[None]:
    yield
    background_loop().stop()


@pytest.fixture(scope="module")
def chain() -> Iterator[ezn.LiveGraph]:
    with traced_graph("chain") as graph:
        yield graph


async def traced_here() -> int:
    return len(shared_controls().traced)


def test_two_graphs_of_one_kernel_share_controls(chain: ezn.LiveGraph) -> None:
    with ezn.connect(chain.address) as again:
        with chain.trace(topics="HOLD/INPUT") as one:
            wait_for(lambda: len(one) > 20, "samples of the one")
            with again.trace(topics="HOLD/OUTPUT", metrics="publish_delta_ns") as other:
                wait_for(lambda: len(other) > 20, "samples of the other")
                before = len(one)
                wait_for(lambda: len(one) > before + 20, "more of the one")
            before = len(one)
            wait_for(lambda: len(one) > before + 20, "more of the one, alone again")
    assert set(one.frame()["topic"]) == {"HOLD/INPUT"}
    assert set(other.frame()["topic"]) == {"HOLD/OUTPUT"}
    assert one.notes == other.notes == ()
    losses = one.losses()
    assert losses["lost"].sum() == losses["lost_at_renewal"].sum() <= 20
    assert background_loop().run(traced_here(), timeout=5.0) == 0


async def test_two_loops_of_one_kernel_do_not_take_each_other_away(chain: ezn.LiveGraph) -> None:
    with chain.trace(topics="HOLD/INPUT") as trace:
        # This test runs on a loop of its own, and traces there.
        async with KernelGraphContext(chain.address) as context:
            hub = TraceHub(context)
            with pytest.raises(UnsupportedOperationError, match="another event loop"):
                await hub.start(TraceScope(frozenset({"HOLD/INPUT"})), 1000)
            assert hub.recordings == ()
            before = len(trace)
            await asyncio.to_thread(
                wait_for, lambda: len(trace) > before + 20, "more of the one", 30.0
            )
            # Where nothing is traced from the other loop, this one may.
            other = await hub.start(TraceScope(frozenset({"SIDE/INPUT"})), 1000)
            await asyncio.to_thread(wait_for, lambda: len(other) > 20, "samples of the other", 30.0)
            await hub.stop(other)
    assert trace.notes == ()
    async with KernelGraphContext(chain.address) as context:
        hub = TraceHub(context)
        again = await hub.start(TraceScope(frozenset({"HOLD/INPUT"})), 1000)
        await asyncio.to_thread(wait_for, lambda: len(again) > 20, "samples once it is free", 30.0)
        await hub.stop(again)


FOREIGN = """
import asyncio, sys
from ezmsg.core.graphmeta import ProfilingTraceControl
from kernel_runtime import KernelGraphContext

async def main(address, topics, mod):
    async with KernelGraphContext(address) as context:
        control = ProfilingTraceControl(
            enabled=True, sample_mod=mod, publisher_topics=topics, subscriber_topics=topics
        )
        await context.process_set_profiling_trace("HOLD", control)
        print("set", flush=True)
        await asyncio.sleep(60)

asyncio.run(main(sys.argv[1], sys.argv[2].split() or None, int(sys.argv[3])))
"""


@contextmanager
def foreign_control(address: str, topics: str, mod: int) -> Iterator[int]:
    """Another process that sets the control of HOLD, and stays."""
    with subprocess.Popen(
        [sys.executable, "-c", FOREIGN, address, topics, str(mod)],
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "set\n"
            yield other.pid
        finally:
            other.kill()


@pytest.mark.parametrize(
    ("topics", "mod", "words"),
    [
        ("HOLD/INPUT", 1, "had stopped to trace HOLD/OUTPUT although messages flow"),
        ("", 10, "gave every 10th message only"),
    ],
)
def test_18_a_control_that_takes_away_is_told_with_the_name(
    chain: ezn.LiveGraph, topics: str, mod: int, words: str
) -> None:
    with chain.trace(topics="HOLD") as trace:
        wait_for(lambda: len(trace) > 20, "samples")
        with foreign_control(chain.address, topics, mod) as pid:
            wait_for(lambda: bool(trace.notes), "the news of it", 15.0)
            set_again_ns = time.time_ns()
            wait_for(
                lambda: (
                    (
                        _of_publisher(trace)["time"].astype("int64") > set_again_ns + 500_000_000
                    ).sum()
                    > 20
                ),
                "all samples again",
                15.0,
            )
    assert words in trace.notes[0]
    assert f"connected from this host: {pid} (" in trace.notes[0]
    late = _of_publisher(trace)
    late = late[late["time"].astype("int64") > set_again_ns + 500_000_000]
    assert (np.diff(late["seq"].to_numpy(dtype=np.int64)) == 1).mean() > 0.9


def _of_publisher(trace: Trace) -> pd.DataFrame:
    frame = trace.frame()
    return frame[(frame["topic"] == "HOLD/OUTPUT") & (frame["metric"] == "publish_delta_ns")]


JOINING = """
import sys
import ezmsg.core as ez
from trace_graphs import Hold, Tick

late, sink = Tick(), Hold()
host, port = sys.argv[1].split(":")
ez.run(
    LATE=late, LATE_SINK=sink, connections=[(late.OUTPUT, sink.INPUT)],
    graph_address=(host, int(port)),
)
"""


def test_a_process_that_joins_is_traced(chain: ezn.LiveGraph) -> None:
    with chain.trace() as trace:
        wait_for(lambda: len(trace) > 20, "samples")
        with subprocess.Popen(
            [sys.executable, "-c", JOINING, chain.address],
            cwd=Path(__file__).parent,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as joining:
            try:
                wait_for(
                    lambda: (trace.frame()["unit"] == "LATE_SINK").sum() > 50,
                    "samples of the process that joined",
                    30.0,
                )
            finally:
                joining.terminate()
                joining.wait(20)
        wait_for(lambda: any("left" in note for note in trace.notes), "its end", 15.0)
    assert any("(LATE, LATE_SINK) joined at" in note for note in trace.notes)
    latency = trace.latency()
    joined = latency[(latency["from_unit"] == "LATE") & (latency["to_unit"] == "LATE_SINK")].iloc[0]
    assert joined["matched"] > 0.9 * joined["received"] > 10
    clock = trace.clock()
    assert "LATE, LATE_SINK" in set(clock["units"])
    losses = trace.losses()
    of_late = losses[losses["unit"] == "LATE"]
    assert of_late["lost"].sum() <= 0.5 * RATE_HZ
