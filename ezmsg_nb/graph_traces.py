"""The traces of one graph, and what is found by tracing."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence

import pandas as pd

from kernel_runtime.background import BackgroundLoop
from kernel_runtime.errors import GraphError
from kernel_runtime.follower import GraphFollower
from kernel_runtime.profiling.bottlenecks import Observation, find_bottlenecks, observe
from kernel_runtime.profiling.edge_figures import EdgeDelay, EdgeKey, backpressure, edge_delays
from kernel_runtime.profiling.latency import TraceReader
from kernel_runtime.profiling.observer_cost import ObserverMeter
from kernel_runtime.profiling.rates import (
    EndpointRate,
    count_messages,
    published_hz,
    rates_between,
)
from kernel_runtime.profiling.recording import TraceRecording
from kernel_runtime.profiling.trace import TraceHub
from kernel_runtime.topology import topic_rates

from .cost_frames import edge_figures_frame
from .trace import DEFAULT_MAX_SAMPLES, START_TIMEOUT_S, STOP_TIMEOUT_S, RunWithin, Trace
from .trace_frames import bottlenecks_frame
from .watched_widget import browser_traffic

EXIT_DEADLINE_S = 2.0


class GraphTraces:
    """Makes traces of one graph.

    Parameters
    ----------
    follower
        Knows the graph.
    loop
        Where the graph's context lives.
    run
        Runs a coroutine there and waits for it.
    observers
        Ids of the processes that hold taps and scopes of the graph.

    Attributes
    ----------
    meter
        What looking at the graph costs.
    """

    def __init__(
        self,
        follower: GraphFollower,
        loop: BackgroundLoop,
        run: RunWithin,
        observers: Callable[[], Iterable[int]] = tuple,
    ) -> None:
        self._follower = follower
        self._loop = loop
        self._run = run
        self.hub = TraceHub(follower.context)
        self.meter = ObserverMeter(
            own_s=lambda: loop.cpu_s,
            bytes_received=lambda: follower.context.bytes_received,
            browser_messages=lambda: browser_traffic.messages,
            observers=observers,
            tracing=lambda: self.hub.last_cost,
        )
        self._delays: Mapping[EdgeKey, EdgeDelay] = {}
        self._newest: TraceRecording | None = None
        _all_graphs.add(self)

    def trace(
        self,
        topics: Sequence[str] | str | None = None,
        metrics: Sequence[str] | str | None = None,
        sample_mod: int = 1,
        max_samples: int = DEFAULT_MAX_SAMPLES,
    ) -> Trace:
        """A new trace, not begun yet."""
        return Trace(
            self.hub,
            self._run,
            lambda: self._follower.topology,
            self._follower.settings,
            topics,
            metrics,
            sample_mod,
            max_samples,
            self._take_ended,
        )

    @property
    def edge_delays(self) -> Mapping[EdgeKey, EdgeDelay]:
        """Transport along each edge of the topology in the last trace that tells of it."""
        recording, self._newest = self._newest, None
        if recording is not None:
            # A trace that was sampled, or without the metrics that latency takes, tells nothing.
            with contextlib.suppress(ValueError):
                self._delays = edge_delays(recording.topology, TraceReader(recording).edges())
        return self._delays

    def edge_figures(self, seconds: float) -> pd.DataFrame:
        """What is known of each edge; see `cost_frames.edge_figures_frame`."""
        if not seconds > 0:
            raise ValueError(f"seconds must be positive, not {seconds!r}")
        rates = self._run(self._measure(seconds), seconds + START_TIMEOUT_S)
        topology = self._follower.topology
        return edge_figures_frame(
            topology,
            topic_rates(topology, published_hz(rates)),
            backpressure(topology, rates),
            self.edge_delays,
        )

    async def _measure(self, seconds: float) -> dict[str, EndpointRate]:
        await self._follower.refresh()
        context, topology = self._follower.context, self._follower.topology
        before = await count_messages(context, topology)
        await asyncio.sleep(seconds)
        return rates_between(before, await count_messages(context, topology))

    def _take_ended(self, recording: TraceRecording) -> None:
        self._newest = recording

    def bottlenecks(self, seconds: float) -> pd.DataFrame:
        """Look at the graph for a time, and rank what limits it."""
        if not seconds > 0:
            raise ValueError(f"seconds must be positive, not {seconds!r}")
        limit_s = START_TIMEOUT_S + seconds + STOP_TIMEOUT_S
        seen: Observation = self._run(observe(self.hub, self._follower.context, seconds), limit_s)
        return bottlenecks_frame(find_bottlenecks(seen))

    def end_at_exit(self) -> None:
        """Leave no tracing on behind this kernel."""
        if self.hub.recordings and self._loop.is_running:
            with contextlib.suppress(GraphError, RuntimeError):
                self._loop.run(self.hub.close(), timeout=EXIT_DEADLINE_S)


_all_graphs: weakref.WeakSet[GraphTraces] = weakref.WeakSet()


@atexit.register
def _end_all_at_exit() -> None:
    # Registered after the loop's own end, so called before it.
    for traces in list(_all_graphs):
        traces.end_at_exit()
