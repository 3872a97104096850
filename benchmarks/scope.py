"""What a scope costs a pipeline of 256 channels at 30 kHz, and what it sends to the browser.

``python -m benchmarks.scope [--quick]``

Windows with and without a scope in sight take turns; each with one is compared to the mean of its
two neighbours without, so that a machine that warms up or gets other work counts for little. The
browser's side is played by its messages.

``pipeline_cpu_added_percent``: CPU seconds of the units and the server, more than without a
scope: median over the windows, and ``pipeline_cpu_added_percent_ci95`` its confidence interval (by
rank; it assumes nothing of how they spread); ``pipeline_cpu_added_percent_of_a_cpu``: the same by
process, as a share of one CPU. ``observer_cpu_percent``: of the observer process, of
one CPU. ``kernel_cpu_percent``: of this kernel. ``browser_messages_per_s``, ``browser_kb_per_s``:
what it sends. ``dropped``: messages that the observer was too slow for, of all.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import statistics
import time
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import numpy as np

from ezmsg_nb.live_graph import LiveGraph, attach
from ezmsg_nb.scope import Scope
from kernel_runtime.host import GraphHost, GraphSpec

from .cpu import process_cpu_s
from .harness import arguments, report

Cores: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]
"""CPU seconds a second, of each process."""

TOPIC = "FILTER/OUTPUT"
SETTLE_S = 1.0
BEAT_S = 2.0


class Traffic:
    """Stands in a browser's place: counts what it is sent."""

    def __init__(self, scope: Scope) -> None:
        self.messages = 0
        self.size = 0
        self._scope = scope
        send = scope.send

        def count(content: Any, buffers: Any = None) -> None:
            self.messages += 1
            self.size += sum(len(buffer) for buffer in buffers or ())
            send(content, buffers)

        scope.send = count

    def beat(self) -> None:
        for said in ({"type": "width", "px": 1000}, {"type": "view", "view": "v", "visible": True}):
            self._scope._on_message(self._scope, said, [])


def cpu_s(pids: Iterable[int]) -> list[float]:
    return [process_cpu_s(pid) for pid in pids]


class Measured:
    """What was added up over the windows with a scope."""

    def __init__(self) -> None:
        self.seconds = self.observer_s = self.kernel_s = 0.0
        self.messages = self.size = self.received = self.dropped = 0


def with_scope(graph: LiveGraph, pids: list[int], seconds: float, found: Measured) -> Cores:
    scope = graph.scope(TOPIC)
    try:
        traffic = Traffic(scope)
        traffic.beat()
        time.sleep(SETTLE_S)
        sent, size = traffic.messages, traffic.size
        received, dropped = scope.received, scope.dropped
        observer = [scope.pid] if scope.pid is not None else []
        began, before = time.monotonic(), cpu_s(pids)
        ours = (sum(cpu_s(observer)), time.process_time())
        while time.monotonic() - began < seconds:
            time.sleep(min(BEAT_S, seconds))
            traffic.beat()
        used = np.subtract(cpu_s(pids), before)
        elapsed_s = time.monotonic() - began
        found.seconds += elapsed_s
        found.observer_s += sum(cpu_s(observer)) - ours[0]
        found.kernel_s += time.process_time() - ours[1]
        found.messages += traffic.messages - sent
        found.size += traffic.size - size
        found.received += scope.received - received
        found.dropped += scope.dropped - dropped
        return used / elapsed_s
    finally:
        scope.close()


def without(pids: list[int], seconds: float) -> Cores:
    time.sleep(SETTLE_S)
    began, before = time.monotonic(), cpu_s(pids)
    time.sleep(seconds)
    return np.subtract(cpu_s(pids), before) / (time.monotonic() - began)


def rank_interval(values: list[float], confidence: float = 0.95) -> list[float]:
    """Confidence interval of the median: the narrowest pair of ranks that is sure enough."""
    ordered, count = sorted(values), len(values)
    outside = 0.0
    rank = 0
    # Chance that fewer than `rank` + 1 values are below the true median, on either side.
    while rank < count // 2:
        outside += 2.0 * math.comb(count, rank) / 2.0**count
        if outside > 1.0 - confidence:
            break
        rank += 1
    rank = max(0, rank - 1)
    return [round(ordered[rank], 2), round(ordered[count - 1 - rank], 2)]


def measure(rounds: int, seconds: float) -> dict[str, object]:
    found = Measured()
    with running() as graph:
        assert graph._host is not None
        named = {process.name: process.pid for process in graph._host.processes}
        pids = [graph._host.pid, *named.values()]
        alone = [without(pids, seconds)]
        seen = []
        for _ in range(rounds):
            seen.append(with_scope(graph, pids, seconds, found))
            alone.append(without(pids, seconds))
    base = [(before + after) / 2.0 for before, after in itertools.pairwise(alone)]
    added = [100.0 * (one.sum() / of.sum() - 1.0) for one, of in zip(seen, base, strict=True)]
    each = 100.0 * np.median(np.subtract(seen, base), axis=0)
    return {
        "pipeline_cpu_added_percent": round(statistics.median(added), 2),
        "pipeline_cpu_added_percent_ci95": rank_interval(added),
        "pipeline_cpu_added_percent_rounds": [round(one, 2) for one in added],
        "pipeline_cpu_added_percent_of_a_cpu": {
            name: round(float(one), 2) for name, one in zip(["host", *named], each, strict=True)
        },
        "pipeline_cpu_percent": round(100.0 * statistics.median(map(np.sum, alone)), 1),
        "observer_cpu_percent": round(100.0 * found.observer_s / found.seconds, 1),
        "kernel_cpu_percent": round(100.0 * found.kernel_s / found.seconds, 1),
        "browser_messages_per_s": round(found.messages / found.seconds, 2),
        "browser_kb_per_s": round(found.size / found.seconds / 1000.0, 1),
        "received": found.received,
        "dropped": found.dropped,
    }


@contextlib.contextmanager
def running() -> Iterator[LiveGraph]:
    host = GraphHost.start(GraphSpec(factory="benchmarks.scope_graph:build"))
    with attach(host.address, host=host) as graph:
        yield graph


def main() -> None:
    options = arguments(__doc__ or "")
    report(measure(*((6, 2.0) if options.quick else (40, 4.0))))


if __name__ == "__main__":
    main()
