"""A stand-in for a kernel: starts a graph host, says so in one JSON line, and waits.

Called with a factory. Ends when its standard input does.
"""

from __future__ import annotations

import json
import sys

from kernel_runtime.host import GraphHost, GraphSpec


def main() -> None:
    host = GraphHost.start(GraphSpec(factory=sys.argv[1]))
    told = {
        "pid": host.pid,
        "address": host.address,
        "unit_pids": [process.pid for process in host.processes],
    }
    print(json.dumps(told), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
