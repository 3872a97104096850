"""Five units that say when they run, for `benchmarks.start`."""

# ezmsg's decorators are untyped.
# mypy: disallow-untyped-decorators=false

from __future__ import annotations

import itertools
from typing import Any

import ezmsg.core as ez


class Link(ez.Unit):
    INPUT = ez.InputStream(int)
    OUTPUT = ez.OutputStream(int)

    async def initialize(self) -> None:
        print("initializes", flush=True)

    @ez.task
    async def tell(self) -> None:
        print("up", flush=True)

    @ez.subscriber(INPUT)
    async def on_message(self, message: int) -> None:
        return


def build() -> dict[str, Any]:
    links = [Link() for _ in range(5)]
    return {
        "components": {f"LINK{at}": link for at, link in enumerate(links)},
        "connections": tuple((one.OUTPUT, next_.INPUT) for one, next_ in itertools.pairwise(links)),
        "process_components": (links[0], links[1]),
    }


def run() -> None:
    """As a script does it."""
    ez.run(**build())
