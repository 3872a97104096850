"""CPU, memory and waiting for a CPU of processes on this host."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from ..model import ProcessInfo


@dataclass(frozen=True, slots=True)
class LoadSample:
    """What a process has used since it began.

    ``ran_s`` is the time that each of its threads ran, finer than `cpu_s`, which counts in
    hundredths of a second; ``waited_s`` the time that each was ready to run and no CPU was free
    for it (Linux; both empty elsewhere).
    """

    at_s: float
    cpu_s: float
    ran_s: Mapping[int, float]
    waited_s: Mapping[int, float]
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class ProcessLoad:
    """What a process used in a window.

    ``cpu`` is a share of one CPU; ``starved`` the share of time that the thread which waited
    longest was ready to run and got no CPU, None where it is not known.
    """

    cpu: float
    starved: float | None
    rss_bytes: int


def sample_loads(processes: Iterable[ProcessInfo]) -> dict[str, LoadSample]:
    """Loads of the processes that run on this host, by process id; others are left out."""
    here = socket.gethostname()
    found = {}
    for info in processes:
        if info.pid is None or info.host != here:
            continue
        try:
            process = psutil.Process(info.pid)
            with process.oneshot():
                times = process.cpu_times()
                ran_s, waited_s = _threads(info.pid)
                found[info.process_id] = LoadSample(
                    at_s=time.perf_counter(),
                    cpu_s=times.user + times.system,
                    ran_s=ran_s,
                    waited_s=waited_s,
                    rss_bytes=process.memory_info().rss,
                )
        except psutil.Error:
            continue
    return found


def loads_between(
    before: Mapping[str, LoadSample], after: Mapping[str, LoadSample]
) -> dict[str, ProcessLoad]:
    """Loads over the window between two rounds of samples."""
    found = {}
    for process_id, end in after.items():
        start = before.get(process_id)
        if start is None or end.at_s <= start.at_s:
            continue
        window_s = end.at_s - start.at_s
        waits = [
            waited_s - start.waited_s.get(thread, 0.0) for thread, waited_s in end.waited_s.items()
        ]
        starved = min(1.0, max(0.0, *waits) / window_s) if waits else None
        found[process_id] = ProcessLoad(
            cpu=_ran_between(start, end) / window_s,
            starved=starved,
            rss_bytes=end.rss_bytes,
        )
    return found


def _ran_between(start: LoadSample, end: LoadSample) -> float:
    coarse_s = max(0.0, end.cpu_s - start.cpu_s)
    fine_s = sum(ran_s - start.ran_s.get(thread, 0.0) for thread, ran_s in end.ran_s.items())
    # Threads that ended meanwhile are in the coarse one alone.
    return fine_s if fine_s > coarse_s - 0.02 else coarse_s


def _threads(pid: int) -> tuple[dict[int, float], dict[int, float]]:
    """How long each thread of a process ran, and waited for a CPU, in seconds."""
    ran: dict[int, float] = {}
    waited: dict[int, float] = {}
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            ran_ns, waited_ns, _ = (thread / "schedstat").read_text().split()
            ran[int(thread.name)] = int(ran_ns) / 1e9
            waited[int(thread.name)] = int(waited_ns) / 1e9
    except (OSError, ValueError):
        pass
    return ran, waited
