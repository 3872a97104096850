"""What a `LiveGraph` knows of its graph, read now, as DataFrames."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import pandas as pd
from ezmsg.core.graphmeta import GraphSnapshot

from kernel_runtime.background import BackgroundLoop
from kernel_runtime.errors import GraphError
from kernel_runtime.follower import GraphFollower
from kernel_runtime.profiling.process_load import LoadSample, loads_between, sample_loads
from kernel_runtime.profiling.rates import Counts, count_messages, rates_between
from kernel_runtime.topology_history import topology_changes

from .frames import (
    edges_frame,
    processes_frame,
    profile_frame,
    topology_changes_frame,
    units_frame,
)
from .graph_connection import CALL_TIMEOUT_S, GraphConnection
from .topology_difference import DifferenceFrame, difference

PING_TIMEOUT_S = 0.5
DEFAULT_PROFILE_S = 1.0
"""Window of `profile()` where there is no earlier count to measure from."""

OLDEST_BASELINE_S = 10.0


class GraphFrames(GraphConnection):
    """Units, edges, processes, rates and changes of a graph."""

    def __init__(self, follower: GraphFollower, loop: BackgroundLoop) -> None:
        super().__init__(follower, loop)
        self._baseline: Counts | None = None
        self._loads: Mapping[str, LoadSample] = {}

    def snapshot(self) -> GraphSnapshot:
        """ezmsg's own ``GraphSnapshot``, read now."""
        return self._run(self.aio.snapshot())

    def units(self) -> pd.DataFrame:
        """One row a unit; see `ezmsg_nb.frames.units_frame` for the columns."""
        self._refresh()
        return units_frame(self._follower.topology)

    def edges(self) -> pd.DataFrame:
        """One row a connection; see `ezmsg_nb.frames.edges_frame` for the columns."""
        self._refresh()
        return edges_frame(self._follower.topology)

    def processes(self) -> pd.DataFrame:
        """One row a process, each pinged once; see `ezmsg_nb.frames.processes_frame`."""
        self._refresh()
        topology = self._follower.topology
        return processes_frame(topology, self._run(self._ping_all()))

    def profile(self, seconds: float | None = None) -> pd.DataFrame:
        """Message totals and rates of all endpoints.

        Parameters
        ----------
        seconds
            Length of the window that rates are measured in; the call takes as long. Without
            it the window reaches back to the last profile of this graph, where that is less
            than ten seconds old, and is one second else.

        Returns
        -------
        pandas.DataFrame
            See `ezmsg_nb.frames.profile_frame`.
        """
        if seconds is not None and not seconds > 0:
            raise ValueError(f"seconds must be positive, not {seconds!r}")
        window_s = seconds if seconds is not None else DEFAULT_PROFILE_S
        return self._run_within(self._profile(seconds), window_s + CALL_TIMEOUT_S)

    @property
    def unit_names(self) -> list[str]:
        """Addresses of the units, as they are known now."""
        return sorted(self._follower.topology.units)

    @property
    def topic_names(self) -> list[str]:
        """All topics that something is connected to, or a unit has, as they are known now."""
        topology = self._follower.topology
        ports = (port for unit in topology.units.values() for port in unit.ports)
        ends = (topic for edge in topology.edges for topic in (edge.from_topic, edge.to_topic))
        return sorted({*(port.topic for port in ports), *ends, *topology.topics})

    def topology_events(self) -> pd.DataFrame:
        """What changed in the graph since this was attached to it.

        Returns
        -------
        pandas.DataFrame
            ``time`` (when it was seen here), ``change`` ("unit added", "unit moved",
            "connected", ...), ``subject``, ``detail``; oldest first.
        """
        return topology_changes_frame(self._follower.history.changes())

    def topology_diff(self, t0: Any = None, t1: Any = None) -> pd.DataFrame:
        """What differs between the graph at two times.

        Parameters
        ----------
        t0, t1
            Anything that ``pandas.Timestamp`` takes, UTC where no zone is given; by default
            the beginning of this session, and now.

        Returns
        -------
        pandas.DataFrame
            As `topology_events`, with ``time`` that of the later one. It shows itself with a
            picture of the changes, in colours, above the table.
        """
        history = self._follower.history
        start, end = _unix_s(t0, 0.0), _unix_s(t1, time.time())
        before, after = history.at(start), history.at(end)
        changes = topology_changes(before, after)
        frame = DifferenceFrame(topology_changes_frame((end, change) for change in changes))
        frame.difference = difference(before, after)
        return frame

    async def _ping_all(self) -> Mapping[str, float | GraphError]:
        async def ping(unit: str) -> float | GraphError:
            asked = time.perf_counter()
            try:
                await self.aio.process_ping(unit, timeout=PING_TIMEOUT_S)
            except GraphError as error:
                return error
            return time.perf_counter() - asked

        processes = [p for p in self._follower.topology.processes.values() if p.units]
        trips = await asyncio.gather(*(ping(process.units[0]) for process in processes))
        return {process.process_id: trip for process, trip in zip(processes, trips, strict=True)}

    async def _profile(self, seconds: float | None) -> pd.DataFrame:
        before = self._baseline if seconds is None else None
        if before is not None and before.age_s > OLDEST_BASELINE_S:
            before = None
        if before is None:
            self._loads = sample_loads(self._follower.topology.processes.values())
            before = await count_messages(self.aio, await self.aio.snapshot())
            await asyncio.sleep(DEFAULT_PROFILE_S if seconds is None else seconds)
        await self._follower.refresh()
        after = self._baseline = await count_messages(self.aio, await self.aio.snapshot())
        topology = self._follower.topology
        loads_before, self._loads = self._loads, sample_loads(topology.processes.values())
        loads = loads_between(loads_before, self._loads)
        return profile_frame(topology, rates_between(before, after), after.failures, loads)


def _unix_s(moment: Any, default: float) -> float:
    if moment is None:
        return default
    stamp = pd.Timestamp(moment)
    return (stamp if stamp.tzinfo else stamp.tz_localize("UTC")).timestamp()
