"""What the pictures of one graph show in numbers, round by round."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import numpy as np

from kernel_runtime.follower import Measured
from kernel_runtime.model import Topology
from kernel_runtime.profiling.edge_figures import edge_delays
from kernel_runtime.profiling.latency import TraceReader
from kernel_runtime.profiling.process_load import LoadSample, loads_between, sample_loads
from kernel_runtime.profiling.recording import TraceRecording

from .topology_numbers import GraphNumbers, channels_of, crowded_units, inflight_of

LATENCY_EVERY_S: Final = 2.0
LATENCY_SAMPLES: Final = 100_000
"""The newest of a running trace: a second's worth in a busy graph, and some 50 ms of work."""

CROWDED_ROUNDS: Final = 2
"""A publisher whose buffers are full for a moment is no trouble."""


class PictureNumbers:
    """Measures for the pictures of one graph.

    Parameters
    ----------
    recordings
        Gives the traces that run.
    """

    def __init__(self, recordings: Callable[[], Iterable[TraceRecording]]) -> None:
        self._recordings = recordings
        self._loads: Mapping[str, LoadSample] = {}
        self._crowded_for: dict[str, int] = {}
        self._p99_ms: Mapping[tuple[str, str], float] = {}
        self._reading: threading.Thread | None = None
        self._read_at = float("-inf")
        self.crowded: Mapping[str, str] = {}

    def take(self, topology: Topology, measured: Measured) -> GraphNumbers:
        """Make the numbers of a round; `crowded` has the units that were held back in several."""
        before, self._loads = self._loads, sample_loads(topology.processes.values())
        self._read_latency()
        numbers = GraphNumbers(
            rates=measured.topics,
            inflight=inflight_of(measured.endpoints.values()),
            channels=channels_of(measured.endpoints.values()),
            p99_ms=self._p99_ms,
            cpu={one: load.cpu for one, load in loads_between(before, self._loads).items()},
        )
        now = crowded_units(topology, numbers)
        self._crowded_for = {unit: self._crowded_for.get(unit, 0) + 1 for unit in now}
        self.crowded = {
            unit: why for unit, why in now.items() if self._crowded_for[unit] >= CROWDED_ROUNDS
        }
        return numbers

    def _read_latency(self) -> None:
        running = [one for one in self._recordings() if one.running]
        if not running:
            self._p99_ms = {}
            return
        is_busy = self._reading is not None and self._reading.is_alive()
        if is_busy or time.monotonic() - self._read_at < LATENCY_EVERY_S:
            return
        self._read_at = time.monotonic()
        # Off the loop, on which every request of this kernel waits.
        self._reading = threading.Thread(
            target=self._compute_latency, args=(running[-1],), name="picture-latency", daemon=True
        )
        self._reading.start()

    def _compute_latency(self, recording: TraceRecording) -> None:
        columns = recording.columns()
        newest = columns.where(np.arange(max(0, len(columns) - LATENCY_SAMPLES), len(columns)))
        try:
            latencies = TraceReader(recording, newest).edges()
        except ValueError:
            # A trace that was sampled, or is without the metrics that latency takes.
            return
        delays = edge_delays(recording.topology, latencies)
        self._p99_ms = {edge: delay.p99_ms for edge, delay in delays.items()}
