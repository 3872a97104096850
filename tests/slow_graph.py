"""A running graph of a script, whose units take their time for settings."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from real_graphs import HOST, PortSlot, ProcessTree, answers, wait_for

import ezmsg_nb as ezn

SCRIPT = Path(__file__).with_name("slow_unit.py")


@contextlib.contextmanager
def slow_graph(folder: Path) -> Iterator[tuple[str, Path]]:
    """Address of the graph with units SLOW and OTHER, and the file of what they took."""
    held = folder / "held.txt"
    held.touch()
    slot = PortSlot()
    address = f"{HOST}:{slot.port}"
    tree = ProcessTree(
        [sys.executable, str(SCRIPT), address, str(held)], slot.environment, folder / "unit.log"
    )
    try:
        wait_for(lambda: not tree.running or answers((HOST, slot.port)), "its server", 30.0)
        assert tree.running, tree.output
        with ezn.connect(address) as graph:
            wait_for(lambda: len(graph.settings) == 2, "its settings", 30.0)
            owned = lambda: set(graph.processes()["units"].explode()) >= set(graph.settings)  # noqa: E731
            wait_for(owned, "the units' processes", 30.0)
            for unit in graph.settings:
                # The first edit of a unit makes its publisher, with shared memory that stays.
                graph.settings[unit]["order"] = 2
        yield address, held
    finally:
        tree.end()
        slot.release()


def taken(held: Path, unit: str = "SLOW") -> list[str]:
    """What a unit took, oldest first."""
    return [line for line in held.read_text().splitlines() if line.startswith(f"{unit} ")]
