"""A pipeline of fixed rate, or as fast as it can (rate 0), that notes how long messages took."""

# ezmsg's decorators are untyped, and it declares SETTINGS as None.
# mypy: disallow-untyped-decorators=false, disable-error-code="assignment"

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import AsyncGenerator
from typing import Any

import ezmsg.core as ez
import numpy as np

LATENCY_FILE_ENV = "EZMSG_NB_BENCHMARK_LATENCIES"
RATE_ENV = "EZMSG_NB_BENCHMARK_RATE_HZ"
RATE_HZ = 500.0

Message = tuple[int, np.ndarray[Any, np.dtype[np.float64]]]


class Source(ez.Unit):
    OUTPUT = ez.OutputStream(tuple)

    @ez.publisher(OUTPUT)
    async def publish(self) -> AsyncGenerator[Any, None]:
        samples = np.random.default_rng(0).standard_normal((40, 64))
        rate_hz = float(os.environ.get(RATE_ENV, RATE_HZ))
        next_s = time.monotonic()
        while True:
            if rate_hz:
                next_s += 1.0 / rate_hz
                await asyncio.sleep(max(0.0, next_s - time.monotonic()))
            yield self.OUTPUT, (time.perf_counter_ns(), samples)


class Filter(ez.Unit):
    INPUT = ez.InputStream(tuple)
    OUTPUT = ez.OutputStream(tuple)

    @ez.subscriber(INPUT)
    @ez.publisher(OUTPUT)
    async def on_message(self, message: Message) -> AsyncGenerator[Any, None]:
        began, samples = message
        yield self.OUTPUT, (began, np.cumsum(samples, axis=0))


class Sink(ez.Unit):
    INPUT = ez.InputStream(tuple)

    async def initialize(self) -> None:
        self.latencies: list[int] = []

    @ez.subscriber(INPUT)
    async def on_message(self, message: Message) -> None:
        self.latencies.append(time.perf_counter_ns() - message[0])
        if len(self.latencies) == 100:
            _append(self.latencies)
            self.latencies.clear()


def _append(latencies: list[int]) -> None:
    with open(os.environ[LATENCY_FILE_ENV], "ab") as file:
        np.array(latencies, np.int64).tofile(file)


def build() -> dict[str, Any]:
    """SOURCE -> F1 -> F2 -> F3 -> SINK in three processes."""
    source, sink = Source(), Sink()
    filters = [Filter() for _ in range(3)]
    chain: list[Any] = [source, *filters, sink]
    return {
        "components": {"SOURCE": source, "SINK": sink}
        | {f"F{number}": each for number, each in enumerate(filters, start=1)},
        "connections": tuple((one.OUTPUT, other.INPUT) for one, other in itertools.pairwise(chain)),
        "process_components": (source, sink),
    }
