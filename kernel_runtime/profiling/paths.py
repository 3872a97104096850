"""End-to-end latency of messages along a path of units.

A message has no identity beyond one connection. Inside a unit, what it publishes while it
holds a message belongs to that message; where that is not exactly one publish, the message is
counted and left out.
"""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..model import Topology
from .columns import Int64s
from .joins import MATCHED, upstream_topics
from .latency import Receipts, TraceReader


@dataclass(frozen=True, slots=True)
class Hop:
    """Messages from one unit of a path to the next: when published, received and let go."""

    from_unit: str
    to_unit: str
    published_ns: Int64s
    received_ns: Int64s
    released_ns: Int64s


@dataclass(frozen=True, slots=True)
class PathLatency:
    """Messages that were followed along a whole path.

    Attributes
    ----------
    units
        The path.
    seq
        Number of each message at the first publisher.
    hops
        One less than units; arrays as long as `seq`.
    started
        Publishes of the first unit.
    lost
        By unit and reason: how many messages could not be followed further.
    """

    units: tuple[str, ...]
    seq: Int64s
    hops: tuple[Hop, ...]
    started: int
    lost: tuple[tuple[str, str, int], ...]

    @property
    def total_ns(self) -> Int64s:
        """From the first publish to the receipt by the last unit."""
        return self.hops[-1].received_ns - self.hops[0].published_ns


def unit_path(topology: Topology, start: str, end: str) -> tuple[str, ...]:
    """The shortest path of units from one to another.

    Raises
    ------
    ValueError
        A unit that is not there, or no path.
    """
    for unit in (start, end):
        if unit not in topology.units:
            raise ValueError(f"No unit {unit!r} in this graph; see units().")
    following = unit_edges(topology)
    came_from: dict[str, str] = {start: ""}
    left = deque([start])
    while left:
        here = left.popleft()
        for unit in following.get(here, ()):
            if unit not in came_from:
                came_from[unit] = here
                left.append(unit)
    if end not in came_from or start == end:
        raise ValueError(f"No path of connections leads from {start!r} to {end!r}.")
    path = [end]
    while path[-1] != start:
        path.append(came_from[path[-1]])
    return tuple(reversed(path))


def unit_edges(topology: Topology) -> dict[str, list[str]]:
    """Which units hear which, through topics of collections."""
    unit_of = {
        port.topic: unit.address for unit in topology.units.values() for port in unit.outputs
    }
    found: dict[str, list[str]] = {}
    for unit in topology.units.values():
        for port in unit.inputs:
            for topic in sorted(upstream_topics(topology, port.topic, set(unit_of))):
                found.setdefault(unit_of[topic], []).append(unit.address)
    return found


def path_latency(reader: TraceReader, units: tuple[str, ...]) -> PathLatency:
    """Follow messages along a path.

    Parameters
    ----------
    reader
        A trace with ``sample_mod=1``.
    units
        The path, at least two units.
    """
    topology = reader.recording.topology
    receipts = list(reader.receipts())
    lost: list[tuple[str, str, int]] = []
    hops: list[Hop] = []
    # Of the messages that are still followed: the publish of the unit that they have reached.
    endpoint, place = _first_publishes(reader, topology, units)
    started = len(place)
    first_seq = reader.published[endpoint].seq if endpoint else np.empty(0, np.int64)
    alive = np.arange(started)
    if not endpoint:
        lost.append((units[0], "no publishes in the trace", 0))
    for here, (unit, following) in enumerate(itertools.pairwise(units)):
        if not endpoint:
            break
        published = reader.published[endpoint]
        found = _receipts_of(reader, topology, receipts, following, endpoint)
        if found is None:
            lost.append((following, "no receipts in the trace", len(alive)))
            alive = alive[:0]
            hops = [_chosen(hop, alive) for hop in hops]
            hops.append(Hop(unit, following, *(np.empty(0, np.int64) for _ in range(3))))
            break
        received, row_of_place = found
        rows = row_of_place[place]
        kept = rows >= 0
        _count(lost, following, "not received, or ambiguous", kept)
        alive, place, rows = alive[kept], place[kept], rows[kept]
        hops = [_chosen(hop, kept) for hop in hops]
        released_ns = received.received_ns[rows] + received.lease_ns[rows]
        hop = Hop(
            unit, following, published.time_ns[place], received.received_ns[rows], released_ns
        )
        hops.append(hop)
        if here == len(units) - 2:
            break
        endpoint, place, kept = _publishes_during(reader, topology, following, units[here + 2], hop)
        _count(lost, following, "no publish, or several, while it was held", kept)
        alive, place = alive[kept], place[kept]
        hops = [_chosen(each, kept) for each in hops]
    while len(hops) < len(units) - 1:
        at = len(hops)
        hops.append(Hop(units[at], units[at + 1], *(np.empty(0, np.int64) for _ in range(3))))
    return PathLatency(units, first_seq[alive], tuple(hops), started, tuple(lost))


