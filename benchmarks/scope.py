"""What a scope costs a pipeline of 256 channels at 30 kHz, and what it sends to the browser.

``python -m benchmarks.scope [--quick]``

Windows with and without a scope in sight take turns. The browser's side is played by its
messages.

``pipeline_cpu_added_percent``: CPU seconds of the units and the server, more than without a
scope: median over rounds. ``observer_cpu_percent``: of the observer process, of one CPU.
``kernel_cpu_percent``: of this kernel. ``browser_messages_per_s``, ``browser_kb_per_s``: what it
sends. ``dropped``: messages that the observer was too slow for, of all.
"""

from __future__ import annotations

import contextlib
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
SETTLE_S = 1.5
BEAT_S = 3.0


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


def measure(rounds: int, seconds: float) -> dict[str, object]:
    with running() as graph:
        assert graph._host is not None
        host = psutil.Process(graph._host.pid)
        pids = [host.pid, *(child.pid for child in host.children(recursive=True))]
        added: list[float] = []
        found = Measured()
        for turn in range(rounds):
            if turn % 2:
                seen, alone = with_scope(graph, pids, seconds, found), without(pids, seconds)
            else:
                alone, seen = without(pids, seconds), with_scope(graph, pids, seconds, found)
            added.append(100.0 * (seen / alone - 1.0))
    return {
        "pipeline_cpu_added_percent": round(statistics.median(added), 2),
        "pipeline_cpu_added_percent_rounds": [round(one, 2) for one in added],
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
    report(measure(*((3, 4.0) if options.quick else (15, 6.0))))


if __name__ == "__main__":
    main()
