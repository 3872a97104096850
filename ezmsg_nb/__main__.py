"""``ezmsg-nb``: the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from .commands import demo, doctor, serve
from .commands.versions import versions


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="ezmsg-nb",
        description="A running ezmsg pipeline, live in a Jupyter notebook.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=versions())
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in (demo, doctor, serve):
        module.add_parser(commands)
    given = parser.parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = given.run
    return run(given)


if __name__ == "__main__":
    sys.exit(main())
