"""The observer as a child process of the kernel: started, asked, heard of, and ended."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import select
import subprocess
import sys
import tempfile
import weakref
from typing import IO, Any, Literal

from ..address import Address
from ..errors import GraphError, UnsupportedOperationError
from ..host.child_environment import child_environment
from .ring import RingReader

START_S = 20.0
END_S = 2.0

ObserverKind = Literal["tap", "scope"]

_open: weakref.WeakSet[ObserverProcess] = weakref.WeakSet()


class ObserverProcess:
    """One ``python -m kernel_runtime.observer`` that listens to a topic, and its memory.

    Parameters
    ----------
    address
        Of the GraphServer.
    topic
        Which messages.
    kind
        What it keeps: messages as they are ("tap"), or what can be seen of them ("scope").
    ring_bytes
        Size of the memory that it keeps them in.
    definitions
        What has to stand in its ``__main__`` to read them, as
        `kernel_runtime.host.main_module.pack_definitions` packs it.

    Raises
    ------
    GraphError
        It could not subscribe.
    """

    def __init__(
        self,
        address: Address,
        topic: str,
        kind: ObserverKind,
        *,
        ring_bytes: int,
        definitions: bytes = b"",
    ) -> None:
        if sys.platform == "win32":
            raise UnsupportedOperationError("Taps need file descriptors that a child inherits.")
        self._left = False
        self._end_reason = ""
        # A file without a name: nothing of it can be left behind.
        with _nameless_file() as file:
            file.truncate(ring_bytes)
            self._memory = mmap.mmap(file.fileno(), ring_bytes)
            self.ring = RingReader(self._memory)
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "kernel_runtime.observer"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=(file.fileno(),),
                env=child_environment(),
                start_new_session=True,
                bufsize=0,
            )
            _open.add(self)
            order = {
                "topic": topic,
                "kind": kind,
                "address": [address.host, address.port],
                "memory_fd": file.fileno(),
                "definitions_bytes": len(definitions),
                "sys_path": [path or os.getcwd() for path in sys.path],
            }
            try:
                self._order(json.dumps(order).encode() + b"\n" + definitions)
                event = self._event(START_S)
            except BaseException:
                self.end()
                raise
        if event is None or event["event"] != "ready":
            self.end()
            why = event["reason"] if event is not None else f"not ready within {START_S:g} s"
            raise GraphError(f"No {kind} of {topic!r} at {address}: {why}.", address=str(address))

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def end_reason(self) -> str:
        """Why no more messages come; empty while they may."""
        if not self._end_reason and not self._left:
            ended = self._event(0.0)
            if ended is not None:
                self._end_reason = str(ended["reason"])
        return self._end_reason

    def end(self) -> None:
        """End the observer, and wait for that."""
        self.leave_to_parent()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def leave_to_parent(self) -> None:
        """Close this process' end of the lifeline."""
        self._left = True
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _order(self, data: bytes) -> None:
        assert self._process.stdin is not None
        fd = self._process.stdin.fileno()
        with contextlib.suppress(BrokenPipeError):
            while data:
                data = data[os.write(fd, data) :]

    def _event(self, timeout: float) -> dict[str, Any] | None:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], timeout)[0]:
            return None
        line = self._process.stdout.readline()
        event: dict[str, Any] | None = json.loads(line) if line else None
        return event or {"event": "ended", "reason": "the observer process ended"}


def _nameless_file() -> IO[bytes]:
    if hasattr(os, "memfd_create"):
        # Memory that the size of /dev/shm, often small in containers, does not limit.
        return os.fdopen(os.memfd_create("ezmsg-nb-observer"), "r+b")
    return tempfile.TemporaryFile()


def _after_fork_in_child() -> None:
    for observer in list(_open):
        observer.leave_to_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
