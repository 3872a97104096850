"""What is known of each connection of the topology: how full its buffers are, how long it takes.

A message passes borders of collections on its way, so one connection between a publisher and a
subscriber may be several edges of the topology, and an edge may be part of several connections.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from ..model import Topology
from .joins import upstream_topics
from .latency import EdgeLatency
from .rates import EndpointRate

EdgeKey = tuple[str, str]
"""``(from_topic, to_topic)``, as in `Topology.edges`."""


@dataclass(frozen=True, slots=True)
class EdgeDelay:
    """Transport along one edge, of the slowest connection that passes it.

    Attributes
    ----------
    p50_ms, p99_ms
        From publish to receipt.
    matched
        How many messages that is about.
    below_error
        Whether the usual transport is within the error of the clocks.
    """

    p50_ms: float
    p99_ms: float
    matched: int
    below_error: bool


def edge_delays(topology: Topology, latencies: Iterable[EdgeLatency]) -> dict[EdgeKey, EdgeDelay]:
    """How long messages take on each edge that a trace has matched messages of.

    Parameters
    ----------
    topology
        The graph of the trace.
    latencies
        Of its connections.
    """
    found: dict[EdgeKey, EdgeDelay] = {}
    for latency in latencies:
        if latency.matched == 0:
            continue
        p50_ms, p99_ms = (
            float(each) / 1e6 for each in np.percentile(latency.transport_ns, (50, 99))
        )
        error_ns = latency.clock_error_ns
        delay = EdgeDelay(
            p50_ms, p99_ms, latency.matched, bool(error_ns and abs(1e6 * p50_ms) < error_ns)
        )
        for edge in edges_between(topology, latency.from_topic, latency.to_topic):
            if edge not in found or found[edge].p99_ms < p99_ms:
                found[edge] = delay
    return found


def edges_between(topology: Topology, start: str, end: str) -> list[EdgeKey]:
    """Edges on the ways from one topic to another."""
    following: dict[str, list[str]] = {}
    before: dict[str, list[str]] = {}
    for edge in topology.edges:
        following.setdefault(edge.from_topic, []).append(edge.to_topic)
        before.setdefault(edge.to_topic, []).append(edge.from_topic)
    ahead = _reached(start, following)
    back = _reached(end, before)
    return [
        (edge.from_topic, edge.to_topic)
        for edge in topology.edges
        if edge.from_topic in ahead and edge.to_topic in back
    ]


def backpressure(topology: Topology, endpoints: Mapping[str, EndpointRate]) -> dict[EdgeKey, float]:
    """Share of buffers in use, 0 to 1, of the fullest publisher that each edge carries.

    Parameters
    ----------
    topology
        The graph.
    endpoints
        Its endpoints as they were counted last.
    """
    full: dict[str, float] = {}
    for rate in endpoints.values():
        count = rate.count
        if count.role == "publisher" and count.num_buffers and count.inflight is not None:
            share = min(1.0, count.inflight / count.num_buffers)
            full[count.topic] = max(full.get(count.topic, 0.0), share)
    found = {}
    for edge in topology.edges:
        sources = upstream_topics(topology, edge.from_topic, set(full))
        if sources:
            found[(edge.from_topic, edge.to_topic)] = max(full[topic] for topic in sources)
    return found


def _reached(start: str, steps: Mapping[str, list[str]]) -> set[str]:
    found: set[str] = set()
    left = [start]
    while left:
        here = left.pop()
        if here not in found:
            found.add(here)
            left.extend(steps.get(here, ()))
    return found
