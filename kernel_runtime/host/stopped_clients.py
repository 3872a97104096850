"""Which clients on this machine can't answer, because their processes are stopped."""

from __future__ import annotations

import contextlib


def addresses_of_stopped() -> frozenset[tuple[str, int]]:
    """Own ends of the TCP connections of all processes that a signal or a debugger stops.

    Those of other users are not seen, nor those on other machines.
    """
    # Only now: a graph would start later by the time that this import takes.
    import psutil

    found: set[tuple[str, int]] = set()
    for process in psutil.process_iter(["status"]):
        if process.info["status"] in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP):
            with contextlib.suppress(psutil.Error):
                found.update(
                    (connection.laddr.ip, connection.laddr.port)
                    for connection in process.net_connections(kind="tcp")
                    if connection.laddr
                )
    return frozenset(found)
