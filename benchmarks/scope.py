"""What a scope costs a pipeline of 256 channels at 30 kHz, and what it sends to the browser.

``python -m benchmarks.scope [--quick]``

Windows with and without a scope in sight take turns; each with one is compared to the mean of its
two neighbours without, so that a machine that warms up or gets other work counts for little. The
browser's side is played by its messages.

``pipeline_cpu_added_percent``: CPU seconds of the units and the server, more than without a
scope: median over the windows, and ``pipeline_cpu_added_percent_ci95`` its confidence interval (by
rank; it assumes nothing of how they spread). ``observer_cpu_percent``: of the observer process, of
one CPU. ``kernel_cpu_percent``: of this kernel. ``browser_messages_per_s``, ``browser_kb_per_s``:
what it sends. ``dropped``: messages that the observer was too slow for, of all.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import statistics
import time
from collections.abc import Iterator
from typing import Any

import psutil

from ezmsg_nb.live_graph import LiveGraph, attach
from ezmsg_nb.scope import Scope
from kernel_runtime.host import GraphHost, GraphSpec

from .harness import arguments, report

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


def cpu_s(pids: list[int]) -> float:
    total = 0.0
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            times = psutil.Process(pid).cpu_times()
            total += times.user + times.system
    return total


class Measured:
    """What was added up over the windows with a scope."""

    def __init__(self) -> None:
        self.seconds = self.observer_s = self.kernel_s = 0.0
        self.messages = self.size = self.received = self.dropped = 0


def with_scope(graph: LiveGraph, pids: list[int], seconds: float, found: Measured) -> float:
    scope = graph.scope(TOPIC)
    try:
        traffic = Traffic(scope)
        traffic.beat()
        time.sleep(SETTLE_S)
        sent, size, began = traffic.messages, traffic.size, time.monotonic()
        received, dropped = scope.received, scope.dropped
        observer = [scope.pid] if scope.pid is not None else []
        before = (cpu_s(pids), cpu_s(observer), time.process_time())
        while time.monotonic() - began < seconds:
            time.sleep(min(BEAT_S, seconds))
            traffic.beat()
        used = cpu_s(pids) - before[0]
        elapsed_s = time.monotonic() - began
        found.seconds += elapsed_s
        found.observer_s += cpu_s(observer) - before[1]
        found.kernel_s += time.process_time() - before[2]
        found.messages += traffic.messages - sent
        found.size += traffic.size - size
        found.received += scope.received - received
        found.dropped += scope.dropped - dropped
        return used / elapsed_s
    finally:
        scope.close()


def without(pids: list[int], seconds: float) -> float:
    time.sleep(SETTLE_S)
    before, began = cpu_s(pids), time.monotonic()
    time.sleep(seconds)
    return (cpu_s(pids) - before) / (time.monotonic() - began)


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
        host = psutil.Process(graph._host.pid)
        pids = [host.pid, *(child.pid for child in host.children(recursive=True))]
        alone = [without(pids, seconds)]
        seen = []
        for _ in range(rounds):
            seen.append(with_scope(graph, pids, seconds, found))
            alone.append(without(pids, seconds))
    added = [
        100.0 * (one / ((before + after) / 2.0) - 1.0)
        for one, (before, after) in zip(seen, itertools.pairwise(alone), strict=True)
    ]
    return {
        "pipeline_cpu_added_percent": round(statistics.median(added), 2),
        "pipeline_cpu_added_percent_ci95": rank_interval(added),
        "pipeline_cpu_added_percent_rounds": [round(one, 2) for one in added],
        "pipeline_cpu_percent": round(100.0 * statistics.median(alone), 1),
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
    report(measure(*((6, 2.0) if options.quick else (25, 4.0))))


if __name__ == "__main__":
    main()
