"""GraphServers of this machine, found where ezmsg starts them.

``ezmsg.core.run`` asks the default address; where nobody answers there it starts a server of its
own, at the first free port from 10000 upward (``$EZMSG_SERVER_PORT_START``). So the address of a
running script is known to its output only.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass

import psutil
from ezmsg.core.netprotocol import (
    GRAPHSERVER_PORT_DEFAULT,
    SERVER_PORT_START_DEFAULT,
    SERVER_PORT_START_ENV,
)

from .address import Address
from .errors import GraphError
from .local_processes import command_line
from .wire import open_connection

SEARCHED_PORTS = 100
GREETING_TIMEOUT_S = 2.0
ANY_HOST = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A GraphServer that answers, and the process that listens for it."""

    address: Address
    server_version: str
    pid: int
    command: str

    def __str__(self) -> str:
        return f"{self.address} (ezmsg {self.server_version}, pid {self.pid}: {self.command})"


async def local_servers() -> list[LocalServer]:
    """The GraphServers of this user's processes that answer, by address.

    Only ports that ezmsg's servers take are tried: a publisher would keep what is left of a
    connection that says nothing.
    """
    listening = await asyncio.to_thread(_listening)
    found = await asyncio.gather(*(_greeted(where, pid) for where, pid in listening.items()))
    return sorted((server for server in found if server), key=lambda server: server.address)


def _listening() -> dict[Address, int]:
    """Addresses at which a process of this user listens, and one such process."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.Error:
        return {}
    ports = _ports()
    found: dict[Address, int] = {}
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.pid is not None:
            match connection.laddr:
                case (str(host), int(port)) if port in ports:
                    found[Address(ANY_HOST.get(host, host), port)] = connection.pid
    return found


def _ports() -> set[int]:
    first = os.environ.get(SERVER_PORT_START_ENV, "")
    start = int(first) if first.isdecimal() else SERVER_PORT_START_DEFAULT
    return {GRAPHSERVER_PORT_DEFAULT, *range(start, start + SEARCHED_PORTS)}


def _first_of_its_kind(pid: int) -> int:
    """The process that a process was forked from, which holds the same sockets, or itself."""
    try:
        process = psutil.Process(pid)
        while (parent := process.parent()) and parent.cmdline() == process.cmdline():
            process = parent
    except psutil.Error:
        return pid
    return int(process.pid)


async def _greeted(address: Address, pid: int) -> LocalServer | None:
    try:
        connection = await open_connection(address, timeout=GREETING_TIMEOUT_S)
    except GraphError:
        return None
    connection.abort()
    pid = await asyncio.to_thread(_first_of_its_kind, pid)
    return LocalServer(address, connection.server_version, pid, command_line(pid))
