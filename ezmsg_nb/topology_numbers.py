"""The numbers that a picture of a graph shows: of topics, edges and processes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from ezmsg_nb.topology_encoding import process_order, rate_topics
from kernel_runtime.model import Topology
from kernel_runtime.profiling.rates import EndpointRate

CHANNEL_BITS: Final = {"LOCAL": 1, "SHM": 2, "TCP": 4}
"""How messages came to a subscriber; an edge has the bits of all that it leads to."""

CROWDED: Final = 0.75
"""From this share of its buffers in use on, a publisher is held back by who reads from it."""

NO_NUMBER: Final = float("nan")


@dataclass(frozen=True, slots=True)
class GraphNumbers:
    """What was measured of a graph at one moment; what is missing is not known.

    Attributes
    ----------
    rates
        Topic -> messages per second of its publishers.
    inflight
        Topic -> messages of its publishers that wait for a subscriber, and how many may.
    channels
        Topic of a subscriber -> bits of `CHANNEL_BITS`.
    p99_ms
        (publisher's topic, subscriber's topic) -> 99th percentile of the latency, in ms.
    cpu
        Process id -> share of one CPU.
    """

    rates: Mapping[str, float | None] = field(default_factory=dict)
    inflight: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    channels: Mapping[str, int] = field(default_factory=dict)
    p99_ms: Mapping[tuple[str, str], float] = field(default_factory=dict)
    cpu: Mapping[str, float] = field(default_factory=dict)

    def vector(self, topology: Topology) -> npt.NDArray[np.float32]:
        """All numbers of a topology in the order in which ``frontend/src/topology/rates.ts``
        reads them: rates, in flight and buffers of `rate_topics`; transport and p99 of the
        edges; CPU of `process_order`."""
        topics = rate_topics(topology)
        waiting = [self.inflight.get(topic, (NO_NUMBER, NO_NUMBER)) for topic in topics]
        down = _Downstream(topology)
        ends = [down.ends(edge.to_topic) for edge in topology.edges]
        values: list[float | None] = [
            *(self.rates.get(topic) for topic in topics),
            *(inflight for inflight, _ in waiting),
            *(buffers for _, buffers in waiting),
            *(_either(self.channels.get(topic, 0) for topic in reached) for reached in ends),
            *(
                max(self.p99_ms.get((edge.from_topic, topic), -1.0) for topic in reached)
                for edge, reached in zip(topology.edges, ends, strict=True)
            ),
            *(self.cpu.get(process) for process in process_order(topology)),
        ]
        vector = np.array([NO_NUMBER if one is None else one for one in values], dtype=np.float32)
        start = 3 * len(topics)
        edges = vector[start : start + 2 * len(topology.edges)]
        transport, p99 = np.split(edges, 2)
        transport[transport == 0] = NO_NUMBER
        p99[p99 < 0] = NO_NUMBER
        return vector


def _either(bits: Iterable[int]) -> int:
    found = 0
    for one in bits:
        found |= one
    return found


class _Downstream:
    """Topics that an edge leads to in the end, through the borders of collections."""

    def __init__(self, topology: Topology) -> None:
        self._borders = {port.topic for one in topology.collections.values() for port in one.ports}
        self._following: dict[str, list[str]] = {}
        for edge in topology.edges:
            self._following.setdefault(edge.from_topic, []).append(edge.to_topic)

    def ends(self, topic: str) -> list[str]:
        waiting, seen, found = [topic], {topic}, []
        while waiting:
            at = waiting.pop()
            further = self._following.get(at, []) if at in self._borders else []
            found.append(at)
            fresh = [one for one in further if one not in seen]
            seen.update(fresh)
            waiting += fresh
        return found


def inflight_of(rates: Iterable[EndpointRate]) -> dict[str, tuple[int, int]]:
    """Of each topic the publisher that is nearest to its limit: in flight, and buffers."""
    found: dict[str, tuple[int, int]] = {}
    for rate in rates:
        count = rate.count
        if count.inflight is None or not count.num_buffers:
            continue
        known = found.get(count.topic)
        if known is None or count.inflight / count.num_buffers > known[0] / known[1]:
            found[count.topic] = (count.inflight, count.num_buffers)
    return found


def channels_of(rates: Iterable[EndpointRate]) -> dict[str, int]:
    """How messages come to the subscribers of each topic, as `CHANNEL_BITS`."""
    found: dict[str, int] = {}
    for rate in rates:
        bit = CHANNEL_BITS.get((rate.count.channel or "").upper(), 0)
        found[rate.count.topic] = found.get(rate.count.topic, 0) | bit
    return found


def crowded_units(topology: Topology, numbers: GraphNumbers) -> dict[str, str]:
    """Unit -> in words, how it is held back by who reads from it."""
    found: dict[str, str] = {}
    for unit in topology.units.values():
        for port in unit.outputs:
            inflight, buffers = numbers.inflight.get(port.topic, (0, 0))
            if buffers and inflight >= CROWDED * buffers:
                found[unit.address] = (
                    f"{inflight} of {buffers} buffers of {port.name} are in flight: a subscriber "
                    f"is slower than this unit publishes"
                )
    return found
