"""What is traced where: requests of several traces, merged to one control a process.

A process has one trace control, the last writer's, and can't be asked for it (measured). So
all traces of one connection share it: the union of their topics and metrics.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ezmsg.core.graphmeta import ProfilingTraceControl

from ..model import Topology

METRICS = ("publish_delta_ns", "backpressure_wait_ns", "lease_time_ns", "user_span_ns")
"""What ezmsg measures: two metrics of publishers, two of subscribers."""

PUBLISHER_METRICS = frozenset(METRICS[:2])


@dataclass(frozen=True, slots=True)
class TraceScope:
    """What one trace wants: None for all topics, None for all metrics."""

    topics: frozenset[str] | None = None
    metrics: frozenset[str] | None = None
    sample_mod: int = 1

    def wants(self, topic: str, metric: str) -> bool:
        return (self.topics is None or topic in self.topics) and (
            self.metrics is None or metric in self.metrics
        )


def scope_of(
    topics: Iterable[str] | str | None,
    metrics: Iterable[str] | str | None,
    sample_mod: int,
    topology: Topology,
) -> TraceScope:
    """The scope for what a person asked.

    Parameters
    ----------
    topics
        Topics, units (their topics) or collections (the topics of all units below them).
    metrics
        Some of `METRICS`.
    sample_mod
        Trace every n-th message of each endpoint.
    topology
        What there is.

    Raises
    ------
    ValueError
        A name that is no topic, unit or collection; an unknown metric; nothing asked for.
    """
    if type(sample_mod) is not int or sample_mod < 1:
        raise ValueError(f"sample_mod must be a whole number of at least 1, not {sample_mod!r}.")
    wanted = _texts("topics", topics)
    chosen = _texts("metrics", metrics)
    for metric in chosen or ():
        if metric not in METRICS:
            raise ValueError(f"No metric {metric!r}; there are {', '.join(METRICS)}.")
    return TraceScope(
        topics=None if wanted is None else _topics_of(wanted, topology),
        metrics=None if chosen is None else frozenset(chosen),
        sample_mod=sample_mod,
    )


def _texts(name: str, values: Iterable[str] | str | None) -> list[str] | None:
    if values is None:
        return None
    found = [values] if isinstance(values, str) else list(values)
    if not found:
        raise ValueError(f"{name} is empty: leave it out for all of them.")
    return found


def _topics_of(names: Iterable[str], topology: Topology) -> frozenset[str]:
    known = {port.topic for unit in topology.units.values() for port in unit.ports}
    known.update(port.topic for group in topology.collections.values() for port in group.ports)
    known.update(topic for edge in topology.edges for topic in (edge.from_topic, edge.to_topic))
    known.update(topology.topics)
    found: set[str] = set()
    for name in names:
        inside = {topic for topic in known if topic == name or topic.startswith(f"{name}/")}
        if not inside:
            raise ValueError(
                f"No topic, unit or collection {name!r} in this graph. See units() and edges()."
            )
        found |= inside
    return frozenset(found)


def merged(scopes: Iterable[TraceScope]) -> TraceScope | None:
    """One scope that has all that each of several wants; None of none."""
    asked = list(scopes)
    if not asked:
        return None
    topics: frozenset[str] | None = frozenset()
    metrics: frozenset[str] | None = frozenset()
    for scope in asked:
        topics = None if topics is None or scope.topics is None else topics | scope.topics
        metrics = None if metrics is None or scope.metrics is None else metrics | scope.metrics
    return TraceScope(topics, metrics, math.gcd(*(scope.sample_mod for scope in asked)))


def control_for(
    scope: TraceScope, process_id: str, topology: Topology, ttl_s: float
) -> ProfilingTraceControl | None:
    """The control that a process gets; None where nothing that is wanted lives in it."""
    topics: list[str] | None = None
    if scope.topics is not None:
        units = [unit for unit in topology.units.values() if unit.process_id == process_id]
        own = {port.topic for unit in units for port in unit.ports}
        of_units = {port.topic for unit in topology.units.values() for port in unit.ports}
        # Topics of no unit (relays, bare publishers) may live in any process.
        anywhere = scope.topics - of_units
        if not (own & scope.topics) and not anywhere:
            return None
        # Never an empty list: ezmsg takes that for "all topics".
        topics = sorted(scope.topics)
    return ProfilingTraceControl(
        enabled=True,
        sample_mod=scope.sample_mod,
        publisher_topics=topics,
        subscriber_topics=topics,
        metrics=None if scope.metrics is None else sorted(scope.metrics),
        ttl_seconds=ttl_s,
    )
