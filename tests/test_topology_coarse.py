"""Large graphs in a picture of few boxes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from sample_topology import chain, demo_topology, topology, unit

from ezmsg_nb.graph_flow import links_of
from ezmsg_nb.topology_coarse import coarse
from kernel_runtime.model import CollectionInfo, Topology


def collection(address: str, parent: str | None = None) -> CollectionInfo:
    name = address.rpartition("/")[2]
    return CollectionInfo(address, name, "lab.Stage", parent, (), (), "s1")


def nested() -> Topology:
    """OUTER with INNER in it, three units in each, and a unit before and after."""
    names = ["FIRST", *(f"OUTER/U{i}" for i in range(3))]
    names += [*(f"OUTER/INNER/V{i}" for i in range(3)), "LAST"]
    parents = {name: name.rpartition("/")[0] or None for name in names}
    units = [
        unit(name, "lab.Unit", ["INPUT", "OUTPUT"], "p2" if "V" in name else "p1", parents[name])
        for name in names
    ]
    edges = [(f"{a}/OUTPUT", f"{b}/INPUT") for a, b in pairwise(names)]
    return topology(units, edges, [collection("OUTER"), collection("OUTER/INNER", "OUTER")])


def test_a_small_graph_is_left_as_it_is() -> None:
    graph = demo_topology()
    found = coarse(graph)
    assert found.topology is graph
    assert all(found.box_of[one] == one for one in graph.units)


def test_the_innermost_collections_are_folded_first() -> None:
    found = coarse(nested(), 6)
    boxes = found.topology
    assert set(boxes.units) == {"FIRST", "OUTER/U0", "OUTER/U1", "OUTER/U2", "OUTER/INNER", "LAST"}
    assert set(boxes.collections) == {"OUTER"}
    inner = boxes.units["OUTER/INNER"]
    assert inner.component_type == "Stage · 3 units"
    assert (inner.collection, inner.process_id) == ("OUTER", "p2")
    assert found.box_of["OUTER/INNER/V1"] == "OUTER/INNER"
    assert ("OUTER/U2", "OUTER/INNER") in links_of(boxes)
    assert ("OUTER/INNER", "LAST") in links_of(boxes)


def test_then_those_around_them() -> None:
    boxes = coarse(nested(), 5).topology
    assert set(boxes.units) == {"FIRST", "OUTER", "LAST"}
    assert boxes.units["OUTER"].component_type == "Stage · 6 units"
    assert boxes.units["OUTER"].process_id is None, "its units are in two processes"
    assert links_of(boxes) == [("FIRST", "OUTER"), ("OUTER", "LAST")]


@pytest.mark.parametrize("graph", [nested(), chain(100)])
def test_what_cannot_be_folded_so_far_shows_its_processes(graph: Topology) -> None:
    found = coarse(graph, 2)
    processes = {one.process_id for one in graph.units.values()}
    assert {one.process_id for one in found.topology.units.values()} == processes
    assert len(found.topology.units) == len(processes)
    assert set(found.box_of.values()) == set(found.topology.units)
    assert all(one.name.startswith("pid ") for one in found.topology.units.values())
