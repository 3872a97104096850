"""What Python code prints and logs, as records that name the unit.

Installed in the host and in each unit process. A forked unit process keeps the stream
objects, so a handler that somebody made at import still leads here; only the sink changes.
"""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import BinaryIO

from .rate_limit import RateLimit

current_unit: ContextVar[str | None] = ContextVar("current_unit", default=None)
"""Address of the unit whose code runs in this context."""

Sink = Callable[[str, str | None, str], None]
"""Takes level, unit and text."""

MAX_RECORD_BYTES = 4096
"""POSIX's smallest PIPE_BUF on Linux: a write up to this size is whole or not at all."""

_MAX_PARTIAL_CHARS = 64_000
_MAX_TEXT_CHARS = 64_000
_LINES_PER_S = 2_000.0
_LINES_AT_ONCE = 5_000
_WARNINGS_PER_S = 200.0
_WARNINGS_AT_ONCE = 1_000
_DROP_REPORT_DELAY_S = 0.3


class _PartialLines(threading.local):
    """Unfinished lines by unit. Per thread, so no lock can be held elsewhere at a fork."""

    def __init__(self) -> None:
        self.lines: dict[str | None, str] = {}


class CaptureStream(io.TextIOBase):
    """Stands for ``sys.stdout`` or ``sys.stderr``; hands whole lines to the sink."""

    def __init__(self, level: str, fd: int) -> None:
        self.sink: Sink | None = None
        self._level = level
        self._fd = fd
        self._partial = _PartialLines()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        return "replace"

    @property
    def buffer(self) -> BinaryIO:
        return open(self._fd, "wb", buffering=0, closefd=False)

    def fileno(self) -> int:
        return self._fd

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        unit = current_unit.get()
        partial = self._partial.lines
        pending = partial.pop(unit, "") + text if partial else text
        if "\n" not in pending:
            if len(pending) > _MAX_PARTIAL_CHARS:
                self._emit(unit, pending)
            elif pending:
                partial[unit] = pending
            return len(text)
        lines = pending.split("\n")
        rest = lines.pop()
        if rest:
            partial[unit] = rest
        for line in lines:
            self._emit(unit, line)
        return len(text)

    def flush_partial(self) -> None:
        """Hand over the unfinished lines of this thread."""
        partial = self._partial.lines
        for unit in list(partial):
            self._emit(unit, partial.pop(unit))

    def forget_partial(self) -> None:
        """Drop the unfinished lines of this thread (in a forked child: its parent's)."""
        self._partial = _PartialLines()

    def _emit(self, unit: str | None, line: str) -> None:
        # A carriage return rewrites the line on a terminal: keep what would be seen.
        line = line.rstrip("\r").rpartition("\r")[2]
        if self.sink is not None:
            self.sink(self._level, unit, line)


class CaptureHandler(logging.Handler):
    """Hands each logged message to the sink under its level."""

    def __init__(self) -> None:
        super().__init__()
        self.sink: Sink | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if self.sink is None:
            return
        try:
            text = self.format(record)
        except Exception:
            self.handleError(record)
            return
        if record.name not in ("ezmsg", "root"):
            text = f"{record.name}: {text}"
        self.sink(record.levelname, current_unit.get(), text)


class Capture:
    """The streams and the handler of a process, with one sink."""

    def __init__(self) -> None:
        self.stdout = CaptureStream("stdout", 1)
        self.stderr = CaptureStream("stderr", 2)
        self._handler = CaptureHandler()

    def install(self, sink: Sink) -> None:
        """Put them in place of the process' own, and lead all to the sink."""
        self.lead_to(sink)
        sys.stdout = self.stdout
        sys.stderr = self.stderr
        root = logging.getLogger()
        if self._handler not in root.handlers:
            root.addHandler(self._handler)
        ezmsg_logger = logging.getLogger("ezmsg")
        for handler in list(ezmsg_logger.handlers):
            # ezmsg's own handler writes to the stream of import time: seen twice otherwise.
            if type(handler) is logging.StreamHandler:
                ezmsg_logger.removeHandler(handler)

    def lead_to(self, sink: Sink) -> None:
        """Change the sink."""
        for target in (self.stdout, self.stderr, self._handler):
            target.sink = sink

    def flush_partial(self) -> None:
        """Hand over the unfinished lines of this thread."""
        self.stdout.flush_partial()
        self.stderr.flush_partial()

    def forget_partial(self) -> None:
        """Drop the unfinished lines of this thread."""
        self.stdout.forget_partial()
        self.stderr.forget_partial()


class RecordPipe:
    """Writes records to the host, never waits for it, and counts what it drops.

    A line is ``[time, level, unit, text, dropped]``, ``dropped`` being the total so far.
    """

    def __init__(self, fd: int, default_unit: str | None) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._default_unit = default_unit
        self._lines = RateLimit(_LINES_PER_S, _LINES_AT_ONCE)
        # Warnings have their own, so that a flood of prints can't hide the error in it.
        self._warnings = RateLimit(_WARNINGS_PER_S, _WARNINGS_AT_ONCE)
        self._dropped = 0
        self._reported = 0
        self._report_timer: threading.Timer | None = None

    def write(self, level: str, unit: str | None, text: str) -> None:
        """Write one record (a `Sink`)."""
        limit = self._warnings if level in ("WARNING", "ERROR", "CRITICAL") else self._lines
        if not limit.allows():
            self._drop()
            return
        now = time.time()
        if len(text) > _MAX_TEXT_CHARS:
            text = text[:_MAX_TEXT_CHARS] + " ... (cut)"
        self._write_pieces(now, level, unit or self._default_unit, text)

    def _write_pieces(self, now: float, level: str, unit: str | None, text: str) -> None:
        line = json.dumps((now, level, unit, text, self._dropped), ensure_ascii=False).encode(
            "utf-8", "backslashreplace"
        )
        if len(line) >= MAX_RECORD_BYTES and len(text) > 1:
            middle = text.rfind("\n", 1, len(text) // 2 + 1)
            cut = middle if middle > 0 else len(text) // 2
            self._write_pieces(now, level, unit, text[:cut])
            self._write_pieces(now, level, unit, text[cut:].removeprefix("\n"))
            return
        try:
            os.write(self._fd, line + b"\n")
        except OSError:
            self._drop()
        else:
            self._reported = self._dropped

    def _drop(self) -> None:
        self._dropped += 1
        if self._report_timer is None:
            self._report_timer = threading.Timer(_DROP_REPORT_DELAY_S, self.report_drops)
            self._report_timer.daemon = True
            self._report_timer.start()

    def report_drops(self) -> None:
        """Tell the host how many records were dropped, where it does not know yet."""
        self._report_timer = None
        if self._reported != self._dropped:
            self._write_pieces(time.time(), "dropped", None, "")
