"""A kernel with the topology and the profile view in sight, for `benchmarks.observer_cost`.

``python -m benchmarks.observer_kernel ADDRESS``; a line on standard input switches the views on
or off, and is answered by a JSON line with what was sent to the browser and the CPU time used.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import ezmsg_nb as ezn
from ezmsg_nb.watched_widget import browser_traffic


def look_at(widgets: list[Any]) -> None:
    """Say what a page in sight says every four seconds."""
    for widget in widgets:
        widget._on_message(None, {"type": "view", "view": "v", "visible": True}, [])


def main() -> None:
    address = sys.argv[1]
    graph: ezn.LiveGraph | None = None
    widgets: list[Any] = []
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        if line.strip() == "on" and graph is None:
            graph = ezn.connect(address)
            widgets = [graph.topology(), graph.profile_view()]
            look_at(widgets)
        elif line.strip() == "beat":
            look_at(widgets)
        elif line.strip() == "off" and graph is not None:
            for widget in widgets:
                widget.close()
            graph.close()
            graph, widgets = None, []
        figures = {"sent": browser_traffic.messages, "cpu_s": time.process_time()}
        print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
