"""Methods that run on the loop of their object, whichever loop they are called from."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from .errors import ClosedError


class HasLoop(Protocol):
    """An object that lives on one event loop."""

    @property
    def owning_loop(self) -> asyncio.AbstractEventLoop | None: ...


P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound=HasLoop)


def on_owning_loop(
    method: Callable[Concatenate[S, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[S, P], Coroutine[Any, Any, R]]:
    """Hand a call from another loop or thread's loop over to the object's own loop.

    Futures of one loop never resolve in another; without this such a call would never
    answer.

    Raises
    ------
    ClosedError
        The object is not open, or its loop has ended.
    """

    @functools.wraps(method)
    async def call(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        loop = self.owning_loop
        if loop is asyncio.get_running_loop():
            return await method(self, *args, **kwargs)
        if loop is None or loop.is_closed() or not loop.is_running():
            raise ClosedError(
                f"{type(self).__name__} is not open; use it as `async with ...`, or open a new one."
            )
        handed = asyncio.run_coroutine_threadsafe(method(self, *args, **kwargs), loop)
        return await asyncio.wrap_future(handed)

    return call
