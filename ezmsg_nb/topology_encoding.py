"""A topology in the form that the browser's side of the widget reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from ezmsg_nb.graph_flow import loose_topics, processes_by_flow, units_by_flow
from kernel_runtime.model import CollectionInfo, Edge, Port, Topology, UnitInfo

EdgeMark = Literal["added", "removed"]


def rate_topics(topology: Topology) -> tuple[str, ...]:
    """Topics at the start of an edge, each once, in the order of the edges.

    The browser derives the same order from the same edges; rates are sent by place in it.
    """
    return tuple(dict.fromkeys(edge.from_topic for edge in topology.edges))


def encode_topology(
    topology: Topology,
    *,
    revision: int,
    own_session: str | None = None,
    marks: Mapping[tuple[str, str], EdgeMark] | None = None,
) -> dict[str, object]:
    """A topology as JSON, as ``frontend/src/topology/graph.ts`` reads it.

    Parameters
    ----------
    topology
        The graph.
    revision
        Counts the states of a widget.
    own_session
        This kernel's session at the GraphServer: what it holds, it can take back.
    marks
        What became of edges (by their two topics), where two times are compared.
    """
    sources = _process_of_topics(topology)
    pipelines = {unit.session_id for unit in topology.units.values()}
    return {
        "revision": revision,
        "units": [_encode_unit(unit) for unit in units_by_flow(topology)],
        "collections": [_encode_collection(one) for one in topology.collections.values()],
        "edges": [
            {
                "from": edge.from_topic,
                "to": edge.to_topic,
                "owner": edge_owner(edge, own_session, pipelines),
                "process": sources.get(edge.from_topic),
                "mark": (marks or {}).get((edge.from_topic, edge.to_topic)),
            }
            for edge in topology.edges
        ],
        "processes": [
            {
                "id": process_id,
                "pid": topology.processes[process_id].pid,
                "host": topology.processes[process_id].host,
                "units": list(topology.processes[process_id].units),
            }
            for process_id in process_order(topology)
        ],
        "topics": loose_topics(topology),
    }


def process_order(topology: Topology) -> list[str]:
    """Ids of the processes: those that run units in the order of the flow, then the others."""
    with_units = [one for one in processes_by_flow(topology) if one in topology.processes]
    return [*with_units, *(one for one in topology.processes if one not in with_units)]


def edge_owner(
    edge: Edge, own_session: str | None, pipelines: set[str]
) -> Literal["kernel", "session", "persistent", "pipeline"]:
    """Who holds a connection: this kernel, the sessions that the units are of, or others."""
    if own_session is not None and own_session in edge.owners:
        return "kernel"
    if not edge.owners or not pipelines.isdisjoint(edge.owners):
        return "pipeline"
    return "persistent" if "persistent" in edge.owners else "session"


def _process_of_topics(topology: Topology) -> dict[str, str | None]:
    """Topic -> the process whose publisher feeds it, back through the borders of collections."""
    found = {port.topic: unit.process_id for unit in topology.units.values() for port in unit.ports}
    feeding: dict[str, str] = {}
    for edge in topology.edges:
        feeding.setdefault(edge.to_topic, edge.from_topic)
    for edge in topology.edges:
        seen: list[str] = []
        at: str | None = edge.from_topic
        while at is not None and at not in found and at not in seen:
            seen.append(at)
            at = feeding.get(at)
        found.update(dict.fromkeys(seen, found.get(at) if at is not None else None))
    return found


def _encode_unit(unit: UnitInfo) -> dict[str, object]:
    return {
        "id": unit.address,
        "name": unit.name,
        "type": _bare(unit.component_type),
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
        "type": _bare(collection.component_type),
        "collection": collection.collection,
        "ports": [_encode_port(port, None) for port in collection.ports],
    }


def _bare(type_name: str) -> str:
    return type_name.removeprefix("<class '").removesuffix("'>")


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
