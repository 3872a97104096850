"""What a form can do beyond single edits, where there is a graph behind it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from kernel_runtime.settings.store import SettingsChange

Changes = Mapping[str, Mapping[str, object]]


class Outcome(Protocol):
    """What became of one value."""

    @property
    def state(self) -> Literal["reported", "applied"]: ...
    @property
    def value(self) -> object: ...
    @property
    def note(self) -> str: ...


@dataclass(frozen=True, slots=True)
class FormActions:
    """Functions that a form calls, on a thread of its own where they take time.

    Attributes
    ----------
    apply
        Sends checked values of several fields as one transaction.
    why_not_whole
        Why fields of a unit would not be one published value then, empty where they would.
    undo, redo
        Take the last edit of this kernel back, and make it again; the argument says whether
        also over somebody else's change.
    to_undo, to_redo
        What they would do, in words; empty where there is nothing.
    history
        Changes of these units, oldest first.
    as_python
        Code for changes of plain values, or, given None, for what differs from the initial
        settings of these units.
    """

    apply: Callable[[Changes], Mapping[str, Mapping[str, Outcome]]]
    why_not_whole: Callable[[Changes], str]
    undo: Callable[[bool], object]
    redo: Callable[[bool], object]
    to_undo: Callable[[], str]
    to_redo: Callable[[], str]
    history: Callable[[Collection[str]], Sequence[SettingsChange]]
    as_python: Callable[[Changes | None, Collection[str]], str]
