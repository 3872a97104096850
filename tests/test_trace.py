"""Traces of real graphs: what is collected, what is left out, and that nothing stays on."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from ezmsg.core.graphmeta import ProfilingTraceControl
from real_graphs import wait_for
from trace_graphs import HOLD_S, RATE_HZ, traced_graph

import ezmsg_nb as ezn
from ezmsg_nb.trace import Trace
from ezmsg_nb.trace_frames import SAMPLE_COLUMNS
from kernel_runtime import GraphError, KernelGraphContext, background_loop
from kernel_runtime.profiling.trace import TraceHub, traced_for
from kernel_runtime.profiling.trace_scope import TraceScope

LONG_HOLD_S = 10 * HOLD_S


@pytest.fixture(autouse=True, scope="module")
def no_loop_left() -> Iterator[None]:
    yield
    background_loop().stop()


@pytest.fixture(scope="module")
def chain() -> Iterator[ezn.LiveGraph]:
    with traced_graph("chain") as graph:
        # The first edit of a unit makes its publisher, with shared memory that stays.
        graph.settings["HOLD"]["hold_s"] = HOLD_S / 2
        graph.settings["HOLD"]["hold_s"] = HOLD_S
        yield graph


async def pending_samples(context: KernelGraphContext, unit: str, wait_s: float = 0.15) -> int:
    """How many samples a process takes within a time; they are taken away from its traces."""
    total = 0
    end = time.monotonic() + wait_s
    while time.monotonic() < end:
        batch = await context.process_profiling_trace_batch(unit, max_samples=10_000)
        total += len(batch.samples)
        await asyncio.sleep(0.005)
    return total


def is_tracing(graph: ezn.LiveGraph, unit: str) -> bool:
    # On 3.10 a message that is held while tracing ends leaves a last sample behind.
    return background_loop().run(pending_samples(graph.aio, unit), timeout=5.0) > 3


def test_a_trace_has_what_happened_in_its_block(chain: ezn.LiveGraph) -> None:
    began = pd.Timestamp.now("UTC")
    with chain.trace() as trace:
        assert trace.running
        began_waiting = time.monotonic()
        time.sleep(1.0)
        waited_s = time.monotonic() - began_waiting
    ended = pd.Timestamp.now("UTC")
    for unit in ("TICK", "HOLD", "SINK", "SIDE"):
        assert not is_tracing(chain, unit)

    frame = trace.frame()
    assert tuple(frame.columns) == SAMPLE_COLUMNS
    assert str(frame["time"].dtype) == "datetime64[ns, UTC]"
    assert frame["time"].is_monotonic_increasing
    assert frame["time"].min() >= began and frame["time"].max() <= ended
    for name in ("unit", "topic", "metric", "channel"):
        assert isinstance(frame[name].dtype, pd.CategoricalDtype)
    published = frame[(frame["unit"] == "TICK") & (frame["metric"] == "publish_delta_ns")]
    assert len(published) >= 0.5 * RATE_HZ * waited_s
    assert published["value_ns"].iloc[1:].mean() == pytest.approx(1e9 / RATE_HZ, rel=0.5)
    held = frame[(frame["unit"] == "HOLD") & (frame["metric"] == "user_span_ns")]
    assert held["value_ns"].min() >= 0.99 * HOLD_S * 1e9
    assert set(frame["unit"].dropna()) == {"TICK", "HOLD", "SINK", "SIDE"}

    losses = trace.losses()
    assert losses["lost"].sum() == 0
    assert losses["expected"].notna().sum() >= 5
    assert "none lost" in repr(trace)
    assert trace.notes == ()


def test_clocks_of_this_host_are_shared(chain: ezn.LiveGraph) -> None:
    with chain.trace() as trace:
        pass
    clock = trace.clock()
    assert len(clock) == 4
    assert clock["shared"].all()
    assert (clock["error_ns"] == 0).all()
    assert clock["wall_offset_ns"].nunique() == 1


def test_only_what_was_asked_for_is_traced(chain: ezn.LiveGraph) -> None:
    with chain.trace(topics="HOLD/INPUT", metrics=["lease_time_ns"]) as trace:
        assert is_tracing(chain, "HOLD")
        assert not is_tracing(chain, "SINK")
        wait_for(lambda: len(trace) > 20, "samples of HOLD")
    frame = trace.frame()
    assert set(frame["topic"]) == {"HOLD/INPUT"}
    assert set(frame["metric"]) == {"lease_time_ns"}


def test_every_nth_message(chain: ezn.LiveGraph) -> None:
    with chain.trace(topics="TICK", sample_mod=5) as trace:
        wait_for(lambda: len(trace) >= 8, "samples of TICK")
    steps = np.diff(trace.frame()["seq"].to_numpy(dtype=np.int64))
    assert set(steps.tolist()) == {5}
    with pytest.raises(ValueError, match="sample_mod=1"):
        trace.latency()


def test_two_traces_at_once_share_a_scope(chain: ezn.LiveGraph) -> None:
    with chain.trace(topics="SINK") as one:
        wait_for(lambda: len(one) > 5, "samples of SINK")
        with chain.trace(topics="TICK") as other:
            wait_for(lambda: len(other) > 5, "samples of TICK")
            assert not is_tracing(chain, "HOLD")
        assert not is_tracing(chain, "TICK")
        before = len(one)
        wait_for(lambda: len(one) > before, "more samples of SINK")
    assert set(one.frame()["unit"]) == {"SINK"}
    assert set(other.frame()["unit"]) == {"TICK"}
    losses = one.losses()
    # Each change of the control clears buffers: what that costs is counted as such.
    assert losses["lost"].sum() == losses["lost_at_renewal"].sum() <= 10


def test_the_newest_are_kept_and_the_rest_is_counted(chain: ezn.LiveGraph) -> None:
    with chain.trace(topics="TICK", metrics="publish_delta_ns", max_samples=20) as trace:
        time.sleep(0.6)
    losses = trace.losses().iloc[0]
    assert losses["received"] == len(trace) == 20
    assert losses["lost"] == losses["lost_here"] > 20
    assert losses["expected"] == losses["received"] + losses["lost_here"]
    assert (np.diff(trace.frame()["seq"].to_numpy(dtype=np.int64)) == 1).all()


def test_what_happened_before_is_left_out(chain: ezn.LiveGraph) -> None:
    with chain.trace():
        time.sleep(0.6)
    # The server still has those samples, and hands them to whoever subscribes anew.
    began_ns = time.time_ns()
    with chain.trace() as trace:
        wait_for(lambda: len(trace) > 20, "samples")
    assert trace.frame()["time"].astype("int64").min() >= began_ns


def test_settings_in_force_stand_beside_the_samples(chain: ezn.LiveGraph) -> None:
    hold = chain.settings["HOLD"]
    with chain.trace(topics="HOLD", metrics="user_span_ns") as trace:
        wait_for(lambda: len(trace) > 10, "samples")
        hold["hold_s"] = LONG_HOLD_S
        changed_ns = time.time_ns()
        wait_for(
            lambda: (trace.frame()["time"].astype("int64") > changed_ns).sum() > 20,
            "samples with the other setting",
        )
    hold["hold_s"] = HOLD_S
    frame = trace.frame(settings=["HOLD.hold_s"])
    frame = frame[frame["topic"] == "HOLD/INPUT"]
    quick = frame[frame["HOLD.hold_s"] == HOLD_S]["value_ns"]
    slow = frame[frame["HOLD.hold_s"] == LONG_HOLD_S]["value_ns"]
    assert len(slow) > 10 and len(quick) > 5
    assert HOLD_S * 1e9 <= quick.median() < 0.99 * LONG_HOLD_S * 1e9 <= slow.median()
    with pytest.raises(KeyError, match=r"HOLD\.nothing"):
        trace.frame(settings=["HOLD.nothing"])


def test_an_error_in_the_block_switches_it_off(chain: ezn.LiveGraph) -> None:
    with pytest.raises(ZeroDivisionError):
        with chain.trace() as trace:
            _ = 1 / 0
    assert not is_tracing(chain, "TICK")
    with pytest.raises(GraphError, match="run already"):
        trace.start()
    with pytest.raises(GraphError, match="not begun"):
        chain.trace().frame()
    with pytest.raises(ValueError, match="NOBODY"):
        chain.trace("NOBODY")


def test_18_another_observer_takes_the_control_away(chain: ezn.LiveGraph) -> None:
    async def switch_off() -> None:
        async with KernelGraphContext(chain.address) as other:
            await other.process_set_profiling_trace("TICK", ProfilingTraceControl(enabled=False))

    with chain.trace(topics="TICK") as trace:
        wait_for(lambda: len(trace) > 5, "samples")
        background_loop().run(switch_off(), timeout=5.0)
        wait_for(lambda: bool(trace.notes), "the news of it", 10.0)
        before = len(trace)
        wait_for(lambda: len(trace) > before, "samples again")
    assert "another observer" in trace.notes[0]
    assert not is_tracing(chain, "TICK")
    losses = trace.losses()
    assert losses["lost"].sum() > 2


def test_18_another_observer_traces_more(chain: ezn.LiveGraph) -> None:
    async def widen() -> None:
        async with KernelGraphContext(chain.address) as other:
            await other.process_set_profiling_trace("HOLD", ProfilingTraceControl(enabled=True))

    with chain.trace(topics="HOLD/INPUT") as trace:
        time.sleep(1.6)
        background_loop().run(widen(), timeout=5.0)
        wait_for(lambda: bool(trace.notes), "the news of it", 30.0)
    assert "no trace here asked for" in trace.notes[0]
    assert set(trace.frame()["topic"]) == {"HOLD/INPUT"}


async def test_renewals_lose_little_and_are_counted(chain: ezn.LiveGraph) -> None:
    async with KernelGraphContext(chain.address) as context:
        hub = TraceHub(context, ttl_s=0.8, interval_s=0.2)
        recording = await traced_for(hub, TraceScope(), 2.5, 100_000)
        assert len(recording.interruptions) >= 4 * 3
        from kernel_runtime.profiling.losses import losses

        found = losses(recording, recording.columns())
        ticks = next(
            each
            for each in found
            if each.stream.metric == "publish_delta_ns" and each.stream.topic == "TICK/OUTPUT"
        )
        assert ticks.received > RATE_HZ
        # A few milliseconds a renewal; more where the machine is busy otherwise.
        assert ticks.lost == ticks.lost_at_renewal < 0.6 * ticks.received
        assert sum(each.lost_in_endpoint + each.lost_in_server for each in found) == 0


KILLED_WHILE_TRACING = """
import asyncio, sys
from kernel_runtime import KernelGraphContext
from kernel_runtime.profiling.trace import TraceHub
from kernel_runtime.profiling.trace_scope import TraceScope

