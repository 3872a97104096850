"""One trace: the samples that it kept, and what is needed to judge them."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..model import Topology
from .clocks import ProcessClock
from .columns import ColumnRing, Columns, StreamTable
from .rates import Counts
from .trace_decode import ProcessSamples
from .trace_scope import TraceScope
from .tracing_cost import Moment, TracingCost


@dataclass(frozen=True, slots=True)
class Interruption:
    """A time in which a process lost samples because its trace control was set.

    Both ends on the clock of the process.
    """

    process_id: str
    start_ns: int
    end_ns: int


class TraceRecording:
    """Samples of one trace and their circumstances. Filled by a `TraceHub`; thread-safe.

    Attributes
    ----------
    topology
        The graph when the trace began, with what joined later.
    clocks
        Of each process that answered, by process id.
    counts_before, counts_after
        Message totals at both ends; the second is None while the trace runs.
    interruptions
        When the trace control of a process was set during the trace.
    boundaries
        By process: time of the first sample of each message from the server.
    opening
        Totals when the trace had begun.
    cost
        What the trace cost the pipeline, None where that was not measured.
    began_ns
        When the trace began, on this process' own clock.
    started_at, ended_at
        Unix time in nanoseconds; the second is None while the trace runs.
    """

    def __init__(
        self,
        scope: TraceScope,
        max_samples: int,
        streams: StreamTable,
        topology: Topology,
        clocks: Mapping[str, ProcessClock],
    ) -> None:
        self.scope = scope
        self.max_samples = max_samples
        self.streams = streams
        self.topology = topology
        self.clocks = dict(clocks)
        self.counts_before = Counts({}, {}, {})
        self.counts_after: Counts | None = None
        self.interruptions: list[Interruption] = []
        self.boundaries: dict[str, list[int]] = {}
        self.opening: Moment | None = None
        self.cost: TracingCost | None = None
        self.began_ns = time.perf_counter_ns()
        self.started_at = time.time_ns()
        self.ended_at: int | None = None
        self._began = False
        self._ring = ColumnRing(max_samples)
        self._wanted = np.empty(0, np.bool_)
        self._notes: list[str] = []
        self._lock = threading.Lock()

    # -- filling --------------------------------------------------------------------------

    def begin(self) -> None:
        """Let what happens from now on be kept: every process that was reached traces now."""
        self.began_ns = time.perf_counter_ns()
        self.started_at = time.time_ns()
        self._began = True

    def join(self, topology: Topology, clocks: Mapping[str, ProcessClock], counts: Counts) -> None:
        """Know processes that came into the graph while this runs.

        Parameters
        ----------
        topology
            The graph as it is now.
        clocks
            Of the new processes.
        counts
            Totals since which they are traced.
        """
        before = self.topology
        self.topology = replace(
            topology,
            units={**before.units, **topology.units},
            collections={**before.collections, **topology.collections},
            edges=tuple(dict.fromkeys((*before.edges, *topology.edges))),
            processes={**before.processes, **topology.processes},
        )
        self.clocks = {**self.clocks, **clocks}
        self.counts_before = Counts(
            {**counts.endpoints, **self.counts_before.endpoints},
            {**counts.at_ns, **self.counts_before.at_ns},
            self.counts_before.failures,
        )

    def note(self, text: str) -> None:
        """Keep something that a person should know; once."""
        with self._lock:
            if text not in self._notes:
                self._notes.append(text)

    def take(self, arrived: ProcessSamples, traced_mod: int, *, at_once: bool = False) -> None:
        """Keep what belongs to this trace.

        Parameters
        ----------
        arrived
            Samples of one process.
        traced_mod
            The sampling that is in force; finer than this trace's where others want more.
        at_once
            The samples came from the process itself, not with a message of the server.
        """
        clock = self.clocks.get(arrived.process_id)
        if clock is None or not self._began:
            return
        samples = arrived.samples
        chosen = samples.time_ns >= self.started_at - clock.offset_ns
        chosen &= self._wanted_codes()[samples.code]
        if self.ended_at is not None:
            chosen &= samples.time_ns <= self.ended_at - clock.offset_ns
        if traced_mod == 1 and self.scope.sample_mod > 1:
            chosen &= samples.seq % self.scope.sample_mod == 0
        kept = samples if chosen.all() else samples.where(chosen)
        if not len(kept):
            return
        if not at_once:
            self.boundaries.setdefault(arrived.process_id, []).append(int(kept.time_ns.min()))
        self._ring.append(kept)

    def _wanted_codes(self) -> npt.NDArray[np.bool_]:
        known = len(self._wanted)
        if known < len(self.streams):
            more = [
                self.scope.wants(stream.topic, stream.metric)
                for stream in self.streams.all()[known:]
            ]
            self._wanted = np.concatenate([self._wanted, np.array(more, np.bool_)])
        return self._wanted

    def end(self) -> None:
        """Let what happens from now on be left out."""
        if self.ended_at is None:
            self.ended_at = time.time_ns()

    # -- reading --------------------------------------------------------------------------

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know about this trace, oldest first."""
        with self._lock:
            return tuple(self._notes)

    @property
    def running(self) -> bool:
        return self.ended_at is None

    def __len__(self) -> int:
        return len(self._ring)

    @property
    def nbytes(self) -> int:
        """Memory that the samples take."""
        return self._ring.nbytes

    @property
    def dropped(self) -> dict[int, int]:
        """Samples that were dropped here for newer ones, by stream."""
        return self._ring.dropped

    def columns(self) -> Columns:
        """The samples that are kept."""
        return self._ring.columns()

    @property
    def duration_s(self) -> float:
        end = time.time_ns() if self.ended_at is None else self.ended_at
        return (end - self.started_at) / 1e9
