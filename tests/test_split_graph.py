"""A graph over two hosts: started here, joined by units that were started by hand there.

The other host is a network namespace with a cable to this one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from host_graphs import Sink, Source, SourceSettings
from real_graphs import PortSlot, ProcessTree, wait_for
from test_two_hosts import ip

import ezmsg_nb as ezn

SCRIPT = Path(__file__).parent / "split_graph_script.py"
NUMBER = os.getpid() % 200 + 20
HERE, THERE = f"10.214.{NUMBER}.1", f"10.214.{NUMBER}.2"


@pytest.fixture
def other_host() -> Iterator[str]:
    """Name of a network namespace that has the address `THERE`; `HERE` is this host's."""
    if shutil.which("ip") is None:
        pytest.skip("`ip` (iproute2) is not installed, so no network namespace can be made")
    name = f"ezmsg-nb-split-{os.getpid()}"
    near, far = f"ezs{os.getpid() % 100000}", f"ezr{os.getpid() % 100000}"
    try:
        ip("netns", "add", name)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespace can be made here (needs root): {error.stderr}")
    try:
        ip("link", "add", near, "type", "veth", "peer", "name", far)
        ip("link", "set", far, "netns", name)
        ip("addr", "add", f"{HERE}/24", "dev", near)
        ip("link", "set", near, "up")
        ip("netns", "exec", name, "ip", "addr", "add", f"{THERE}/24", "dev", far)
        ip("netns", "exec", name, "ip", "link", "set", far, "up")
        ip("netns", "exec", name, "ip", "link", "set", "lo", "up")
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], capture_output=True, timeout=10)
        subprocess.run(["ip", "link", "del", near], capture_output=True, timeout=10)


@pytest.fixture
def port() -> Iterator[int]:
    slot = PortSlot()
    yield slot.port
    slot.release()


def test_units_started_by_hand_on_another_host_are_in_the_graph(
    other_host: str, port: int, tmp_path: Path
) -> None:
    source, sink = Source(SourceSettings(rate_hz=100.0)), Sink()
    with ezn.run(
        SOURCE=source, SINK=sink, process_components=[source, sink], graph_address=(HERE, port)
    ) as graph:
        assert any("no authentication" in warning for warning in graph.warnings)
        command = [*("ip", "netns", "exec", other_host), sys.executable, str(SCRIPT)]
        there = ProcessTree(
            [*command, graph.address, THERE], dict(os.environ), tmp_path / "there.log"
        )
        try:
            wait_for(
                lambda: not there.running or "DOUBLER" in graph.units().index,
                "the units of the other host",
                30.0,
            )
            assert there.running, there.output
            units = graph.units()
            assert set(units.index) == {"SOURCE", "DOUBLER", "SINK"}
            edges = graph.edges()
            ends = set(zip(edges.from_topic, edges.to_topic, strict=True))
            assert {("SOURCE/OUTPUT", "DOUBLER/INPUT"), ("DOUBLER/OUTPUT", "SINK/INPUT")} <= ends
            with graph.tap("DOUBLER/OUTPUT") as tap:
                first, second = tap.collect(2, timeout=60.0)
                assert first % 2 == 0 and second - first == 2
            profile = graph.profile(1.0).set_index("topic")
            assert profile.rate_hz["SINK/INPUT"] > 10.0
        finally:
            there.end()
        wait_for(lambda: "DOUBLER" not in graph.units().index, "them to be gone", 20.0)
        assert graph.status == "connected"
