"""Edits on their way to units: one at a time for a unit, the newest of a field only."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

Edit = Callable[[], None]


class EditQueue:
    """Runs edits away from the thread that handles the browser's messages.

    Edits of one unit run one after the other, those of different units side by side. An edit
    of a field that still waits is replaced by the next one of that field. A thread lives only
    while its unit has edits.
    """

    def __init__(self) -> None:
        self._lock: Final = threading.Lock()
        self._waiting: Final[dict[str, dict[str, Edit]]] = {}
        self._closed = False

    def put(self, unit: str, field: str, edit: Edit) -> None:
        """Add an edit; it must not raise."""
        with self._lock:
            if self._closed:
                return
            waiting = self._waiting.get(unit)
            if waiting is not None:
                waiting.pop(field, None)
                waiting[field] = edit
                return
            self._waiting[unit] = {field: edit}
        name = f"ezmsg-nb edits of {unit or 'a form'}"
        threading.Thread(target=self._work, args=(unit,), name=name, daemon=True).start()

    def close(self) -> None:
        """Drop what waits; what runs ends by itself."""
        with self._lock:
            self._closed = True
            for waiting in self._waiting.values():
                waiting.clear()

    def _work(self, unit: str) -> None:
        while True:
            with self._lock:
                waiting = self._waiting[unit]
                if not waiting:
                    del self._waiting[unit]
                    return
                edit = waiting.pop(next(iter(waiting)))
            edit()
