"""A graph for other tools: networkx, Mermaid, Graphviz; and the order of the flow."""

from __future__ import annotations

import re

import networkx as nx
from sample_topology import demo_topology, port, topology, unit

from ezmsg_nb.graph_flow import Stream, loose_topics, streams_of, units_by_flow
from ezmsg_nb.topology_export import to_dot, to_mermaid, to_networkx
from kernel_runtime.model import CollectionInfo, Topology


def test_streams_pass_the_borders_of_collections() -> None:
    streams = streams_of(demo_topology())
    through = Stream("ECOG/ADD/OUTPUT_SIGNAL", "SLICE/INPUT_SIGNAL", "ECOG/ADD", "SLICE")
    assert through in streams
    assert len(streams) == 10


def test_a_border_that_leads_nowhere_is_an_end() -> None:
    box = CollectionInfo("C", "C", "lab.Box", None, (port("C", "INPUT"),), (), "s1")
    graph = topology([unit("A", "lab.Unit", ["OUTPUT"], "p1")], [("A/OUTPUT", "C/INPUT")], [box])
    assert streams_of(graph) == [Stream("A/OUTPUT", "C/INPUT", "A", "C")]
    assert to_networkx(graph).nodes["C"] == {"kind": "collection"}
    assert "n1 -> n0;" in to_dot(graph)


def test_networkx_has_units_with_their_facts_and_streams_with_their_topics() -> None:
    graph = to_networkx(demo_topology())
    assert set(graph.nodes) == set(demo_topology().units)
    assert graph.nodes["LP"]["process_id"] == "p2"
    assert graph.nodes["LP"]["dynamic_settings"] is True
    assert graph.edges["ECOG/ADD", "SLICE", 0]["from_topic"] == "ECOG/ADD/OUTPUT_SIGNAL"
    assert nx.has_path(graph, "ECOG/CLOCK", "SINK")
    assert nx.is_directed_acyclic_graph(graph)


def test_two_streams_between_two_units_are_two_edges() -> None:
    units = [unit("A", "lab.Unit", ["OUTPUT", "OUTPUT_B"], "p1"), unit("B", "lab.Unit", [], "p1")]
    edges = [("A/OUTPUT", "raw"), ("A/OUTPUT_B", "raw")]
    graph = to_networkx(topology(units, edges))
    assert graph.number_of_edges("A", "raw") == 2
    assert graph.nodes["raw"] == {"kind": "topic"}


def test_mermaid_nests_collections_and_quotes_names() -> None:
    text = to_mermaid(demo_topology())
    lines = text.splitlines()
    assert lines[0] == "flowchart LR"
    assert '  subgraph n0["ECOG"]' in lines
    assert lines.count("  end") == 1
    assert sum("-->" in line for line in lines) == 10
    odd = topology([unit('a"<b>&', "lab.Unit", [], None)], [])
    assert '["a#quot;#lt;b>#amp;<br/>' in to_mermaid(odd)


def test_dot_is_balanced_and_quoted() -> None:
    text = to_dot(demo_topology())
    assert text.startswith("digraph {")
    assert text.count("{") == text.count("}")
    assert text.count("->") == 10
    odd = topology([unit('a"\\b', "lab.Unit", [], None)], [], topics=("raw",))
    assert 'label="a\\"\\\\b\\nUnit"' in to_dot(odd)
    assert 'label="raw", shape=ellipse' in to_dot(odd)


def test_names_of_nodes_are_safe_in_every_language() -> None:
    names = re.findall(r"(\S+) -->", to_mermaid(demo_topology()))
    assert all(re.fullmatch(r"n\d+", name) for name in names)


def test_an_empty_graph_is_no_error() -> None:
    assert to_mermaid(Topology()) == "flowchart LR"
    assert to_dot(Topology()).endswith("}")
    assert len(to_networkx(Topology())) == 0


def test_units_come_after_those_that_feed_them_also_with_loops() -> None:
    names = ["INPUT", "OUTPUT"]
    units = [unit(name, "lab.Unit", names, "p1") for name in ("END", "LOOP_B", "LOOP_A", "START")]
    edges = [
        ("START/OUTPUT", "LOOP_A/INPUT"),
        ("LOOP_A/OUTPUT", "LOOP_B/INPUT"),
        ("LOOP_B/OUTPUT", "LOOP_A/INPUT"),
        ("LOOP_B/OUTPUT", "END/INPUT"),
        ("raw", "START/INPUT"),
    ]
    graph = topology(units, edges, topics=("idle",))
    assert [one.address for one in units_by_flow(graph)] == ["START", "LOOP_B", "LOOP_A", "END"]
    assert loose_topics(graph) == ["idle", "raw"]
