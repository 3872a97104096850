"""``ezmsg-nb``: the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from .commands import demo, doctor, lab, serve, status
from .commands.versions import versions

EPILOG = """\
Start with
  ezmsg-nb lab                the demo pipeline in JupyterLab
  ezmsg-nb status             your own pipeline that runs already: its address
  ezmsg-nb lab ADDRESS        that pipeline in JupyterLab
  ezmsg-nb COMMAND --help     what a command takes
"""


class _PrintVersions(argparse.Action):
    """``--version``, a package a line: argparse's own action would fill them into a paragraph."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(versions())
        parser.exit()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="ezmsg-nb",
        description="A running ezmsg pipeline, live in a Jupyter notebook.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version", action=_PrintVersions, help="versions of ezmsg-nb, ezmsg, Jupyter and Python"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in (lab, demo, status, doctor, serve):
        module.add_parser(commands)
    given = parser.parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = given.run
    return run(given)


if __name__ == "__main__":
    sys.exit(main())
