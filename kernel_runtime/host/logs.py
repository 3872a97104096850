"""Collects the output of the host and its unit processes, whatever the kernel does.

One thread drains all pipes always, so no unit ever waits for a reader. What the kernel has
not taken yet is kept up to a limit; then the oldest goes, and is counted.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from .rate_limit import RateLimit

_PENDING_RECORDS = 5_000
_LAST_LINES = 20
_READ_BYTES = 1 << 16
_PIPE_BYTES = 1 << 18
_MAX_LINE_BYTES = 4_000
_RAW_LINES_PER_S = 2_000.0
_RAW_LINES_AT_ONCE = 5_000


@dataclass(slots=True)
class LogSource:
    """A process whose output is collected."""

    pid: int
    name: str
    default_unit: str | None = None
    """Unit of the lines that name none."""
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=_LAST_LINES))
    open_pipes: int = 1
    drained: threading.Event = field(default_factory=threading.Event)


class PendingLogs:
    """Records that the kernel has still to be told, bounded."""

    def __init__(self, on_new: Callable[[], None]) -> None:
        self._records: deque[list[object]] = deque()
        self._dropped = 0
        self._lock = threading.Lock()
        self._on_new = on_new

    def add(self, source: LogSource, level: str, unit: str | None, text: str, at_s: float) -> None:
        """Keep a record and have it sent."""
        source.last_lines.append(text)
        with self._lock:
            if len(self._records) >= _PENDING_RECORDS:
                self._records.popleft()
                self._dropped += 1
            self._records.append([at_s, source.pid, source.name, unit, level, text])
        self._on_new()

    def count_dropped(self, count: int) -> None:
        """Note records that were lost before they came here."""
        with self._lock:
            self._dropped += count
        self._on_new()

    def take(self, limit: int) -> tuple[list[list[object]], int]:
        """Take up to `limit` records, oldest first, and the losses since the last time."""
        with self._lock:
            records = [self._records.popleft() for _ in range(min(limit, len(self._records)))]
            dropped, self._dropped = self._dropped, 0
        return records, dropped


class _Pipe:
    """One pipe that is drained: splits into lines."""

    def __init__(self, fd: int, source: LogSource, pending: PendingLogs) -> None:
        self.fd = fd
        self.source = source
        self._pending = pending
        self._partial = b""

    def take(self, data: bytes) -> None:
        if self.skips(data):
            return
        lines = (self._partial + data).split(b"\n")
        self._partial = lines.pop()
        if len(self._partial) > _MAX_LINE_BYTES * 4:
            lines.append(self._partial)
            self._partial = b""
        for line in lines:
            self.take_line(line)

    def end(self) -> None:
        if self._partial:
            self.take_line(self._partial)
            self._partial = b""

    def skips(self, data: bytes) -> bool:
        return False

    def take_line(self, line: bytes) -> None:
        raise NotImplementedError


class _RecordsPipe(_Pipe):
    """Records that `kernel_runtime.host.capture.RecordPipe` wrote."""

    _dropped_before = 0

    def take_line(self, line: bytes) -> None:
        try:
            at_s, level, unit, text, dropped = json.loads(line)
        except (ValueError, TypeError):
            return
        if dropped > self._dropped_before:
            self._pending.count_dropped(dropped - self._dropped_before)
            self._dropped_before = dropped
        if level != "dropped":
            self._pending.add(self.source, level, unit, text, at_s)


class _RawPipe(_Pipe):
    """Bytes that reached a file descriptor below Python."""

    def __init__(self, fd: int, source: LogSource, pending: PendingLogs, level: str) -> None:
        super().__init__(fd, source, pending)
        self._level = level
        self._limit = RateLimit(_RAW_LINES_PER_S, _RAW_LINES_AT_ONCE)
        self._flooded = False

    def skips(self, data: bytes) -> bool:
        # In a flood even splitting costs too much: whole blocks go, their lines counted.
        if not self._flooded or self._limit.allows():
            self._flooded = False
            return False
        self._pending.count_dropped(data.count(b"\n"))
        self._partial = b""
        return True

    def take_line(self, line: bytes) -> None:
        if not self._limit.allows():
            self._flooded = True
            self._pending.count_dropped(1)
            return
        text = line[:_MAX_LINE_BYTES].decode("utf-8", "replace").rstrip("\r")
        self._pending.add(self.source, self._level, self.source.default_unit, text, time.time())


class LogDrain:
    """The thread that reads all output pipes."""

    def __init__(self, pending: PendingLogs) -> None:
        self._pending = pending
        self._selector = selectors.DefaultSelector()
        self._arrivals: deque[_Pipe] = deque()
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_writer, False)
        self._selector.register(self._wake_reader, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._run, name="log-drain", daemon=True)

    @property
    def fds(self) -> tuple[int, int]:
        """Its own descriptors, which a forked child has no use for."""
        return self._wake_reader, self._wake_writer

    def start(self) -> None:
        self._thread.start()

    def follow_records(self, fd: int, source: LogSource) -> None:
        """Drain a pipe of records from now on."""
        _widen(fd)
        self._follow(_RecordsPipe(fd, source, self._pending))

    def follow_raw(self, fd: int, source: LogSource, level: str) -> None:
        """Drain a pipe of plain text from now on."""
        self._follow(_RawPipe(fd, source, self._pending, level))

    def _follow(self, pipe: _Pipe) -> None:
        self._arrivals.append(pipe)
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_writer, b"\0")

    def _run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    os.read(self._wake_reader, 4096)
                else:
                    self._read(key.data)
            while self._arrivals:
                arrival = self._arrivals.popleft()
                self._selector.register(arrival.fd, selectors.EVENT_READ, arrival)

    def _read(self, pipe: _Pipe) -> None:
        try:
            data = os.read(pipe.fd, _READ_BYTES)
        except OSError:
            data = b""
        if data:
            pipe.take(data)
            return
        pipe.end()
        self._selector.unregister(pipe.fd)
        pipe.source.open_pipes -= 1
        if pipe.source.open_pipes == 0:
            pipe.source.drained.set()


def _widen(fd: int) -> None:
    """Give a pipe room for a burst (Linux); the default holds some 500 lines.

    Not more than that: all pipes of a user share a limit.
    """
    try:
        import fcntl

        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    except (ImportError, AttributeError, OSError):
        return
