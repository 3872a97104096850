"""A pipeline of 256 channels at 30 kHz in three processes, for `benchmarks.scope`."""

# ezmsg's decorators are untyped.
# mypy: disallow-untyped-decorators=false

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import ezmsg.core as ez
import numpy as np
from ezmsg.util.messages.axisarray import AxisArray

FS_HZ = 30_000.0
CHANNELS = 256
BLOCK = 600


class Source(ez.Unit):
    """Blocks of 20 ms, float32, as an amplifier gives them."""

    OUTPUT = ez.OutputStream(AxisArray)

    @ez.publisher(OUTPUT)
    async def publish(self) -> AsyncGenerator[Any, None]:
        data = np.random.default_rng(0).standard_normal((BLOCK, CHANNELS)).astype(np.float32)
        names = AxisArray.CoordinateAxis(
            data=np.array([f"ch{at}" for at in range(CHANNELS)]), dims=["ch"]
        )
        start, due_s = 0, time.monotonic()
        while True:
            axes = {"time": AxisArray.TimeAxis(fs=FS_HZ, offset=start / FS_HZ), "ch": names}
            yield self.OUTPUT, AxisArray(data, dims=["time", "ch"], axes=axes)
            start += BLOCK
            due_s += BLOCK / FS_HZ
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))


class Filter(ez.Unit):
    """A first-order high pass over each channel: some work, as a pipeline has it."""

    INPUT = ez.InputStream(AxisArray)
    OUTPUT = ez.OutputStream(AxisArray)

    @ez.subscriber(INPUT)
    @ez.publisher(OUTPUT)
    async def on_message(self, message: AxisArray) -> AsyncGenerator[Any, None]:
        smooth = (
            np.cumsum(message.data, axis=0) / np.arange(1, BLOCK + 1, dtype=np.float32)[:, None]
        )
        yield self.OUTPUT, replace(message, data=message.data - smooth)


class Sink(ez.Unit):
    INPUT = ez.InputStream(AxisArray)

    @ez.subscriber(INPUT)
    async def on_message(self, message: AxisArray) -> None:
        message.data.std(axis=0)


def build() -> dict[str, Any]:
    """SOURCE -> FILTER -> SINK, each in a process of its own."""
    source, middle, sink = Source(), Filter(), Sink()
    return {
        "components": {"SOURCE": source, "FILTER": middle, "SINK": sink},
        "connections": ((source.OUTPUT, middle.INPUT), (middle.OUTPUT, sink.INPUT)),
        "process_components": (source, middle, sink),
    }
