"""Our client of the control plane against ezmsg's own, on one healthy graph.

``python -m benchmarks.control_plane [--quick]``

``ping_ratio``, ``snapshot_ratio``, ``update_setting_ratio``: time of ours over that of ezmsg's
``GraphContext``, both connected to the same graph of nine processes. ``decode_ratio``: time to
decode a trace batch, over ``pickle.loads``. ``healthy_ping_ms_one_stopped``: a ping to each of
eight processes while one is stopped and asked all the time. ``idle_cpu_percent``: share of a
core of a process that is attached by `ezmsg_nb.connect` and shows nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import pickle
import signal
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import psutil
from ezmsg.core.graphcontext import GraphContext
from ezmsg.core.graphmeta import (
    ProcessProfilingTraceBatch,
    ProfileChannelType,
    ProfilingTraceSample,
    ProfilingTraceStreamBatch,
)

from kernel_runtime import GraphError, KernelGraphContext
from kernel_runtime.host import GraphHost, GraphSpec
from kernel_runtime.profiling.columns import StreamTable
from kernel_runtime.profiling.trace_decode import TraceDecoder

from .harness import arguments, interleaved, median_ratio, report

UNITS = tuple(f"GAIN{number}" for number in range(9))
SAMPLES_A_BATCH = 4000
SETTLE_S = 4.0
SHORT_ROUNDS = 8
"""So many more of the round trips: each is over in a moment, and a moment may be a slow one."""

Client = Any
"""Ours or theirs: they take the same calls."""

_ATTACHED = """
import sys, time
import ezmsg_nb
graph = ezmsg_nb.connect(sys.argv[1])
print("attached", flush=True)
sys.stdin.read()
graph.close()
"""


async def round_trips(host: GraphHost, rounds: int) -> dict[str, float]:
    values = itertools.count(1)
    async with (
        KernelGraphContext(host.address) as ours,
        GraphContext(ours.address, auto_start=False) as theirs,
    ):

        def timed(
            call: Callable[[Client], Awaitable[object]], client: Client, times: int
        ) -> Callable[[], Awaitable[float]]:
            async def measure() -> float:
                started = time.perf_counter()
                for _ in range(times):
                    await call(client)
                return (time.perf_counter() - started) / times * 1e3

            return measure

        calls: dict[str, tuple[int, Callable[[Client], Awaitable[object]]]] = {
            "ping": (40, lambda client: client.process_ping(UNITS[0])),
            "snapshot": (20, lambda client: client.snapshot()),
            "update_setting": (
                15,
                lambda client: client.update_setting(UNITS[1], "gain", float(next(values))),
            ),
        }
        figures: dict[str, float] = {}
        for name, (times, call) in calls.items():
            contestants = {"ours": timed(call, ours, times), "theirs": timed(call, theirs, times)}
            for warm_up in contestants.values():
                await warm_up()
            found = await interleaved(rounds, contestants)
            figures[f"{name}_ratio"] = median_ratio(found["ours"], found["theirs"])
            _show(name, found["ours"], found["theirs"], "ms")
    return figures


async def pings_with_one_stopped(host: GraphHost, seconds: float) -> float:
    """Median time of a ping to a healthy process, of ours; ezmsg's is shown beside it."""
    async with (
        KernelGraphContext(host.address) as ours,
        GraphContext(ours.address, auto_start=False) as theirs,
    ):
        victim = psutil.Process((await ours.process_ping(UNITS[-1])).pid)
        for unit in UNITS[:-1]:
            await ours.process_ping(unit)
        victim.suspend()
        try:
            found = {
                "ours": await _pings(ours, seconds),
                "theirs": await _pings(theirs, seconds),
            }
        finally:
            os.kill(victim.pid, signal.SIGCONT)
    _show("ping to a healthy process, one stopped", found["ours"], found["theirs"], "ms")
    return statistics.median(found["ours"])


