"""Graphs whose true numbers are known by construction: rates, holds, drops, bottlenecks."""

# ezmsg's decorators are untyped, and it declares SETTINGS as None.
# mypy: disallow-untyped-decorators=false, disable-error-code="assignment"

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Any

import ezmsg.core as ez
import numpy as np

import ezmsg_nb as ezn
from ezmsg_nb.live_graph import attach
from kernel_runtime.host import GraphHost, GraphSpec

HOLD_S = 0.005
RATE_HZ = 100.0


@contextmanager
def traced_graph(factory: str) -> Iterator[ezn.LiveGraph]:
    """A graph of this module, running in a host of its own."""
    host = GraphHost.start(GraphSpec(factory=f"{__name__}:{factory}"))
    try:
        with attach(host.address, host=host) as graph:
            yield graph
    finally:
        host.stop()


def busy(seconds: float) -> None:
    """Use a CPU for so long, whoever else runs."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


class TickSettings(ez.Settings):
    rate_hz: float = RATE_HZ
    delay_s: float = 0.0


class Tick(ez.Unit):
    """Publishes numbers at a fixed rate."""

    SETTINGS = TickSettings
    OUTPUT = ez.OutputStream(int)

    @ez.publisher(OUTPUT)
    async def publish(self) -> AsyncGenerator[Any, None]:
        await asyncio.sleep(self.SETTINGS.delay_s)
        period_s = 1.0 / self.SETTINGS.rate_hz
        next_s = time.monotonic()
        number = 0
        while True:
            next_s += period_s
            await asyncio.sleep(max(0.0, next_s - time.monotonic()))
            yield self.OUTPUT, number
            number += 1


class HoldSettings(ez.Settings):
    hold_s: float = 0.0
    """How long each message is held, without using a CPU."""
    work_s: float = 0.0
    """How much CPU time each message costs."""
    cpu: int | None = None
    """The only CPU that its process may run on."""


class Hold(ez.Unit):
    """Holds each message for a set time, then passes it on."""

    SETTINGS = HoldSettings
    INPUT_SETTINGS = ez.InputStream(HoldSettings)
    INPUT = ez.InputStream(int)
    OUTPUT = ez.OutputStream(int)

    async def initialize(self) -> None:
        _stay_on(self.SETTINGS.cpu)

    @ez.subscriber(INPUT_SETTINGS)
    async def on_settings(self, message: HoldSettings) -> None:
        self.apply_settings(message)

    @ez.subscriber(INPUT)
    @ez.publisher(OUTPUT)
    async def on_message(self, message: int) -> AsyncGenerator[Any, None]:
        if self.SETTINGS.hold_s:
            await asyncio.sleep(self.SETTINGS.hold_s)
        busy(self.SETTINGS.work_s)
        yield self.OUTPUT, message


class Sink(ez.Unit):
    SETTINGS = HoldSettings
    INPUT = ez.InputStream(int)

    @ez.subscriber(INPUT)
    async def on_message(self, message: int) -> None:
        if self.SETTINGS.hold_s:
            await asyncio.sleep(self.SETTINGS.hold_s)
        busy(self.SETTINGS.work_s)


class LeakySink(ez.Unit):
    """Takes the newest message, one each 20 ms, and lets the others go."""

    INPUT = ez.InputStream(int, leaky=True)

    @ez.subscriber(INPUT)
    async def on_message(self, message: int) -> None:
        await asyncio.sleep(0.02)


class Blob(ez.Unit):
    """Publishes large arrays as fast as they are taken, always through a socket."""

    OUTPUT = ez.OutputStream(np.ndarray, force_tcp=True)

    @ez.publisher(OUTPUT)
    async def publish(self) -> AsyncGenerator[Any, None]:
        blob = np.zeros(1_000_000)
        while True:
            yield self.OUTPUT, blob
            await asyncio.sleep(0.005)


class Burner(ez.Unit):
    """Takes a CPU away from whoever else may run on it alone."""

    async def initialize(self) -> None:
        _stay_on(_one_cpu())
        for _ in range(2):
            threading.Thread(target=_burn, daemon=True).start()


def _burn() -> None:
    while True:
        sum(range(10_000))


def _one_cpu() -> int:
    return min(os.sched_getaffinity(0))


def _stay_on(cpu: int | None) -> None:
    if cpu is not None:
        for thread in os.listdir(f"/proc/{os.getpid()}/task"):
            os.sched_setaffinity(int(thread), {cpu})


def _graph(connections: list[tuple[Any, Any]], **units: ez.Unit) -> dict[str, Any]:
    return {
        "components": units,
        "connections": tuple(connections),
        "process_components": tuple(units.values()),
    }


def chain() -> dict[str, Any]:
    """100 messages/s: TICK -> HOLD (5 ms) -> SINK, and TICK -> SIDE, all in own processes."""
    tick, hold, sink, side = Tick(), Hold(HoldSettings(hold_s=HOLD_S)), Sink(), Sink()
    return _graph(
        [(tick.OUTPUT, hold.INPUT), (hold.OUTPUT, sink.INPUT), (tick.OUTPUT, side.INPUT)],
        TICK=tick,
        HOLD=hold,
        SINK=sink,
        SIDE=side,
    )


def together() -> dict[str, Any]:
    """A TICK of 2,000 messages/s and its SINK in one process."""
    tick, sink = Tick(TickSettings(rate_hz=2000.0)), Sink()
    return {
        "components": {"TICK": tick, "SINK": sink},
        "connections": ((tick.OUTPUT, sink.INPUT),),
    }


def fan_in() -> dict[str, Any]:
    """Two tickers whose numbers drift apart, into one SINK."""
    slow, fast = Tick(TickSettings(rate_hz=40.0)), Tick(TickSettings(rate_hz=60.0))
    sink = Sink()
    return _graph(
        [(slow.OUTPUT, sink.INPUT), (fast.OUTPUT, sink.INPUT)], SLOW=slow, FAST=fast, SINK=sink
    )


def leaky() -> dict[str, Any]:
    """200 messages/s into a leaky sink that takes 50."""
    tick, sink = Tick(TickSettings(rate_hz=200.0)), LeakySink()
    return _graph([(tick.OUTPUT, sink.INPUT)], TICK=tick, SINK=sink)


def slow_unit() -> dict[str, Any]:
    """WORK takes 8 ms of CPU a message and is sent 400 a second."""
    tick, work, sink = Tick(TickSettings(rate_hz=400.0)), Hold(HoldSettings(work_s=0.008)), Sink()
    return _graph(
        [(tick.OUTPUT, work.INPUT), (work.OUTPUT, sink.INPUT)], TICK=tick, WORK=work, SINK=sink
    )


def slow_consumer() -> dict[str, Any]:
    """SINK holds each message 20 ms, so that PASS before it, quick by itself, waits too."""
    tick, through = Tick(TickSettings(rate_hz=400.0)), Hold()
    sink = Sink(HoldSettings(hold_s=0.02))
    return _graph(
        [(tick.OUTPUT, through.INPUT), (through.OUTPUT, sink.INPUT)],
        TICK=tick,
        PASS=through,
        SINK=sink,
    )


def busy_fan_in() -> dict[str, Any]:
    """Three tickers of 100 messages/s into a JOIN that can take 200."""
    ticks = [Tick() for _ in range(3)]
    join, sink = Hold(HoldSettings(hold_s=0.005)), Sink()
    return _graph(
        [*((tick.OUTPUT, join.INPUT) for tick in ticks), (join.OUTPUT, sink.INPUT)],
        ONE=ticks[0],
        TWO=ticks[1],
        THREE=ticks[2],
        JOIN=join,
        SINK=sink,
    )


def starved() -> dict[str, Any]:
    """WORK would need half a CPU, and shares one with two threads that take all they get."""
    tick, sink, burner = Tick(TickSettings(rate_hz=100.0)), Sink(), Burner()
    work = Hold(HoldSettings(work_s=0.005, cpu=_one_cpu()))
    return _graph(
        [(tick.OUTPUT, work.INPUT), (work.OUTPUT, sink.INPUT)],
        TICK=tick,
        WORK=work,
        SINK=sink,
        BURNER=burner,
    )


def blobs() -> dict[str, Any]:
    """8 MB messages through a socket to a SINK that does nothing with them."""
    blob, sink = Blob(), Sink()
    return _graph([(blob.OUTPUT, sink.INPUT)], BLOB=blob, SINK=sink)
