"""The pipes between the host and one unit process.

``control``
    Messages both ways, see `ControlMessage`. Its end tells a unit process that the host is
    gone.
``records``
    Log records of the unit process, one JSON line each, written without ever blocking.
``stdout``, ``stderr``
    What reaches the file descriptors 1 and 2 below Python.
"""

from __future__ import annotations

import contextlib
import os
import weakref
from enum import StrEnum
from multiprocessing import Pipe
from multiprocessing.connection import Connection


class ControlMessage(StrEnum):
    """The first word of each message on a control connection."""

    SETTING_UP = "setting up"
    READY = "ready"
    FAILED = "failed"
    TERMINATE = "terminate"
    DRAINED = "drained"
    STOP = "stop"
    RELEASE = "release"


_CHILD_ENDS = ("child_control", "records_writer", "stdout_writer", "stderr_writer")
_HOST_ENDS = ("host_control", "records_reader", "stdout_reader", "stderr_reader")

_open_channels: weakref.WeakSet[ProcessChannel] = weakref.WeakSet()
_host_fds: set[int] = set()


def close_in_unit_processes(fd: int) -> None:
    """Have each forked unit process close this descriptor of the host."""
    _host_fds.add(fd)


class ProcessChannel:
    """Both ends of the pipes until the process starts, then the ends of one side."""

    def __init__(self) -> None:
        self.host_control, self.child_control = Pipe(duplex=True)
        self.records_reader, self.records_writer = Pipe(duplex=False)
        self.stdout_reader, self.stdout_writer = Pipe(duplex=False)
        self.stderr_reader, self.stderr_writer = Pipe(duplex=False)
        _open_channels.add(self)

    def __getstate__(self) -> dict[str, Connection]:
        # Started by spawn or forkserver: only the child's ends travel.
        return {name: getattr(self, name) for name in _CHILD_ENDS}

    def keep_host_ends(self) -> None:
        """Close what the child holds; its pipes then end when the child does."""
        self._close(_CHILD_ENDS)

    def keep_child_ends(self) -> None:
        """In the child: close the host's ends, also those of the other processes.

        A forked child inherits them all, and each copy would keep a pipe open after the
        process that it belongs to.
        """
        for channel in list(_open_channels):
            if channel is not self:
                channel._close(_HOST_ENDS + _CHILD_ENDS)
        self._close(_HOST_ENDS)
        for fd in _host_fds:
            with contextlib.suppress(OSError):
                os.close(fd)
        _host_fds.clear()

    def close(self) -> None:
        """Close all ends that are still open on this side."""
        self._close(_HOST_ENDS + _CHILD_ENDS)

    def _close(self, names: tuple[str, ...]) -> None:
        for name in names:
            connection: Connection | None = getattr(self, name, None)
            if connection is not None and not connection.closed:
                connection.close()
