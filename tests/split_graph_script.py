"""Units started by hand on another host: ``python split_graph_script.py HOST:PORT OWN_ADDRESS``.

Plain ezmsg: an amplifier of messages that joins the GraphServer at HOST:PORT.
"""

# ezmsg's decorators are untyped.
# mypy: disallow-untyped-decorators=false

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from typing import Any

import ezmsg.core as ez


class Doubler(ez.Unit):
    INPUT = ez.InputStream(int)
    OUTPUT = ez.OutputStream(int, host=sys.argv[2] if len(sys.argv) > 2 else None)

    @ez.subscriber(INPUT)
    @ez.publisher(OUTPUT)
    async def on_message(self, message: int) -> AsyncGenerator[Any, None]:
        yield self.OUTPUT, 2 * message


if __name__ == "__main__":
    host, port = sys.argv[1].split(":")
    doubler = Doubler()
    ez.run(
        DOUBLER=doubler,
        connections=(("SOURCE/OUTPUT", doubler.INPUT), (doubler.OUTPUT, "SINK/INPUT")),
        graph_address=(host, int(port)),
    )
