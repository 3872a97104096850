"""Where no extra is installed: a graph runs, and what needs an extra is asked for."""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any

import ezmsg.core as ez

import ezmsg_nb as ezn
from ezmsg_nb.__main__ import main


class Source(ez.Unit):
    OUTPUT = ez.OutputStream(int)

    @ez.publisher(OUTPUT)
    async def produce(self) -> AsyncGenerator[tuple[ez.OutputStream, int], None]:
        while True:
            await asyncio.sleep(0.02)
            yield self.OUTPUT, 1


class Sink(ez.Unit):
    INPUT = ez.InputStream(int)

    @ez.subscriber(INPUT)
    async def on_message(self, message: int) -> None:
        pass


def extra_named_by(action: Callable[[], Any]) -> str:
    """The extra that a message names."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            action()
    except Exception as error:
        said.write(str(error))
    found = re.search(r"ezmsg-nb\[\w+\]", said.getvalue())
    return found[0] if found else f"none, in {said.getvalue()!r}"


if __name__ == "__main__":
    source, sink = Source(), Sink()
    with ezn.run(SOURCE=source, SINK=sink, connections=[(source.OUTPUT, sink.INPUT)]) as graph:
        with graph.trace() as trace:
            time.sleep(0.5)
        tap = graph.tap("SOURCE/OUTPUT")
        with tap:
            asked: dict[str, Callable[[], Any]] = {
                "demo": ezn.demo,
                "parquet": lambda: trace.to_parquet("trace"),
                "perfetto": lambda: trace.to_perfetto("trace.pftrace"),
                "xarray": lambda: tap.collect(1, to="xarray"),
                "lab": lambda: main(["lab"]),
            }
            for name, action in asked.items():
                print(f"{name}: {extra_named_by(action)}")
