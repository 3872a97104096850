"""What a consumer holds of a stream: letting go of it ends the stream."""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator
from typing import Any, Generic, Self, TypeVar

from .streams import Resynced, SupervisedStream

T = TypeVar("T")


class Subscription(Generic[T]):
    """An async iterator over the events or batches of a subscription.

    Ends by `aclose`, at the end of an ``async with`` block, with the context, and when
    nothing refers to it any more, as after ``async for ...: break``. While the server is away
    it waits; see `SupervisedStream`.

    May be iterated from any event loop, by one consumer at a time.
    """

    def __init__(self, stream: SupervisedStream[T]) -> None:
        self._stream = stream
        weakref.finalize(self, _end, stream).atexit = False

    def __aiter__(self) -> AsyncIterator[T | Resynced]:
        return self

    async def __anext__(self) -> T | Resynced:
        return await self._stream.__anext__()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the subscription. Idempotent."""
        await self._stream.aclose()

    @property
    def is_live(self) -> bool:
        """Whether it is subscribed at a server right now."""
        return self._stream.is_live

    @property
    def undecodable(self) -> int:
        """How many messages could not be read, and were left out."""
        return self._stream.undecodable


def _end(stream: SupervisedStream[Any]) -> None:
    loop = stream.owning_loop
    if loop is not None and not loop.is_closed():
        # From whatever thread the last reference went in.
        loop.call_soon_threadsafe(stream.cancel)
