"""What the GraphServer of our host allows its clients, so that none feels another one."""

from __future__ import annotations

import dataclasses
import os

_ENVIRONMENT_PREFIX = "EZMSG_NB_SERVER_"
_MIB = 1 << 20


@dataclasses.dataclass(frozen=True)
class ServerLimits:
    """Bounds of time and memory, each for one client but where it says all.

    Each can be set by an environment variable of its name in capitals behind
    ``EZMSG_NB_SERVER_``. How many events and trace samples are kept is set by ezmsg's own
    ``EZMSG_SETTINGS_EVENT_HISTORY_LIMIT``, ``EZMSG_TOPOLOGY_EVENT_HISTORY_LIMIT`` and
    ``EZMSG_PROFILE_TRACE_BUFFER_LIMIT``.

    Attributes
    ----------
    command_s
        Seconds in which a command that was begun has to be there whole.
    first_command_s
        Seconds in which a new connection has to say what it wants.
    payload_bytes
        Longest argument of a command.
    route_queue_bytes
        Requests that may wait for a process that does not read.
    event_history_bytes
        Settings events, and as many topology events, kept for new subscribers.
    trace_ring_bytes
        Trace samples kept of one process.
    stalled_stream_s
        Seconds after which a subscriber of events or traces that reads nothing is
        disconnected.
    stalled_client_s
        The same for any other client but processes, which can't come back.
    state_bytes
        Settings, metadata, names and edges that all clients together have the server keep.
    connections
        Connections that all clients together may have open; each endpoint of a graph has two
        or three.
    """

    command_s: float = 30.0
    first_command_s: float = 60.0
    payload_bytes: int = 64 * _MIB
    route_queue_bytes: int = 32 * _MIB
    event_history_bytes: int = 64 * _MIB
    trace_ring_bytes: int = 32 * _MIB
    stalled_stream_s: float = 30.0
    stalled_client_s: float = 300.0
    state_bytes: int = 512 * _MIB
    connections: int = 65_536

    @classmethod
    def from_environment(cls) -> ServerLimits:
        """Read the limits that the environment sets; the others have their defaults.

        Raises
        ------
        ValueError
            A variable is not a positive number; the message names it.
        """
        found: dict[str, int | float] = {}
        for field in dataclasses.fields(cls):
            name = _ENVIRONMENT_PREFIX + field.name.upper()
            text = os.environ.get(name)
            if text is None:
                continue
            try:
                value = int(text) if isinstance(field.default, int) else float(text)
            except ValueError:
                value = 0.0
            if not value > 0:
                raise ValueError(f"{name} is {text!r}; it takes a positive number")
            found[field.name] = value
        return cls(**found)  # type: ignore[arg-type]
