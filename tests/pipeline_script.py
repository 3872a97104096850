"""The test pipeline: ``python pipeline_script.py HOST:PORT FILE``.

Runs SOURCE -> GAIN -> SINK in three processes until interrupted; the sink writes the file when
messages have reached it.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncGenerator
from dataclasses import replace
from enum import Enum
from pathlib import Path

import ezmsg.core as ez


class Mode(Enum):
    LINEAR = "linear"
    SQUARE = "square"


class SourceSettings(ez.Settings):
    rate_hz: float = 100.0


class Source(ez.Unit):
    SETTINGS = SourceSettings
    INPUT_SETTINGS = ez.InputStream(SourceSettings)
    OUTPUT = ez.OutputStream(float)

    @ez.subscriber(INPUT_SETTINGS)
    async def on_settings(self, settings: SourceSettings) -> None:
        self.apply_settings(settings)

    @ez.publisher(OUTPUT)
    async def produce(self) -> AsyncGenerator[tuple[ez.OutputStream, float], None]:
        while True:
            await asyncio.sleep(1.0 / self.SETTINGS.rate_hz)
            yield self.OUTPUT, time.time()


class GainSettings(ez.Settings):
    gain: float = 1.0
    offset: int = 0
    label: str = "gain"
    enabled: bool = True
    mode: Mode = Mode.LINEAR
    limit: float | None = None


class Gain(ez.Unit):
    SETTINGS = GainSettings
    INPUT_SETTINGS = ez.InputStream(GainSettings)
    INPUT = ez.InputStream(float)
    OUTPUT = ez.OutputStream(float)

    @ez.subscriber(INPUT_SETTINGS)
    async def on_settings(self, settings: GainSettings) -> None:
        self.apply_settings(settings)

    @ez.subscriber(INPUT)
    @ez.publisher(OUTPUT)
    async def scale(self, message: float) -> AsyncGenerator[tuple[ez.OutputStream, float], None]:
        if self.SETTINGS.enabled:
            yield self.OUTPUT, message * self.SETTINGS.gain + self.SETTINGS.offset


class SinkSettings(ez.Settings):
    arrived: Path | None = None


class SinkState(ez.State):
    messages: int = 0


class Sink(ez.Unit):
    SETTINGS = SinkSettings
    STATE = SinkState
    INPUT_SETTINGS = ez.InputStream(SinkSettings)
    INPUT = ez.InputStream(float)

    @ez.subscriber(INPUT_SETTINGS)
    async def on_settings(self, settings: SinkSettings) -> None:
        self.apply_settings(settings)

    @ez.subscriber(INPUT)
    async def count(self, message: float) -> None:
        self.STATE.messages += 1
        if self.STATE.messages == 3 and self.SETTINGS.arrived is not None:
            self.SETTINGS.arrived.touch()


def main(address: str, arrived: str) -> None:
    host, port = address.split(":")
    source = Source(SourceSettings())
    gain = Gain(GainSettings())
    sink = Sink(replace(SinkSettings(), arrived=Path(arrived)))
    ez.run(
        components={"SOURCE": source, "GAIN": gain, "SINK": sink},
        connections=((source.OUTPUT, gain.INPUT), (gain.OUTPUT, sink.INPUT)),
        process_components=(source, gain),
        graph_address=(host, int(port)),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
