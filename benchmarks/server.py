"""ezmsg's GraphServer and ours, under what makes ezmsg's slow.

``python -m benchmarks.server [--quick]``

``ping_p99_ms_idle_readers``, ``cpu_percent_idle_readers``: four unit processes whose trace
buffers are full, and two readers who have read all; round trips to a unit process, and the
server's share of a core. ``snapshot_p99_ms_stuck_reader``, ``rss_growth_mib_stuck_reader``:
four processes that trace, with buffers that are full already, and a reader that has stopped
reading. ``longest_wait_ms``: the longest that a snapshot, a ping or a new connection of
another client took under each fault; ``nothing`` is what the machine itself does.
``pubsub_setup_ratio``, ``throughput_ratio``: times of ours over ezmsg's, for a graph of
publishers and subscribers to be set up, and for messages to pass.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pickle
import statistics
import time
from collections.abc import AsyncIterator

import psutil
from ezmsg.core.graphcontext import GraphContext
from ezmsg.core.graphmeta import ProfilingStreamControl
from ezmsg.core.netprotocol import Address, Command, read_int, read_str, uint64_to_bytes

from .harness import arguments, interleaved, median_ratio, report
from .server_faults import longest_ms_by_fault
from .server_peers import peer, server
from .server_pubsub import pubsub_setup_s, throughput_s

KINDS = ("stock", "ours")
PROCESSES = 4
FULL_BUFFER = 200_000
FULL_BUFFER_QUICK = 60_000
TRACE_RATE_HZ = 10_000.0
FULL_BUFFER_OF_STUCK_READER = 10_000
FEWEST = 50

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@contextlib.asynccontextmanager
async def trace_subscription(
    address: Address, control: ProfilingStreamControl
) -> AsyncIterator[asyncio.StreamReader]:
    reader, writer = await asyncio.open_connection(*address)
    try:
        await read_str(reader)
        payload = pickle.dumps(control)
        writer.write(Command.SESSION_PROFILING_SUBSCRIBE.value)
        writer.write(uint64_to_bytes(len(payload)) + payload)
        await read_str(reader)
        await reader.readexactly(1)
        yield reader
    finally:
        writer.transport.abort()


def p99_ms(times_s: list[float]) -> float:
    return statistics.quantiles(times_s, n=100)[98] * 1e3


async def _read_samples(reader: asyncio.StreamReader, count: int) -> None:
    while count > 0:
        message = pickle.loads(await reader.readexactly(await read_int(reader)))
        count -= sum(len(batch.samples) for batch in message.batches.values())


async def _pings(context: GraphContext, seconds: float) -> list[float]:
    times_s: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times_s) < FEWEST:
        started = time.perf_counter()
        await context.process_ping("P0/UNIT")
        times_s.append(time.perf_counter() - started)
        await asyncio.sleep(0.005)
    return times_s


def _cpu_ticks(process: psutil.Process) -> int:
    times = process.cpu_times()
    return round((times.user + times.system) * _TICKS_PER_S)


async def idle_readers(kind: str, seconds: float, full: int) -> tuple[float, float, float]:
    """Measure p99 of pings without and with readers in ms, and the server's CPU in percent."""
    with (
        server(kind, EZMSG_PROFILE_TRACE_BUFFER_LIMIT=str(full)) as (address, process),
        peer("processes", str(address), str(PROCESSES), str(full), "0"),
    ):
        control = ProfilingStreamControl(interval=0.05, max_samples=50_000)
        async with GraphContext(address, auto_start=False) as context:
            # The answers come behind the samples that are on their way.
            for number in range(PROCESSES):
                await context.process_ping(f"P{number}/UNIT")
            before = await _pings(context, seconds)
            async with contextlib.AsyncExitStack() as readers:
                for _ in range(2):
                    reader = await readers.enter_async_context(trace_subscription(address, control))
                    await _read_samples(reader, PROCESSES * full)
                ticks = _cpu_ticks(process)
                started = time.perf_counter()
                await asyncio.sleep(seconds)
                used_s = (_cpu_ticks(process) - ticks) / _TICKS_PER_S
                cpu_percent = 100 * used_s / (time.perf_counter() - started)
                during = await _pings(context, seconds)
    return p99_ms(before), p99_ms(during), cpu_percent


async def stuck_reader(kind: str, seconds: float) -> tuple[float, float]:
    """Measure p99 of snapshots in ms, and the growth of the server's memory in MiB."""
    full = str(FULL_BUFFER_OF_STUCK_READER)
    with (
        server(kind, EZMSG_PROFILE_TRACE_BUFFER_LIMIT=full) as (address, process),
        peer("processes", str(address), str(PROCESSES), full, str(TRACE_RATE_HZ)),
    ):
        control = ProfilingStreamControl(interval=0.05, max_samples=10_000)
        async with (
            trace_subscription(address, control) as reader,
            GraphContext(address, auto_start=False) as context,
        ):
            reader._transport.pause_reading()  # type: ignore[attr-defined]
            rss = process.memory_info().rss
            times_s: list[float] = []
            end = time.perf_counter() + seconds
            while time.perf_counter() < end or len(times_s) < FEWEST:
                started = time.perf_counter()
                await context.snapshot()
                times_s.append(time.perf_counter() - started)
                await asyncio.sleep(0.02)
            growth = process.memory_info().rss - rss
    return p99_ms(times_s), growth / 2**20


async def measure(*, quick: bool) -> dict[str, object]:
    seconds = 1.5 if quick else 10.0
    names = (
        "ping_p99_ms_without_readers",
        "ping_p99_ms_idle_readers",
        "cpu_percent_idle_readers",
        "snapshot_p99_ms_stuck_reader",
        "rss_growth_mib_stuck_reader",
    )
    figures: dict[str, dict[str, float]] = {name: {} for name in names}
    for kind in KINDS:
        full = FULL_BUFFER_QUICK if quick else FULL_BUFFER
        found = (*await idle_readers(kind, seconds, full), *await stuck_reader(kind, seconds))
        for name, value in zip(names, found, strict=True):
            figures[name][kind] = round(value, 2)
    longest: dict[str, dict[str, float]] = {}
    for kind in ("ours",) if quick else KINDS:
        waits_ms = longest_ms_by_fault(
            kind, 0.3 if quick else 3.0, 1.0 if quick else 20.0, 2.0, 1 if quick else 3
        )
        for fault, wait_ms in waits_ms.items():
            longest.setdefault(fault, {})[kind] = wait_ms
    with contextlib.ExitStack() as servers:
        addresses = {kind: servers.enter_context(server(kind))[0] for kind in KINDS}
        set_up = await interleaved(
            80 if quick else 200,
            {kind: lambda at=at: pubsub_setup_s(at) for kind, at in addresses.items()},  # type: ignore[misc]
        )
        passed = await interleaved(
            31 if quick else 60,
            {kind: lambda at=at: throughput_s(at) for kind, at in addresses.items()},  # type: ignore[misc]
        )
    return {
        **figures,
        "longest_wait_ms": longest,
        "pubsub_setup_ratio": round(median_ratio(set_up["ours"], set_up["stock"]), 3),
        "throughput_ratio": round(median_ratio(passed["ours"], passed["stock"]), 3),
    }


if __name__ == "__main__":
    logging.getLogger("ezmsg").setLevel(logging.ERROR)
    # Any free port: ezmsg's own search passes all those again that were used a minute ago.
    os.environ.setdefault("EZMSG_PUBLISHER_PORT_START", "0")
    report(asyncio.run(measure(quick=arguments(__doc__ or "").quick)))