async def main():
    async with KernelGraphContext(sys.argv[1]) as context:
        await TraceHub(context, ttl_s=4.0).start(TraceScope(), 1000)
        print("tracing", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


def test_8_a_killed_kernel_leaves_no_tracing_on(chain: ezn.LiveGraph) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED_WHILE_TRACING, chain.address],
        stdout=subprocess.PIPE,
        text=True,
    ) as kernel:
        assert kernel.stdout is not None
        assert kernel.stdout.readline() == "tracing\n"
        wait_for(lambda: is_tracing(chain, "TICK"), "samples of its trace", 30.0)
        os.kill(kernel.pid, signal.SIGKILL)
    # Nobody switches it off: it ends by its time to live, here 4 s, where it lasts 60 s at most.
    for unit in ("TICK", "HOLD", "SINK", "SIDE"):
        wait_for(lambda unit=unit: not is_tracing(chain, unit), "tracing to end", 30.0)  # type: ignore[misc]


def test_an_exiting_kernel_switches_it_off(chain: ezn.LiveGraph) -> None:
    script = (
        "import sys, ezmsg_nb as ezn\ngraph = ezn.connect(sys.argv[1])\ngraph.trace().start()\n"
    )
    subprocess.run([sys.executable, "-c", script, chain.address], check=True, timeout=30)
    assert not is_tracing(chain, "TICK")


