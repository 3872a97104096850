"""A token bucket: how many log records may pass."""

from __future__ import annotations

import time


class RateLimit:
    """Let `burst` records pass at once and `rate_hz` in the long run.

    Not locked: a race between threads lets a record more or less pass, which does not
    matter, while a lock could be held by another thread at a fork.
    """

    def __init__(self, rate_hz: float, burst: int) -> None:
        self._rate_hz = rate_hz
        self._burst = float(burst)
        self._tokens = float(burst)
        self._checked = time.monotonic()

    def allows(self) -> bool:
        """Take a token; False where there is none."""
        if self._tokens < 1.0:
            now = time.monotonic()
            self._tokens = min(self._burst, self._tokens + (now - self._checked) * self._rate_hz)
            self._checked = now
            if self._tokens < 1.0:
                return False
        self._tokens -= 1.0
        return True
