"""What this machine knows of processes that a graph names by pid and host."""

from __future__ import annotations

import os
import socket

import psutil

_SHOWN_CHARACTERS = 200


def is_local(host: str | None) -> bool:
    """Whether a host name, as processes register it, is this machine's."""
    return host is not None and host == socket.gethostname()


def is_alive(pid: int | None, host: str | None) -> bool | None:
    """Whether a process still lives; None where that can't be known from here."""
    if pid is None or pid <= 0 or not is_local(host):
        return None
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return None


def is_orphan(pid: int) -> bool:
    """Whether a process of this machine was started by one that has ended since.

    A process that leads its own group was started as a job of its own (by a shell, a
    service manager, our host), and is none. Any other one shares the session of its parent,
    unless it has been given another parent after the first one's end.
    """
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE or os.getpgid(pid) == pid:
            return False
        parent = process.parent()
        return parent is None or os.getsid(parent.pid) != os.getsid(pid)
    except (psutil.Error, OSError):
        return False


def life_in_words(pid: int | None, host: str | None) -> str:
    """A process and whether it lives, for a message."""
    where = f"pid {pid} on {host}"
    alive = is_alive(pid, host)
    if alive is None:
        return f"{where} (another machine, or not to be seen from here)"
    if not alive:
        return f"{where}, which has ended"
    return f"{where}, which still runs"


def command_line(pid: int) -> str:
    """What a process was started with, on one line that is not too long."""
    try:
        shown = " ".join(" ".join(psutil.Process(pid).cmdline()).split())
    except psutil.Error:
        return "has ended just now"
    return shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[:_SHOWN_CHARACTERS]}…"
