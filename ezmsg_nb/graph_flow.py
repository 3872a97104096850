"""How messages flow through a graph: from unit to unit, through the borders of collections."""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx

from kernel_runtime.model import CollectionInfo, Topology, UnitInfo


@dataclass(frozen=True, slots=True)
class Stream:
    """A way of messages from one component to another, however many borders it passes.

    ``start`` and ``end`` are units, loose topics, or collections where a border leads nowhere.
    """

    from_topic: str
    to_topic: str
    start: str
    end: str


def streams_of(topology: Topology) -> list[Stream]:
    """Edges that pass borders of collections are followed to their ends."""
    following: dict[str, list[str]] = {}
    owner: dict[str, str] = {}
    into: set[str] = set()
    for edge in topology.edges:
        following.setdefault(edge.from_topic, []).append(edge.to_topic)
        owner[edge.from_topic] = edge.from_unit or edge.from_topic
        owner[edge.to_topic] = edge.to_unit or edge.to_topic
        into.add(edge.to_topic)
    borders = set(topology.collections)
    streams: dict[Stream, None] = {}
    for start in following:
        if owner[start] in borders and start in into:
            continue
        waiting, seen = [*following[start]], {start}
        while waiting:
            topic = waiting.pop(0)
            if topic in seen:
                continue
            seen.add(topic)
            passes_on = following.get(topic, []) if owner[topic] in borders else []
            if passes_on:
                waiting += passes_on
            else:
                streams[Stream(start, topic, owner[start], owner[topic])] = None
    return list(streams)


def links_of(topology: Topology) -> list[tuple[str, str]]:
    """Pairs of components with a stream from the first to the second."""
    return list(dict.fromkeys((one.start, one.end) for one in streams_of(topology)))


def loose_topics(topology: Topology) -> list[str]:
    """Topics of no component, those that only edges name among them."""
    found = dict.fromkeys(topology.topics)
    for edge in topology.edges:
        if edge.from_unit is None:
            found[edge.from_topic] = None
        if edge.to_unit is None:
            found[edge.to_topic] = None
    return sorted(found)


def units_by_flow(topology: Topology) -> list[UnitInfo]:
    """Units, each after those that feed it; what is in a loop stands together."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(topology.units)
    graph.add_edges_from(
        (a, b) for a, b in links_of(topology) if a in topology.units and b in topology.units
    )
    condensed = nx.condensation(graph)
    place = {unit: index for index, unit in enumerate(topology.units)}
    members = {
        node: sorted(condensed.nodes[node]["members"], key=place.__getitem__) for node in condensed
    }
    ordered = nx.lexicographical_topological_sort(condensed, key=lambda n: place[members[n][0]])
    return [topology.units[unit] for node in ordered for unit in members[node]]


def processes_by_flow(topology: Topology) -> list[str]:
    """Ids of the processes that run units: the one with the sources first, and so on."""
    units = units_by_flow(topology)
    return list(dict.fromkeys(one.process_id for one in units if one.process_id is not None))


def children_of(topology: Topology, parent: str | None) -> list[str]:
    """Addresses directly in a collection; what names an unknown collection is at the root."""
    known = topology.collections
    components: list[UnitInfo | CollectionInfo] = [*known.values(), *topology.units.values()]
    return [
        one.address
        for one in components
        if (one.collection if one.collection in known else None) == parent
    ]


def short_type(name: str) -> str:
    bare = name.removeprefix("<class '").removesuffix("'>").partition("[")[0]
    return bare.replace(":", ".").rpartition(".")[2]
