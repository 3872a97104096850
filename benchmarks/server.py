"""ezmsg's GraphServer and ours, under what makes ezmsg's slow.

``python -m benchmarks.server [--quick]``

``ping_p99_ms_idle_readers``, ``cpu_percent_idle_readers``: four unit processes whose trace
buffers are full, and two readers who have read all; round trips to a unit process, and the
server's share of a core. ``snapshot_p99_ms_stuck_reader``, ``rss_growth_mib_stuck_reader``:
four processes that trace, and a reader that has stopped reading. ``pubsub_setup_ratio``,
``throughput_ratio``: times of ours over ezmsg's, for a graph of publishers and subscribers
to be set up, and for messages to pass.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pickle
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator

import psutil
from ezmsg.core.graphcontext import GraphContext
from ezmsg.core.graphmeta import ProfilingStreamControl
from ezmsg.core.netprotocol import Address, Command, read_int, read_str, uint64_to_bytes
from ezmsg.core.pubclient import Publisher
from ezmsg.core.subclient import Subscriber

from .harness import arguments, interleaved, median_ratio, report

KINDS = ("stock", "ours")
PROCESSES = 4
FULL_BUFFER = 200_000
TRACE_RATE_HZ = 10_000.0
PAIRS = 30
MESSAGES = 2000
FEWEST = 50


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def peer(*role: str) -> Iterator[psutil.Process]:
    """One process of `benchmarks.server_peers`, from when it is ready."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.server_peers", *role],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            for line in process.stdout:
                if line.strip() == "ready":
                    break
            else:
                raise RuntimeError(f"{role} did not start")
            yield psutil.Process(process.pid)
        finally:
            process.stdin.close()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()


@contextlib.contextmanager
def server(kind: str) -> Iterator[tuple[Address, psutil.Process]]:
    address = Address("127.0.0.1", _free_port())
    with peer(kind, str(address)) as process:
        yield address, process


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


async def idle_readers(kind: str, seconds: float) -> tuple[float, float, float]:
    """Measure p99 of pings without and with readers in ms, and the server's CPU in percent."""
    with (
        server(kind) as (address, process),
        peer("processes", str(address), str(PROCESSES), str(FULL_BUFFER), "0"),
    ):
        control = ProfilingStreamControl(interval=0.05, max_samples=50_000)
        async with GraphContext(address, auto_start=False) as context:
            before = await _pings(context, seconds)
            async with contextlib.AsyncExitStack() as readers:
                for _ in range(2):
                    reader = await readers.enter_async_context(trace_subscription(address, control))
                    await _read_samples(reader, PROCESSES * FULL_BUFFER)
                times = process.cpu_times()
                started = time.perf_counter()
                await asyncio.sleep(seconds)
                after = process.cpu_times()
                used_s = after.user + after.system - times.user - times.system
                cpu_percent = 100 * used_s / (time.perf_counter() - started)
                during = await _pings(context, seconds)
    return p99_ms(before), p99_ms(during), cpu_percent


