"""A topology in the form that the browser's side of the widget reads."""

from __future__ import annotations

from ezmsg_nb.graph_flow import processes_by_flow, units_by_flow
from kernel_runtime.model import CollectionInfo, Port, Topology, UnitInfo


def rate_topics(topology: Topology) -> tuple[str, ...]:
    """Topics at the start of an edge, each once, in the order of the edges.

    The browser derives the same order from the same edges; rates are sent by place in it.
    """
    return tuple(dict.fromkeys(edge.from_topic for edge in topology.edges))


def encode_topology(topology: Topology, *, revision: int) -> dict[str, object]:
    """A topology as JSON, as ``frontend/src/topology/graph.ts`` reads it."""
    with_units = processes_by_flow(topology)
    order = [*with_units, *(one for one in topology.processes if one not in with_units)]
    processes = [topology.processes[one] for one in order if one in topology.processes]
    return {
        "revision": revision,
        "units": [_encode_unit(unit) for unit in units_by_flow(topology)],
        "collections": [_encode_collection(one) for one in topology.collections.values()],
        "edges": [
            {"from": edge.from_topic, "to": edge.to_topic, "owners": list(edge.owners)}
            for edge in topology.edges
        ],
        "processes": [
            {
                "id": process.process_id,
                "pid": process.pid,
                "host": process.host,
                "units": list(process.units),
            }
            for process in processes
        ],
        "topics": list(topology.topics),
    }


def _encode_unit(unit: UnitInfo) -> dict[str, object]:
    return {
        "id": unit.address,
        "name": unit.name,
        "type": unit.component_type,
        "collection": unit.collection,
        "process": unit.process_id,
        "dynamic": unit.dynamic_settings,
        "tasks": list(unit.tasks),
        "ports": [_encode_port(port, unit.settings_topic) for port in unit.ports],
    }


def _encode_collection(collection: CollectionInfo) -> dict[str, object]:
    return {
        "id": collection.address,
        "name": collection.name,
        "type": collection.component_type,
        "collection": collection.collection,
        "ports": [_encode_port(port, None) for port in collection.ports],
    }


def _encode_port(port: Port, settings_topic: str | None) -> dict[str, object]:
    return {
        "name": port.name,
        "topic": port.topic,
        "direction": port.direction,
        "type": port.msg_type,
        "leaky": port.leaky,
        "settings": port.topic == settings_topic,
        "relay": port.relay,
    }
