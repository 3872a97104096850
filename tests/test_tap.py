"""Taps: messages in the kernel, and a pipeline that does not feel what the kernel does."""

from __future__ import annotations

import json
import mmap
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from kernels import Kernel
from real_graphs import wait_for

import ezmsg_nb as ezn
from ezmsg_nb.live_graph import attach
from kernel_runtime.address import parse_address
from kernel_runtime.errors import ClosedError, GraphError, RequestTimeoutError, UnsafePayloadError
from kernel_runtime.host import GraphHost, GraphSpec
from kernel_runtime.observer import Tap
from kernel_runtime.observer.ring import (
    DATA_BYTES,
    RING_BYTES,
    SLOTS,
    RingCounts,
    RingReader,
    RingWriter,
)

TESTS = Path(__file__).resolve().parent
RATE_HZ = 200.0
ALLOWED_LOSS = 0.02


def test_ring_keeps_the_newest_and_tells_what_is_gone() -> None:
    with mmap.mmap(-1, RING_BYTES) as memory:
        writer, reader = RingWriter(memory), RingReader(memory)
        assert (reader.counts, reader.read(1)) == (RingCounts(0, 0, 0), None)
        for number in range(1, SLOTS + 11):
            writer.write(b"%d" % number, dropped=3)
        assert reader.counts == RingCounts(SLOTS + 10, 3, 0)
        assert [reader.read(number) for number in (10, 11, SLOTS + 10, SLOTS + 11)] == [
            None,
            b"11",
            b"%d" % (SLOTS + 10),
            None,
        ]
        for number in range(5):
            large = bytes([number]) * (DATA_BYTES // 4)
            writer.write(large, dropped=3)
        assert reader.read(reader.counts.newest) == large
        assert reader.read(reader.counts.newest - 4) is None
        writer.write(large + b"1", dropped=3)
        assert reader.counts == RingCounts(SLOTS + 15, 3, 1)


@pytest.fixture
def graph() -> Iterator[ezn.LiveGraph]:
    host = GraphHost.start(GraphSpec(factory="host_graphs:steady"))
    with attach(host.address, host=host) as opened:
        yield opened


def lost_among(numbers: list[int]) -> int:
    assert numbers == sorted(set(numbers))
    return numbers[-1] - numbers[0] + 1 - len(numbers)


async def test_messages_come_in_order_and_losses_are_counted(graph: ezn.LiveGraph) -> None:
    with graph.tap("SOURCE/OUTPUT") as tap:
        first = tap.latest(timeout=30.0)
        found = tap.collect(50)
        assert len(found) == 50
        assert found[0] > first
        assert lost_among(found) <= tap.dropped
        seen = []
        async for number in tap:
            seen.append(number)
            if len(seen) == 20:
                break
        assert lost_among(seen) <= tap.dropped
        during = tap.collect(seconds=0.5)
        assert len(during) >= 10
        assert lost_among(during) <= tap.dropped
        assert tap.end_reason == ""
        assert tap.received >= 80
    with pytest.raises(ClosedError, match="tap of 'SOURCE/OUTPUT' is closed"):
        tap.latest(timeout=30.0)
    assert not psutil.pid_exists(tap.pid)


def test_a_topic_that_is_not_there_is_named(graph: ezn.LiveGraph) -> None:
    with pytest.raises(GraphError, match="has no topic 'SOURCE/OUT'"):
        graph.tap("SOURCE/OUT")


def test_messages_that_do_not_come_are_told(graph: ezn.LiveGraph) -> None:
    graph.connect("SOURCE/OUTPUT", "QUIET")
    with graph.tap("QUIET") as tap:
        assert isinstance(tap.latest(timeout=30.0), int)
        graph.disconnect("SOURCE/OUTPUT", "QUIET")
        with pytest.raises(RequestTimeoutError, match=r"of 500 messages of 'QUIET' came"):
            tap.collect(500, timeout=0.5)


def test_taps_end_with_the_graph(graph: ezn.LiveGraph) -> None:
    tap = Tap(parse_address(graph.address), "SOURCE/OUTPUT")
    own = graph.tap("SOURCE/OUTPUT")
    assert isinstance(tap.latest(timeout=30.0), int)
    graph.stop()
    assert not psutil.pid_exists(own.pid)
    wait_for(lambda: bool(tap.end_reason), "the observer to say that the server is gone")
    assert tap.end_reason == "The GraphServer is gone."
    with pytest.raises(RequestTimeoutError, match="The GraphServer is gone"):
        tap.collect(10)
    tap.close()


def test_no_tap_where_no_server_is() -> None:
    with pytest.raises(GraphError, match=r"No tap of 'A' at 127\.0\.0\.1:9: Connection"):
        Tap(parse_address("127.0.0.1:9"), "A")


def test_a_foreign_class_is_not_made_without_trust() -> None:
    host = GraphHost.start(GraphSpec(factory="tapped_graph:build"))
    try:
        address = parse_address(host.address)
        with Tap(address, "SOURCE/OUTPUT_FOREIGN") as tap:
            with pytest.raises(UnsafePayloadError, match=r"fractions.Fraction.* trust=True"):
                tap.latest(timeout=30.0)
        with Tap(address, "SOURCE/OUTPUT_FOREIGN", trust=True) as tap:
            assert tap.latest(timeout=30.0) == 1.5
        with Tap(address, "SOURCE/OUTPUT_ARRAY") as tap:
            message = tap.latest(timeout=30.0)
            assert (message.dims, message.data.shape) == (["time", "ch"], (25, 8))
            assert message.axes["time"].unit == "s"
            assert list(message.axes["ch"].data) == [f"ch{number}" for number in range(8)]
    finally:
        host.stop()


IN_KERNEL = f"""
import json, sys, time
sys.path.insert(0, {str(TESTS)!r})
import ezmsg_nb as ezn
from host_graphs import Sink, Source, SourceSettings

source, sink = Source(SourceSettings(rate_hz={RATE_HZ})), Sink()
g = ezn.run(
    SOURCE=source, SINK=sink,
    connections=[(source.OUTPUT, sink.INPUT)], process_components=[source, sink],
)
tap = g.tap("SOURCE/OUTPUT")
tap.collect(10)
scope = g.scope("SOURCE/OUTPUT")
trace = g.trace(sample_mod=5)
trace.__enter__()
print(json.dumps([g.address, g._host.pid, tap.pid, scope.pid]))
"""


HOLD_THE_GIL = """
import ctypes, pathlib, os
gate = os.open({gate!r}, os.O_RDWR)
pathlib.Path({begun!r}).touch()
ctypes.PyDLL(None).read(gate, ctypes.create_string_buffer(1), 1)
os.close(gate)
"""


def wait_until_rate_is_kept(watched: ezn.LiveGraph, at_least_s: float) -> None:
    """Wait until the pipeline has kept its rate over some time, of which all is seen.

    A pipeline that is held back never does, however long it takes: its source makes up for a
    moment that the machine was busy with something else, but not for what nobody lets through.
    Only where it makes up for what was before that time, the time begins anew.
    """

    def count() -> tuple[float, int]:
        profile = watched.profile(0.05)
        total = int(profile[profile["topic"] == "SINK/INPUT"]["messages_total"].iloc[0])
        return time.monotonic(), total

    began, before = count()
    seen = ""

    def is_kept() -> bool:
        nonlocal began, before, seen
        now, total = count()
        rate_hz = (total - before) / (now - began)
        seen = f"{rate_hz:.1f} messages/s in {now - began:.1f} s"
        if now - began < at_least_s:
            return False
        if rate_hz > RATE_HZ * (1.0 + ALLOWED_LOSS):
            began, before = now, total
        return rate_hz == pytest.approx(RATE_HZ, rel=ALLOWED_LOSS)

    try:
        wait_for(is_kept, "the pipeline to keep its rate", 60.0)
    except AssertionError as error:
        raise AssertionError(f"{error} It ran at {seen}, not at {RATE_HZ}.") from error


def test_a_kernel_with_tap_scope_and_trace_may_stop_be_busy_or_die(tmp_path: Path) -> None:
    gate, begun = tmp_path / "gate", tmp_path / "begun"
    os.mkfifo(gate)
    with Kernel() as kernel:
        address, *own_pids = json.loads(kernel.run(IN_KERNEL).text)
        with ezn.connect(address) as watched:
            os.kill(kernel.pid, signal.SIGSTOP)
            try:
                wait_until_rate_is_kept(watched, 5.0)
            finally:
                os.kill(kernel.pid, signal.SIGCONT)
            kernel.client.execute(HOLD_THE_GIL.format(gate=str(gate), begun=str(begun)))
            held = os.open(gate, os.O_RDWR)
            try:
                wait_for(begun.exists, "the kernel to hold its GIL")
                wait_until_rate_is_kept(watched, 3.0)
            finally:
                os.write(held, b"1")
                os.close(held)
        text = kernel.run(
            "print(len(tap.collect(20)), scope.received > 20, len(trace.frame()))"
        ).text
        count, received, samples = text.split()
        assert (count, received) == ("20", "True")
        assert int(samples) > 100
        kernel.kill()
        # How soon: `python -m benchmarks.cycles`.
        wait_for(lambda: not any(map(psutil.pid_exists, own_pids)), "host and observers to end")
