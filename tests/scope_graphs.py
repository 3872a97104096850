"""Graphs for the tests of scopes: many channels at a high rate, and messages of other types."""

# ezmsg's decorators are untyped, and it declares SETTINGS as None.
# mypy: disallow-untyped-decorators=false, disable-error-code="assignment"

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import ezmsg.core as ez
import numpy as np
from ezmsg.util.messages.axisarray import AxisArray


class ArraySettings(ez.Settings):
    fs_hz: float = 1000.0
    channels: int = 8
    samples: int = 20


class ArraySource(ez.Unit):
    """Sines of 2 Hz, of amplitude 1 around the channel's number; block after block in time."""

    SETTINGS = ArraySettings
    OUTPUT = ez.OutputStream(AxisArray)

    @ez.publisher(OUTPUT)
    async def publish(self) -> AsyncGenerator[Any, None]:
        fs_hz, channels, samples = (
            self.SETTINGS.fs_hz,
            self.SETTINGS.channels,
            self.SETTINGS.samples,
        )
        names = np.array([f"ch{number}" for number in range(channels)])
        start, due_s = 0, time.monotonic()
        while True:
            at_s = (start + np.arange(samples)) / fs_hz
            data = np.sin(4 * np.pi * at_s)[:, None] + np.arange(channels)
            axes = {
                "time": AxisArray.TimeAxis(fs=fs_hz, offset=start / fs_hz),
                "ch": AxisArray.CoordinateAxis(data=names, dims=["ch"]),
            }
            message = AxisArray(
                data.astype(np.float32), dims=["time", "ch"], axes=axes, attrs={"unit": "uV"}
            )
            yield self.OUTPUT, message
            start += samples
            due_s += samples / fs_hz
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))


@dataclass
class Trial:
    number: int
    label: str
    scores: dict[str, float] = field(default_factory=dict)


class TrialSource(ez.Unit):
    OUTPUT = ez.OutputStream(Trial)

    @ez.publisher(OUTPUT)
    async def publish(self) -> AsyncGenerator[Any, None]:
        number = 0
        while True:
            yield self.OUTPUT, Trial(number, "left <hand>", {"accuracy": 0.75})
            number += 1
            await asyncio.sleep(0.02)


class Sink(ez.Unit):
    INPUT = ez.InputStream(Any)

    @ez.subscriber(INPUT)
    async def on_message(self, message: Any) -> None:
        return


def build(settings: ArraySettings | None = None) -> dict[str, Any]:
    source, trials, sink = ArraySource(settings or ArraySettings()), TrialSource(), Sink()
    return {
        "components": {"SOURCE": source, "TRIALS": trials, "SINK": sink},
        "connections": ((source.OUTPUT, sink.INPUT), (trials.OUTPUT, "WATCHED")),
        "process_components": (source, sink),
    }


def wide() -> dict[str, Any]:
    """256 channels at 30 kHz."""
    return build(ArraySettings(fs_hz=30_000.0, channels=256, samples=600))
