"""A graph in the languages of other tools: networkx, Mermaid, Graphviz."""

from __future__ import annotations

from collections.abc import Callable

import networkx as nx

from ezmsg_nb.graph_flow import (
    children_of,
    links_of,
    loose_topics,
    short_type,
    streams_of,
    units_by_flow,
)
from kernel_runtime.model import Topology


def to_networkx(topology: Topology) -> nx.MultiDiGraph[str]:
    """A graph for analysis: units and loose topics, joined by streams.

    Returns
    -------
    networkx.MultiDiGraph
        Nodes are addresses of units (with ``kind="unit"``, ``type``, ``collection``,
        ``process_id``, ``pid``, ``host``, ``dynamic_settings``) and topics (``kind="topic"``);
        an edge a stream has ``from_topic`` and ``to_topic``. Streams that pass the borders of
        collections join the units at their ends.
    """
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    for unit in units_by_flow(topology):
        graph.add_node(
            unit.address,
            kind="unit",
            type=unit.component_type,
            collection=unit.collection,
            process_id=unit.process_id,
            pid=unit.pid,
            host=unit.host,
            dynamic_settings=unit.dynamic_settings,
        )
    for topic in loose_topics(topology):
        graph.add_node(topic, kind="topic")
    for stream in streams_of(topology):
        for component in (stream.start, stream.end):
            if component in topology.collections and component not in graph:
                graph.add_node(component, kind="collection")
        graph.add_edge(
            stream.start, stream.end, from_topic=stream.from_topic, to_topic=stream.to_topic
        )
    return graph


def to_mermaid(topology: Topology) -> str:
    """A Mermaid flowchart, which JupyterLab, GitHub and many editors draw."""
    ids = _ids(topology)
    lines = ["flowchart LR"]

    def quoted(text: str) -> str:
        return text.replace("&", "#amp;").replace("<", "#lt;").replace('"', "#quot;")

    def unit(address: str, indent: str) -> None:
        info = topology.units[address]
        kind = quoted(short_type(info.component_type))
        lines.append(f'{indent}{ids[address]}["{quoted(info.name)}<br/><small>{kind}</small>"]')

    def opened(address: str, indent: str) -> None:
        lines.append(
            f'{indent}subgraph {ids[address]}["{quoted(topology.collections[address].name)}"]'
        )

    def closed(indent: str) -> None:
        lines.append(f"{indent}end")

    _nested(topology, unit, opened, closed)
    lines += [f'  {ids[topic]}(["{quoted(topic)}"])' for topic in loose_topics(topology)]
    lines += [f"  {ids[a]} --> {ids[b]}" for a, b in links_of(topology)]
    return "\n".join(lines)


def to_dot(topology: Topology) -> str:
    """A graph description for Graphviz."""
    ids = _ids(topology)
    lines = ["digraph {", '  rankdir=LR; node [shape=box, style=rounded, fontname="sans-serif"];']

    def quoted(text: str) -> str:
        return text.replace("\\", "\\\\").replace('"', '\\"')

    def unit(address: str, indent: str) -> None:
        info = topology.units[address]
        label = f"{quoted(info.name)}\\n{quoted(short_type(info.component_type))}"
        lines.append(f'{indent}{ids[address]} [label="{label}"];')

    def opened(address: str, indent: str) -> None:
        name = quoted(topology.collections[address].name)
        lines.append(f'{indent}subgraph cluster_{ids[address]} {{ label="{name}";')
        # An end of streams that lead to the collection's border and no further.
        lines.append(f"{indent}  {ids[address]} [shape=point, style=invis];")

    def closed(indent: str) -> None:
        lines.append(f"{indent}}}")

    _nested(topology, unit, opened, closed)
    lines += [
        f'  {ids[topic]} [label="{quoted(topic)}", shape=ellipse];'
        for topic in loose_topics(topology)
    ]
    lines += [f"  {ids[a]} -> {ids[b]};" for a, b in links_of(topology)]
    return "\n".join([*lines, "}"])


def _ids(topology: Topology) -> dict[str, str]:
    """Short names that no language minds, by component; a topic may share one's address."""
    names = [*topology.collections, *topology.units, *loose_topics(topology)]
    return {name: f"n{index}" for index, name in enumerate(dict.fromkeys(names))}


def _nested(
    topology: Topology,
    unit: Callable[[str, str], None],
    opened: Callable[[str, str], None],
    closed: Callable[[str], None],
) -> None:
    """Walk collections and their units, each call with the address and an indentation."""

    def walk(parent: str | None, indent: str) -> None:
        for address in children_of(topology, parent):
            if address in topology.units:
                unit(address, indent)
            else:
                opened(address, indent)
                walk(address, indent + "  ")
                closed(indent)

    walk(None, "  ")
