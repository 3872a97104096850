"""Publishers and subscribers of a session, of ezmsg's own classes, and pausing all of a graph."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, TypeVar

from ezmsg.core.netprotocol import Command
from ezmsg.core.pubclient import Publisher
from ezmsg.core.subclient import Subscriber

from .errors import GraphError, RequestTimeoutError
from .graph_session import GraphSession
from .owning_loop import on_owning_loop
from .server_link import REQUEST_TIMEOUT_S
from .wire import Connection

E = TypeVar("E", Publisher, Subscriber)

CLOSE_TIMEOUT_S = 1.0


class Endpoints(GraphSession):
    """A session that makes publishers and subscribers, and closes them with itself."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._endpoints: set[Publisher | Subscriber] = set()

    @on_owning_loop
    async def revert(self) -> None:
        """Close this context's publishers and subscribers, and drop its edges and metadata."""
        await self._close_endpoints()
        await self._clear_session()

    @on_owning_loop
    async def publisher(self, /, topic: str, **kwargs: Any) -> Publisher:
        """A publisher of ezmsg's own class; it must be used on this context's loop."""
        return await self._endpoint(Publisher.create(topic, self._address, **kwargs), topic)

    @on_owning_loop
    async def subscriber(self, /, topic: str, **kwargs: Any) -> Subscriber:
        """A subscriber of ezmsg's own class; it must be used on this context's loop.

        It holds the pipeline back whenever this process does not read: see `tap` for
        watching from a kernel.
        """
        return await self._endpoint(Subscriber.create(topic, self._address, **kwargs), topic)

    async def _endpoint(self, creation: Coroutine[Any, Any, E], topic: str) -> E:
        self._refuse_closed(f"an endpoint of {topic!r}")
        making = asyncio.create_task(creation, name=f"endpoint-{topic}")
        try:
            # Never cancelled: half a registration would hold the server's lock for good.
            async with asyncio.timeout(self._timeout):
                endpoint = await asyncio.shield(making)
        except TimeoutError as error:
            making.add_done_callback(_close_late)
            raise RequestTimeoutError(
                f"The GraphServer at {self._address} did not register an endpoint of {topic!r} "
                f"within {self._timeout:g} s.",
                address=str(self._address),
            ) from error
        except asyncio.CancelledError:
            making.add_done_callback(_close_late)
            raise
        except (OSError, EOFError) as error:
            raise GraphError(
                f"No endpoint of {topic!r} could be made at {self._address}: {error}",
                address=str(self._address),
            ) from error
        self._endpoints.add(endpoint)
        return endpoint

    @on_owning_loop
    async def close_endpoint(self, endpoint: Publisher | Subscriber) -> None:
        """Close one publisher or subscriber that this context made."""
        self._endpoints.discard(endpoint)
        with contextlib.suppress(Exception):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                endpoint.close()
                await endpoint.wait_closed()

    async def _close_endpoints(self) -> None:
        endpoints = list(self._endpoints)
        self._endpoints.clear()
        for endpoint in endpoints:
            endpoint.close()
        for endpoint in endpoints:
            await endpoint.wait_closed()

    @on_owning_loop
    async def pause(self) -> None:
        """Pause every publisher of the graph.

        An edit of a setting waits as well, and with it all that its process is asked: resume
        first.
        """
        await self._single_command(Command.PAUSE, answered=False)

    @on_owning_loop
    async def resume(self) -> None:
        """Resume every publisher of the graph."""
        await self._single_command(Command.RESUME, answered=False)

    @on_owning_loop
    async def sync(self, timeout: float | None = None) -> None:
        """Pause every publisher, and wait until none has anything under way; `resume` after.

        While a unit process is stopped this holds the server's lock, so that other clients
        wait too; don't call it on a graph that others use.
        """
        await self._single_command(Command.SYNC, answered=True, timeout=timeout)

    async def _single_command(
        self, command: Command, *, answered: bool, timeout: float | None = None
    ) -> None:
        deadline = REQUEST_TIMEOUT_S if timeout is None else timeout
        connection: Connection | None = None
        try:
            async with asyncio.timeout(deadline):
                connection = await self.open_stream_connection()
                await connection.send(command.value)
                if answered:
                    await connection.read_byte()
                else:
                    # The server closes the connection once it has carried it out.
                    await connection.wait_ended()
        except TimeoutError as error:
            if isinstance(error, GraphError):
                raise
            raise RequestTimeoutError(
                f"The GraphServer at {self._address} did not carry out {command.name} within "
                f"{deadline:g} s.",
                address=str(self._address),
                operation=command.name,
            ) from error
        finally:
            if connection is not None:
                connection.abort()


def _close_late(making: asyncio.Task[Any]) -> None:
    """Close an endpoint that was made after nobody waited for it any more."""
    if not making.cancelled() and making.exception() is None:
        making.result().close()
