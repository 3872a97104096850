"""`Tap`: messages of a topic in the kernel, at no cost to who sends them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Literal

from ..address import Address
from ..errors import ClosedError, RequestTimeoutError
from .decoding import decode_message
from .process import ObserverProcess
from .ring import RING_BYTES

_LOOK_EVERY_S = 0.01


class Tap:
    """A topic that is listened to by an observer process of ours.

    The observer always reads, and keeps the newest messages; this process looks there when
    it has time. Whether it is busy, interrupted or stopped, the pipeline goes on undisturbed.

    Parameters
    ----------
    address
        Of the GraphServer.
    topic
        Which messages.
    definitions
        What has to stand in the observer's ``__main__`` to read them, as
        `kernel_runtime.host.main_module.pack_definitions` packs it.
    trust
        Whether messages may be of any class; see `decode_message`.

    Raises
    ------
    GraphError
        The observer could not subscribe.
    """

    def __init__(
        self, address: Address, topic: str, *, definitions: bytes = b"", trust: bool = False
    ) -> None:
        self.topic = topic
        self._address = address
        self._trust = trust
        self._closed = False
        self._missed = 0
        self._observer = ObserverProcess(
            address, topic, "tap", ring_bytes=RING_BYTES, definitions=definitions
        )
        self._ring = self._observer.ring

    @property
    def received(self) -> int:
        """How many messages the observer has got since the tap was opened."""
        return self._ring.counts.newest

    @property
    def dropped(self) -> int:
        """How many messages were lost: the observer or this process was too slow for them."""
        counts = self._ring.counts
        return counts.dropped + counts.too_large + self._missed

    @property
    def end_reason(self) -> str:
        """Why no more messages come; empty while they may."""
        return self._observer.end_reason

    @property
    def pid(self) -> int:
        """Process id of the observer."""
        return self._observer.pid

    def latest(self, timeout: float = 2.0) -> Any:
        """The newest message; None where none has come within `timeout` seconds.

        Raises
        ------
        UnsafePayloadError
            It is of a class that the tap may not use.
        ClosedError
            The tap is closed.
        """
        deadline = time.monotonic() + timeout
        while True:
            self._refuse_closed()
            newest = self._ring.counts.newest
            payload = self._ring.read(newest) if newest else None
            if payload is not None:
                return decode_message(payload, trust=self._trust)
            if time.monotonic() > deadline or self.end_reason:
                return None
            time.sleep(_LOOK_EVERY_S)

    def collect(
        self, messages: int | None = None, *, seconds: float | None = None, timeout: float = 30.0
    ) -> list[Any]:
        """Wait for so many messages from now on, or for so long, and return them in order.

        Parameters
        ----------
        messages, seconds
            One of them.
        timeout
            Seconds to wait for `messages` at the longest.

        Raises
        ------
        RequestTimeoutError
            Fewer came in time.
        """
        if (messages is None) == (seconds is None):
            raise TypeError("collect() takes a number of messages, or seconds: one of them.")
        wait_s = timeout if seconds is None else seconds
        deadline = time.monotonic() + wait_s
        found: list[Any] = []
        cursor = self.received
        while messages is None or len(found) < messages:
            self._refuse_closed()
            cursor, payload = self._next(cursor)
            if payload is not None:
                found.append(decode_message(payload, trust=self._trust))
            elif time.monotonic() > deadline or self.end_reason:
                break
            else:
                time.sleep(_LOOK_EVERY_S)
            if seconds is not None and time.monotonic() > deadline:
                break
        if messages is not None and len(found) < messages:
            why = self.end_reason or f"The rest did not within {timeout:g} s."
            raise RequestTimeoutError(
                f"{len(found)} of {messages} messages of {self.topic!r} came. {why}",
                address=str(self._address),
            )
        return found

    async def __aiter__(self) -> AsyncIterator[Any]:
        cursor = self.received
        while not self._closed:
            cursor, payload = self._next(cursor)
            if payload is not None:
                yield decode_message(payload, trust=self._trust)
            elif self.end_reason:
                return
            else:
                await asyncio.sleep(_LOOK_EVERY_S)

    def _next(self, cursor: int) -> tuple[int, bytes | None]:
        """The message after a number, or the oldest that is left; and its number."""
        newest = self._ring.counts.newest
        while cursor < newest:
            cursor += 1
            payload = self._ring.read(cursor)
            if payload is not None:
                return cursor, payload
            self._missed += 1
        return cursor, None

    def close(self) -> None:
        """End the observer. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._observer.end()

    def _refuse_closed(self) -> None:
        if self._closed:
            raise ClosedError(f"The tap of {self.topic!r} is closed.", address=str(self._address))

    def __enter__(self) -> Tap:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        self.close()
        return False

    def __del__(self) -> None:
        if hasattr(self, "_observer"):
            self.close()

    def __repr__(self) -> str:
        if self._closed:
            return f"<Tap of {self.topic}: closed>"
        return f"<Tap of {self.topic}: {self.received} messages, {self.dropped} dropped>"
