"""Rates of endpoints, from message totals and our own clock.

The windows in ezmsg's profiling snapshots are shared by all observers of a process: after
another observer's call a window of 2.7 ms had one message where the true count was 383
(measured). Totals are not disturbed, so rates come from the difference of two totals and
the time between the two answers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from ezmsg.core.graphmeta import GraphSnapshot, ProcessProfilingSnapshot

from ..errors import GraphError
from ..model import Topology

Role = Literal["publisher", "subscriber"]


class ProfiledContext(Protocol):
    """What measuring needs of a context."""

    async def process_profiling_snapshot(
        self, unit_address: str, *, timeout: float = ...
    ) -> ProcessProfilingSnapshot: ...


@dataclass(frozen=True, slots=True)
class EndpointCount:
    """State of one endpoint at one moment.

    ``messages_total`` counts since the endpoint was made. ``inflight`` and ``num_buffers``
    are a publisher's, ``channel`` (``"LOCAL"``, ``"SHM"``, ``"TCP"``) a subscriber's.
    """

    endpoint_id: str
    role: Role
    topic: str
    process_id: str
    messages_total: int
    inflight: int | None = None
    num_buffers: int | None = None
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """All endpoints of a graph, as counted at about one moment.

    Attributes
    ----------
    endpoints
        By endpoint id.
    at_ns
        When each process answered, by process id: the middle of asking and answer on this
        process' monotonic clock.
    failures
        Why a process has no counts here, by process id.
    """

    endpoints: Mapping[str, EndpointCount]
    at_ns: Mapping[str, int]
    failures: Mapping[str, GraphError]

    @property
    def age_s(self) -> float:
        """Seconds since the newest answer; infinite where no process answered."""
        if not self.at_ns:
            return float("inf")
        return (time.perf_counter_ns() - max(self.at_ns.values())) / 1e9


@dataclass(frozen=True, slots=True)
class EndpointRate:
    """One endpoint over a window.

    ``messages`` and ``rate_hz`` are None where the endpoint was not there, or not counted,
    at the window's start.
    """

    count: EndpointCount
    messages: int | None
    rate_hz: float | None
    window_s: float | None


async def count_messages(
    context: ProfiledContext, graph: GraphSnapshot | Topology, *, timeout: float = 1.0
) -> Counts:
    """Ask every process that owns units for its counters, all at the same time.

    Parameters
    ----------
    context
        An open `KernelGraphContext`.
    graph
        The graph as it is now: who owns what.
    timeout
        Seconds that each process may take.
    """
    processes = [process for process in graph.processes.values() if process.units]

    async def ask(unit: str) -> tuple[int, ProcessProfilingSnapshot | GraphError]:
        asked = time.perf_counter_ns()
        try:
            answer: ProcessProfilingSnapshot | GraphError
            answer = await context.process_profiling_snapshot(unit, timeout=timeout)
        except GraphError as error:
            answer = error
        return (asked + time.perf_counter_ns()) // 2, answer

    answers = await asyncio.gather(*(ask(process.units[0]) for process in processes))
    endpoints: dict[str, EndpointCount] = {}
    at_ns: dict[str, int] = {}
    failures: dict[str, GraphError] = {}
    for process, (middle_ns, answer) in zip(processes, answers, strict=True):
        process_id = str(process.process_id)
        if isinstance(answer, GraphError):
            failures[process_id] = answer
            continue
        at_ns[process_id] = middle_ns
        for endpoint in _endpoints(process_id, answer):
            endpoints[endpoint.endpoint_id] = endpoint
    return Counts(endpoints, at_ns, failures)


def _endpoints(process_id: str, snapshot: ProcessProfilingSnapshot) -> list[EndpointCount]:
    found = [
        EndpointCount(
            endpoint_id=publisher.endpoint_id,
            role="publisher",
            topic=publisher.topic,
            process_id=process_id,
            messages_total=publisher.messages_published_total,
            inflight=publisher.inflight_messages_current,
            num_buffers=publisher.num_buffers,
        )
        for publisher in snapshot.publishers.values()
    ]
    found.extend(
        EndpointCount(
            endpoint_id=subscriber.endpoint_id,
            role="subscriber",
            topic=subscriber.topic,
            process_id=process_id,
            messages_total=subscriber.messages_received_total,
            channel=getattr(subscriber.channel_kind_last, "value", None),
        )
        for subscriber in snapshot.subscribers.values()
    )
    return found


def rates_between(before: Counts, after: Counts) -> dict[str, EndpointRate]:
    """Rates of the endpoints of `after` since `before`, by endpoint id.

    ``rate_hz = (total_after - total_before) / window_s``, where the window is the time
    between the two answers of the endpoint's process.
    """
    found: dict[str, EndpointRate] = {}
    for endpoint_id, count in after.endpoints.items():
        earlier = before.endpoints.get(endpoint_id)
        start_ns = before.at_ns.get(count.process_id)
        messages = rate_hz = window_s = None
        if (
            earlier is not None
            and start_ns is not None
            and count.messages_total >= earlier.messages_total
            and after.at_ns[count.process_id] > start_ns
        ):
            window_s = (after.at_ns[count.process_id] - start_ns) / 1e9
            messages = count.messages_total - earlier.messages_total
            rate_hz = messages / window_s
        found[endpoint_id] = EndpointRate(count, messages, rate_hz, window_s)
    return found


def published_hz(rates: Mapping[str, EndpointRate]) -> dict[str, float | None]:
    """Messages per second by topic, summed over its publishers; None where one is not known."""
    found: dict[str, float | None] = {}
    for rate in rates.values():
        if rate.count.role != "publisher":
            continue
        topic = rate.count.topic
        so_far = found.get(topic, 0.0)
        known = rate.rate_hz is not None and so_far is not None
        found[topic] = (so_far or 0.0) + (rate.rate_hz or 0.0) if known else None
    return found
