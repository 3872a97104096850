"""A kernel as a process of the graph: it is seen, answers, and leaves in order."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, TypeVar
from uuid import UUID

from ezmsg.core.graphmeta import (
    DynamicSettingsMetadata,
    GraphMetadata,
    InputStreamMetadata,
    OutputStreamMetadata,
    UnitMetadata,
)
from ezmsg.core.pubclient import Publisher
from ezmsg.core.subclient import Subscriber

from .context import KernelGraphContext
from .errors import ClosedError, GraphError
from .graph_session import GraphSession
from .lifetime import Lifetime
from .owning_loop import on_owning_loop
from .process_link import ProcessLink

E = TypeVar("E", Publisher, Subscriber)

Operation = Callable[[bytes], bytes | Awaitable[bytes]]
"""A custom operation: bytes in, bytes out. What it raises is told to who asked."""


class KernelProcess(Lifetime):
    """Registers this process with the control plane, under an address of its own.

    Its publishers and subscribers appear in the topology as streams of one unit, and any
    client may ask it: PING, stats, profiling, and the operations that it is given. When the
    GraphServer is replaced by another one, it registers there again; publishers and
    subscribers end with the server that they were made at.

    Parameters
    ----------
    context
        An open context, whose publishers and subscribers these are; it stays open at the end.
    name
        Address in the graph; by default ``KERNEL_`` and the pid.
    operations
        Custom operations by name.

    Examples
    --------
    ::

        async with KernelProcess(context, "NOTEBOOK") as process:
            output = await process.publisher("OUTPUT")
            await context.connect("NOTEBOOK/OUTPUT", "LP/INPUT_SIGNAL")
            await output.broadcast(message)
    """

    def __init__(
        self,
        context: KernelGraphContext,
        name: str | None = None,
        *,
        operations: Mapping[str, Operation] | None = None,
    ) -> None:
        self._context = context
        self.name = name if name is not None else f"KERNEL_{os.getpid()}"
        if not self.name or self.name != self.name.strip():
            raise ValueError(f"{name!r} is no address of a unit")
        self._endpoints: dict[str, Publisher | Subscriber] = {}
        self._session = GraphSession(context.address)
        self._link = ProcessLink(context, self.name, dict(operations or {}), self._endpoint_ids)
        self._status: Literal["new", "open", "closed"] = "new"

    @property
    def owning_loop(self) -> asyncio.AbstractEventLoop | None:
        return self._context.owning_loop

    @property
    def process_id(self) -> UUID | None:
        """The id that the GraphServer gave this process; another one after a reconnection."""
        return self._link.process_id

    @on_owning_loop
    async def open(self) -> None:
        """Register the process and its unit.

        Raises
        ------
        AddressCollisionError
            Another process or session holds the name; the message says which.
        """
        if self._status != "new":
            raise ClosedError(f"{self.name} was opened before; make a new KernelProcess.")
        self._status = "open"
        try:
            await self._link.open()
            self._link.on_registered = self._register_anew
            await self._session.open()
            await self._session.register_metadata(self._metadata())
        except BaseException:
            await self.close()
            raise

    @on_owning_loop
    async def close(self) -> None:
        """Close its publishers and subscribers, and leave the graph. Idempotent."""
        if self._status == "closed":
            return
        self._status = "closed"
        for endpoint in self._endpoints.values():
            await self._context.close_endpoint(endpoint)
        self._endpoints.clear()
        self._session.shut()
        await self._link.close()

    @on_owning_loop
    async def publisher(self, /, stream: str, **kwargs: Any) -> Publisher:
        """A publisher of the topic ``NAME/STREAM``; use it on the context's loop."""
        topic = self._new_topic(stream)
        return await self._add(stream, await self._context.publisher(topic, **kwargs))

    @on_owning_loop
    async def subscriber(self, /, stream: str, **kwargs: Any) -> Subscriber:
        """A subscriber of the topic ``NAME/STREAM``; use it on the context's loop.

        It holds the pipeline back whenever this process does not read.
        """
        topic = self._new_topic(stream)
        return await self._add(stream, await self._context.subscriber(topic, **kwargs))

    def _new_topic(self, stream: str) -> str:
        if self._status != "open":
            raise ClosedError(f"{self.name} is not open, so it takes no streams.")
        if not stream or "/" in stream or stream in self._endpoints:
            raise ValueError(f"{stream!r} is not the name of a new stream of {self.name}")
        return f"{self.name}/{stream}"

    async def _add(self, stream: str, endpoint: E) -> E:
        self._endpoints[stream] = endpoint
        await self._session.register_metadata(self._metadata())
        return endpoint

    def _endpoint_ids(self) -> set[str]:
        return {f"{endpoint.topic}:{endpoint.id}" for endpoint in self._endpoints.values()}

    async def _register_anew(self) -> None:
        # On the same server the session restores its metadata by itself; twice does no harm.
        with contextlib.suppress(GraphError):
            await self._session.register_metadata(self._metadata())

    def _metadata(self) -> GraphMetadata:
        streams: dict[str, Any] = {}
        for name, endpoint in self._endpoints.items():
            kind = OutputStreamMetadata if isinstance(endpoint, Publisher) else InputStreamMetadata
            streams[name] = kind(name=name, address=endpoint.topic, msg_type="typing.Any")
        unit = UnitMetadata(
            address=self.name,
            name=self.name.rpartition("/")[2],
            component_type=f"{__name__}.KernelProcess",
            settings_type="builtins.NoneType",
            initial_settings=(None, {}),
            dynamic_settings=DynamicSettingsMetadata(False, None, None),
            settings_schema=None,
            streams=streams,
            tasks=[],
            main=None,
            threads=[],
        )
        return GraphMetadata(schema_version=1, root_name=None, components={self.name: unit})
