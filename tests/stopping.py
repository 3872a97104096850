"""Processes that are held by SIGSTOP for a while."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator

import psutil
from real_graphs import wait_for


def stop(pid: int) -> None:
    """Send SIGSTOP, and return when the process stands still.

    Its other threads may go on until the one that gets the signal is scheduled.
    """
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED, f"{pid} to stand still")


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Hold a process as long as the block runs."""
    stop(pid)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