def _count(
    lost: list[tuple[str, str, int]], unit: str, why: str, kept: npt.NDArray[np.bool_]
) -> None:
    gone = int((~kept).sum())
    if gone:
        lost.append((unit, why, gone))


def _chosen(hop: Hop, kept: npt.NDArray[np.bool_] | Int64s) -> Hop:
    return Hop(
        hop.from_unit,
        hop.to_unit,
        hop.published_ns[kept],
        hop.received_ns[kept],
        hop.released_ns[kept],
    )


def _publishers_toward(
    reader: TraceReader, topology: Topology, unit: str, following: str
) -> list[str]:
    """Publishers of a unit that the next one hears."""
    own = {port.topic for port in topology.units[unit].outputs}
    heard: set[str] = set()
    for port in topology.units[following].inputs:
        heard |= upstream_topics(topology, port.topic, own)
    return [endpoint for endpoint in reader.published if endpoint.rpartition(":")[0] in heard & own]


def _first_publishes(
    reader: TraceReader, topology: Topology, units: tuple[str, ...]
) -> tuple[str, Int64s]:
    endpoints = _publishers_toward(reader, topology, units[0], units[1])
    if not endpoints:
        return "", np.empty(0, np.int64)
    return endpoints[0], np.arange(len(reader.published[endpoints[0]].seq))


def _receipts_of(
    reader: TraceReader,
    topology: Topology,
    receipts: list[Receipts],
    unit: str,
    endpoint: str,
) -> tuple[Receipts, Int64s] | None:
    """Receipts of a unit from a publisher, and the row of each publish in them (-1: none)."""
    own = {port.topic for port in topology.units[unit].inputs}
    for each in receipts:
        if each.stream.topic not in own:
            continue
        publishers, join = reader.joined(each)
        for number, publisher in enumerate(publishers):
            if publisher.endpoint_id != endpoint:
                continue
            mine = np.flatnonzero((join.outcome == MATCHED) & (join.publisher == number))
            row_of_place = np.full(len(publisher.seq), -1, np.int64)
            row_of_place[join.place[mine]] = mine
            return each, row_of_place
    return None


def _publishes_during(
    reader: TraceReader, topology: Topology, unit: str, following: str, hop: Hop
) -> tuple[str, Int64s, npt.NDArray[np.bool_]]:
    """The one publish of a unit during each of its leases."""
    endpoints = _publishers_toward(reader, topology, unit, following)
    if not endpoints:
        count = len(hop.received_ns)
        return "", np.full(count, -1, np.int64), np.zeros(count, np.bool_)
    times = reader.published[endpoints[0]].time_ns
    first = np.searchsorted(times, hop.received_ns)
    kept = np.searchsorted(times, hop.released_ns, side="right") - first == 1
    return endpoints[0], first, kept
