"""Sending at most so often: for what goes to a browser."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

MIN_INTERVAL_S: Final = 0.1
"""Least time between two messages of a kind to the browser."""


class Outbox:
    """Calls a function soon, but never more often than every ``MIN_INTERVAL_S``.

    Of several posts in that time, one call is made at the end: with what is newest then.
    """

    def __init__(self, send: Callable[[], None]) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._sent_at = float("-inf")
        self._timer: threading.Timer | None = None
        self._is_closed = False

    def post(self) -> None:
        with self._lock:
            if self._timer is not None or self._is_closed:
                return
            wait = self._sent_at + MIN_INTERVAL_S - time.monotonic()
            if wait > 0:
                self._timer = threading.Timer(wait, self._flush)
                self._timer.daemon = True
                self._timer.start()
                return
            self._sent_at = time.monotonic()
        self._send()

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _flush(self) -> None:
        with self._lock:
            if self._is_closed:
                return
            self._timer = None
            self._sent_at = time.monotonic()
        self._send()