def test_losses_in_an_endpoint_are_counted_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    # Rings of 10 samples, which a unit of 2,000 messages/s fills four times between two pushes.
    monkeypatch.setenv("EZMSG_PROFILE_TRACE_MAX_SAMPLES", "10")
    with traced_graph("together") as graph:
        before = _published(graph)
        with graph.trace(metrics=["publish_delta_ns"]) as trace:
            wait_for(lambda: trace.losses()["lost"].sum() > 1000, "samples to be lost", 60.0)
        between = _published(graph) - before
        losses = trace.losses().iloc[0]
        counted = losses["received"] + losses["lost"]
        after, then = trace.recording.counts_after, trace.recording.counts_before
        endpoint = losses["endpoint_id"]
        assert after is not None
        inside = after.endpoints[endpoint].messages_total - then.endpoints[endpoint].messages_total
        assert 0.8 * inside <= counted <= between
        assert losses["lost_in_endpoint"] > 0.3 * counted
        assert losses["lost"] == losses["lost_in_endpoint"] + losses["lost_in_server"]


def _published(graph: ezn.LiveGraph) -> int:
    frame = graph.profile()
    return int(frame.loc[frame["role"] == "publisher", "messages_total"].sum())


def test_losses_in_the_server_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    # The server keeps 200 samples a process, and is asked every 0.5 s.
    monkeypatch.setenv("EZMSG_PROFILE_TRACE_BUFFER_LIMIT", "200")
    with traced_graph("together") as graph:
        with graph.trace(metrics=["publish_delta_ns", "lease_time_ns"]) as trace:
            wait_for(lambda: (_lost_in_server(trace) > 100).sum() >= 2, "samples to be lost", 60.0)
        assert (trace.losses()["lost_in_endpoint"] == 0).all()


def _lost_in_server(trace: Trace) -> pd.Series[int]:
    found: pd.Series[int] = trace.losses()["lost_in_server"]
    return found


def test_a_process_that_dies_is_told_and_its_last_samples_are_missed() -> None:
    with traced_graph("chain") as graph:
        pid = int(graph.units()["pid"].to_dict()["HOLD"])
        with graph.trace() as trace:
            wait_for(lambda: (trace.frame()["unit"] == "SINK").sum() > 20, "samples", 60)
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda: any("left" in note for note in trace.notes), "the note", 60)
        latency = trace.latency().set_index(["from_unit", "to_unit"])
        losses = trace.losses()
        worst = graph.bottlenecks(0.5).iloc[0]

    of_hold = losses[losses["unit"] == "HOLD"]
    assert len(of_hold) >= 3
    assert of_hold["expected"].isna().all()
    # What SINK received of it after its last publish that was handed over, and maybe one before
    # the trace.
    unseen = latency["no_publish"].to_dict()[("HOLD", "SINK")]
    lost = of_hold.set_index("metric")["lost"].to_dict()
    assert 0 <= lost["publish_delta_ns"] <= unseen
    assert "none lost" not in repr(trace)
    assert (worst["name"], worst["limiting"]) == ("HOLD", True)
    assert "no process runs it" in worst["evidence"]
