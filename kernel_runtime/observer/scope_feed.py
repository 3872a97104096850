"""The kernel's side of a scope: what its observer has seen."""

from __future__ import annotations

from ..address import Address
from .process import ObserverProcess
from .ring import ring_bytes
from .scope_chunks import ScopeChunk

DATA_BYTES = 32 << 20


class ScopeFeed:
    """What can be seen of a topic, kept by an observer process of ours.

    Parameters
    ----------
    address
        Of the GraphServer.
    topic
        Which messages.
    definitions
        As `kernel_runtime.observer.Tap` has it.

    Raises
    ------
    GraphError
        The observer could not subscribe.
    """

    def __init__(self, address: Address, topic: str, *, definitions: bytes = b"") -> None:
        self.topic = topic
        self._cursor = 0
        self._is_closed = False
        self._observer = ObserverProcess(
            address, topic, "scope", ring_bytes=ring_bytes(DATA_BYTES), definitions=definitions
        )

    @property
    def pid(self) -> int:
        """Process id of the observer."""
        return self._observer.pid

    @property
    def end_reason(self) -> str:
        """Why no more comes; empty while it may."""
        return self._observer.end_reason

    def read(self, most: int) -> list[ScopeChunk]:
        """What is new since the last reading: the newest `most` chunks of it, in order."""
        newest = self._observer.ring.counts.newest
        first = max(self._cursor, newest - most) + 1
        self._cursor = newest
        return self._between(first, newest)

    def recent(self, most: int) -> list[ScopeChunk]:
        """The newest chunks that there are, whether read already or not."""
        newest = self._observer.ring.counts.newest
        return self._between(max(0, newest - most) + 1, newest)

    def _between(self, first: int, last: int) -> list[ScopeChunk]:
        found = (self._observer.ring.read(number) for number in range(first, last + 1))
        return [ScopeChunk.decode(data) for data in found if data is not None]

    def close(self) -> None:
        """End the observer. Idempotent."""
        if not self._is_closed:
            self._is_closed = True
            self._observer.end()

    def __del__(self) -> None:
        if hasattr(self, "_observer"):
            self.close()
