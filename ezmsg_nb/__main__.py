"""``ezmsg-nb``: the command line."""

from __future__ import annotations

import argparse
import importlib.metadata
import platform
import sys
import threading
from collections.abc import Sequence

from kernel_runtime.errors import GraphError
from kernel_runtime.host import GraphHost, demo_spec

_SHOWN_VERSIONS = ("ezmsg-nb", "ezmsg", "ezmsg-sigproc", "anywidget", "ipykernel", "jupyterlab")


def _versions() -> str:
    lines = []
    for package in _SHOWN_VERSIONS:
        try:
            lines.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            lines.append(f"{package} (not installed)")
    return "\n".join([*lines, f"Python {platform.python_version()}"])


def _demo() -> int:
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="ezmsg-nb",
        description="A running ezmsg pipeline, live in a Jupyter notebook.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=_versions())
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("demo", help="run the demo pipeline, to connect to from a notebook")
    parser.parse_args(arguments)
    return _demo()


if __name__ == "__main__":
    sys.exit(main())
