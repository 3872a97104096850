"""A GraphServer by itself in a process: ``python -m kernel_runtime.host.serving HOST:PORT``.

What ``ezmsg-nb serve`` does, without the packages for notebooks, whose import takes seconds.
"""

from __future__ import annotations

import signal
import sys
import time

from ezmsg.core.graphserver import GraphServer

from ..address import Address, parse_address
from .server_choice import create_graph_server

_CHECK_S = 0.2


def start_server(address: Address) -> GraphServer:
    """Start the GraphServer of the host at an address.

    Raises
    ------
    OSError
        It can't listen there.
    ValueError
        A limit that the environment sets is no number.
    """
    server = create_graph_server()
    server.start((address.host, address.port))
    return server


def serve_until_told(server: GraphServer) -> bool:
    """Wait for SIGINT, SIGTERM or a client to end a server; True where a client did.

    Only in the main thread.
    """
    told = False

    def tell(_signal: int, _frame: object) -> None:
        nonlocal told
        told = True

    # An exception out of the handler, in the midst of join(), would mark the thread as ended.
    signal.signal(signal.SIGINT, tell)
    signal.signal(signal.SIGTERM, tell)
    while server.is_alive() and not told:
        time.sleep(_CHECK_S)
    server.stop()
    return not told


if __name__ == "__main__":
    serve_until_told(start_server(parse_address(sys.argv[1])))
