"""What forms of a graph can do: its transactions, undo, history, and code."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from kernel_runtime.settings.as_python import changes_as_python, literal

from .form_actions import Changes, FormActions

if TYPE_CHECKING:
    from kernel_runtime.settings.store import SettingsChange
    from kernel_runtime.settings.undo import Transaction

    from .graph_settings import GraphSettings

NAMED_AT_MOST = 3


def actions_of(settings: GraphSettings, timeout_s: float) -> FormActions:
    """The functions that a form of these settings calls."""

    def history(units: Collection[str]) -> list[SettingsChange]:
        return [change for change in settings.changes() if change.unit in units]

    def as_python(changes: Changes | None, units: Collection[str]) -> str:
        return settings.as_python(units) if changes is None else changes_as_python(changes)

    def why_not_whole(changes: Changes) -> str:
        several = {unit: fields for unit, fields in changes.items() if len(fields) > 1}
        why = (settings.why_not_whole(unit, fields) for unit, fields in several.items())
        return next(filter(None, why), "")

    return FormActions(
        apply=lambda changes: settings.send_all(changes, timeout_s),
        why_not_whole=why_not_whole,
        undo=lambda force: settings.undo(force=force),
        redo=lambda force: settings.redo(force=force),
        to_undo=lambda: in_words(settings.to_undo),
        to_redo=lambda: in_words(settings.to_redo),
        history=history,
        as_python=as_python,
    )


def in_words(edits: Transaction) -> str:
    """What a transaction changes, short: ``LP.cutoff to 30.0, LP.order to 4``."""
    named = [f"{edit.unit}.{edit.field} to {_short(edit.after)}" for edit in edits[:NAMED_AT_MOST]]
    more = len(edits) - NAMED_AT_MOST
    return ", ".join(named) + (f" and {more} more" if more > 0 else "")


def _short(value: object) -> str:
    text = literal(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
