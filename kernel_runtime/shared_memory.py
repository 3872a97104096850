"""Shared memory that ezmsg left behind: segments that nobody uses any more."""

from __future__ import annotations

import contextlib
import os
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path("/dev/shm")
PREFIX = "psm_"
YOUNG_S = 5.0
"""A segment this new may be about to be mapped by whoever made it."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of ezmsg's message buffers."""

    name: str
    size: int
    age_s: float


def can_be_listed() -> bool:
    """Whether this platform shows its shared memory as files, as Linux does."""
    return FOLDER.is_dir() and Path("/proc/self/maps").exists()


def left_over_segments() -> list[Segment]:
    """Segments that ezmsg made for this user, and that no process of this machine has open.

    They remain where all processes of a graph are killed at once, their resource tracker
    included, as by the system when memory runs out.
    """
    if not can_be_listed():
        return []
    now = time.time()
    found = []
    for path in sorted(FOLDER.glob(f"{PREFIX}*")):
        try:
            status = path.stat()
            ours = status.st_uid == os.geteuid() and _is_of_ezmsg(path, status.st_size)
        except OSError:
            continue
        age_s = now - status.st_mtime
        if ours and age_s > YOUNG_S:
            found.append(Segment(path.name, status.st_size, age_s))
    if not found:
        return []
    used = _names_in_use()
    return [segment for segment in found if segment.name not in used]


def remove_segment(segment: Segment) -> bool:
    """Remove a segment; False where it is gone already, or in use after all."""
    if segment.name in _names_in_use():
        return False
    try:
        (FOLDER / segment.name).unlink()
    except FileNotFoundError:
        return False
    return True


def _is_of_ezmsg(path: Path, size: int) -> bool:
    # ezmsg begins a segment with the number and the size of its buffers, which fill it.
    with path.open("rb") as file:
        head = file.read(16)
    if len(head) < 16:
        return False
    buffers, buffer_bytes = struct.unpack("<QQ", head)
    return bool(buffers > 0 and buffers * buffer_bytes == size)


def _names_in_use() -> set[str]:
    used: set[str] = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            for path in _open_paths(folder):
                if path.startswith(f"{FOLDER}/"):
                    used.add(path.removeprefix(f"{FOLDER}/").removesuffix(" (deleted)"))
    return used


def _open_paths(process: Path) -> Iterator[str]:
    """Files that a process has mapped or open; those of another user's can't be seen.

    That does no harm: only its owner may open a segment.
    """
    with contextlib.suppress(OSError):
        for line in (process / "maps").read_text().splitlines():
            yield "/" + line.partition("/")[2]
    with contextlib.suppress(OSError):
        for entry in (process / "fd").iterdir():
            # One that is closed meanwhile must not hide the others.
            with contextlib.suppress(OSError):
                yield os.readlink(entry)
