"""Who else on this host is connected to a GraphServer: ezmsg itself does not say who observes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable

import psutil

from ..address import Address

LONGEST_NAME = 80


def other_observers(address: Address, of_graph: Iterable[int]) -> list[str]:
    """Processes of this host that are connected to a server, as ``"1234 (python -m ...)"``.

    This process and its helpers are left out, and the graph's own processes and those that
    started them. What may not be seen (processes of other users) is not there.

    Parameters
    ----------
    address
        The server's.
    of_graph
        Ids of the processes that run units.
    """
    known: set[int] = {os.getpid()}
    for pid in of_graph:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            known |= {pid, *(each.pid for each in process.parents())}
    with contextlib.suppress(psutil.Error):
        known |= {each.pid for each in psutil.Process().children() if _is_helper(each)}
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.Error:
        return []
    found = {
        connection.pid
        for connection in connections
        if connection.pid is not None
        and connection.status == psutil.CONN_ESTABLISHED
        and connection.raddr
        and connection.raddr.port == address.port
    }
    return [_named(pid) for pid in sorted(found - known)]


def _is_helper(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return any(part.startswith("kernel_runtime.") for part in process.cmdline())
    return True


def _named(pid: int) -> str:
    with contextlib.suppress(psutil.Error):
        command = " ".join(psutil.Process(pid).cmdline())
        shown = command if len(command) <= LONGEST_NAME else f"{command[: LONGEST_NAME - 3]}..."
        return f"{pid} ({shown})"
    return str(pid)
