"""What one may do to a graph from its picture: connect, take back, undo, go back in time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kernel_runtime.errors import GraphError
from kernel_runtime.model import Topology
from kernel_runtime.topology_history import topology_changes

from .topology_difference import TopologyDifference, difference
from .topology_wishes import Stop

if TYPE_CHECKING:
    from kernel_runtime.follower import GraphFollower

    from .live_graph import LiveGraph

MOST_IN_WORDS = 3
MOST_STOPS = 500


@dataclass(frozen=True, slots=True)
class _Moment:
    time_s: float
    text: str
    before: Topology
    after: Topology
    edited: str | None = None


class PictureActions:
    """Acts on one graph for all of its pictures, which share what can be undone.

    Parameters
    ----------
    graph
        Which.
    follower
        Gives who follows it; another one after a restart.
    """

    def __init__(self, graph: LiveGraph, follower: Callable[[], GraphFollower]) -> None:
        self._graph = graph
        self._follower = follower
        self._done: list[tuple[str, str, str]] = []
        self._moments: list[_Moment] = []

    # -- wiring ---------------------------------------------------------------------------------

    def connect(self, from_topic: str, to_topic: str) -> str:
        """Connect two topics; raises a `GraphError` that names the cycle, where it closes one."""
        self._graph.connect(from_topic, to_topic)
        self._done.append(("connect", from_topic, to_topic))
        return f"Connected {from_topic} → {to_topic}; Ctrl+Z takes it back"

    def disconnect(self, from_topic: str, to_topic: str) -> str:
        """Take back a connection of this kernel."""
        self._graph.disconnect(from_topic, to_topic)
        self._done.append(("disconnect", from_topic, to_topic))
        return f"Took back {from_topic} → {to_topic}; Ctrl+Z connects it again"

    def undo(self) -> str:
        """Undo the newest of these that was not undone yet."""
        if not self._done:
            return "There is nothing to undo: no connection was made or taken back here"
        kind, from_topic, to_topic = self._done.pop()
        if kind == "connect":
            self._graph.disconnect(from_topic, to_topic)
            return f"Took back {from_topic} → {to_topic}"
        self._graph.connect(from_topic, to_topic)
        return f"Connected {from_topic} → {to_topic} again"

    # -- time -----------------------------------------------------------------------------------

    def stops(self) -> list[Stop]:
        """Moments at which the graph or a setting changed, oldest first, and now."""
        self._moments = _moments(self._follower())
        return [Stop(_clock(one.time_s), one.text) for one in self._moments]

    def past(self, stop: int) -> TopologyDifference:
        """The graph at one of the newest `stops`."""
        if not 0 <= stop < len(self._moments):
            raise GraphError(f"There is no moment {stop} in this session.")
        moment = self._moments[stop]
        found = difference(moment.before, moment.after)
        if moment.edited is None:
            return found
        return replace(found, units={moment.edited: ("changed", moment.text)})


def _moments(follower: GraphFollower) -> list[_Moment]:
    entries = follower.history.entries()
    edits = [change for change in follower.settings.history() if change.source != "initial"]
    found: list[_Moment] = []
    for index, (time_s, topology) in enumerate(entries):
        before = entries[index - 1][1] if index else topology
        words = [f"{one.kind} {one.subject}" for one in topology_changes(before, topology)]
        more = f" and {len(words) - MOST_IN_WORDS} more" if len(words) > MOST_IN_WORDS else ""
        text = "; ".join(words[:MOST_IN_WORDS]) + more if index else "The session begins"
        found.append(_Moment(time_s, text, before, topology))
    for change in edits:
        topology = follower.history.at(change.time)
        text = f"{change.unit}.{change.field}: {change.old!r} → {change.new!r}"
        found.append(_Moment(change.time, text, topology, topology, edited=change.unit))
    found.sort(key=lambda one: one.time_s)
    now = follower.topology
    return [*found[-MOST_STOPS:], _Moment(time.time(), "Now", now, now)]


def _clock(time_s: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(time_s))
