"""Edits of settings: one writer per unit, and proof of what became of each edit.

ezmsg acknowledges an edit when the owning process has published the patched value, and
loses acknowledged edits of different fields when they follow each other quickly (15 of 15
rounds with a handler of 0.1 s, measured). So the next edit of a unit waits for the event of
the last.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from ezmsg.core.graphmeta import SettingsSnapshotValue

from ..errors import RequestTimeoutError, SettingsNotAppliedError
from ..host.operations import MANY_FIELDS
from .store import SettingsStore, structured_of, value_at

EditState = Literal["reported", "applied"]

POLL_FIRST_S = 0.001
POLL_LONGEST_S = 0.05
FAILURE_SETTLES_S = 0.05
"""A failure counts once it still stands after this time: the handler that failed may have
been an earlier one's, while ours has not begun."""


@dataclass(frozen=True, slots=True)
class EditOutcome:
    """What is known to have become of an edit.

    Attributes
    ----------
    state
        ``"applied"``: the unit itself holds the value. ``"reported"``: the process that owns
        the unit has reported it; whether the unit took it can't be asked.
    value
        The structured value of the field as its owner has it, which may differ from what
        was asked.
    note
        What a person should know besides; empty mostly.
    """

    state: EditState
    value: Any
    note: str = ""

    def one_by_one(self) -> EditOutcome:
        """The same, with the note that other fields of the unit were not changed with it."""
        said = "Sent by itself: the unit ran for a moment on some of the new values."
        return replace(self, note=f"{self.note} {said}".strip())


UpdateSetting = Callable[[str, str, object, float], Awaitable[SettingsSnapshotValue]]
AskUnit = Callable[[str, float], Awaitable[Mapping[str, Any]]]


