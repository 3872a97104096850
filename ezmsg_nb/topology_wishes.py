"""What a page asks of the kernel, checked: pages are not to be trusted more than needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from kernel_runtime.model import Topology

from .topology_difference import TopologyDifference


@dataclass(frozen=True, slots=True)
class Stop:
    """One moment that a picture can go back to, and what happened then."""

    time: str
    text: str


class GraphActions(Protocol):
    """What a picture may do to its graph. Each gives what a person should read of it."""

    def connect(self, from_topic: str, to_topic: str) -> str: ...

    def disconnect(self, from_topic: str, to_topic: str) -> str: ...

    def undo(self) -> str: ...

    def stops(self) -> list[Stop]: ...

    def past(self, stop: int) -> TopologyDifference:
        """The graph as it was at a stop, with what happened then."""
        ...


def text_of(message: Mapping[str, Any], name: str) -> str:
    """A text of a message; empty where it is none."""
    value = message.get(name)
    return value if isinstance(value, str) else ""


def place_in_history(message: Mapping[str, Any], count: int) -> int | None:
    """The stop that a message asks for, counted from the oldest; None for leaving the past."""
    at = message.get("at")
    if not isinstance(at, int) or isinstance(at, bool) or count == 0:
        return None
    return count - 1 if at < 0 else min(at, count - 1)


NO_HISTORY = TopologyDifference(Topology())