async def stuck_reader(kind: str, seconds: float) -> tuple[float, float]:
    """Measure p99 of snapshots in ms, and the growth of the server's memory in MiB."""
    with (
        server(kind) as (address, process),
        peer("processes", str(address), str(PROCESSES), "0", str(TRACE_RATE_HZ)),
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


async def storm(seconds: float, rate_hz: float) -> tuple[float, float]:
    """Connect, half-send a command and go, again and again, at our server.

    Returns connections a second, and the slowest snapshot of another client meanwhile in ms.
    """
    with server("ours") as (address, _):
        async with GraphContext(address, auto_start=False) as context:
            end = time.perf_counter() + seconds
            made = 0

            async def rude() -> None:
                nonlocal made
                began = time.perf_counter()
                while time.perf_counter() < end:
                    _, writer = await asyncio.open_connection(*address)
                    writer.write(Command.PUBLISH.value + b"\x01")
                    writer.transport.abort()
                    made += 1
                    await asyncio.sleep(max(0.0, began + made / rate_hz - time.perf_counter()))

            going = asyncio.create_task(rude())
            slowest_s = 0.0
            while not going.done():
                started = time.perf_counter()
                await context.snapshot()
                slowest_s = max(slowest_s, time.perf_counter() - started)
                await asyncio.sleep(0.02)
            await going
    return made / seconds, slowest_s * 1e3


async def pubsub_setup_s(address: Address) -> float:
    """Set up pairs of publishers and subscribers on one topic each, and two topics of many."""
    started = time.perf_counter()
    publishers: list[Publisher] = []
    subscribers: list[Subscriber] = []
    async with GraphContext(address, auto_start=False) as context:
        for number in range(PAIRS):
            await context.connect(f"FROM{number}", f"TO{number}")
            publishers.append(await Publisher.create(f"FROM{number}", address, buf_size=1024))
            subscribers.append(await Subscriber.create(f"TO{number}", address))
        for _ in range(PAIRS // 3):
            publishers.append(await Publisher.create("SHARED", address, buf_size=1024))
            subscribers.append(await Subscriber.create("SHARED", address))
        took_s = time.perf_counter() - started
        # While their edges are there: a subscriber that loses them as it closes fails.
        await _close(*subscribers)
    await _close(*publishers)
    return took_s


async def _close(*ends: Publisher | Subscriber) -> None:
    for end in ends:
        end.close()
        await end.wait_closed()


async def throughput_s(address: Address) -> float:
    """Pass messages from a publisher to a subscriber through shared memory."""
    publisher = await Publisher.create("FLOOD", address, allow_local=False)
    subscriber = await Subscriber.create("FLOOD", address)
    try:
        started = time.perf_counter()

        async def send() -> None:
            for number in range(MESSAGES):
                await publisher.broadcast(number)

        sending = asyncio.create_task(send())
        for _ in range(MESSAGES):
            async with subscriber.recv_zero_copy():
                pass
        await sending
        return time.perf_counter() - started
    finally:
        await _close(subscriber, publisher)


async def measure(*, quick: bool) -> dict[str, object]:
    seconds = 1.5 if quick else 10.0
    rounds = 7 if quick else 15
    figures: dict[str, dict[str, float]] = {
        "ping_p99_ms_idle_readers": {},
        "cpu_percent_idle_readers": {},
        "snapshot_p99_ms_stuck_reader": {},
        "rss_growth_mib_stuck_reader": {},
    }
    for kind in KINDS:
        without, during, cpu_percent = await idle_readers(kind, seconds)
        print(f"{kind}: ping p99 {without:.2f} ms without readers, {during:.2f} ms with two")
        figures["ping_p99_ms_idle_readers"][kind] = during
        figures["cpu_percent_idle_readers"][kind] = cpu_percent
    for kind in KINDS:
        snapshot_ms, growth = await stuck_reader(kind, seconds)
        figures["snapshot_p99_ms_stuck_reader"][kind] = snapshot_ms
        figures["rss_growth_mib_stuck_reader"][kind] = growth
    storm_hz, slowest_ms = await storm(2.0 if quick else 20.0, 1000.0)
    print(
        f"ours: {storm_hz:.0f} connections/s that break off, slowest snapshot {slowest_ms:.1f} ms"
    )
    with contextlib.ExitStack() as servers:
        addresses = {kind: servers.enter_context(server(kind))[0] for kind in KINDS}
        set_up = await interleaved(
            rounds,
            {kind: lambda at=at: pubsub_setup_s(at) for kind, at in addresses.items()},  # type: ignore[misc]
        )
        passed = await interleaved(
            rounds,
            {kind: lambda at=at: throughput_s(at) for kind, at in addresses.items()},  # type: ignore[misc]
        )
    return {
        **figures,
        "pubsub_setup_ratio": median_ratio(set_up["ours"], set_up["stock"]),
        "throughput_ratio": median_ratio(passed["ours"], passed["stock"]),
    }


if __name__ == "__main__":
    logging.getLogger("ezmsg").setLevel(logging.ERROR)
    os.environ.setdefault("EZMSG_PUBLISHER_PORT_START", "26100")
    report(asyncio.run(measure(quick=arguments(__doc__ or "").quick)))
