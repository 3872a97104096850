"""How a graph changed: differences of two topologies, and the history of a session."""

from __future__ import annotations

import bisect
import itertools
import threading
from dataclasses import dataclass
from typing import Literal

from .model import Edge, Topology, UnitInfo

HISTORY_LENGTH = 2_000

ChangeKind = Literal[
    "unit added",
    "unit removed",
    "unit moved",
    "collection added",
    "collection removed",
    "connected",
    "disconnected",
    "process added",
    "process removed",
]


@dataclass(frozen=True, slots=True)
class TopologyChange:
    """One thing that differs between two topologies.

    Attributes
    ----------
    kind
        What happened. ``"unit moved"`` is to another process, or to or from none.
    subject
        Address of the unit or collection, ``"from -> to"`` of an edge, or a process id.
    detail
        In words, what a person wants to know besides.
    """

    kind: ChangeKind
    subject: str
    detail: str = ""


def topology_changes(before: Topology, after: Topology) -> list[TopologyChange]:
    """What was added, removed, rewired and moved from one topology to a later one."""
    found: list[TopologyChange] = []
    for address in sorted(set(after.units) - set(before.units)):
        found.append(TopologyChange("unit added", address, after.units[address].component_type))
    for address in sorted(set(before.units) - set(after.units)):
        found.append(TopologyChange("unit removed", address, before.units[address].component_type))
    for address in sorted(set(before.units) & set(after.units)):
        old, new = before.units[address], after.units[address]
        if old.process_id != new.process_id:
            found.append(TopologyChange("unit moved", address, f"{_place(old)} -> {_place(new)}"))
    for address in sorted(set(after.collections) - set(before.collections)):
        found.append(TopologyChange("collection added", address))
    for address in sorted(set(before.collections) - set(after.collections)):
        found.append(TopologyChange("collection removed", address))
    old_edges, new_edges = _edges(before), _edges(after)
    for name in sorted(set(new_edges) - set(old_edges)):
        owners = ", ".join(new_edges[name].owners)
        found.append(TopologyChange("connected", name, f"owned by {owners}" if owners else ""))
    for name in sorted(set(old_edges) - set(new_edges)):
        found.append(TopologyChange("disconnected", name))
    for process_id in sorted(set(after.processes) - set(before.processes)):
        process = after.processes[process_id]
        found.append(
            TopologyChange("process added", process_id, f"pid {process.pid} on {process.host}")
        )
    for process_id in sorted(set(before.processes) - set(after.processes)):
        process = before.processes[process_id]
        found.append(
            TopologyChange("process removed", process_id, f"pid {process.pid} on {process.host}")
        )
    return found


def _place(unit: UnitInfo) -> str:
    return f"pid {unit.pid} on {unit.host}" if unit.process_id is not None else "no process"


def _edges(topology: Topology) -> dict[str, Edge]:
    return {f"{edge.from_topic} -> {edge.to_topic}": edge for edge in topology.edges}


class TopologyHistory:
    """The topologies of a session, by the time at which each was first seen. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times: list[float] = []
        self._topologies: list[Topology] = []

    def record(self, time: float, topology: Topology) -> None:
        """Note a topology that differs from the one before, seen at a Unix time in seconds."""
        with self._lock:
            self._times.append(time)
            self._topologies.append(topology)
            del self._times[:-HISTORY_LENGTH], self._topologies[:-HISTORY_LENGTH]

    def entries(self) -> list[tuple[float, Topology]]:
        """All that is kept, oldest first."""
        with self._lock:
            return list(zip(self._times, self._topologies, strict=True))

    def at(self, time: float) -> Topology:
        """The topology that held at a Unix time in seconds; the oldest known before that."""
        with self._lock:
            if not self._times:
                return Topology()
            return self._topologies[max(0, bisect.bisect_right(self._times, time) - 1)]

    def changes(self) -> list[tuple[float, TopologyChange]]:
        """Every change that is kept, with its time; the first entry is where it began."""
        entries = self.entries()
        return [
            (time, change)
            for (_, before), (time, after) in itertools.pairwise(entries)
            for change in topology_changes(before, after)
        ]
