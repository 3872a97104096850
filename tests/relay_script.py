"""A pipeline whose collection has relays: ``python relay_script.py HOST:PORT FILE``.

Runs with ezmsg 3.9, which makes hidden units of relays, and 3.10, which has them as metadata.
"""

# ezmsg's decorators are untyped, and it declares SETTINGS as None.
# mypy: disallow-untyped-decorators=false, disable-error-code="assignment"

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import ezmsg.core as ez


class SourceSettings(ez.Settings):
    rate_hz: float = 50.0


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
            yield self.OUTPUT, 1.0


class Double(ez.Unit):
    INPUT = ez.InputStream(float)
    OUTPUT = ez.OutputStream(float)

    @ez.subscriber(INPUT)
    @ez.publisher(OUTPUT)
    async def double(self, message: float) -> AsyncGenerator[tuple[ez.OutputStream, float], None]:
        yield self.OUTPUT, 2 * message


class Inner(ez.Collection):
    INPUT = ez.InputRelay(float, leaky=True)
    OUTPUT = ez.OutputRelay(float)
    DOUBLE = Double()

    def network(self) -> ez.NetworkDefinition:
        return ((self.INPUT, self.DOUBLE.INPUT), (self.DOUBLE.OUTPUT, self.OUTPUT))


class SinkSettings(ez.Settings):
    arrived: Path | None = None


class Sink(ez.Unit):
    SETTINGS = SinkSettings
    INPUT = ez.InputStream(float)

    @ez.subscriber(INPUT)
    async def count(self, message: float) -> None:
        if self.SETTINGS.arrived is not None:
            self.SETTINGS.arrived.touch()


def main(address: str, arrived: str) -> None:
    host, port = address.split(":")
    source, inner = Source(SourceSettings()), Inner()
    sink = Sink(SinkSettings(arrived=Path(arrived)))
    ez.run(
        components={"SOURCE": source, "INNER": inner, "SINK": sink},
        connections=((source.OUTPUT, inner.INPUT), (inner.OUTPUT, sink.INPUT)),
        process_components=(source,),
        graph_address=(host, int(port)),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
