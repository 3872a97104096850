"""Processes of this machine whose GraphServer has ended, whether another one has its place or not.

ezmsg's processes never register again: they live on, their data flow stops for good, and no
snapshot tells of them. What shows them is a connection to the server's address that the other
side has closed, and no live one.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

import psutil

from .address import Address
from .local_processes import command_line


@dataclass(frozen=True, slots=True)
class LostProcess:
    """A process that was connected to a GraphServer which has ended."""

    pid: int
    command: str

    @property
    def advice(self) -> str:
        return f"It can't come back: `kill {self.pid}`, and start its graph anew."


def lost_processes(address: Address) -> list[LostProcess]:
    """Processes that were connected to an address whose server has ended since.

    Only those that this user may look at; none where the system doesn't tell.
    """
    try:
        hosts = {one[4][0] for one in socket.getaddrinfo(address.host, address.port)}
        connections = psutil.net_connections(kind="tcp")
    except (OSError, psutil.Error):
        return []
    live: set[int] = set()
    left: set[int] = set()
    for connection in connections:
        remote, pid = connection.raddr, connection.pid
        if not remote or pid is None or pid == os.getpid():
            continue
        if remote.port == address.port and remote.ip.removeprefix("::ffff:") in hosts:
            (left if connection.status == psutil.CONN_CLOSE_WAIT else live).add(pid)
    return [LostProcess(pid, command_line(pid)) for pid in sorted(left - live)]
