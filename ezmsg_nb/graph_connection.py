"""The connection of a `LiveGraph`: what is known of it, and calls over it with a deadline."""

from __future__ import annotations

import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from kernel_runtime.background import BackgroundLoop
from kernel_runtime.context import KernelGraphContext
from kernel_runtime.errors import ClosedError, GraphError
from kernel_runtime.follower import GraphFollower
from kernel_runtime.host import ProcessExit
from kernel_runtime.model import UnitInfo
from kernel_runtime.server_link import Status

T = TypeVar("T")

CALL_TIMEOUT_S = 10.0


class GraphConnection:
    """Of a graph that is followed from here; ends when it is closed or the graph is lost."""

    def __init__(self, follower: GraphFollower, loop: BackgroundLoop) -> None:
        self._follower = follower
        self._loop = loop
        self._closed = False
        self._end_reason = ""
        self._exits: list[ProcessExit] = []

    @property
    def aio(self) -> KernelGraphContext:
        """The asyncio client behind this; its methods may be awaited from any loop."""
        return self._follower.context

    @property
    def address(self) -> str:
        """``"host:port"`` of the GraphServer."""
        return str(self.aio.address)

    @property
    def status(self) -> Status:
        """``"connected"``, ``"reconnecting"`` or ``"closed"``."""
        return "closed" if self._closed else self.aio.status

    @property
    def connection_text(self) -> str:
        """Where and which the server is, or the reason of a trouble."""
        if self._closed:
            return self._end_reason or "Closed here."
        if self.status == "reconnecting":
            seen = time.strftime("%H:%M:%S", time.localtime(self._follower.seen_at))
            return (
                f"The GraphServer at {self.address} does not answer; trying again. "
                f"What is shown is from {seen}."
            )
        return ". ".join((f"{self.address}, ezmsg {self.server_version}", *self.warnings))

    @property
    def server_version(self) -> str:
        """Version of ezmsg that the GraphServer runs."""
        return self.aio.server_version

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know about this graph and the connection to it."""
        died = (
            f"The process of {', '.join(exit.units)} ended: {exit.reason}" for exit in self._exits
        )
        return (*self.aio.warnings, *self._follower.notes, *died)

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._run_within(coroutine, CALL_TIMEOUT_S)

    def _run_within(self, coroutine: Coroutine[Any, Any, T], timeout: float) -> T:
        try:
            self._raise_if_ended()
        except ClosedError:
            coroutine.close()
            raise
        try:
            return self._loop.run(coroutine, timeout=timeout)
        except GraphError:
            # Why it ended says more than how the request failed.
            self._raise_if_ended()
            raise

    def _raise_if_ended(self) -> None:
        if self._closed:
            raise ClosedError(f"{self.address}: {self.connection_text}", address=self.address)

    def _refresh(self) -> None:
        self._run(self._follower.refresh())

    def _unit_info(self, unit: str) -> UnitInfo | None:
        return self._follower.topology.units.get(unit)
