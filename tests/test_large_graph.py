"""A graph of 300 units in 12 processes: whole, quick, and every process asked by itself."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from large_graph_script import PROCESSES, UNITS_A_PROCESS
from real_graphs import GraphServerProcess, ProcessTree, graph_server_process, wait_for

from kernel_runtime import KernelGraphContext
from kernel_runtime.topology import topology_of

SCRIPT = Path(__file__).parent / "large_graph_script.py"


@pytest.fixture(scope="module")
def large_graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphServerProcess]:
    folder = tmp_path_factory.mktemp("large_graph")
    arrived = folder / "arrived.txt"
    with graph_server_process(folder) as server:
        # Each publisher takes a port, and there are more of them than a slot has.
        environment = {**server.slot.environment, "EZMSG_PUBLISHER_PORT_START": "30000"}
        command = [sys.executable, str(SCRIPT), server.address, str(arrived)]
        tree = ProcessTree(command, environment, folder / "large.log")
        try:
            wait_for(lambda: not tree.running or arrived.exists(), "the last unit", 60.0)
            assert tree.running, tree.output[-3000:]
            yield server
        finally:
            tree.end(deadline_s=5.0)


async def test_the_whole_graph_is_there(large_graph: GraphServerProcess) -> None:
    async with KernelGraphContext(large_graph.address) as context:
        snapshot = await context.snapshot()
        topology = topology_of(snapshot)
        assert len(topology.units) == PROCESSES * UNITS_A_PROCESS + 1
        assert len(topology.collections) >= PROCESSES
        assert len({unit.process_id for unit in topology.units.values()}) == PROCESSES + 1
        assert len(await context.settings_snapshot()) >= PROCESSES * UNITS_A_PROCESS
        assert len(await context.settings_events()) >= PROCESSES * UNITS_A_PROCESS


async def test_every_process_answers_at_the_same_time(large_graph: GraphServerProcess) -> None:
    async with KernelGraphContext(large_graph.address) as context:
        everything = await context.profiling_snapshot_all(timeout_per_process=5.0)
        assert everything.failures == {}
        assert len(everything) == PROCESSES + 1
        units = [f"ROW{row}/LINK{place}" for row in range(PROCESSES) for place in (0, 12, 24)]
        pings = await asyncio.gather(*(context.process_ping(unit, timeout=5.0) for unit in units))
        assert len({ping.pid for ping in pings}) == PROCESSES
        patched = await asyncio.gather(
            *(context.update_setting(unit, "gain", 2.0, timeout=5.0) for unit in units)
        )
        assert all(value.structured_value["gain"] == 2.0 for value in patched)  # type: ignore[index]
        settings = await context.settings_snapshot()
        assert all(settings[unit].structured_value["gain"] == 2.0 for unit in units)  # type: ignore[index]