async def _pings(client: Client, seconds: float) -> list[float]:
    async def bother() -> None:
        while True:
            with contextlib.suppress(GraphError, RuntimeError):
                await client.process_ping(UNITS[-1], timeout=1.0)

    bothering = asyncio.create_task(bother())
    await asyncio.sleep(0.1)
    found = []
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        for unit in UNITS[:-1]:
            started = time.perf_counter()
            await client.process_ping(unit, timeout=5.0)
            found.append((time.perf_counter() - started) * 1e3)
            if time.monotonic() > give_up:
                break
    bothering.cancel()
    await asyncio.gather(bothering, return_exceptions=True)
    return found


def _trace_message() -> bytes:
    batches = {}
    for number in range(4):
        process_id = uuid.uuid1()
        samples = [
            ProfilingTraceSample(
                timestamp=1e12 + 1234.0 * seq,
                endpoint_id=f"UNIT{number}/OUTPUT:{process_id}",
                topic=f"UNIT{number}/OUTPUT",
                metric=("publish_delta_ns", "backpressure_wait_ns")[seq % 2],
                value=1e6 + seq,
                channel_kind=ProfileChannelType.SHM if seq % 2 else None,
                sample_seq=seq,
            )
            for seq in range(SAMPLES_A_BATCH // 4)
        ]
        batches[process_id] = ProcessProfilingTraceBatch(process_id, 1, "host", 1.0, samples)
    return pickle.dumps(ProfilingTraceStreamBatch(1.0, batches))


async def decoding(rounds: int) -> float:
    message = _trace_message()
    decoder = TraceDecoder(StreamTable())

    def timed(decode: Callable[[bytes], object]) -> Callable[[], Awaitable[float]]:
        async def measure() -> float:
            started = time.perf_counter()
            for _ in range(10):
                decode(message)
            return (time.perf_counter() - started) / 10 / SAMPLES_A_BATCH * 1e6

        return measure

    found = await interleaved(
        3 * rounds, {"ours": timed(decoder.decode), "theirs": timed(pickle.loads)}
    )
    _show("decoding a trace sample (theirs: pickle.loads)", found["ours"], found["theirs"], "µs")
    return median_ratio(found["ours"], found["theirs"])


def idle_cpu_percent(host: GraphHost, seconds: float) -> float:
    with subprocess.Popen(
        [sys.executable, "-c", _ATTACHED, host.address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as attached:
        assert attached.stdout is not None
        assert attached.stdout.readline() == "attached\n"
        time.sleep(SETTLE_S)
        process = psutil.Process(attached.pid)
        before, started = process.cpu_times(), time.monotonic()
        time.sleep(seconds)
        after, took = process.cpu_times(), time.monotonic() - started
        attached.communicate("", timeout=30)
    used = after.user + after.system - before.user - before.system
    print(f"attached and idle: {used * 1e3:.0f} ms of CPU in {took:.1f} s")
    return 100.0 * used / took


def _show(what: str, ours: list[float], theirs: list[float], unit: str) -> None:
    print(
        f"{what}: ours {statistics.median(ours):.3f} {unit}, "
        f"ezmsg {statistics.median(theirs):.3f} {unit}"
    )


def main() -> None:
    quick = arguments(__doc__ or "").quick
    rounds, seconds = (9, 12.0) if quick else (25, 30.0)
    host = GraphHost.start(GraphSpec(factory="benchmarks.graphs:gains"))
    try:
        figures = asyncio.run(round_trips(host, SHORT_ROUNDS * rounds))
        figures["decode_ratio"] = asyncio.run(decoding(rounds))
        figures["healthy_ping_ms_one_stopped"] = asyncio.run(
            pings_with_one_stopped(host, 2.5 if quick else 6.0)
        )
        figures["idle_cpu_percent"] = idle_cpu_percent(host, seconds)
    finally:
        host.stop()
    report({name: round(value, 4) for name, value in figures.items()})


if __name__ == "__main__":
    main()
