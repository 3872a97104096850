"""The processes of a host's session, found and ended one by one.

A host leads a session of its own, so its session id marks everything that it or its units
started. Signals go to single pids: a group signal would also end multiprocessing's resource
tracker, which has to outlive the others to remove their shared memory.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

_TRACKER_MARK = b"multiprocessing.resource_tracker"


def session_members(session_id: int) -> list[int]:
    """Return the pids of a session, resource trackers left out."""
    if not sys.platform.startswith("linux"):
        return _session_members_by_psutil(session_id)
    members = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            stat = Path("/proc", entry, "stat").read_bytes()
            # The command in parentheses may hold spaces and parentheses itself.
            fields = stat[stat.rindex(b")") + 2 :].split()
            if fields[0] in (b"Z", b"X") or int(fields[3]) != session_id:
                continue
            command_line = Path("/proc", entry, "cmdline").read_bytes()
            # A process that is on its way out has none any more.
            if not command_line or _TRACKER_MARK in command_line:
                continue
        except (OSError, ValueError, IndexError):
            continue
        members.append(int(entry))
    return members


def _session_members_by_psutil(session_id: int) -> list[int]:
    if sys.platform == "win32":
        return []
    import psutil

    members = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == session_id and not any(
                _TRACKER_MARK.decode() in part for part in process.cmdline()
            ):
                members.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return members


def kill_each(pids: list[int]) -> None:
    """Send SIGKILL to each process; one that is gone already is no error."""
    force = signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, force)


def exit_words(exit_code: int) -> str:
    """Say in words how a process ended, from an exit code as ``subprocess`` has it."""
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    try:
        name = signal.Signals(-exit_code).name
    except ValueError:
        name = f"signal {-exit_code}"
    return f"was killed by {name}"
