"""A fault is logged once, not once for each message of the client that has it."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import OrderedDict

_AGAIN_AFTER_S = 60.0
_KEPT = 1000


class OnceFilter(logging.Filter):
    """Lets a warning of one thread pass once a minute for each client that it names first.

    Parameters
    ----------
    thread
        The GraphServer whose warnings these are; others pass.
    """

    def __init__(self, thread: threading.Thread) -> None:
        super().__init__()
        self._thread = thread
        self._pid = os.getpid()
        self._seen: OrderedDict[object, tuple[float, int]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        # A unit process is forked with this filter, and may give a thread the same number.
        ours = (record.process, record.thread) == (self._pid, self._thread.ident)
        if record.levelno < logging.WARNING or not ours:
            return True
        names = record.args if isinstance(record.args, tuple) else ()
        key = (record.msg, str(names[0]) if names else None)
        now = time.monotonic()
        last, held_back = self._seen.get(key, (-_AGAIN_AFTER_S, 0))
        if now - last < _AGAIN_AFTER_S:
            self._seen[key] = (last, held_back + 1)
            return False
        self._seen[key] = (now, 0)
        self._seen.move_to_end(key)
        if len(self._seen) > _KEPT:
            self._seen.popitem(last=False)
        if held_back:
            record.msg = f"{record.getMessage()} (and {held_back} times before this)"
            record.args = ()
        return True
