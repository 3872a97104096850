"""What this kernel changed, and how to take it back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

UNDO_LENGTH = 200


@dataclass(frozen=True, slots=True)
class FieldEdit:
    """One field that an edit of ours changed, as structured values."""

    unit: str
    field: str
    before: Any
    after: Any

    def reversed(self) -> FieldEdit:
        return FieldEdit(self.unit, self.field, self.after, self.before)


Transaction = tuple[FieldEdit, ...]


class UndoLog:
    """Transactions that can be undone, and those that can be redone. Thread-safe.

    Parameters
    ----------
    on_change
        Called when there is something else to undo or redo.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._lock = threading.Lock()
        self._done: list[Transaction] = []
        self._undone: list[Transaction] = []

    def record(self, edits: Transaction) -> None:
        """Note a new transaction; what was undone before can't be redone after it."""
        changed = tuple(edit for edit in edits if edit.before != edit.after)
        if not changed:
            return
        with self._lock:
            self._done.append(changed)
            del self._done[:-UNDO_LENGTH]
            self._undone.clear()
        self._on_change()

    def to_undo(self) -> Transaction | None:
        """What undoing would change: the last transaction, turned round."""
        with self._lock:
            return _turned(self._done[-1]) if self._done else None

    def to_redo(self) -> Transaction | None:
        """What redoing would change."""
        with self._lock:
            return self._undone[-1] if self._undone else None

    def moved_back(self) -> None:
        """Note that the last transaction has been undone."""
        with self._lock:
            self._undone.append(self._done.pop())
        self._on_change()

    def moved_forward(self) -> None:
        """Note that the last undone transaction has been redone."""
        with self._lock:
            self._done.append(self._undone.pop())
        self._on_change()


def _turned(edits: Transaction) -> Transaction:
    return tuple(edit.reversed() for edit in reversed(edits))