class SettingsEditor:
    """Writes settings of a graph, each unit's in order.

    Parameters
    ----------
    store
        Follows the settings events of the graph.
    update_setting
        Sends an edit to the owner: (unit, field path, value, timeout) -> patched value.
    ask_unit
        Asks a unit itself what it holds, see `kernel_runtime.host.operations`; None for a
        graph that isn't our host's.
    address
        Of the GraphServer, for messages.
    """

    def __init__(
        self,
        store: SettingsStore,
        update_setting: UpdateSetting,
        ask_unit: AskUnit | None,
        address: str,
    ) -> None:
        self._store = store
        self._update_setting = update_setting
        self._ask_unit = ask_unit
        self._address = address
        self._turns: dict[str, asyncio.Lock] = {}
        self._failures_seen: dict[str, int] = {}

    @property
    def combines(self) -> bool:
        """Whether several fields of a unit go as one value, published once."""
        return self._ask_unit is not None

    async def edit(
        self,
        unit: str,
        fields: Mapping[str, object],
        *,
        timeout: float = 5.0,
        on_reported: Callable[[], None] | None = None,
    ) -> dict[str, EditOutcome]:
        """Set fields of a unit, and return when they are known to be in force.

        Parameters
        ----------
        unit
            Its address.
        fields
            Dotted path -> value, as the owner shall have it: already coerced to the field's
            type. More than one only where `combines` says so.
        timeout
            Seconds for all of it, waiting for earlier edits of the unit included.
        on_reported
            Called when the owner has reported the values and the unit is still to be asked.

        Raises
        ------
        SettingsNotAppliedError
            They were sent, and the owner did not report them, or the unit's handler failed
            or does not hold them; the message says which.
        RequestTimeoutError, HandlerError, UnroutableUnitError, UnsupportedOperationError
            They were refused, or nothing is known: they may still be applied later.
        """
        if len(fields) > 1 and not self.combines:
            raise ValueError("Several fields at once can only be sent to a graph of our host.")
        edit = _Edit(unit, dict(fields), timeout, time.monotonic() + timeout)
        turn = self._turns.setdefault(unit, asyncio.Lock())
        try:
            async with asyncio.timeout(timeout):
                await turn.acquire()
        except TimeoutError as error:
            raise RequestTimeoutError(
                f"{edit} was not sent: an earlier edit of {unit!r} has not settled within "
                f"{timeout:g} s.",
                address=self._address,
                unit=unit,
                field=edit.field,
            ) from error
        try:
            expected = await self._send(edit)
            if self._ask_unit is None:
                return {path: EditOutcome("reported", value) for path, value in expected.items()}
            if on_reported is not None:
                on_reported()
            return await self._until_applied(edit, expected)
        finally:
            turn.release()

    async def _send(self, edit: _Edit) -> dict[str, Any]:
        """Send, and wait for the owner's report. Returns what the owner made of the values."""
        unit = edit.unit
        if self._ask_unit is not None and unit not in self._failures_seen:
            self._failures_seen[unit] = (await self._ask(edit))["failed"]
        known = self._store.state(unit)
        seq_before = known.seq if known else 0
        path, value = edit.wire
        patched: dict[str, Any] | None = None
        self._store.begin_own(unit)
        try:
            patched = structured_of(
                await self._update_setting(unit, path, value, max(0.05, edit.left_s))
            )
        finally:
            self._store.end_own(unit, patched)
        expected = {path: value_at(patched, path) for path in edit.fields}

        def reported() -> bool:
            state = self._store.state(unit)
            return (
                state is not None and state.seq > seq_before and _holds(state.structured, expected)
            )

        if not await self._store.wait_until(reported, max(0.0, edit.left_s)):
            raise self._not_applied(
                edit,
                f"was published by the unit's process, but not reported within "
                f"{edit.timeout:g} s: the unit may be busy in its settings handler, or its inlet "
                f"does not listen any more. It may still be applied.",
            )
        return expected

    async def _until_applied(self, edit: _Edit, expected: dict[str, Any]) -> dict[str, EditOutcome]:
        pause_s = POLL_FIRST_S
        failing_since: float | None = None
        while True:
            answer = await self._ask(edit)
            structured = answer["structured"]
            if isinstance(structured, Mapping) and _holds(structured, expected):
                self._failures_seen[edit.unit] = answer["failed"]
                return {path: EditOutcome("applied", value) for path, value in expected.items()}
            now = time.monotonic()
            idle = answer["received"] == answer["finished"]
            if idle and answer["error"] and answer["failed"] > self._failures_seen[edit.unit]:
                failing_since = failing_since or now
                if now - failing_since >= FAILURE_SETTLES_S:
                    self._failures_seen[edit.unit] = answer["failed"]
                    raise self._handler_failed(edit, answer)
            else:
                failing_since = None
            if pause_s >= edit.left_s:
                if idle:
                    note = (
                        f"{edit.unit}'s settings handler ended without an error, but its SETTINGS "
                        f"do not show the value."
                    )
                    return {
                        path: EditOutcome("reported", value, note)
                        for path, value in expected.items()
                    }
                raise self._not_applied(
                    edit,
                    f"was reported, but the unit's settings handler has not finished within "
                    f"{edit.timeout:g} s. It may still apply it.",
                )
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, POLL_LONGEST_S)

    def _handler_failed(self, edit: _Edit, answer: Mapping[str, Any]) -> SettingsNotAppliedError:
        held: dict[str, Any] = {}
        if isinstance(answer["structured"], Mapping):
            for path in edit.fields:
                with contextlib.suppress(KeyError):
                    held[path] = value_at(answer["structured"], path)
        shown = ", ".join(map(repr, held.values())) or "what it held, which can't be read"
        error = self._not_applied(
            edit,
            f"was not taken: the unit's settings handler raised {answer['error']}. The unit still "
            f"holds {shown}.",
        )
        error.held = held
        if answer.get("traceback"):
            error.add_note(str(answer["traceback"]))
        return error

    def _not_applied(self, edit: _Edit, what: str) -> SettingsNotAppliedError:
        return SettingsNotAppliedError(
            f"{edit} {what}", address=self._address, unit=edit.unit, field=edit.field
        )

    async def _ask(self, edit: _Edit) -> Mapping[str, Any]:
        assert self._ask_unit is not None
        return await self._ask_unit(edit.unit, max(0.05, edit.left_s))


@dataclass(frozen=True, slots=True)
class _Edit:
    """Fields of one unit on their way; its text names them for messages."""

    unit: str
    fields: dict[str, object]
    timeout: float
    deadline: float

    @property
    def left_s(self) -> float:
        return self.deadline - time.monotonic()

    @property
    def field(self) -> str:
        return ", ".join(self.fields)

    @property
    def wire(self) -> tuple[str, object]:
        if len(self.fields) == 1:
            return next(iter(self.fields.items()))
        return MANY_FIELDS, self.fields

    def __str__(self) -> str:
        return ", ".join(f"{self.unit}.{path} = {value!r}" for path, value in self.fields.items())


def _holds(structured: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
    try:
        found = {path: value_at(structured, path) for path in expected}
    except KeyError:
        return False
    # NaN is what was asked where NaN was asked.
    return all(
        bool(found[path] == value or (found[path] != found[path] and value != value))
        for path, value in expected.items()
    )
