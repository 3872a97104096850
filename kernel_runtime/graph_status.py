"""The state of a graph on one page: units with their rates, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ezmsg.core.graphmeta import GraphSnapshot

from .model import Topology
from .profiling.rates import Counts, EndpointRate, rates_between
from .topology import topology_of

FULL = 1.0
"""Share of a publisher's buffers in use from which on it is said to wait for its consumers."""


@dataclass(frozen=True, slots=True)
class UnitStatus:
    """One unit.

    Attributes
    ----------
    unit, type
        Address and class.
    pid, host
        Of its process; None where no connected process owns it.
    in_hz, out_hz
        Messages per second that its subscribers received and its publishers sent, summed;
        None where it has no such endpoint or the rate is not known.
    buffers
        The largest share of a publisher's buffers that was in use, 0 to 1; None where it
        publishes nothing.
    answers
        Whether its process answered.
    """

    unit: str
    type: str
    pid: int | None
    host: str | None
    in_hz: float | None
    out_hz: float | None
    buffers: float | None
    answers: bool


@dataclass(frozen=True, slots=True)
class GraphStatus:
    """A whole graph over a window of ``window_s`` seconds."""

    address: str
    server_version: str
    window_s: float
    units: tuple[UnitStatus, ...]
    processes: int
    edges: int
    problems: tuple[str, ...]


def graph_status(
    address: str,
    server_version: str,
    warnings: tuple[str, ...],
    snapshot: GraphSnapshot,
    before: Counts,
    after: Counts,
) -> GraphStatus:
    """What two counts of a graph's messages, and its snapshot, say of it."""
    topology = topology_of(snapshot)
    rates = rates_between(before, after)
    by_unit = _by_unit(topology, rates)
    units = tuple(
        UnitStatus(
            unit=unit.address,
            type=unit.component_type.rpartition(".")[2],
            pid=unit.pid,
            host=unit.host,
            in_hz=_sum_hz(by_unit[unit.address], "subscriber"),
            out_hz=_sum_hz(by_unit[unit.address], "publisher"),
            buffers=_buffers(by_unit[unit.address]),
            answers=unit.process_id is not None and unit.process_id in after.at_ns,
        )
        for unit in topology.units.values()
    )
    windows = [rate.window_s for rate in rates.values() if rate.window_s is not None]
    return GraphStatus(
        address=address,
        server_version=server_version,
        window_s=max(windows, default=0.0),
        units=units,
        processes=sum(bool(process.units) for process in topology.processes.values()),
        edges=len(topology.edges),
        problems=(*warnings, *_problems(topology, after, units)),
    )


def _by_unit(
    topology: Topology, rates: Mapping[str, EndpointRate]
) -> dict[str, list[EndpointRate]]:
    # The settings input is no part of the flow.
    owner = {
        port.topic: unit.address
        for unit in topology.units.values()
        for port in unit.ports
        if port.topic != unit.settings_topic
    }
    found: dict[str, list[EndpointRate]] = {unit: [] for unit in topology.units}
    for rate in rates.values():
        unit = owner.get(rate.count.topic)
        if unit is not None:
            found[unit].append(rate)
    return found


def _sum_hz(rates: list[EndpointRate], role: str) -> float | None:
    known = [rate.rate_hz for rate in rates if rate.count.role == role and rate.rate_hz is not None]
    return sum(known) if known else None


def _buffers(rates: list[EndpointRate]) -> float | None:
    shares = [
        rate.count.inflight / rate.count.num_buffers
        for rate in rates
        if rate.count.inflight is not None and rate.count.num_buffers
    ]
    return max(shares, default=None)


def _problems(topology: Topology, counts: Counts, units: tuple[UnitStatus, ...]) -> Iterator[str]:
    for process_id, error in counts.failures.items():
        process = topology.processes[process_id]
        where = f"pid {process.pid} on {process.host}" if process.pid else process_id
        yield f"{', '.join(process.units)} ({where}): {error.message}"
    for unit in units:
        if unit.pid is None:
            yield f"{unit.unit}: no connected process owns it."
        elif unit.buffers is not None and unit.buffers >= FULL:
            yield f"{unit.unit}: all its buffers are in use: it waits for its consumers."
