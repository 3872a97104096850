"""`KernelGraphContext`: the control plane of one GraphServer, for asyncio callers.

Method names, arguments and result types are those of
``ezmsg.core.graphcontext.GraphContext``. Unlike there, every request has a deadline and
ends in a result or a typed error, each target process has a session of its own, nothing
that arrives is unpickled outside an allow-list, and streams survive the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
from typing import Any, TypeVar

from ezmsg.core.graphmeta import (
    ProfilingStreamControl,
    ProfilingTraceStreamBatch,
    SettingsChangedEvent,
    TopologyChangedEvent,
)
from ezmsg.core.netprotocol import Command

from .address import AddressLike
from .endpoints import CLOSE_TIMEOUT_S
from .errors import UnsupportedOperationError
from .event_streams import BatchStream, EventStream
from .lifetime import Lifetime
from .owning_loop import on_owning_loop
from .settings_requests import SettingsRequests
from .streams import SupervisedStream
from .subscriptions import Subscription
from .wire import payload_argument

T = TypeVar("T")


class KernelGraphContext(SettingsRequests, Lifetime):
    """A session with a GraphServer, and everything that it can be asked.

    Parameters
    ----------
    address
        ``"host:port"``, ``(host, port)`` or None: ``$EZMSG_GRAPHSERVER_ADDR``, else ezmsg's
        default. A GraphServer must run there.
    auto_start
        Only False. A GraphServer inside a kernel would keep it from ever exiting; a graph
        of our host brings its own.
    timeout
        Seconds that opening may take.

    Notes
    -----
    Methods may be called from any event loop; those of another loop than the one that
    opened the context are handed over to it. Every method may raise `ClosedError`,
    `RequestTimeoutError`, `ConnectionLostError` and `GraphServerUnavailableError`.

    Examples
    --------
    ::

        async with KernelGraphContext("127.0.0.1:25978") as context:
            snapshot = await context.snapshot()
    """

    def __init__(
        self, address: AddressLike = None, *, auto_start: bool = False, timeout: float = 5.0
    ) -> None:
        if auto_start:
            raise UnsupportedOperationError(
                "auto_start=True is refused: a GraphServer inside this process would keep it from "
                "exiting. Start the pipeline first, or use ezmsg_nb.run()."
            )
        super().__init__(address, timeout=timeout)
        self._streams: set[SupervisedStream[Any]] = set()

    @on_owning_loop
    async def close(self) -> None:
        """End streams, publishers, subscribers and sessions. Quick and idempotent.

        The server drops what this session owned (edges, metadata) by itself.
        """
        if self.status == "closed":
            return
        for stream in list(self._streams):
            await stream.aclose()
        self._streams.clear()
        with contextlib.suppress(Exception):
            await self._leave_inlets()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._close_endpoints()
        self.shut()

    def subscribe_settings_events(
        self, *, after_seq: int = 0
    ) -> Subscription[SettingsChangedEvent]:
        """Settings events after a number, and `Resynced` where the history was cut."""
        return self._subscription(
            EventStream(
                self,
                Command.SESSION_SETTINGS_SUBSCRIBE,
                SettingsChangedEvent,
                after_seq,
                self.settings_events,
            )
        )

    def subscribe_topology_events(
        self, *, after_seq: int = 0
    ) -> Subscription[TopologyChangedEvent]:
        """Topology events after a number, and `Resynced` where the history was cut."""
        return self._subscription(
            EventStream(self, Command.SESSION_TOPOLOGY_SUBSCRIBE, TopologyChangedEvent, after_seq)
        )

    def subscribe_profiling_trace(
        self, control: ProfilingStreamControl
    ) -> Subscription[ProfilingTraceStreamBatch]:
        """Trace batches as the server collects them, every ``control.interval`` seconds.

        Each subscription makes the server scan its whole buffer at each interval: subscribe
        only while tracing.
        """
        return self._subscription(
            BatchStream(
                self,
                Command.SESSION_PROFILING_SUBSCRIBE,
                payload_argument(pickle.dumps(control)),
                ProfilingTraceStreamBatch,
            )
        )

    def _subscription(self, stream: SupervisedStream[T]) -> Subscription[T]:
        self._streams.add(stream)
        return Subscription(stream)

    def release_stream(self, stream: SupervisedStream[Any]) -> None:
        """Forget a stream that has ended."""
        self._streams.discard(stream)
