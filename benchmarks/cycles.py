"""Starts and stops, and kernels that are killed: is anything left?

``python -m benchmarks.cycles [--quick]``

20 graphs are started, used and stopped in one kernel; then 20 real kernels start a graph with a
tap and a scope and are killed with SIGKILL. Quick: three of each.

``left_after_stops``, ``left_after_kills``: processes, listening ports and ``/dev/shm`` segments
that are there afterwards and were not before. ``gone_after_kill_s``: the longest time from a
kill until nothing of the graph was left. ``start_s``, ``stop_s``: medians.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psutil

from ezmsg_nb.live_graph import attach
from kernel_runtime.host import GraphHost, GraphSpec

from .harness import arguments, report

FACTORY = "benchmarks.scope_graph:build"
SHARED_MEMORY = Path("/dev/shm")
DEADLINE_S = 10.0

KERNEL = """
import json, sys, time
from ezmsg_nb.live_graph import attach
from kernel_runtime.host import GraphHost, GraphSpec
host = GraphHost.start(GraphSpec(factory=sys.argv[1]))
graph = attach(host.address, host=host)
tap, scope = graph.tap("SOURCE/OUTPUT"), graph.scope("FILTER/OUTPUT")
tap.collect(2)
pids = [host.pid, tap.pid, scope.pid, *(one.pid for one in host.processes)]
print(json.dumps({"pids": pids, "address": host.address}), flush=True)
time.sleep(600)
"""


def segments_of(pids: list[int]) -> set[Path]:
    """Shared memory that these processes have mapped."""
    found = set()
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            mapped = (Path(one.path) for one in psutil.Process(pid).memory_maps())
            found |= {path for path in mapped if SHARED_MEMORY in path.parents}
    return found


def family() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with contextlib.suppress(OSError):
        socket.create_connection((host, int(port)), 0.5).close()
        return True
    return False


def stops(cycles: int) -> dict[str, object]:
    processes = family()
    segments: set[Path] = set()
    starts: list[float] = []
    ends: list[float] = []
    addresses = []
    for _ in range(cycles):
        began = time.monotonic()
        host = GraphHost.start(GraphSpec(factory=FACTORY))
        graph = attach(host.address, host=host)
        starts.append(time.monotonic() - began)
        addresses.append(graph.address)
        with graph.tap("SOURCE/OUTPUT") as tap:
            tap.collect(2)
        segments |= segments_of([host.pid, *(one.pid for one in host.processes)])
        began = time.monotonic()
        graph.stop()
        ends.append(time.monotonic() - began)
    left = [f"process {pid}" for pid in family() - processes]
    left += [f"segment {path}" for path in segments if path.exists()]
    left += [f"port {address}" for address in addresses if listens(address)]
    return {
        "left_after_stops": left,
        "segments_seen_of_stops": len(segments),
        "start_s": round(statistics.median(starts), 3),
        "stop_s": round(statistics.median(ends), 3),
    }


def kills(cycles: int) -> dict[str, object]:
    seen = 0
    left: list[str] = []
    longest_s = 0.0
    for _ in range(cycles):
        kernel = subprocess.Popen(
            [sys.executable, "-c", KERNEL, FACTORY], stdout=subprocess.PIPE, text=True
        )
        assert kernel.stdout is not None
        told = json.loads(kernel.stdout.readline())
        segments = segments_of(told["pids"])
        seen += len(segments)
        os.kill(kernel.pid, signal.SIGKILL)
        began = time.monotonic()
        kernel.wait()
        kernel.stdout.close()
        alive: list[int] = told["pids"]
        while time.monotonic() - began < DEADLINE_S and (
            (alive := [pid for pid in alive if psutil.pid_exists(pid)])
            or any(path.exists() for path in segments)
            or listens(told["address"])
        ):
            time.sleep(0.02)
        longest_s = max(longest_s, time.monotonic() - began)
        left += [f"process {pid}" for pid in alive]
        left += [f"segment {path}" for path in segments if path.exists()]
        left += [f"port {told['address']}"] if listens(told["address"]) else []
    return {
        "left_after_kills": left,
        "segments_seen_of_kills": seen,
        "gone_after_kill_s": round(longest_s, 2),
    }


def main() -> None:
    options = arguments(__doc__ or "")
    cycles = 3 if options.quick else 20
    report({"cycles": cycles, **stops(cycles), **kills(cycles)})


if __name__ == "__main__":
    main()
