"""Two kernels that edit different fields of one unit at the same moment: neither is lost."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest
from ezmsg.core.graphcontext import GraphContext
from real_graphs import wait_for
from slow_graph import slow_graph, taken
from test_settings_agreement import held_by_the_unit

import ezmsg_nb as ezn
from ezmsg_nb.live_graph import attach
from kernel_runtime.host import GraphHost, GraphSpec

ROUNDS = 8
KERNEL = """
import sys
import ezmsg_nb as ezn

address, unit, field = sys.argv[1:]
with ezn.connect(address) as graph:
    graph.settings[unit][field]
    print("ready", flush=True)
    for line in sys.stdin:
        try:
            graph.settings[unit][field] = float(line)
            print("done", flush=True)
        except Exception as error:
            print(type(error).__name__, error, flush=True)
"""


class Kernel:
    """A process of its own that edits one field when it is told to."""

    def __init__(self, address: str, unit: str, field: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", KERNEL, address, unit, field],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in: IO[str] = self._process.stdin
        self._out: IO[str] = self._process.stdout
        assert self._out.readline() == "ready\n"

    def ask(self, value: float) -> None:
        self._in.write(f"{value}\n")
        self._in.flush()

    def answer(self) -> str:
        return self._out.readline().strip()

    def close(self) -> None:
        self._in.close()
        assert self._process.wait(20) == 0
        self._out.close()


def race(
    graph: ezn.LiveGraph, unit: str, ours: str, theirs: str, holds: Callable[[float], bool]
) -> None:
    """Both fields of a unit are edited at once, one from here and one by another kernel."""
    other = Kernel(graph.address, unit, theirs)
    try:
        for number in range(ROUNDS):
            value = 1.0 + number / 100
            other.ask(value)
            graph.settings[unit][ours] = value
            assert other.answer() == "done"
            wait_for(lambda value=value: holds(value), f"both edits of round {number}", 30.0)  # type: ignore[misc]
    finally:
        other.close()


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    with slow_graph(tmp_path_factory.mktemp("slow")) as graph:
        yield graph


def test_13_two_kernels_at_a_graph_of_a_script_lose_neither(slow: tuple[str, Path]) -> None:
    address, held = slow

    def holds(value: float) -> bool:
        newest = taken(held)[-1]
        return f"cutoff={value}, " in newest and f"gain={value})" in newest

    with ezn.connect(address) as graph:
        graph.settings["SLOW"]["delay_s"] = 0.1
        race(graph, "SLOW", "cutoff", "inner.gain", holds)


def test_13_two_kernels_at_a_graph_of_our_host_lose_neither() -> None:
    host = GraphHost.start(GraphSpec(factory="settings_graphs:slow_kinds"))

    with attach(host.address, host=host) as graph:

        def holds(value: float) -> bool:
            held = held_by_the_unit(graph, "KINDS")
            return bool((held["number"], held["inner"]["gain"]) == (value, value))

        race(graph, "KINDS", "number", "inner.gain", holds)


def test_a_client_that_paces_nothing_is_told_of(slow: tuple[str, Path]) -> None:
    """What it undoes of ours is sent again; what we undo of its is said."""
    address, held = slow
    host, port = address.split(":")
    with ezn.connect(address) as graph:
        unit = graph.settings["OTHER"]
        unit["delay_s"] = 0.05

        async def flood() -> None:
            async with GraphContext((host, int(port)), auto_start=False) as theirs:
                for number in range(20):
                    await theirs.update_setting("OTHER", "order", number)
                    await asyncio.sleep(0.03)

        async def both() -> None:
            flooding = asyncio.create_task(flood())
            for number in range(5):
                await asyncio.to_thread(unit.__setitem__, "cutoff", float(number))
            await flooding

        asyncio.run(both())
        wait_for(lambda: "cutoff=4.0, " in taken(held, "OTHER")[-1], "our last edit stays", 30.0)
        sources = set(graph.settings.history()["source"])
        assert {"this kernel", "not known which"} <= sources
