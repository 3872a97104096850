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
from dataclasses import dataclass
from typing import Any

from ezmsg.core.graphmeta import SettingsSnapshotValue

from ..errors import (
    InvalidResponseError,
    RequestTimeoutError,
    SettingsNotAppliedError,
    SettingsRejectedError,
    UnroutableUnitError,
)
from ..host.operations import MANY_FIELDS
from .fitting import knowing
from .lost_edits import LostEdits
from .outcomes import EditOutcome, Expected, matches_verdict, undone_by
from .owner_scalars import REFUSED
from .store import ReportedSettings, SettingsStore, structured_of, value_at
from .verdict import Verdict
from .whole_values import WholeValues

UpdateSetting = Callable[[str, str, object, float], Awaitable[SettingsSnapshotValue]]

# A graph registers its settings first and its processes when they are up, so a unit that can be
# seen may have no owner yet; one whose process died has none any more. Nothing tells them apart.
OWNER_TIMEOUT_S = 2.0
_OWNER_POLL_S = 0.05


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

    Attributes
    ----------
    whole
        Makes and publishes whole values where the classes are at hand; None elsewhere.
    """

    def __init__(
        self, store: SettingsStore, update_setting: UpdateSetting, *, hosted: bool, address: str
    ) -> None:
        self._store = store
        self._update_setting = update_setting
        self._hosted = hosted
        self._address = address
        self._turns: dict[str, asyncio.Lock] = {}
        self.whole: WholeValues | None = None
        self._lost = None if hosted else LostEdits(store, self._send_again)

    def why_not_whole(self, unit: str, fields: Mapping[str, object]) -> str | None:
        """Why several fields of a unit can't go as one value, None where they can."""
        if self._is_hosted(unit):
            return None
        if self.whole is None:
            return (
                "Its settings class is not used here: connect(..., use_classes=True) has it "
                "imported."
            )
        return self.whole.why_not(unit, fields)

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
            type. More than one only where `why_not_whole` has no objection.
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
        whole = len(fields) > 1 and not self._is_hosted(unit)
        if whole and self.whole is None:
            raise ValueError("Several fields at once can only be sent where their class is known.")
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
            if self._lost is not None:
                self._lost.begin(unit, fields)
            with self._store.watch(unit) as reports:
                before = self._store.state(unit)
                expected = await (self._publish(edit) if whole else self._send(edit))
                outcomes = await self._settled(edit, expected, reports, before)
                if whole:
                    await self._taken(edit)
        except BaseException:
            if self._lost is not None:
                self._lost.give_up(unit)
            raise
        finally:
            turn.release()
        if self._lost is not None and before is not None and not self._is_hosted(unit):
            await self._lost.watch_over(unit, edit.fields, before, outcomes)
        return outcomes

    def _is_hosted(self, unit: str) -> bool:
        """Whether a host runs the unit, also one of another kernel: its reports show it."""
        state = self._store.state(unit)
        return self._hosted or (state is not None and state.verdict is not None)

    async def _send(self, edit: _Edit) -> Expected:
        """Send. Returns what the owner made of the values."""
        path, value = edit.wire(self._store.state(edit.unit))
        patched: dict[str, Any] | None = None
        self._store.begin_own(edit.unit)
        try:
            answer = await self._ask_owner(edit, path, value)
            patched = structured_of(answer)
        finally:
            self._store.end_own(edit.unit, patched)
        return Expected.of(edit.fields, patched, str(answer.repr_value))

    async def _ask_owner(self, edit: _Edit, path: str, value: object) -> SettingsSnapshotValue:
        """Ask until a process owns the unit: a refusal for want of one has changed nothing."""
        until = min(edit.deadline, time.monotonic() + OWNER_TIMEOUT_S)
        while True:
            try:
                return await self._update_setting(edit.unit, path, value, max(0.05, edit.left_s))
            except UnroutableUnitError:
                if time.monotonic() + _OWNER_POLL_S >= until:
                    raise
            except InvalidResponseError as error:
                _, marked, why = error.message.partition(REFUSED)
                if not marked:
                    raise
                raise SettingsRejectedError(
                    f"{edit.unit}: {why}", address=self._address, unit=edit.unit, field=edit.field
                ) from error
            await asyncio.sleep(_OWNER_POLL_S)

    async def _publish(self, edit: _Edit) -> Expected:
        """Publish all fields as one value, on the unit's own INPUT_SETTINGS."""
        assert self.whole is not None
        patched: dict[str, Any] | None = None
        value, structured = self.whole.compose(edit.unit, edit.fields)
        self._store.begin_own(edit.unit)
        try:
            await self.whole.publish(edit.unit, value, max(0.05, edit.left_s))
            patched = structured
        finally:
            self._store.end_own(edit.unit, patched)
        return Expected.of(edit.fields, structured, "")

    async def _taken(self, edit: _Edit) -> None:
        """Wait until the unit has let go of the value.

        On ezmsg 3.9 a publisher that ends while a unit is at its message leaves the unit deaf.
        """
        assert self.whole is not None
        if not await self.whole.taken(edit.unit, max(0.05, edit.left_s)):
            raise self._not_applied(
                edit,
                f"was reported, but within {edit.timeout:g} s the unit's settings handler has not "
                f"finished with it. It may still be applied.",
            )

    async def _send_again(self, unit: str, path: str, value: object) -> bool:
        """Send an edit that another writer's edit undid."""
        try:
            await self.edit(unit, {path: value})
        except Exception:
            # Whoever edited it was told that it was reported; the history shows the rest.
            return False
        return True

    async def _settled(
        self,
        edit: _Edit,
        expected: Expected,
        reports: asyncio.Queue[ReportedSettings],
        before: ReportedSettings | None,
    ) -> dict[str, EditOutcome]:
        others: list[ReportedSettings] = []
        try:
            async with asyncio.timeout(max(0.0, edit.left_s)):
                while True:
                    report = await reports.get()
                    verdict = report.verdict
                    if verdict is None and self._hosted:
                        # What the unit was registered with, read again; not an answer.
                        continue
                    if verdict is not None and verdict.kind in ("refused", "adjusted"):
                        if not matches_verdict(expected, verdict):
                            continue
                        if verdict.kind == "refused":
                            raise self._refused(edit, report, verdict)
                        return expected.outcomes(edit.unit, report)
                    if expected.held_by(report.structured, report.text):
                        outcomes = expected.outcomes(edit.unit, report)
                        said = undone_by(report, others, before, edit.fields)
                        return {path: one.noted(said) for path, one in outcomes.items()}
                    others.append(report)
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

    def wire(self, now: ReportedSettings | None) -> tuple[str, object]:
        fields = self.fields
        if now is not None:
            fields = {
                path: knowing(value, now.serialized, now.structured)
                for path, value in fields.items()
            }
        return next(iter(fields.items())) if len(fields) == 1 else (MANY_FIELDS, fields)

    def __str__(self) -> str:
        return ", ".join(f"{self.unit}.{path} = {value!r}" for path, value in self.fields.items())
