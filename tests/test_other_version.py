"""A client of one ezmsg line on a graph of the other, relays included."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import ezmsg.core
import pytest
from real_graphs import GraphServerProcess, ProcessTree, wait_for

from ezmsg_nb import connect
from kernel_runtime import KernelGraphContext
from kernel_runtime.ezmsg_compat import release_line
from kernel_runtime.topology import topology_of

HERE = Path(__file__).parent
SCRIPT = HERE / "relay_script.py"


def python_of_the_other_line() -> tuple[str, str] | None:
    """Path of a Python with the other line of ezmsg, beside this checkout, and its version."""
    ours = release_line(ezmsg.core.__version__)
    for name in (".venv", ".venv-3.10"):
        python = HERE.parent / name / "bin" / "python"
        if not python.exists() or Path(sys.prefix) == python.parent.parent:
            continue
        asked = subprocess.run(
            [python, "-c", "import ezmsg.core as ez; print(ez.__version__)"],
            capture_output=True,
            text=True,
            timeout=60,
        )
        version = asked.stdout.strip()
        if asked.returncode == 0 and release_line(version) != ours:
            return str(python), version
    return None


class OtherServer(GraphServerProcess):
    """A GraphServer of the other line."""

    python = ""

    def command(self) -> list[str]:
        return [self.python, *super().command()[1:]]


@pytest.fixture(scope="module")
def other_graph(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[GraphServerProcess, str]]:
    found = python_of_the_other_line()
    if found is None:
        pytest.skip("no environment with the other ezmsg line beside the checkout (make test)")
    OtherServer.python, version = found
    folder = tmp_path_factory.mktemp("other_graph")
    arrived = folder / "arrived.txt"
    server = OtherServer(folder)
    command = [OtherServer.python, str(SCRIPT), server.address, str(arrived)]
    tree = ProcessTree(command, server.slot.environment, folder / "relay.log")
    try:
        wait_for(lambda: not tree.running or arrived.exists(), "messages at the sink", 30.0)
        assert tree.running, tree.output[-3000:]
        yield server, version
    finally:
        tree.end()
        server.close()


async def test_the_graph_reads_whole_and_says_what_differs(
    other_graph: tuple[GraphServerProcess, str],
) -> None:
    server, version = other_graph
    async with KernelGraphContext(server.address) as context:
        assert context.server_version == version
        (warning,) = context.warnings
        assert version in warning
        assert ezmsg.core.__version__ in warning
        topology = topology_of(await context.snapshot())
        assert {"SOURCE", "INNER/DOUBLE", "SINK"} <= set(topology.units)
        inner = topology.collections["INNER"]
        assert {(port.topic, port.direction, port.relay) for port in inner.ports} == {
            ("INNER/INPUT", "input", True),
            ("INNER/OUTPUT", "output", True),
        }


async def test_operations_work_across_the_lines(
    other_graph: tuple[GraphServerProcess, str],
) -> None:
    server, _ = other_graph
    async with KernelGraphContext(server.address) as context:
        last = len(await context.settings_events())
        async with context.subscribe_settings_events(after_seq=last) as stream:
            patched = await context.update_setting("SOURCE", "rate_hz", 60.0)
            async with asyncio.timeout(30):
                event = await anext(stream)
        assert event.value == patched  # type: ignore[union-attr]
        assert patched.structured_value == {"rate_hz": 60.0}
        everything = await context.profiling_snapshot_all(timeout_per_process=3.0)
        assert everything.failures == {}
        assert len(everything) == 2
        assert (await context.process_stats("SOURCE")).owned_units == ["SOURCE"]


def test_a_live_graph_shows_the_warning_and_edits(
    other_graph: tuple[GraphServerProcess, str],
) -> None:
    server, version = other_graph
    with connect(server.address) as graph:
        assert any(version in warning for warning in graph.warnings)
        assert "SOURCE" in graph.units().index
        graph.settings["SOURCE"]["rate_hz"] = 70.0
        assert graph.settings["SOURCE"]["rate_hz"] == 70.0
