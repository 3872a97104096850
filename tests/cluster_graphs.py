"""Units for graphs on workers of a cluster; the workers import them from here."""

# ezmsg's decorators are untyped, and it declares SETTINGS as None.
# mypy: disallow-untyped-decorators=false, disable-error-code="assignment"

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import ezmsg.core as ez
from host_graphs import Sink, Source, SourceSettings


class GainSettings(ez.Settings):
    gain: float = 2.0


class Gain(ez.Unit):
    SETTINGS = GainSettings
    INPUT_SETTINGS = ez.InputStream(GainSettings)
    INPUT = ez.InputStream(int)
    OUTPUT = ez.OutputStream(float)

    async def initialize(self) -> None:
        print(f"gain is {self.SETTINGS.gain}")

    @ez.subscriber(INPUT_SETTINGS)
    async def on_settings(self, message: GainSettings) -> None:
        self.apply_settings(message)

    @ez.subscriber(INPUT)
    @ez.publisher(OUTPUT)
    async def on_message(self, message: int) -> AsyncGenerator[Any, None]:
        yield self.OUTPUT, message * self.SETTINGS.gain


class Broken(ez.Unit):
    async def initialize(self) -> None:
        raise ValueError("no amplifier at this worker")


def chain() -> dict[str, Any]:
    """Arguments of `ezmsg_nb.run`: three units, each a process group of its own."""
    source, gain, sink = Source(SourceSettings(rate_hz=100.0)), Gain(GainSettings()), Sink()
    return {
        "components": {"SOURCE": source, "GAIN": gain, "SINK": sink},
        "connections": [(source.OUTPUT, gain.INPUT), (gain.OUTPUT, sink.INPUT)],
        "process_components": [source, gain],
    }
