"""Units that take their time for settings: ``python slow_unit.py HOST:PORT FILE``.

Each settings value that a unit has taken becomes a line of the file.
"""

# ezmsg's decorators are untyped, and it declares SETTINGS as None.
# mypy: disallow-untyped-decorators=false, disable-error-code="assignment"

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import ezmsg.core as ez
from ezmsg.core.graphserver import GraphServer


@dataclass(frozen=True)
class Inner:
    order: int = 4
    gain: float = 1.0


class SlowSettings(ez.Settings):
    cutoff: float = 10.0
    order: int = 2
    band: tuple[float, float] = (1.0, 2.0)
    inner: Inner = field(default_factory=Inner)
    folder: Path = Path("a")
    function: Callable[[float], float] = abs
    delay_s: float = 0.0


class Slow(ez.Unit):
    SETTINGS = SlowSettings
    INPUT_SETTINGS = ez.InputStream(SlowSettings)

    @ez.subscriber(INPUT_SETTINGS)
    async def on_settings(self, settings: SlowSettings) -> None:
        await asyncio.sleep(settings.delay_s)
        self.apply_settings(settings)
        with Path(sys.argv[2]).open("a") as held:
            held.write(f"{self.name} {settings}\n")


if __name__ == "__main__":
    # Under its own name, so that its classes are what another process could import.
    import slow_unit as here

    host, port = sys.argv[1].split(":")
    server = GraphServer()
    server.start((host, int(port)))
    units = {name: here.Slow(here.SlowSettings()) for name in ("SLOW", "OTHER")}
    ez.run(components=units, graph_address=server.address)
