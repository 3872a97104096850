"""Edits of several fields and units as one: all checked first, all or nothing, undone whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..errors import GraphError, SettingsRejectedError
from .edits import SettingsEditor
from .known_fields import KnownFields
from .outcomes import EditOutcome
from .store import same_value
from .undo import FieldEdit, Transaction, UndoLog

Changes = Mapping[str, Mapping[str, object]]
Outcomes = dict[str, dict[str, EditOutcome]]


class ChangedMeanwhileError(SettingsRejectedError):
    """Somebody else changed a field since; nothing was sent, and forcing it overwrites."""


class SettingsTransactions:
    """Applies changes of settings, remembers them, and takes them back.

    Parameters
    ----------
    fields
        Checks values, and knows those of now.
    editor
        Sends them.
    on_change
        Called when there is something else to undo or redo.
    """

    def __init__(
        self, fields: KnownFields, editor: SettingsEditor, on_change: Callable[[], None]
    ) -> None:
        self._fields = fields
        self._editor = editor
        self._log = UndoLog(on_change)

    def why_not_whole(self, unit: str, fields: Mapping[str, object]) -> str | None:
        """Why several checked fields of a unit are not one published value, None where they are."""
        return self._editor.why_not_whole(unit, fields)

    @property
    def to_undo(self) -> Transaction:
        """What `undo` would change; empty where there is nothing."""
        return self._log.to_undo() or ()

    @property
    def to_redo(self) -> Transaction:
        """What `redo` would change; empty where there is nothing."""
        return self._log.to_redo() or ()

    async def apply(self, changes: Changes, *, timeout: float) -> Outcomes:
        """Apply changes unit by unit, and remember them for `undo`.

        Parameters
        ----------
        changes
            ``{unit: {field path: value}}``.
        timeout
            Seconds for each message: one a unit where its fields go as one value, else one a
            field.

        Raises
        ------
        SettingsRejectedError
            Nothing was sent.
        GraphError
            An edit failed; the ones before it were put back, and the error's notes say so.
        """
        return await self.apply_checked(self._checked(changes), timeout=timeout)

    async def apply_checked(self, changes: Changes, *, timeout: float) -> Outcomes:
        """The same for values that are checked already."""
        outcomes, edits = await self._apply(changes, timeout)
        self._log.record(edits)
        return outcomes

    async def edit(self, unit: str, path: str, value: object, *, timeout: float) -> EditOutcome:
        """Send one value that is checked already, and remember it for `undo`."""
        before = self._fields.values_of(unit)
        outcome = (await self._editor.edit(unit, {path: value}, timeout=timeout))[path]
        if path in before:
            self._log.record((FieldEdit(unit, path, before[path], outcome.value),))
        return outcome

    async def undo(self, *, force: bool, timeout: float) -> Outcomes:
        """Take the last transaction of this kernel back.

        Raises
        ------
        SettingsRejectedError
            There is none, or somebody else has changed a field since and `force` is not set.
        """
        edits = self._log.to_undo()
        if edits is None:
            raise SettingsRejectedError("There is no edit of this kernel to undo.")
        outcomes = await self._go(edits, force, timeout)
        self._log.moved_back()
        return outcomes

    async def redo(self, *, force: bool, timeout: float) -> Outcomes:
        """Make the last undone transaction again; errors as `undo`."""
        edits = self._log.to_redo()
        if edits is None:
            raise SettingsRejectedError("There is no undone edit of this kernel to redo.")
        outcomes = await self._go(edits, force, timeout)
        self._log.moved_forward()
        return outcomes

    def _checked(self, changes: Changes) -> Changes:
        return {
            unit: {path: self._fields.checked(unit, path, value) for path, value in fields.items()}
            for unit, fields in changes.items()
        }

    async def _apply(self, checked: Changes, timeout: float) -> tuple[Outcomes, Transaction]:
        outcomes: Outcomes = {}
        done: list[FieldEdit] = []
        for unit, fields in checked.items():
            why_not = self.why_not_whole(unit, fields) if len(fields) > 1 else None
            for step in _steps(fields, whole=why_not is None):
                before = self._fields.values_of(unit)
                try:
                    found = await self._editor.edit(unit, step, timeout=timeout)
                except BaseException as error:
                    for note in await self._put_back(done, timeout):
                        error.add_note(note)
                    raise
                if len(step) < len(fields):
                    found = {path: one.one_by_one(why_not or "") for path, one in found.items()}
                outcomes.setdefault(unit, {}).update(found)
                # What can't be read can't be put back.
                done.extend(
                    FieldEdit(unit, path, before[path], one.value)
                    for path, one in found.items()
                    if path in before
                )
        return outcomes, tuple(done)

    async def _put_back(self, done: list[FieldEdit], timeout: float) -> list[str]:
        notes = []
        for edit in reversed(done):
            place = f"{edit.unit}.{edit.field}"
            try:
                value = self._fields.checked(edit.unit, edit.field, edit.before)
                await self._editor.edit(edit.unit, {edit.field: value}, timeout=timeout)
                notes.append(f"{place} was put back to {edit.before!r}.")
            except GraphError as error:
                notes.append(f"{place} could not be put back to {edit.before!r}: {error}")
        return notes

    async def _go(self, edits: Transaction, force: bool, timeout: float) -> Outcomes:
        changed = []
        for edit in edits:
            now = self._fields.value(edit.unit, edit.field)
            if not same_value(now, edit.before):
                changed.append(f"{edit.unit}.{edit.field} is {now!r}, not {edit.before!r}")
        if changed and not force:
            raise ChangedMeanwhileError(
                f"Changed by somebody else since: {'; '.join(changed)}. Nothing was undone or "
                f"redone; force=True does it all the same."
            )
        changes: dict[str, dict[str, object]] = {}
        for edit in edits:
            changes.setdefault(edit.unit, {})[edit.field] = edit.after
        return (await self._apply(self._checked(changes), timeout))[0]


def _steps(fields: Mapping[str, object], *, whole: bool) -> list[dict[str, object]]:
    if whole:
        return [dict(fields)] if fields else []
    return [{path: value} for path, value in fields.items()]
