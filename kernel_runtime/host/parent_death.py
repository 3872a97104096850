"""End a process when the one that started it ends, however that ends."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from multiprocessing.connection import wait

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Have this process killed when its parent is gone.

    On Linux the kernel does it, also while this process is stopped or holds the GIL. The
    thread does it elsewhere, and where the parent was gone before the kernel was asked.
    """
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(
            target=_wait_for_parent, args=(parent.sentinel,), name="parent-watch", daemon=True
        ).start()


def _wait_for_parent(sentinel: int) -> None:
    wait([sentinel])
    os.kill(os.getpid(), signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
