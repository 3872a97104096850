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
from .store import ReportedSettings, SettingsStore, structured_of, value_at
from .verdict import Verdict

EditState = Literal["reported", "applied"]


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


class SettingsEditor:
    """Writes settings of a graph, each unit's in order.

    Parameters
    ----------
    store
        Follows the settings events of the graph.
    update_setting
        Sends an edit to the owner: (unit, field path, value, timeout) -> patched value.
    hosted
        Whether the graph runs in a host of ours, whose units' processes report settings when
        the unit has taken them, and take several fields at once.
    address
        Of the GraphServer, for messages.
    """

    def __init__(
        self, store: SettingsStore, update_setting: UpdateSetting, *, hosted: bool, address: str
    ) -> None:
        self._store = store
        self._update_setting = update_setting
        self._hosted = hosted
        self._address = address
        self._turns: dict[str, asyncio.Lock] = {}

    @property
    def combines(self) -> bool:
        """Whether several fields of a unit go as one value, published once."""
        return self._hosted

    async def edit(
        self, unit: str, fields: Mapping[str, object], *, timeout: float = 5.0
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

        Raises
        ------
        SettingsNotAppliedError
            They were sent, and the owner did not report them, or the unit's handler raised;
            the message says which.
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
            with self._store.watch(unit) as reports:
                expected = await self._send(edit)
                return await self._settled(edit, expected, reports)
        finally:
            turn.release()

    async def _send(self, edit: _Edit) -> dict[str, Any]:
        """Send. Returns what the owner made of the values, by path."""
        path, value = edit.wire
        patched: dict[str, Any] | None = None
        self._store.begin_own(edit.unit)
        try:
            patched = structured_of(
                await self._update_setting(edit.unit, path, value, max(0.05, edit.left_s))
            )
        finally:
            self._store.end_own(edit.unit, patched)
        return {path: value_at(patched, path) for path in edit.fields}

    async def _settled(
        self, edit: _Edit, expected: dict[str, Any], reports: asyncio.Queue[ReportedSettings]
    ) -> dict[str, EditOutcome]:
        try:
            async with asyncio.timeout(max(0.0, edit.left_s)):
                while True:
                    report = await reports.get()
                    verdict = report.verdict
                    if verdict is not None and verdict.kind == "refused":
                        if _holds(verdict.asked, expected):
                            raise self._refused(edit, report, verdict)
                    elif verdict is None and self._hosted:
                        # What the unit was registered with, read again; not an answer.
                        continue
                    elif _holds(report.structured, expected):
                        return _outcomes(edit, expected, verdict)
        except TimeoutError:
            cause = (
                "the unit's settings handler has not finished"
                if self._hosted
                else "the process has not reported it: the unit may be busy in its settings "
                "handler, or its inlet does not listen any more"
            )
            raise self._not_applied(
                edit,
                f"was published by the unit's process, but within {edit.timeout:g} s {cause}. It "
                f"may still be applied.",
            ) from None

    def _refused(
        self, edit: _Edit, report: ReportedSettings, verdict: Verdict
    ) -> SettingsNotAppliedError:
        held: dict[str, Any] = {}
        for path in edit.fields:
            with contextlib.suppress(KeyError):
                held[path] = value_at(report.structured, path)
        shown = ", ".join(map(repr, held.values())) or "what it held, which can't be read"
        error = self._not_applied(
            edit,
            f"was not taken: the unit's settings handler raised {verdict.error}. The unit still "
            f"holds {shown}.",
        )
        error.held = held
        if verdict.traceback:
            error.add_note(verdict.traceback)
        return error

    def _not_applied(self, edit: _Edit, what: str) -> SettingsNotAppliedError:
        return SettingsNotAppliedError(
            f"{edit} {what}", address=self._address, unit=edit.unit, field=edit.field
        )


def _outcomes(
    edit: _Edit, expected: Mapping[str, Any], verdict: Verdict | None
) -> dict[str, EditOutcome]:
    state: EditState = "reported"
    note = ""
    if verdict is not None and verdict.kind == "applied":
        state = "applied"
    elif verdict is not None:
        note = (
            f"{edit.unit}'s settings handler ended without an error, but its SETTINGS do not show "
            f"the value."
        )
    return {path: EditOutcome(state, value, note) for path, value in expected.items()}


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
