"""Taps and scopes of one graph: opened, told what happens to it, and ended with it."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from kernel_runtime.errors import GraphError
from kernel_runtime.observer.scope_feed import ScopeFeed
from kernel_runtime.server_link import Status

from .scope import Scope
from .tap import GraphTap

if TYPE_CHECKING:
    from .live_graph import LiveGraph


class GraphTaps:
    """Opens taps and scopes of a graph, and ends them with it.

    Parameters
    ----------
    graph
        Whose messages.
    definitions
        Gives what has to stand in an observer's ``__main__``.
    """

    def __init__(self, graph: LiveGraph, definitions: Callable[[], bytes]) -> None:
        self._graph = graph
        self._definitions = definitions
        self._lock = threading.Lock()
        self._taps: weakref.WeakSet[GraphTap] = weakref.WeakSet()
        self._scopes: list[Scope] = []

    def tap(self, topic: str, *, trust: bool | None) -> GraphTap:
        """See `LiveGraph.tap`."""
        self._check(topic)
        tap = GraphTap(
            self._graph.aio.address,
            topic,
            definitions=self._definitions(),
            trust=self._graph.can_restart if trust is None else trust,
        )
        self._taps.add(tap)
        return tap

    def scope(
        self, topic: str, *, window_s: float, channels: Sequence[str | int] | None, height: int
    ) -> Scope:
        """See `LiveGraph.scope`."""
        self._check(topic)

        def open_feed() -> ScopeFeed:
            return ScopeFeed(self._graph.aio.address, topic, definitions=self._definitions())

        scope = Scope(topic, open_feed, window_s=window_s, channels=channels, height=height)
        with self._lock:
            self._scopes.append(scope)
        self._show_status_in(scope)
        return scope

    def show_status(self, _status: Status | None = None) -> None:
        """Say in every scope how the connection to the graph is."""
        for scope in self._open_scopes():
            self._show_status_in(scope)

    def pids(self) -> list[int]:
        """Ids of the processes that hold taps and scopes now."""
        found = [tap.pid for tap in list(self._taps)]
        return found + [scope.pid for scope in self._open_scopes() if scope.pid is not None]

    def end(self) -> None:
        """Close all taps; scopes keep their last picture."""
        for tap in list(self._taps):
            tap.close()
        for scope in self._open_scopes():
            scope.end_feed()

    def go_on(self) -> None:
        """Have the scopes follow the graph that was started in the place of the old one."""
        for scope in self._open_scopes():
            scope.go_on()
        self.show_status()

    def _check(self, topic: str) -> None:
        graph = self._graph
        names = graph.topic_names
        if topic not in names:
            raise GraphError(
                f"The graph at {graph.address} has no topic {topic!r}. It has: {', '.join(names)}.",
                address=graph.address,
            )

    def _open_scopes(self) -> list[Scope]:
        with self._lock:
            self._scopes = [scope for scope in self._scopes if scope.comm is not None]
            return list(self._scopes)

    def _show_status_in(self, scope: Scope) -> None:
        graph = self._graph
        scope.show_status("lost" if graph.is_lost else graph.status, graph.connection_text)
