"""`Tap`: messages of a topic in the kernel, at no cost to who sends them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import mmap
import os
import select
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import AsyncIterator
from types import TracebackType
from typing import IO, Any, Literal

from ..address import Address
from ..errors import ClosedError, GraphError, RequestTimeoutError, UnsupportedOperationError
from ..host.host_process import child_environment
from .decoding import decode_message
from .ring import RING_BYTES, RingReader

START_S = 20.0
END_S = 2.0
_LOOK_EVERY_S = 0.01

_open_taps: weakref.WeakSet[Tap] = weakref.WeakSet()


class Tap:
    """A topic that is listened to by an observer process of ours.

    The observer always reads, and keeps the newest messages; this process looks there when
    it has time. Whether it is busy, interrupted or stopped, the pipeline goes on undisturbed.

    Parameters
    ----------
    address
        Of the GraphServer.
    topic
        Which messages.
    definitions
        What has to stand in the observer's ``__main__`` to read them, as
        `kernel_runtime.host.main_module.pack_definitions` packs it.
    trust
        Whether messages may be of any class; see `decode_message`.

    Raises
    ------
    GraphError
        The observer could not subscribe.
    """

    def __init__(
        self, address: Address, topic: str, *, definitions: bytes = b"", trust: bool = False
    ) -> None:
        if sys.platform == "win32":
            raise UnsupportedOperationError("Taps need file descriptors that a child inherits.")
        self.topic = topic
        self._address = address
        self._trust = trust
        self._closed = False
        self._end_reason = ""
        self._missed = 0
        # A file without a name: nothing of it can be left behind.
        with _nameless_file() as file:
            file.truncate(RING_BYTES)
            self._memory = mmap.mmap(file.fileno(), RING_BYTES)
            self._ring = RingReader(self._memory)
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "kernel_runtime.observer"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=(file.fileno(),),
                env=child_environment(),
                start_new_session=True,
                bufsize=0,
            )
            _open_taps.add(self)
            order = {
                "topic": topic,
                "address": [address.host, address.port],
                "memory_fd": file.fileno(),
                "definitions_bytes": len(definitions),
                "sys_path": [path or os.getcwd() for path in sys.path],
            }
            try:
                self._order(json.dumps(order).encode() + b"\n" + definitions)
                event = self._event(START_S)
            except BaseException:
                self.close()
                raise
        if event is None or event["event"] != "ready":
            self.close()
            why = event["reason"] if event is not None else f"not ready within {START_S:g} s"
            raise GraphError(f"No tap of {topic!r} at {address}: {why}.", address=str(address))

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

    @property
    def received(self) -> int:
        """How many messages the observer has got since the tap was opened."""
        return self._ring.counts.newest

    @property
    def dropped(self) -> int:
        """How many messages were lost: the observer or this process was too slow for them."""
        counts = self._ring.counts
        return counts.dropped + counts.too_large + self._missed

    @property
    def end_reason(self) -> str:
        """Why no more messages come; empty while they may."""
        if not self._end_reason and not self._closed:
            ended = self._event(0.0)
            if ended is not None:
                self._end_reason = str(ended["reason"])
        return self._end_reason

    @property
    def pid(self) -> int:
        """Process id of the observer."""
        return self._process.pid

    def latest(self, timeout: float = 2.0) -> Any:
        """The newest message; None where none has come within `timeout` seconds.

        Raises
        ------
        UnsafePayloadError
            It is of a class that the tap may not use.
        ClosedError
            The tap is closed.
        """
        deadline = time.monotonic() + timeout
        while True:
            self._refuse_closed()
            newest = self._ring.counts.newest
            payload = self._ring.read(newest) if newest else None
            if payload is not None:
                return decode_message(payload, trust=self._trust)
            if time.monotonic() > deadline or self.end_reason:
                return None
            time.sleep(_LOOK_EVERY_S)

    def collect(
        self, messages: int | None = None, *, seconds: float | None = None, timeout: float = 30.0
    ) -> list[Any]:
        """Wait for so many messages from now on, or for so long, and return them in order.

        Parameters
        ----------
        messages, seconds
            One of them.
        timeout
            Seconds to wait for `messages` at the longest.

        Raises
        ------
        RequestTimeoutError
            Fewer came in time.
        """
        if (messages is None) == (seconds is None):
            raise TypeError("collect() takes a number of messages, or seconds: one of them.")
        wait_s = timeout if seconds is None else seconds
        deadline = time.monotonic() + wait_s
        found: list[Any] = []
        cursor = self.received
        while messages is None or len(found) < messages:
            self._refuse_closed()
            cursor, payload = self._next(cursor)
            if payload is not None:
                found.append(decode_message(payload, trust=self._trust))
            elif time.monotonic() > deadline or self.end_reason:
                break
            else:
                time.sleep(_LOOK_EVERY_S)
            if seconds is not None and time.monotonic() > deadline:
                break
        if messages is not None and len(found) < messages:
            why = self._end_reason or f"The rest did not within {timeout:g} s."
            raise RequestTimeoutError(
                f"{len(found)} of {messages} messages of {self.topic!r} came. {why}",
                address=str(self._address),
            )
        return found

    async def __aiter__(self) -> AsyncIterator[Any]:
        cursor = self.received
        while not self._closed:
            cursor, payload = self._next(cursor)
            if payload is not None:
                yield decode_message(payload, trust=self._trust)
            elif self.end_reason:
                return
            else:
                await asyncio.sleep(_LOOK_EVERY_S)

    def _next(self, cursor: int) -> tuple[int, bytes | None]:
        """The message after a number, or the oldest that is left; and its number."""
        newest = self._ring.counts.newest
        while cursor < newest:
            cursor += 1
            payload = self._ring.read(cursor)
            if payload is not None:
                return cursor, payload
            self._missed += 1
        return cursor, None

    def close(self) -> None:
        """End the observer. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self.leave_to_parent()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def leave_to_parent(self) -> None:
        """Close this process' end of the lifeline."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _refuse_closed(self) -> None:
        if self._closed:
            raise ClosedError(f"The tap of {self.topic!r} is closed.", address=str(self._address))

    def __enter__(self) -> Tap:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        self.close()
        return False

    def __del__(self) -> None:
        if hasattr(self, "_process"):
            self.close()

    def __repr__(self) -> str:
        if self._closed:
            return f"<Tap of {self.topic}: closed>"
        return f"<Tap of {self.topic}: {self.received} messages, {self.dropped} dropped>"


def _nameless_file() -> IO[bytes]:
    if hasattr(os, "memfd_create"):
        # Memory that the size of /dev/shm, often small in containers, does not limit.
        return os.fdopen(os.memfd_create("ezmsg-nb-tap"), "r+b")
    return tempfile.TemporaryFile()


def _after_fork_in_child() -> None:
    for tap in list(_open_taps):
        tap._closed = True
        tap.leave_to_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
