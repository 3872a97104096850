"""What units print and log, wherever it comes from and however much it is."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest
from ezmsg.core.graphcontext import GraphContext
from real_graphs import wait_for
from test_host_deaths import kernel_with

from kernel_runtime.host import GraphHost, GraphSpec

RATE_HZ = 200.0
RATE_DEADLINE_S = 60.0


def texts(host: GraphHost, unit: str | None, level: str) -> list[str]:
    return [record.text for record in host.logs(unit) if record.level == level]


def test_all_ways_of_output_are_kept_with_the_unit() -> None:
    began = time.time()
    host = GraphHost.start(GraphSpec(factory="host_graphs:talkative"))
    wait_for(
        lambda: (
            "the last word" in texts(host, "TALKER", "stdout")
            and "murmur 4" in texts(host, "QUIET", "stdout")
        ),
        "the last words",
    )
    printed = texts(host, "TALKER", "stdout")
    assert printed[0] == "talker initializes"
    assert "printed in two parts and finished" in printed
    assert not any("murmur" in text for text in printed)
    assert texts(host, "QUIET", "stdout") == [f"murmur {number}" for number in range(5)]
    assert texts(host, "TALKER", "stderr") == ["to standard error"]
    assert texts(host, "TALKER", "WARNING") == ["logged by ezmsg's logger"]
    assert texts(host, "TALKER", "ERROR") == ["my.module: logged by my own\nover two lines"]
    assert "".join(printed).count("x") == 10_000

    # Below Python nobody knows which unit of a process it was.
    wait_for(lambda: len(texts(host, None, "stdout")) >= 2, "what came below Python")
    raw = [record for record in host.logs() if record.unit is None and record.level == "stdout"]
    assert {"raw standard output", "from a subprocess"} <= {record.text for record in raw}
    pids = {process.pid: process.name for process in host.processes}
    assert all(pids[record.pid] == record.process for record in raw)
    assert all(began <= record.time <= time.time() for record in host.logs())
    assert host.logs_dropped == 0
    host.stop()
    assert "talker shuts down" in texts(host, "TALKER", "stdout")


def test_raw_output_has_the_unit_where_a_process_has_one() -> None:
    host = GraphHost.start(GraphSpec(factory="host_graphs:talkative_alone"))
    wait_for(
        lambda: "from a subprocess" in texts(host, "TALKER", "stdout"),
        "the line of the subprocess",
    )
    wait_for(lambda: "raw standard error" in texts(host, "TALKER", "stderr"), "the raw line")
    host.stop()


def test_output_does_not_reach_the_kernels_own(capfd: pytest.CaptureFixture[str]) -> None:
    host = GraphHost.start(GraphSpec(factory="host_graphs:talkative"))
    wait_for(lambda: "the last word" in texts(host, "TALKER", "stdout"), "the last word")
    host.stop()
    assert capfd.readouterr() == ("", "")


async def sink_keeps_its_rate(address: tuple[str, int], window_s: float) -> None:
    """Watch until the messages that reach SINK are as many as they should be over a window.

    A pipeline that is held back stands still in every window; one on a busy machine is late now
    and then. From the totals of two snapshots, and our clock.
    """
    seen = []
    deadline = time.monotonic() + RATE_DEADLINE_S
    async with GraphContext(address) as context:
        count, when = await sink_total(context)
        while time.monotonic() < deadline:
            await asyncio.sleep(window_s)
            before, began = count, when
            count, when = await sink_total(context)
            seen.append((count - before) / (when - began))
            if 0.7 * RATE_HZ < seen[-1] < 1.3 * RATE_HZ:
                return
    raise AssertionError(f"SINK got {seen} messages/s, not {RATE_HZ}.")


async def sink_total(context: GraphContext) -> tuple[int, float]:
    """How many messages SINK has received, and when that was asked."""
    snapshot = await context.process_profiling_snapshot("SINK", timeout=20.0)
    received = sum(
        subscriber.messages_received_total
        for subscriber in snapshot.subscribers.values()
        if subscriber.topic == "SINK/INPUT"
    )
    return received, time.monotonic()


async def test_flood_neither_blocks_the_pipeline_nor_grows_memory() -> None:
    host = GraphHost.start(GraphSpec(factory="host_graphs:flooding"))
    name, _, port = host.address.rpartition(":")
    try:
        await sink_keeps_its_rate((name, int(port)), 2.0)
        host_memory = psutil.Process(host.pid).memory_info().rss
        own_memory = psutil.Process().memory_info().rss
        await sink_keeps_its_rate((name, int(port)), 3.0)
        grown_mib = (psutil.Process(host.pid).memory_info().rss - host_memory) / 2**20
        own_grown_mib = (psutil.Process().memory_info().rss - own_memory) / 2**20
        assert grown_mib < 16
        assert own_grown_mib < 16
        assert len(host.logs()) <= 10_000

        def newest() -> int:
            lines = [one.text for one in host.logs() if one.text.startswith("flood line")]
            return max(int(line.split()[2]) for line in lines)

        wait_for(lambda: newest() > 100_000, "a hundred thousand lines")
        assert host.logs_dropped > 10_000
    finally:
        host.stop()


async def test_stopped_kernel_does_not_slow_a_talking_pipeline() -> None:
    with kernel_with("host_graphs:flooding") as kernel:
        os.kill(kernel.process.pid, signal.SIGSTOP)
        await sink_keeps_its_rate(kernel.address, 5.0)
        os.kill(kernel.process.pid, signal.SIGCONT)
        assert psutil.Process(kernel.host_pid).memory_info().rss < 400 * 2**20


def test_output_of_the_factory_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "talking_factory.py").write_text(
        "import os\n"
        "from host_graphs import steady\n"
        "print('imported')\n"
        "def build():\n"
        "    os.write(1, b'raw from the factory\\n')\n"
        "    return steady()\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    host = GraphHost.start(GraphSpec(factory="talking_factory:build"))
    wait_for(
        lambda: (
            {"imported", "raw from the factory"}
            <= {record.text for record in host.logs() if record.process == "host"}
        ),
        "the factory's lines",
    )
    host.stop()
