"""Where a GraphServer is: parsing, defaults, and whether it is this machine."""

from __future__ import annotations

import ipaddress
import os
from typing import NamedTuple, TypeAlias

from ezmsg.core.netprotocol import (
    DEFAULT_HOST,
    GRAPHSERVER_ADDR_ENV,
    GRAPHSERVER_PORT_DEFAULT,
)

AddressLike: TypeAlias = str | tuple[str, int] | None


class Address(NamedTuple):
    """Host and TCP port of a GraphServer. ``str()`` gives ``"host:port"``."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether the host can only be this machine (names other than localhost count as not)."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_address(address: AddressLike = None) -> Address:
    """Read an address in any of the forms that a person may give.

    Parameters
    ----------
    address
        ``"host:port"``, ``"[ipv6]:port"``, ``(host, port)``, or None for
        ``$EZMSG_GRAPHSERVER_ADDR`` and, where that is unset, ezmsg's default
        ``127.0.0.1:25978``.

    Returns
    -------
    Address

    Raises
    ------
    ValueError
        Says what is wrong with the address, and where it came from.

    Examples
    --------
    >>> parse_address("127.0.0.1:25978")
    Address(host='127.0.0.1', port=25978)
    """
    if address is None:
        given = os.environ.get(GRAPHSERVER_ADDR_ENV)
        if given is None:
            return Address(DEFAULT_HOST, GRAPHSERVER_PORT_DEFAULT)
        return _parse_text(given, source=f" (from ${GRAPHSERVER_ADDR_ENV})")
    if isinstance(address, str):
        return _parse_text(address, source="")
    if isinstance(address, tuple) and len(address) == 2:
        host, port = address
        return Address(_checked_host(host, repr(address)), _checked_port(port, repr(address)))
    raise ValueError(f'{address!r} is not an address; give "host:port" or a tuple (host, port)')


def _parse_text(text: str, *, source: str) -> Address:
    shown = f"{text!r}{source}"
    stripped = text.strip()
    if "://" in stripped:
        raise ValueError(f'{shown} looks like a URL; a GraphServer address is "host:port"')
    host, colon, port = stripped.rpartition(":")
    if not colon:
        raise ValueError(
            f'{shown} has no port; an address is "host:port", for example '
            f'"{stripped or DEFAULT_HOST}:{GRAPHSERVER_PORT_DEFAULT}"'
        )
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f'{shown} has several colons; write an IPv6 address as "[::1]:port"')
    return Address(_checked_host(host, shown), _checked_port(port, shown))


def _checked_host(host: object, shown: str) -> str:
    if not isinstance(host, str) or not host or any(c.isspace() for c in host):
        raise ValueError(f'{shown} has no usable host; an address is "host:port"')
    return host


def _checked_port(port: object, shown: str) -> int:
    if isinstance(port, bool) or not isinstance(port, int | str):
        raise ValueError(f"{shown} has the port {port!r}, which is not a whole number")
    if isinstance(port, str):
        if not (port.isascii() and port.isdigit()):
            raise ValueError(f"{shown} has the port {port!r}, which is not a whole number")
        port = int(port)
    if not 1 <= port <= 65535:
        raise ValueError(f"{shown} has the port {port}; ports are 1 to 65535")
    return port
