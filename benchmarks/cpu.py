"""CPU time of processes, to the nanosecond: ticks of 10 ms are 1% of a short window."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import psutil


def process_cpu_s(pid: int) -> float:
    """CPU seconds that the threads of a process have used; 0 where it is gone."""
    total = 0
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                total += int((thread / "schedstat").read_text().split()[0])
    return total / 1e9


def tree_cpu_s(pid: int | None = None, without: int | None = None) -> float:
    """CPU seconds of the processes below one (this one) and of itself, less those of a branch."""
    root = psutil.Process(pid)
    left_out = set()
    if without is not None:
        branch = psutil.Process(without)
        left_out = {each.pid for each in (branch, *branch.children(recursive=True))}
    pids = [each.pid for each in (root, *root.children(recursive=True))]
    return sum(process_cpu_s(each) for each in pids if each not in left_out and each != os.getpid())


def machine_cpu_s() -> float:
    """CPU seconds of everything that has run on this machine."""
    times = psutil.cpu_times()
    return sum(times) - times.idle - times.iowait - times.guest - times.guest_nice
