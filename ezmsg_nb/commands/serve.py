"""``ezmsg-nb serve``: a GraphServer by itself, for pipelines and notebooks to meet at."""

from __future__ import annotations

import argparse
import sys

from kernel_runtime.address import parse_address
from kernel_runtime.host.serving import serve_until_told, start_server


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("serve", help="run a GraphServer that no client can wedge")
    parser.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="where to listen (default: $EZMSG_GRAPHSERVER_ADDR, else 127.0.0.1:25978)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until interrupted, terminated, or shut down by a client."""
    try:
        address = parse_address(arguments.address)
        server = start_server(address)
    except ValueError as error:
        print(f"ezmsg-nb: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(
            f"ezmsg-nb: no GraphServer can listen on {address} ({error.strerror or error}); end "
            "what listens there, or give another --address",
            file=sys.stderr,
        )
        return 1
    if not address.is_loopback:
        print(
            f"ezmsg-nb: {address} can be reached from other machines. ezmsg knows no passwords: "
            "who reaches it can change and stop the graph.",
            file=sys.stderr,
        )
    print(f"GraphServer at {server.address}. Ctrl-C ends it.", flush=True)
    if serve_until_told(server):
        print("A client has shut it down.")
    return 0
