"""Why the GraphServer refused a change of the graph, found out and said by name."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from uuid import UUID

from ezmsg.core.graphmeta import GraphMetadata, GraphSnapshot

from .errors import AddressCollisionError, CyclicConnectionError
from .local_processes import life_in_words
from .soundness import readable_components


def cycle_error(
    from_topic: str, to_topic: str, snapshot: GraphSnapshot, address: str
) -> CyclicConnectionError:
    """The error for an edge that would close a cycle, with the cycle's topics in order."""
    path = _path(snapshot.graph, to_topic, from_topic) or [to_topic, "...", from_topic]
    return CyclicConnectionError(
        f"{from_topic} can't be connected to {to_topic}: that would close the cycle "
        f"{' -> '.join([from_topic, *path])}.",
        address=address,
    )


def _path(graph: Mapping[str, Sequence[str]], start: str, goal: str) -> list[str] | None:
    """Shortest way along the edges, both ends included; None where there is none."""
    came_from: dict[str, str | None] = {start: None}
    waiting = deque([start])
    while waiting:
        topic = waiting.popleft()
        if topic == goal:
            path = [topic]
            while (before := came_from[path[-1]]) is not None:
                path.append(before)
            return path[::-1]
        for following in graph.get(topic, ()):
            if following not in came_from:
                came_from[following] = topic
                waiting.append(following)
    return None


def collision_error(
    metadata: GraphMetadata, snapshot: GraphSnapshot, own_session: UUID | None, address: str
) -> AddressCollisionError:
    """The error for component addresses that others hold, with who holds each."""
    held: list[str] = []
    for session_id, session in snapshot.sessions.items():
        if session_id == str(own_session):
            continue
        theirs = {address for address, _ in readable_components(session.metadata)}
        for component in sorted(set(metadata.components) & theirs):
            owners = [
                life_in_words(process.pid, process.host)
                for process in snapshot.processes.values()
                if component in process.units
            ]
            run_by = f"and run by {', '.join(owners)}" if owners else "and run by no process"
            held.append(f"{component!r} is registered by session {session_id} {run_by}")
    return AddressCollisionError(
        "The GraphServer refused the metadata, since a component address may exist once: "
        + ("; ".join(held) or "it did not say which address")
        + ". Stop the other graph, or give this one another root name."
        + f" `ezmsg-nb doctor {address}` tells more.",
        address=address,
    )


def ownership_error(unit: str, snapshot: GraphSnapshot, address: str) -> AddressCollisionError:
    """The error for a unit that another process owns, with who that is."""
    owners = [
        life_in_words(process.pid, process.host)
        for process in snapshot.processes.values()
        if unit in process.units
    ]
    return AddressCollisionError(
        f"This process can't be registered as {unit!r}, since the address is owned by "
        f"{', '.join(owners) or 'another process, which has left since'}. Choose another name.",
        address=address,
        unit=unit,
    )
