"""From ezmsg's ``GraphSnapshot`` to the `Topology` that views read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from ezmsg.core.graphmeta import GraphSnapshot

from .ezmsg_compat import relay_topics
from .model import (
    CollectionInfo,
    Edge,
    Port,
    PortDirection,
    ProcessInfo,
    Topology,
    UnitInfo,
)
from .soundness import members, readable_components

C = TypeVar("C", UnitInfo, CollectionInfo)


def topology_of(snapshot: GraphSnapshot) -> Topology:
    """Build the model of a graph from a snapshot.

    Parameters
    ----------
    snapshot
        As `KernelGraphContext.snapshot` gives it. Metadata classes that this version of
        ezmsg doesn't know may be stand-ins; they are read by their attributes. Components
        that can't be read are left out.

    Returns
    -------
    Topology
        Units and collections of all sessions, edges with owners, processes.
    """
    edges = {
        (from_topic, to_topic)
        for from_topic, following in snapshot.graph.items()
        for to_topic in following
    }
    upstream = {to_topic for _, to_topic in edges}
    processes = {
        str(process.process_id): ProcessInfo(
            process_id=str(process.process_id),
            pid=process.pid,
            host=process.host,
            units=tuple(process.units),
        )
        for process in snapshot.processes.values()
    }
    process_of_unit = {unit: process for process in processes.values() for unit in process.units}

    units: dict[str, UnitInfo] = {}
    collections: dict[str, CollectionInfo] = {}
    for session_id, component in _components(snapshot):
        if _is_collection(component):
            collections[component.address] = CollectionInfo(
                address=component.address,
                name=component.name,
                component_type=component.component_type,
                collection=None,
                ports=tuple(_collection_ports(component, upstream)),
                children=tuple(component.children),
                session_id=session_id,
            )
        else:
            owner = process_of_unit.get(component.address)
            dynamic = component.dynamic_settings
            units[component.address] = UnitInfo(
                address=component.address,
                name=component.name,
                component_type=component.component_type,
                settings_type=component.settings_type,
                collection=None,
                ports=tuple(_unit_ports(component)),
                tasks=tuple(task.name for task in members(component, "tasks")),
                session_id=session_id,
                settings_topic=dynamic.input_topic if dynamic.enabled else None,
                process_id=owner.process_id if owner else None,
                pid=owner.pid if owner else None,
                host=owner.host if owner else None,
            )
    units = {address: _in_collection(unit, collections) for address, unit in units.items()}
    collections = {
        address: _in_collection(collection, collections)
        for address, collection in collections.items()
    }

    component_of_topic = _component_of_topic(snapshot, units, collections)
    owners = {tuple(edge): tuple(who) for edge, who in snapshot.edge_owners.items()}
    return Topology(
        units=units,
        collections=collections,
        edges=tuple(
            Edge(
                from_topic=from_topic,
                to_topic=to_topic,
                from_unit=component_of_topic.get(from_topic),
                to_unit=component_of_topic.get(to_topic),
                owners=owners.get((from_topic, to_topic), ()),
            )
            for from_topic, to_topic in sorted(edges)
        ),
        processes=processes,
        topics=tuple(sorted(set(snapshot.graph) - set(component_of_topic))),
    )


def _components(snapshot: GraphSnapshot) -> Iterator[tuple[str, Any]]:
    for session_id, session in snapshot.sessions.items():
        for _, component in readable_components(session.metadata):
            yield session_id, component


def _is_collection(component: Any) -> bool:
    return hasattr(component, "children") and hasattr(component, "topics")


def _unit_ports(unit: Any) -> Iterator[Port]:
    for stream in members(unit, "streams"):
        yield Port(
            name=stream.name,
            topic=stream.address,
            direction=_stated_direction(stream) or "output",
            msg_type=str(getattr(stream, "msg_type", "")),
            leaky=bool(getattr(stream, "leaky", False)),
        )


def _collection_ports(collection: Any, upstream: set[str]) -> Iterator[Port]:
    for kind in ("topics", "relays"):
        for topic in members(collection, kind):
            direction = _stated_direction(topic)
            if direction is None:
                # A plain Topic goes both ways; it is drawn where its messages come from.
                inside = topic.address in upstream
                direction = "output" if inside else "input"
            yield Port(
                name=topic.name,
                topic=topic.address,
                direction=direction,
                msg_type=str(getattr(topic, "msg_type", "")),
                leaky=bool(getattr(topic, "leaky", False)),
                relay=kind == "relays",
            )


def _stated_direction(stream: Any) -> PortDirection | None:
    # By name, so that metadata classes of another ezmsg version are understood too.
    kind = type(stream).__name__
    if kind.startswith("Input"):
        return "input"
    if kind.startswith("Output"):
        return "output"
    return None


def _in_collection(component: C, collections: Mapping[str, CollectionInfo]) -> C:
    parent = component.address.rpartition("/")[0]
    return replace(component, collection=parent) if parent in collections else component


def _component_of_topic(
    snapshot: GraphSnapshot,
    units: Mapping[str, UnitInfo],
    collections: Mapping[str, CollectionInfo],
) -> dict[str, str]:
    found: dict[str, str] = {}
    owners: tuple[UnitInfo | CollectionInfo, ...] = (*collections.values(), *units.values())
    for owner in owners:
        for port in owner.ports:
            found[port.topic] = owner.address
    for _, component in _components(snapshot):
        for topic, _direction in relay_topics(component):
            found.setdefault(topic, component.address)
    return found


def topic_rates(
    topology: Topology, published_hz: Mapping[str, float | None]
) -> dict[str, float | None]:
    """Messages per second that flow out of each topic that an edge starts at.

    Parameters
    ----------
    topology
        The graph.
    published_hz
        Rate of the publishers of each topic that has some; None where it is not known.

    Returns
    -------
    dict
        By topic. A topic that only passes messages on (a collection's boundary) has the sum
        of what publishes upstream of it; None as soon as one of those is not known.
    """
    sources: dict[str, list[str]] = {}
    for edge in topology.edges:
        sources.setdefault(edge.to_topic, []).append(edge.from_topic)
    found: dict[str, float | None] = {}

    def rate(topic: str) -> float | None:
        if topic in found:
            return found[topic]
        if topic in published_hz:
            found[topic] = published_hz[topic]
            return found[topic]
        found[topic] = None
        incoming = [rate(source) for source in sources.get(topic, ())]
        known = [value for value in incoming if value is not None]
        found[topic] = sum(known) if incoming and len(known) == len(incoming) else None
        return found[topic]

    for edge in topology.edges:
        rate(edge.from_topic)
    return found
