"""Which GraphServer a command is about, where none was named or the named one doesn't answer."""

from __future__ import annotations

import asyncio
import os

from ezmsg.core.netprotocol import GRAPHSERVER_ADDR_ENV

from kernel_runtime.address import Address, parse_address
from kernel_runtime.local_servers import LocalServer, local_servers

HELP = (
    "of the GraphServer (default: $EZMSG_GRAPHSERVER_ADDR, else 127.0.0.1:25978, else the only "
    "one on this machine)"
)


def chosen_address(given: str | None) -> Address:
    """The address that a command is about.

    Raises
    ------
    ValueError
        It is not one, or none was given and several GraphServers of this machine answer.
    """
    default = parse_address(given)
    if given is not None or os.environ.get(GRAPHSERVER_ADDR_ENV) is not None:
        return default
    servers = asyncio.run(local_servers())
    addresses = [server.address for server in servers]
    if not servers or default in addresses:
        return default
    if len(servers) > 1:
        raise ValueError("\n".join(["which one? Give an address.", *_lines(servers)]))
    return addresses[0]


def servers_elsewhere(address: Address) -> list[str]:
    """Lines that name the GraphServers of this machine, where none answers at an address."""
    servers = asyncio.run(local_servers())
    return _lines([server for server in servers if server.address != address])


def _lines(servers: list[LocalServer]) -> list[str]:
    if not servers:
        return []
    return ["GraphServers that answer on this machine:", *(f"  {server}" for server in servers)]
