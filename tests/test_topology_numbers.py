"""Numbers of a picture, its groups, and what differs between two times."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sample_topology import demo_topology, topology, unit

from ezmsg_nb.frames import topology_changes_frame
from ezmsg_nb.topology_difference import DifferenceFrame, difference
from ezmsg_nb.topology_encoding import edge_owner, encode_topology, process_order, rate_topics
from ezmsg_nb.topology_groups import by_process
from ezmsg_nb.topology_numbers import GraphNumbers, channels_of, crowded_units, inflight_of
from kernel_runtime.model import Edge
from kernel_runtime.profiling.rates import EndpointCount, EndpointRate
from kernel_runtime.topology_history import topology_changes


def publisher(topic: str, inflight: int, buffers: int) -> EndpointRate:
    count = EndpointCount(f"{topic}:1", "publisher", topic, "p1", 10, inflight, buffers)
    return EndpointRate(count, 10, 10.0, 1.0)


def subscriber(topic: str, channel: str | None) -> EndpointRate:
    count = EndpointCount(f"{topic}:2", "subscriber", topic, "p1", 10, channel=channel)
    return EndpointRate(count, 10, 10.0, 1.0)


def test_the_vector_has_every_number_in_its_place() -> None:
    graph = demo_topology()
    topics, edges = rate_topics(graph), graph.edges
    numbers = GraphNumbers(
        rates={"LP/OUTPUT_SIGNAL": 20.0, "CAR/OUTPUT_SIGNAL": None},
        inflight={"LP/OUTPUT_SIGNAL": (30, 32)},
        channels={"SLICE/INPUT_SIGNAL": 2},
        p99_ms={("LP/OUTPUT_SIGNAL", "DOWNSAMPLE/INPUT_SIGNAL"): 1.5},
        cpu={"p2": 0.25},
    )
    vector = numbers.vector(graph)
    assert len(vector) == 3 * len(topics) + 2 * len(edges) + len(graph.processes)
    at = topics.index("LP/OUTPUT_SIGNAL")
    count = len(topics)
    assert [vector[at + part * count] for part in range(3)] == [20.0, 30.0, 32.0]
    transport = dict(
        zip([(e.from_topic, e.to_topic) for e in edges], vector[3 * count :], strict=False)
    )
    # Through the border of the collection: the edge inside leads to the same subscriber.
    assert transport["ECOG/ADD/OUTPUT_SIGNAL", "ECOG/OUTPUT_SIGNAL"] == 2
    assert transport["ECOG/OUTPUT_SIGNAL", "SLICE/INPUT_SIGNAL"] == 2
    p99 = vector[3 * count + len(edges) : 3 * count + 2 * len(edges)]
    assert np.nanmax(p99) == 1.5 and np.isnan(p99).sum() == len(edges) - 1
    assert vector[3 * count + 2 * len(edges) + process_order(graph).index("p2")] == 0.25


def test_backpressure_is_that_of_the_publisher_nearest_to_its_limit() -> None:
    rates = [publisher("LP/OUTPUT_SIGNAL", 3, 32), publisher("LP/OUTPUT_SIGNAL", 31, 32)]
    inflight = inflight_of([*rates, subscriber("LP/OUTPUT_SIGNAL", None)])
    assert inflight == {"LP/OUTPUT_SIGNAL": (31, 32)}
    crowded = crowded_units(demo_topology(), GraphNumbers(inflight=inflight))
    assert list(crowded) == ["LP"]
    assert "31 of 32 buffers of OUTPUT_SIGNAL" in crowded["LP"]


def test_channels_of_several_subscribers_are_all_told() -> None:
    rates = [subscriber("A/IN", "SHM"), subscriber("A/IN", "TCP"), subscriber("B/IN", None)]
    assert channels_of(rates) == {"A/IN": 6, "B/IN": 0}


def test_by_process_units_stand_in_their_process_and_streams_pass_no_border() -> None:
    grouped = by_process(demo_topology())
    assert [one.name for one in grouped.collections.values()] == [
        "pid 4101 on lab",
        "pid 4102 on lab",
        "pid 4103 on lab",
    ]
    assert grouped.units["LP"].collection == "process:p2"
    ends = {(edge.from_topic, edge.to_topic) for edge in grouped.edges}
    assert ("ECOG/ADD/OUTPUT_SIGNAL", "SLICE/INPUT_SIGNAL") in ends
    assert all("ECOG/OUTPUT_SIGNAL" not in edge for edge in ends)


@pytest.mark.parametrize(
    ("owners", "expected"),
    [
        (("s1",), "pipeline"),
        ((), "pipeline"),
        (("mine",), "kernel"),
        (("s1", "mine"), "kernel"),
        (("other",), "session"),
        (("persistent",), "persistent"),
    ],
)
def test_who_holds_an_edge(owners: tuple[str, ...], expected: str) -> None:
    assert edge_owner(Edge("A/OUT", "B/IN", "A", "B", owners), "mine", {"s1"}) == expected


def test_topics_that_only_an_edge_names_are_told_too() -> None:
    graph = topology([unit("A", "T", ["INPUT_X"], "p1")], [("monitor/raw", "A/INPUT_X")])
    assert encode_topology(graph, revision=1)["topics"] == ["monitor/raw"]


def test_a_difference_has_what_was_and_what_is() -> None:
    before = demo_topology()
    units = {k: v for k, v in before.units.items() if k != "ZSCORE"}
    units["LP"] = dataclasses.replace(units["LP"], process_id="p3", pid=4103)
    units["NEW"] = unit("NEW", "lab.New", ["INPUT_SIGNAL"], "p3")
    edges = [edge for edge in before.edges if "ZSCORE" not in (edge.from_unit, edge.to_unit)]
    new = Edge("LP/OUTPUT_SIGNAL", "NEW/INPUT_SIGNAL", "LP", "NEW", ("s1",))
    after = dataclasses.replace(before, units=units, edges=(*edges, new))
    found = difference(before, after)
    assert set(found.union.units) == {*before.units, "NEW"}
    assert {unit: state for unit, (state, _) in found.units.items()} == {
        "NEW": "added",
        "ZSCORE": "removed",
        "LP": "moved",
    }
    assert found.edges["LP/OUTPUT_SIGNAL", "NEW/INPUT_SIGNAL"] == "added"
    assert found.edges["ZSCORE/OUTPUT_SIGNAL", "SINK/INPUT_SIGNAL"] == "removed"
    changes = topology_changes(before, after)
    frame = DifferenceFrame(topology_changes_frame((0.0, change) for change in changes))
    frame.difference = found
    shown = frame._repr_html_()
    assert "<svg" in shown and "+ added" in shown and "removed" in shown and "unit moved" in shown
    assert type(frame[["subject"]]).__name__ == "DataFrame"
