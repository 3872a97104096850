"""Finds what a test left behind: processes, listening ports, shared memory, threads.

A ``LeakGuard`` remembers what there was when it was made; ``wait_until_clean`` waits until
nothing new is left, or says what is.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import psutil

# Every process that a test starts inherits this, so that one whose parent has died (and which
# is nobody's child any more) is still known as ours. Other test runs on the machine are not.
MARK_NAME = "EZMSG_NB_TEST_RUN"
MARK = os.environ.setdefault(MARK_NAME, uuid.uuid4().hex)

SHARED_MEMORY = Path("/dev/shm")
SEGMENT_PREFIXES = ("psm_", "wnsm_")

# Threads that live as long as the interpreter by design.
PERMANENT_THREADS = (
    "MainThread",
    "Dask-Offload",
    "ezmsg-nb-loop",
    "IPythonHistorySavingThread",
    "pytest_timeout",
)


@dataclass(frozen=True)
class RunningProcess:
    """A process told from a later one with the same pid by the time it was made."""

    pid: int
    created_s: float

    def describe(self) -> str:
        try:
            process = psutil.Process(self.pid)
            command = " ".join(process.cmdline()) or process.name()
            state = f"pid {self.pid}, parent {process.ppid()}, {process.status()}"
            ports = ", ".join(str(port) for port in sorted(listening_ports(process)))
        except psutil.Error:
            return f"process {self.pid}, which ended just now"
        return f"process ({state}): {command[:300]}" + (f" [listens on {ports}]" if ports else "")

    def kill(self) -> None:
        try:
            process = psutil.Process(self.pid)
            if process.create_time() == self.created_s:
                process.kill()
        except psutil.Error:
            pass


def listening_ports(process: psutil.Process) -> frozenset[int]:
    """TCP ports on which a process listens."""
    try:
        connections = process.net_connections(kind="tcp")
    except psutil.Error:
        return frozenset()
    return frozenset(c.laddr.port for c in connections if c.status == psutil.CONN_LISTEN)


def _is_ours(process: psutil.Process) -> bool:
    try:
        return process.environ().get(MARK_NAME) == MARK
    except (psutil.Error, OSError):
        return False


def _counts(process: psutil.Process) -> bool:
    """A process that still holds something and that nobody keeps on purpose."""
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        # One tracker (or fork server) a Python process, kept until that process ends. Only
        # this process' own is allowed to stay.
        helper = any(
            name in part
            for part in process.cmdline()
            for name in ("multiprocessing.resource_tracker", "multiprocessing.forkserver")
        )
        return not (helper and process.ppid() == os.getpid())
    except psutil.Error:
        return False


def running_processes() -> frozenset[RunningProcess]:
    """Processes that this test run started, children and orphans alike."""
    found: set[RunningProcess] = set()
    children = psutil.Process().children(recursive=True)
    orphans = (p for p in psutil.process_iter() if p.pid != os.getpid() and _is_ours(p))
    for process in (*children, *orphans):
        if _counts(process):
            try:
                found.add(RunningProcess(process.pid, process.create_time()))
            except psutil.Error:
                pass
    return frozenset(found)


def shared_memory_segments() -> frozenset[str]:
    """Names of the shared-memory segments made by Python that exist on this machine."""
    if not SHARED_MEMORY.is_dir():
        return frozenset()
    return frozenset(
        entry.name for entry in SHARED_MEMORY.iterdir() if entry.name.startswith(SEGMENT_PREFIXES)
    )


def segments_of(pid: int) -> frozenset[str]:
    """Names of the shared-memory segments that a process has mapped."""
    try:
        maps = Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return frozenset()
    paths = (line.rpartition(" ")[2] for line in maps.splitlines() if f"{SHARED_MEMORY}/" in line)
    names = (Path(path).name for path in paths)
    return frozenset(name for name in names if name.startswith(SEGMENT_PREFIXES))


def _mapped_by_others() -> frozenset[str]:
    """Segments that a process of another test run or person has mapped."""
    others = (p for p in psutil.process_iter() if p.pid != os.getpid() and not _is_ours(p))
    return frozenset[str]().union(*(segments_of(process.pid) for process in others))


def running_threads() -> frozenset[threading.Thread]:
    """Threads of this process, but for those that live as long as it."""
    return frozenset(
        thread
        for thread in threading.enumerate()
        if not thread.name.startswith(PERMANENT_THREADS)
        and thread is not threading.current_thread()
    )


class LeakGuard:
    """What there was before a test, and how to tell what the test added and left.

    Attributes
    ----------
    found
        What was left when last waited for, ended since as far as it was processes.
    """

    def __init__(self) -> None:
        self.found: list[str] = []
        self.processes = running_processes()
        self.ports = listening_ports(psutil.Process())
        self.segments = shared_memory_segments()
        self.threads = running_threads()

    def _left(self) -> tuple[frozenset[RunningProcess], list[str]]:
        processes = running_processes() - self.processes
        lines = [left.describe() for left in sorted(processes, key=lambda p: p.pid)]
        ports = listening_ports(psutil.Process()) - self.ports
        lines += [f"port {port}, on which the test process still listens" for port in sorted(ports)]
        segments = shared_memory_segments() - self.segments
        if segments:
            # A graph that was there before may make itself another buffer at any time.
            segments -= _mapped_by_others().union(*(segments_of(p.pid) for p in self.processes))
        lines += [f"shared memory {SHARED_MEMORY}/{name}" for name in sorted(segments)]
        threads = running_threads() - self.threads
        lines += [
            f"{'daemon ' if t.daemon else ''}thread {t.name!r}{_where(t)}"
            for t in sorted(threads, key=lambda t: t.name)
        ]
        return processes, lines

    def wait_until_clean(self, deadline_s: float = 15.0) -> list[str]:
        """Wait until nothing is left, at most until the deadline.

        Returns
        -------
        list[str]
            A line for each thing that is left, none where all is clean. Processes that are
            left are ended, so that one test's leak is not the next one's.
        """
        give_up = time.monotonic() + deadline_s
        pause_s = 0.01
        while True:
            processes, lines = self._left()
            if not lines:
                return []
            if time.monotonic() > give_up:
                for left in processes:
                    left.kill()
                self.found = lines
                return lines
            time.sleep(pause_s)
            pause_s = min(pause_s * 2, 0.2)


def _where(thread: threading.Thread) -> str:
    frame = sys._current_frames().get(thread.ident or 0)
    if frame is None:
        return ""
    return f", now in {frame.f_code.co_qualname} ({frame.f_code.co_filename}:{frame.f_lineno})"
