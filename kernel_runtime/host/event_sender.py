"""Sends the host's events to the kernel, one JSON line each, from a thread of its own.

A kernel that does not read blocks this thread and nothing else.
"""

from __future__ import annotations

import json
import os
import threading
from collections import deque

from .logs import PendingLogs

_RECORDS_PER_LINE = 500
_COALESCE_S = 0.02


class EventSender:
    """Owns the descriptor that events are written to."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._events: deque[dict[str, object]] = deque()
        self._wake = threading.Event()
        self._urgent = threading.Event()
        self._closing = threading.Event()
        self.logs = PendingLogs(on_new=self._wake.set)
        self._thread = threading.Thread(target=self._run, name="event-sender", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def send(self, event: str, **details: object) -> None:
        """Queue an event; logs that were there before go first."""
        self._events.append({"event": event, **details})
        self._urgent.set()
        self._wake.set()

    def close(self, timeout_s: float) -> None:
        """Send what is queued, as far as the kernel takes it in time."""
        self._closing.set()
        self._urgent.set()
        self._wake.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            self._wake.wait()
            # Lines of logs are gathered for a while; an event goes at once.
            self._urgent.wait(_COALESCE_S)
            self._urgent.clear()
            self._wake.clear()
            closing = self._closing.is_set()
            try:
                self._send_all()
            except OSError:
                # The kernel is gone; the lifeline tells the rest of the host.
                return
            if closing:
                return

    def _send_all(self) -> None:
        events = [self._events.popleft() for _ in range(len(self._events))]
        while True:
            records, dropped = self.logs.take(_RECORDS_PER_LINE)
            if not records and not dropped:
                break
            self._write({"event": "logs", "records": records, "dropped": dropped})
        for event in events:
            self._write(event)

    def _write(self, event: dict[str, object]) -> None:
        data = json.dumps(event).encode() + b"\n"
        while data:
            data = data[os.write(self._fd, data) :]
