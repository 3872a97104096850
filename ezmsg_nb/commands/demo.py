"""``ezmsg-nb demo``: the demo pipeline, to connect to from a notebook."""

from __future__ import annotations

import argparse
import sys
import threading

from kernel_runtime.errors import GraphError
from kernel_runtime.host import GraphHost, demo_spec


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "demo", help="run the demo pipeline, to connect to from a notebook"
    )
    parser.set_defaults(run=run)


def run(_arguments: argparse.Namespace) -> int:
    """Run the demo pipeline until it is interrupted or ends by itself."""
    ended = threading.Event()
    reasons: list[str] = []

    def end(reason: str) -> None:
        reasons.append(reason)
        ended.set()

    try:
        host = GraphHost.start(demo_spec())
    except GraphError as error:
        print(f"ezmsg-nb: {error}", file=sys.stderr)
        return 1
    host.on_exit(end)
    try:
        print(
            f"The demo pipeline runs, with its GraphServer at {host.address}. In a notebook:\n"
            f'    import ezmsg_nb as ezn; g = ezn.connect("{host.address}"); g\n'
            f"Ctrl-C ends it.",
            flush=True,
        )
        ended.wait()
    except KeyboardInterrupt:
        print("Stopping.")
        host.stop()
        return 0
    print(f"ezmsg-nb: the pipeline ended: {reasons[0]}", file=sys.stderr)
    return 1
