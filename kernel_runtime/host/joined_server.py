"""A GraphServer of somebody else that a part of a graph has joined: is it still there?"""

from __future__ import annotations

import socket
import time

_CONNECT_S = 1.0
_LOOK_EVERY_S = 1.0
_GONE_AFTER_S = 3.0


class JoinedServer:
    """Looks now and then whether anything listens at an address.

    Parameters
    ----------
    address
        ``(host, port)``.
    """

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._looked_at = self._seen_at = time.monotonic()

    def answers(self) -> bool:
        """Whether it can be connected to now."""
        try:
            socket.create_connection(self._address, _CONNECT_S).close()
        except OSError:
            return False
        return True

    def is_gone(self) -> bool:
        """Whether it has not answered for some seconds; called often, it looks seldom."""
        now = time.monotonic()
        if now - self._looked_at >= _LOOK_EVERY_S:
            self._looked_at = now
            if self.answers():
                self._seen_at = time.monotonic()
        return now - self._seen_at > _GONE_AFTER_S
