"""Edits of single fields in a unit's process: each made from what the one before asked for.

ezmsg patches the value that was reported last. While a settings handler runs, the report of an
older value puts that back, and an edit that comes then takes back the one before it, although
both were acknowledged.
"""

from __future__ import annotations

import time
from typing import Any

KEPT_S = 60.0
"""A value that its unit has not taken by then is not waited for any more."""


class SettingsPatches:
    """What this process published on the inlets of its units and they have not taken yet.

    All of it is called on the process' loop. Patches are made one at a time, between `begin` and
    `end`.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, list[tuple[float, Any]]] = {}
        self._unit = ""
        self._made = 0

    def begin(self, unit: str) -> None:
        """Note that the settings of a unit are about to be patched."""
        self._unit, self._made = unit, 0

    def end(self, *, published: bool) -> None:
        """Note that they were, or that it failed."""
        if not published and self._made:
            del self._waiting[self._unit][-self._made :]
        self._unit = ""

    def base(self, reported: object) -> object:
        """The value to patch: the newest that was asked for, or the one that was reported."""
        waiting = self._waiting.get(self._unit)
        if not waiting:
            return reported
        since, newest = waiting[-1]
        if time.monotonic() - since > KEPT_S:
            waiting.clear()
            return reported
        return newest

    def made(self, patched: object) -> None:
        """Note a patched value, which is published next."""
        if self._unit:
            self._waiting.setdefault(self._unit, []).append((time.monotonic(), patched))
            self._made += 1

    def is_waited_for(self, unit: str, message: object) -> bool:
        """Whether a value on a unit's inlet is one that this process published."""
        return self._place(unit, message) is not None

    def taken(self, unit: str, message: object) -> None:
        """Note that the unit's handler has ended with a value."""
        place = self._place(unit, message)
        if place is not None:
            # What was before it in the inlet has been taken too.
            del self._waiting[unit][: place + 1]

    def _place(self, unit: str, message: object) -> int | None:
        waiting = self._waiting.get(unit, [])
        for place, (_, one) in enumerate(waiting):
            if one is message:
                return place
        # Where messages don't stay in the process they are copies.
        shown = repr(message) if waiting else ""
        return next((place for place, (_, one) in enumerate(waiting) if repr(one) == shown), None)
