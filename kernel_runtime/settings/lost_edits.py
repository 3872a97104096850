"""Edits that another writer's edit of the same unit undid, unknowingly.

An owner that gets two edits at the same moment makes the second from the value before the
first: an edit of another field takes the first one back, although both were acknowledged. In a
graph of our host the owner itself sees to it that this doesn't happen; elsewhere it is seen in
the events, and what was ours is sent again.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from .outcomes import EditOutcome
from .store import (
    ReportedSettings,
    SettingsStore,
    apart_from,
    changed_paths,
    same_value,
    value_or_none,
)

WATCHED_S = 3.0
"""How long after its report an edit may still be undone by one that was made before it."""

SETTLE_S = 0.4
"""How long an edit must have stayed in force where others have edited the unit just now."""

TRIES = 5

SendAgain = Callable[[str, str, object], Awaitable[bool]]


@dataclass(slots=True)
class _Own:
    """An edit of ours that was reported lately."""

    value: object
    reported: Any
    before: Any
    until: float
    tries: int = TRIES
    again: asyncio.Task[None] | None = None

    def is_undone(self, found: Any) -> bool:
        return same_value(found, self.before) and not same_value(self.before, self.reported)


class LostEdits:
    """Watches over the edits of this kernel in a graph that others edit too.

    Parameters
    ----------
    store
        Follows the events.
    send_again
        (unit, field path, value) -> whether it worked.
    """

    def __init__(self, store: SettingsStore, send_again: SendAgain) -> None:
        self._store = store
        self._send_again = send_again
        self._sending: dict[str, frozenset[str]] = {}
        self._own: dict[str, dict[str, _Own]] = {}
        self._last: dict[str, Mapping[str, Any]] = {}
        self._others_at: dict[str, float] = {}
        store.on_change(self._take)

    def begin(self, unit: str, paths: Collection[str]) -> None:
        """Note that these fields are about to be edited from here."""
        state = self._store.state(unit)
        if state is not None:
            self._last.setdefault(unit, state.structured)
        self._sending[unit] = frozenset(paths)

    async def watch_over(
        self,
        unit: str,
        fields: Mapping[str, object],
        before: ReportedSettings,
        outcomes: dict[str, EditOutcome],
    ) -> None:
        """Look after an edit that was reported; wait, where others edit the unit just now."""
        self._sending.pop(unit, None)
        own = self._own.setdefault(unit, {})
        until = time.monotonic() + WATCHED_S
        sent_again = False
        for path, value in fields.items():
            earlier = own.get(path)
            if earlier is not None and earlier.again is asyncio.current_task():
                earlier.until = until
                sent_again = True
                continue
            found = value_or_none(before.structured, path)
            own[path] = _Own(value, outcomes[path].value, found, until)
        state = self._store.state(unit)
        if state is not None:
            # What came while the edit's own report was on its way here.
            for path in fields:
                if own[path].is_undone(value_or_none(state.structured, path)):
                    self._repair_soon(unit, path, own[path])
        if not sent_again and self._others_write(unit):
            await self._stay(unit, fields)

    def give_up(self, unit: str) -> None:
        """Note that an edit failed."""
        self._sending.pop(unit, None)

    def _others_write(self, unit: str) -> bool:
        return time.monotonic() - self._others_at.get(unit, -2 * SETTLE_S) < 2 * SETTLE_S

    async def _stay(self, unit: str, fields: Mapping[str, object]) -> None:
        give_up = time.monotonic() + WATCHED_S
        quiet_since = time.monotonic()
        while (now := time.monotonic()) < give_up:
            own = self._own[unit]
            repairs = [own[path].again for path in fields if path in own and own[path].again]
            if repairs:
                await asyncio.wait(filter(None, repairs), timeout=give_up - now)
                quiet_since = time.monotonic()
            elif now - quiet_since >= SETTLE_S:
                return
            else:
                await asyncio.sleep(0.02)

    def _take(self, unit: str, report: ReportedSettings) -> None:
        last = self._last.get(unit)
        self._last[unit] = report.structured
        own = self._own.get(unit, {})
        changed = set() if last is None else changed_paths(last, report.structured)
        if apart_from(changed, {*own, *self._sending.get(unit, ())}):
            self._others_at[unit] = time.monotonic()
        now = time.monotonic()
        for path, edit in list(own.items()):
            found = value_or_none(report.structured, path)
            if edit.again is not None:
                continue
            if now > edit.until:
                del own[path]
            elif not _touched(path, changed) or same_value(found, edit.reported):
                continue
            elif edit.is_undone(found) and apart_from(changed, (path,)):
                # Back at what it was before, together with a change of another field: made
                # from a value that is older than our edit.
                self._repair_soon(unit, path, edit)
            else:
                # Somebody wants it otherwise.
                del own[path]

    def _repair_soon(self, unit: str, path: str, edit: _Own) -> None:
        if edit.tries > 0 and edit.again is None:
            edit.again = asyncio.create_task(self._repair(unit, path, edit))

    async def _repair(self, unit: str, path: str, edit: _Own) -> None:
        try:
            undone = True
            while undone and edit.tries > 0:
                edit.tries -= 1
                # Two kernels that repair at once would go on undoing each other's.
                await asyncio.sleep(random.uniform(0.0, 0.15))
                if not await self._send_again(unit, path, edit.value):
                    return
                state = self._store.state(unit)
                undone = state is not None and edit.is_undone(value_or_none(state.structured, path))
        finally:
            edit.again = None


def _touched(path: str, changed: Collection[str]) -> bool:
    return len(apart_from(changed, (path,))) < len(changed)
