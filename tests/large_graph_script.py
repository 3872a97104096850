"""A graph of 300 units in 12 processes: ``python large_graph_script.py HOST:PORT FILE``.

Each process runs a collection of 25 units in a row; the collections are connected in a row too.
A message that came through all 300 writes the file.
"""

# ezmsg's decorators are untyped, and it declares SETTINGS as None.
# mypy: disallow-untyped-decorators=false, disable-error-code="assignment"

from __future__ import annotations

import itertools
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import ezmsg.core as ez

PROCESSES = 12
UNITS_A_PROCESS = 25


class LinkSettings(ez.Settings):
    gain: float = 1.0
    order: int = 4
    label: str = "link"
    cutoff: float | None = None


class Link(ez.Unit):
    SETTINGS = LinkSettings
    INPUT_SETTINGS = ez.InputStream(LinkSettings)
    INPUT = ez.InputStream(float)
    OUTPUT = ez.OutputStream(float)

    @ez.subscriber(INPUT_SETTINGS)
    async def on_settings(self, settings: LinkSettings) -> None:
        self.apply_settings(settings)

    @ez.subscriber(INPUT)
    @ez.publisher(OUTPUT)
    async def pass_on(self, message: float) -> AsyncGenerator[tuple[ez.OutputStream, float], None]:
        yield self.OUTPUT, message + 1.0


class EndSettings(ez.Settings):
    arrived: Path | None = None


class Ends(ez.Unit):
    """Where messages start, and where they have to arrive."""

    SETTINGS = EndSettings
    OUTPUT = ez.OutputStream(float)
    INPUT = ez.InputStream(float)

    @ez.publisher(OUTPUT)
    async def start(self) -> AsyncGenerator[tuple[ez.OutputStream, float], None]:
        yield self.OUTPUT, 0.0

    @ez.subscriber(INPUT)
    async def end(self, message: float) -> None:
        if message == PROCESSES * UNITS_A_PROCESS and self.SETTINGS.arrived is not None:
            self.SETTINGS.arrived.touch()


def row(number: int) -> ez.Collection:
    links = {f"LINK{place}": Link(LinkSettings()) for place in range(UNITS_A_PROCESS)}
    names = list(links)

    def network(self: ez.Collection) -> list[tuple[object, object]]:
        units = [getattr(self, name) for name in names]
        inner = [(one.OUTPUT, two.INPUT) for one, two in itertools.pairwise(units)]
        return [(self.INPUT, units[0].INPUT), *inner, (units[-1].OUTPUT, self.OUTPUT)]  # type: ignore[attr-defined]

    members: dict[str, object] = {
        **links,
        "INPUT": ez.InputStream(float),
        "OUTPUT": ez.OutputStream(float),
        "network": network,
    }
    metaclass: Any = type(ez.Collection)
    made: ez.Collection = metaclass(f"Row{number}", (ez.Collection,), members)()
    return made


def main(address: str, arrived: str) -> None:
    host, port = address.split(":")
    rows = [row(number) for number in range(PROCESSES)]
    ends = Ends(EndSettings(arrived=Path(arrived)))
    edges = [(one.OUTPUT, two.INPUT) for one, two in itertools.pairwise(rows)]  # type: ignore[attr-defined]
    ez.run(
        components={**{f"ROW{n}": one for n, one in enumerate(rows)}, "ENDS": ends},
        connections=((ends.OUTPUT, rows[0].INPUT), *edges, (rows[-1].OUTPUT, ends.INPUT)),  # type: ignore[attr-defined]
        process_components=tuple(rows),
        graph_address=(host, int(port)),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
