"""What is expected of an edit, and what became of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from .plain import plain_value
from .store import (
    ReportedSettings,
    apart_from,
    changed_paths,
    same_or_both_nan,
    same_value,
    value_at,
    value_or_none,
)
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

    def noted(self, said: str) -> EditOutcome:
        """The same, with one thing more to know."""
        return replace(self, note=f"{self.note} {said}".strip()) if said else self

    def one_by_one(self, why: str = "") -> EditOutcome:
        """The same, with the note that other fields of the unit were not changed with it."""
        said = "Not atomic: sent by itself, so the unit ran for a moment on some of the new values."
        return self.noted(f"{said} {why}".strip())


@dataclass(frozen=True, slots=True)
class Expected:
    """What the owner will report of an edit: the values by path, or, unreadable, text."""

    values: Mapping[str, Any]
    text: str = ""

    @classmethod
    def of(cls, asked: Mapping[str, object], structured: Mapping[str, Any], text: str) -> Expected:
        """From the settings as the owner has patched them.

        Where their fields can't be read one by one, the text of all of them is what tells.
        """
        try:
            return cls({path: value_at(structured, path) for path in asked})
        except KeyError:
            return cls({path: plain_value(value) for path, value in asked.items()}, text)

    def held_by(self, structured: Mapping[str, Any], text: str = "") -> bool:
        """Whether reported settings carry the edit."""
        if self.text:
            return text == self.text
        try:
            return all(
                same_or_both_nan(value_at(structured, path), value)
                for path, value in self.values.items()
            )
        except KeyError:
            return False

    def outcomes(self, unit: str, report: ReportedSettings) -> dict[str, EditOutcome]:
        """What became of it, from the report that carries it."""
        verdict = report.verdict
        if verdict is None:
            return {path: EditOutcome("reported", value) for path, value in self.values.items()}
        if verdict.kind == "adjusted":
            return {
                path: _adjusted(unit, value, report, path) for path, value in self.values.items()
            }
        if verdict.kind == "applied":
            return {path: EditOutcome("applied", value) for path, value in self.values.items()}
        note = (
            f"{unit}'s settings handler ended without an error, but its SETTINGS do not show "
            f"the value."
        )
        return {path: EditOutcome("reported", value, note) for path, value in self.values.items()}


def _adjusted(unit: str, asked: Any, report: ReportedSettings, path: str) -> EditOutcome:
    held = value_at(report.structured, path)
    if same_or_both_nan(held, asked):
        return EditOutcome("applied", held)
    return EditOutcome("applied", held, f"{unit} was asked for {asked!r} and holds {held!r}.")


def undone_by(
    ours: ReportedSettings,
    others: Sequence[ReportedSettings],
    before: ReportedSettings | None,
    fields: Collection[str],
) -> str:
    """What others changed at the same moment and our edit took back, in words; empty mostly."""
    if before is None or not others:
        return ""
    lost = {}
    for report in others:
        changed = changed_paths(before.structured, report.structured)
        for path in apart_from(changed, fields):
            theirs = value_or_none(report.structured, path)
            if same_value(
                value_or_none(ours.structured, path), value_or_none(before.structured, path)
            ):
                lost[path] = theirs
    return " ".join(
        f"At the same moment somebody else set {path} to {theirs!r}, and the unit was told "
        f"{value_or_none(ours.structured, path)!r} again with this edit."
        for path, theirs in lost.items()
    )


def matches_verdict(expected: Expected, verdict: Verdict) -> bool:
    """Whether a verdict is about this edit."""
    return expected.held_by(verdict.asked)
