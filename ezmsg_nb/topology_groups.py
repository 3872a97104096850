"""A graph drawn by processes: each is a group, in the place of the collections."""

from __future__ import annotations

from dataclasses import replace

from ezmsg_nb.graph_flow import processes_by_flow, streams_of
from kernel_runtime.model import CollectionInfo, Edge, Topology


def by_process(topology: Topology) -> Topology:
    """The same units and streams, in one group a process.

    Streams that pass borders of collections go straight from unit to unit; units that no
    connected process owns stand outside of all groups.
    """
    groups = {
        process_id: CollectionInfo(
            address=f"process:{process_id}",
            name=_name(topology, process_id),
            component_type="process",
            collection=None,
            ports=(),
            children=tuple(
                unit.address for unit in topology.units.values() if unit.process_id == process_id
            ),
            session_id="",
        )
        for process_id in processes_by_flow(topology)
    }
    units = {
        unit.address: replace(
            unit, collection=groups[unit.process_id].address if unit.process_id else None
        )
        for unit in topology.units.values()
    }
    owners = {(edge.from_topic, edge.to_topic): edge.owners for edge in topology.edges}
    into = {edge.to_topic: edge.owners for edge in topology.edges}
    edges = tuple(
        Edge(
            stream.from_topic,
            stream.to_topic,
            stream.start,
            stream.end,
            owners.get((stream.from_topic, stream.to_topic), into[stream.to_topic]),
        )
        for stream in streams_of(topology)
    )
    return Topology(
        units=units,
        collections={group.address: group for group in groups.values()},
        edges=edges,
        processes=topology.processes,
        topics=topology.topics,
    )


def _name(topology: Topology, process_id: str) -> str:
    process = topology.processes.get(process_id)
    if process is None or process.pid is None:
        return "process"
    return f"pid {process.pid} on {process.host}"
