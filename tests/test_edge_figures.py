"""Figures of edges, through the borders of collections."""

from __future__ import annotations

import numpy as np
import pytest
from sample_topology import port, topology, unit

from kernel_runtime.model import CollectionInfo
from kernel_runtime.profiling.edge_figures import backpressure, edge_delays, edges_between
from kernel_runtime.profiling.latency import EdgeLatency
from kernel_runtime.profiling.rates import EndpointCount, EndpointRate

GROUP = CollectionInfo("G", "G", "lab.Group", None, (port("G", "OUTPUT"),), ("G/A",), "s1")
GRAPH = topology(
    units=[
        unit("G/A", "lab.A", ["OUTPUT"], "p1", "G"),
        unit("B", "lab.B", ["INPUT", "OUTPUT"], "p2"),
        unit("C", "lab.C", ["INPUT"], "p3"),
    ],
    edges=[("G/A/OUTPUT", "G/OUTPUT"), ("G/OUTPUT", "B/INPUT"), ("G/OUTPUT", "C/INPUT")],
    collections=[GROUP],
)


def latency(end: str, transport_ms: float, error_ms: float = 0.0) -> EdgeLatency:
    numbers = np.arange(100, dtype=np.int64)
    return EdgeLatency(
        publisher="G/A/OUTPUT:1",
        subscriber=f"{end}:2",
        from_topic="G/A/OUTPUT",
        to_topic=end,
        from_process="p1",
        to_process="p2",
        channel="SHM",
        seq=numbers,
        published_ns=numbers,
        transport_ns=np.full(100, int(transport_ms * 1e6), np.int64),
        lease_ns=numbers,
        span_ns=numbers,
        has_span=True,
        published=100,
        received=100,
        ambiguous=0,
        no_publish=0,
        not_received=0,
        clock_error_ns=int(error_ms * 1e6),
    )


def test_a_connection_is_all_edges_on_its_way() -> None:
    assert edges_between(GRAPH, "G/A/OUTPUT", "B/INPUT") == [
        ("G/A/OUTPUT", "G/OUTPUT"),
        ("G/OUTPUT", "B/INPUT"),
    ]
    assert edges_between(GRAPH, "B/OUTPUT", "C/INPUT") == []


def test_an_edge_has_the_slowest_of_its_connections() -> None:
    found = edge_delays(GRAPH, [latency("B/INPUT", 2.0), latency("C/INPUT", 5.0, error_ms=7.0)])
    assert found[("G/OUTPUT", "B/INPUT")].p99_ms == pytest.approx(2.0)
    assert found[("G/OUTPUT", "C/INPUT")].p99_ms == pytest.approx(5.0)
    assert found[("G/A/OUTPUT", "G/OUTPUT")].p99_ms == pytest.approx(5.0)
    assert found[("G/OUTPUT", "C/INPUT")].below_error
    assert not found[("G/OUTPUT", "B/INPUT")].below_error


def test_backpressure_is_that_of_the_fullest_publisher() -> None:
    def rate(topic: str, inflight: int | None) -> EndpointRate:
        count = EndpointCount(f"{topic}:1", "publisher", topic, "p1", 10, inflight, 32)
        return EndpointRate(count, 10, 10.0, 1.0)

    found = backpressure(GRAPH, {"a": rate("G/A/OUTPUT", 8), "b": rate("G/A/OUTPUT", 24)})
    assert set(found.values()) == {0.75} and len(found) == 3
    assert backpressure(GRAPH, {"a": rate("G/A/OUTPUT", None)}) == {}
