"""The traces of one graph, and what is found by tracing."""

from __future__ import annotations

import atexit
import contextlib
import weakref
from collections.abc import Sequence

import pandas as pd

from kernel_runtime.background import BackgroundLoop
from kernel_runtime.errors import GraphError
from kernel_runtime.follower import GraphFollower
from kernel_runtime.profiling.bottlenecks import Observation, find_bottlenecks, observe
from kernel_runtime.profiling.trace import TraceHub

from .trace import DEFAULT_MAX_SAMPLES, START_TIMEOUT_S, STOP_TIMEOUT_S, RunWithin, Trace
from .trace_frames import bottlenecks_frame

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
    """

    def __init__(self, follower: GraphFollower, loop: BackgroundLoop, run: RunWithin) -> None:
        self._follower = follower
        self._loop = loop
        self._run = run
        self.hub = TraceHub(follower.context)
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
        )

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
