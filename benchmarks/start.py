"""How long a graph takes to start: ours from a running kernel, ``ez.run`` in a script.

``python -m benchmarks.start [--quick]``

Five units in three processes, started by `GraphHost` and attached to, and by ``ezmsg.core.run`` in
a script of its own, from the interpreter's start; each until the last unit runs (its tasks
have begun: initialized, connected, all processes past ezmsg's start barrier). In turn; medians.

``start_ratio``: ours / ezmsg's, round by round. ``start_ratio_to_initialize``: the same, where
ezmsg's is taken to be up when its last unit begins to initialize, sooner than it is.
``start_s``: ``{"ours": x, "ezmsg": y, "ezmsg_to_initialize": z}``.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import time

from ezmsg_nb.live_graph import attach
from kernel_runtime.host import GraphHost, GraphSpec

from .harness import arguments, median_ratio, report

SCRIPT = "from benchmarks.start_graph import run; run()"
UNITS = 5


def ours() -> float:
    began = time.monotonic()
    host = GraphHost.start(GraphSpec(factory="benchmarks.start_graph:build"))
    graph = attach(host.address, host=host)
    took = time.monotonic() - began
    graph.stop()
    return took


def ezmsg() -> tuple[float, float]:
    """Seconds until all units run, and until the last of them began to initialize."""
    # A server of its own is started only where no address is given.
    environment = {
        name: value for name, value in os.environ.items() if name != "EZMSG_GRAPHSERVER_ADDR"
    }
    began = time.monotonic()
    # Leader of a session: all of it is ended at once.
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=environment,
    )
    assert process.stdout is not None
    up = initialize = 0
    to_initialize = 0.0
    while up < UNITS:
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("The script with ez.run ended before its units were up.")
        up += line.count(b"up")
        initialize += line.count(b"initializes")
        if initialize == UNITS and not to_initialize:
            to_initialize = time.monotonic() - began
    took = time.monotonic() - began
    # As Ctrl-C does: killed at once it would leave its shared memory.
    os.killpg(process.pid, signal.SIGINT)
    process.stdout.read()
    process.wait()
    process.stdout.close()
    return took, to_initialize


def main() -> None:
    options = arguments(__doc__ or "")
    found: dict[str, list[float]] = {"ours": [], "ezmsg": [], "ezmsg_to_initialize": []}

    def take_ours() -> None:
        found["ours"].append(ours())

    def take_ezmsg() -> None:
        took, to_initialize = ezmsg()
        found["ezmsg"].append(took)
        found["ezmsg_to_initialize"].append(to_initialize)

    contestants = [take_ours, take_ezmsg]
    for _ in range(3 if options.quick else 15):
        for take in contestants:
            take()
        contestants.reverse()
    to_initialize = median_ratio(found["ours"], found["ezmsg_to_initialize"])
    report(
        {
            "start_ratio": round(median_ratio(found["ours"], found["ezmsg"]), 3),
            "start_ratio_to_initialize": round(to_initialize, 3),
            "start_s": {name: round(statistics.median(took), 3) for name, took in found.items()},
        }
    )


if __name__ == "__main__":
    main()
