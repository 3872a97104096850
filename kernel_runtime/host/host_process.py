"""The host as a child process of the kernel: started, spoken to, heard, and ended.

Nothing here knows what the events mean; see `kernel_runtime.host.launcher`.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .child_environment import child_environment
from .process_tree import exit_words, kill_each, session_members

_TREE_GONE_S = 3.0
_TOLD_AFTER_S = 0.5
_COMMAND_S = 5.0

_alive: weakref.WeakSet[HostProcess] = weakref.WeakSet()


class HostProcess:
    """One ``python -m kernel_runtime.host`` and the threads that listen to it.

    Parameters
    ----------
    on_event
        Called in the reader's thread with each event of the host.
    on_text
        Called with each line of the host's own standard error.
    on_death
        Called once in a thread when the host has ended and what it left was killed, with
        the reason in words.
    """

    def __init__(
        self,
        *,
        on_event: Callable[[dict[str, Any]], None],
        on_text: Callable[[str], None],
        on_death: Callable[[str], None],
    ) -> None:
        self._on_event = on_event
        self._on_text = on_text
        self._on_death = on_death
        self._owner_pid = os.getpid()
        self._writing = threading.Lock()
        self.ended = threading.Event()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "kernel_runtime.host"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=child_environment(),
            start_new_session=True,
        )
        assert self._process.stdin is not None
        os.set_blocking(self._process.stdin.fileno(), False)
        _alive.add(self)
        self._events_thread = self._thread(self._read_events, "events")
        self._text_thread = self._thread(self._read_text, "text")
        self._waiter = self._thread(self._wait, "waiter")
        for thread in (self._events_thread, self._text_thread, self._waiter):
            thread.start()

    def _thread(self, target: Callable[[], None], name: str) -> threading.Thread:
        return threading.Thread(target=target, name=f"graph-host-{name}", daemon=True)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def owned_here(self) -> bool:
        """False in a fork of the process that started the host."""
        return self._owner_pid == os.getpid()

    def send(
        self,
        command: dict[str, Any],
        timeout_s: float = _COMMAND_S,
        attachments: Sequence[bytes] = (),
    ) -> bool:
        """Send a command; False where the host is gone or does not take it in time.

        The bytes of the attachments follow the command's line.
        """
        data = memoryview(b"".join((json.dumps(command).encode(), b"\n", *attachments)))
        deadline = time.monotonic() + timeout_s
        assert self._process.stdin is not None
        with self._writing:
            if self._process.stdin.closed:
                return False
            fd = self._process.stdin.fileno()
            while data:
                try:
                    data = data[os.write(fd, data) :]
                except BlockingIOError:
                    left_s = deadline - time.monotonic()
                    if left_s <= 0:
                        return False
                    select.select([], [fd], [], left_s)
                except OSError:
                    return False
        return True

    def kill_tree(self) -> None:
        """Kill the host and all processes of its session, the resource tracker aside."""
        kill_each([*session_members(self.pid), self.pid])

    def join(self, timeout_s: float) -> bool:
        """Wait until nothing of the host is left; False where that takes too long."""
        deadline = time.monotonic() + timeout_s
        if not self.ended.wait(timeout_s):
            return False
        for thread in (self._events_thread, self._text_thread, self._waiter):
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))
        return True

    def leave_to_parent(self) -> None:
        """In a fork of the kernel: close the pipes, or they would outlive the kernel."""
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def _read_events(self) -> None:
        assert self._process.stdout is not None
        for line in _lines(self._process.stdout.fileno()):
            try:
                event = json.loads(line)
            except ValueError:
                # A host that was killed while it wrote leaves half a line.
                continue
            self._on_event(event)

    def _read_text(self) -> None:
        assert self._process.stderr is not None
        for line in _lines(self._process.stderr.fileno()):
            self._on_text(line.decode("utf-8", "replace").rstrip("\r"))

    def _wait(self) -> None:
        exit_code = self._process.wait()
        deadline = time.monotonic() + _TREE_GONE_S
        kill_each(session_members(self.pid))
        # The end of standard error is the end of the resource tracker, which goes last.
        self._events_thread.join(_TOLD_AFTER_S)
        self._text_thread.join(_TOLD_AFTER_S)
        self._on_death(f"host process {self.pid} {exit_words(exit_code)}")
        self._text_thread.join(max(0.0, deadline - time.monotonic()))
        with self._writing:
            for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
        self.ended.set()


def _lines(fd: int) -> Iterator[bytes]:
    """Lines of a pipe until its end.

    Without a buffered reader: its lock, held by a daemon thread, can abort the interpreter
    when it exits.
    """
    partial = b""
    while data := os.read(fd, 1 << 16):
        *lines, partial = (partial + data).split(b"\n")
        yield from lines
    if partial:
        yield partial


def _after_fork_in_child() -> None:
    for host in list(_alive):
        host.leave_to_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
