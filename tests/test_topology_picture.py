"""The static picture and the text of a graph."""

from __future__ import annotations

import random
import re
import xml.etree.ElementTree as ElementTree

import pytest
from sample_topology import chain, demo_topology, topology, unit

from ezmsg_nb.graph_flow import processes_by_flow
from ezmsg_nb.topology_picture import topology_svg, topology_text
from kernel_runtime.model import CollectionInfo, Topology

SVG = "{http://www.w3.org/2000/svg}"
Rect = tuple[float, float, float, float]


def parse(graph: Topology) -> ElementTree.Element:
    return ElementTree.fromstring(topology_svg(graph))


def texts(graph: Topology) -> list[str]:
    return [element.text or "" for element in parse(graph).iter(f"{SVG}text")]


def cards(graph: Topology) -> dict[str, Rect]:
    """Unit or topic -> its box: x, y, width, height."""
    found: dict[str, Rect] = {}
    for group in parse(graph).iter(f"{SVG}g"):
        title, rect = group.find(f"{SVG}title"), group.find(f"{SVG}rect")
        assert title is not None
        assert rect is not None
        x, y, width, height = (float(rect.attrib[name]) for name in ("x", "y", "width", "height"))
        found[title.text or ""] = (x, y, width, height)
    return found


def overlap(a: Rect, b: Rect) -> bool:
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]


def assert_sound(graph: Topology) -> None:
    boxes = cards(graph)
    assert set(graph.units) <= set(boxes)
    names = sorted(boxes)
    for index, a in enumerate(names):
        for b in names[index + 1 :]:
            assert not overlap(boxes[a], boxes[b]), f"{a} and {b}"
    left, top, width, height = map(float, parse(graph).attrib["viewBox"].split())
    for x, y, box_width, box_height in boxes.values():
        assert left <= x
        assert top <= y
        assert x + box_width <= left + width
        assert y + box_height <= top + height


def random_graph(count: int, seed: int) -> Topology:
    source = random.Random(seed)
    units = []
    collections: dict[str, CollectionInfo] = {}
    edges: list[tuple[str, str]] = []
    for i in range(count):
        collection = f"C{i // 6}" if (i // 6) % 2 else None
        if collection is not None and collection not in collections:
            collections[collection] = CollectionInfo(
                collection, collection, "lab.Stage", None, (), (), "s1"
            )
        address = f"{collection}/U{i}" if collection else f"U{i}"
        units.append(unit(address, "lab.Unit", ["INPUT", "OUTPUT"], f"p{1 + i % 4}", collection))
        for _ in range(source.choice([0, 1, 1, 2])):
            if i > 0:
                start = units[source.randrange(max(0, i - 8), i)].address
                edges.append((f"{start}/OUTPUT", f"{address}/INPUT"))
    return topology(units, edges, collections.values())


def test_the_demo_graph_is_drawn_whole() -> None:
    graph = demo_topology()
    drawn = texts(graph)
    for info in graph.units.values():
        assert info.name in drawn
    assert "ECOG" in drawn
    assert "pid 4101 · 4 units" in drawn
    assert_sound(graph)


def test_it_flows_from_left_to_right() -> None:
    boxes = cards(chain(4))
    places = [boxes[f"U{i}"][0] for i in range(4)]
    assert places == sorted(places)
    assert len(set(places)) == 4


def test_a_long_chain_goes_on_in_further_rows() -> None:
    graph = chain(30)
    _, _, width, _ = map(float, parse(graph).attrib["viewBox"].split())
    assert width <= 1040
    assert_sound(graph)


@pytest.mark.parametrize(("count", "seed"), [(12, 1), (40, 2), (40, 3), (120, 4)])
def test_no_box_lies_on_another(count: int, seed: int) -> None:
    assert_sound(random_graph(count, seed))


def test_the_same_graph_gives_the_same_picture() -> None:
    assert topology_svg(random_graph(40, 5)) == topology_svg(random_graph(40, 5))


def test_edges_through_borders_join_units() -> None:
    graph = demo_topology()
    lines = [path for path in parse(graph).iter(f"{SVG}path") if path.get("fill") == "none"]
    assert len(lines) == 10


def test_loops_loose_topics_and_strays_are_drawn() -> None:
    units = [unit(name, "lab.Unit", ["INPUT", "OUTPUT"], None) for name in "AB"]
    stray = unit("X/C", "lab.Unit", [], None, collection="GONE")
    edges = [
        ("A/OUTPUT", "B/INPUT"),
        ("B/OUTPUT", "A/INPUT"),
        ("A/OUTPUT", "A/INPUT"),
        ("raw", "A/INPUT"),
    ]
    graph = topology([*units, stray], edges, topics=("raw", "idle"))
    assert {"A", "B", "X/C", "raw", "idle"} <= set(cards(graph))
    assert_sound(graph)


def test_names_are_escaped() -> None:
    graph = topology([unit("<b>&\"'", "lab.Unit[<T>]", [], "p1")], [])
    assert "<b>&\"'" in texts(graph)
    assert "<b>" not in topology_svg(graph)


def test_an_empty_graph_says_so() -> None:
    assert texts(Topology()) == ["This graph has no units."]
    assert topology_text(Topology()) == "Graph of 0 units and 0 edges in 0 processes"


def test_colours_suit_a_white_and_a_black_page() -> None:
    """Nothing is drawn in plain black or white on the page itself."""
    picture = topology_svg(demo_topology())
    assert not re.search(r'(?:fill|stroke)="(?:#000|black|white)', picture)
    assert "currentColor" not in picture


def test_the_text_is_a_tree_with_targets() -> None:
    lines = topology_text(demo_topology()).splitlines()
    assert lines[0] == "Graph of 10 units and 11 edges in 3 processes"
    assert "  ECOG (EEGSynth) -> SLICE/INPUT_SIGNAL" in lines
    assert "    ADD (Add) [pid 4101] -> ECOG/OUTPUT_SIGNAL" in lines
    assert "  SINK (MessageCounter) [pid 4103]" in lines


def test_processes_stand_in_the_order_of_the_flow() -> None:
    units = [
        unit("A_LAST", "lab.Unit", ["INPUT"], "p3"),
        unit("B_MIDDLE", "lab.Unit", ["INPUT", "OUTPUT"], "p1"),
        unit("C_FIRST", "lab.Unit", ["OUTPUT"], "p2"),
        unit("D_NOWHERE", "lab.Unit", [], None),
    ]
    edges = [("C_FIRST/OUTPUT", "B_MIDDLE/INPUT"), ("B_MIDDLE/OUTPUT", "A_LAST/INPUT")]
    assert processes_by_flow(topology(units, edges)) == ["p2", "p1", "p3"]
    assert processes_by_flow(demo_topology()) == ["p1", "p2", "p3"]
