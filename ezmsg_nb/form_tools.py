"""The tools of a settings form: collected edits, undo and redo, history, code."""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
import threading
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from ezmsg_nb.edit_queue import EditQueue
from ezmsg_nb.form_actions import Changes, FormActions
from ezmsg_nb.form_controls import Json
from ezmsg_nb.form_fields import SectionState
from ezmsg_nb.form_link import FormLink
from kernel_runtime.errors import GraphError, SettingsRejectedError
from kernel_runtime.settings.encoding import encode, same
from kernel_runtime.settings.schema import MISSING
from kernel_runtime.settings.transactions import ChangedMeanwhileError

HISTORY_SHOWN: Final = 60
KINDS: Final = ("collect", "apply", "discard", "undo", "redo", "history", "python")


class Owner(Protocol):
    """The form, as far as its tools need it."""

    def send(self, content: object, /) -> object: ...
    def _all_sections(self) -> Mapping[str, SectionState]: ...


class FormTools:
    """Everything in a form that is about more than one field.

    Parameters
    ----------
    lock
        The lock of the form.
    form
        The form.
    link
        Its line to the browser.
    edits
        Runs what takes time.
    """

    def __init__(
        self, lock: threading.RLock, form: Owner, link: FormLink, edits: EditQueue
    ) -> None:
        self._lock: Final = lock
        self._form: Final = form
        self._link: Final = link
        self._edits: Final = edits
        self._numbers = itertools.count()
        self._collects = False
        self._applying = False
        self.actions: FormActions | None = None

    @property
    def collects(self) -> bool:
        """Whether edits wait until they are applied together."""
        return self._collects and self.actions is not None

    def collect(self, on: bool) -> None:
        """Have edits wait, or not; those that wait go on waiting."""
        with self._lock:
            if on and self.actions is None:
                raise ValueError("This form has no graph behind it that could take edits together.")
            self._collects = on
        self._link.tools_changed()

    def as_json(self) -> Json | None:
        """What the browser's tools show; None where there are none."""
        if self.actions is None:
            return None
        waiting = self._waiting()
        return {
            "undo": self.actions.to_undo(),
            "redo": self.actions.to_redo(),
            "collect": self._collects,
            "staged": sum(map(len, waiting.values())),
            "units": list(waiting),
            "pieces": self.actions.why_not_whole(waiting),
            "applying": self._applying,
        }

    def handle(self, kind: str, content: Mapping[str, object]) -> None:
        """Take a message of the browser."""
        number = content.get("id")
        if self.actions is None:
            self._answer(number, reason="This form has no graph behind it.")
        elif kind == "collect":
            self.collect(content.get("on") is True)
        elif kind == "discard":
            self.discard()
        elif kind == "history":
            self._answer(number, history=self._history())
        elif kind == "python":
            self._answer(number, text=self.as_python())
        else:
            force = content.get("force") is True
            changed = self._changed_elsewhere() if kind == "apply" and not force else ""
            if changed:
                self._answer(number, reason=f"Changed elsewhere since: {changed}.", force=True)
            else:
                self._start(number, self.actions, kind, force)

    # Collected edits

    def _waiting(self) -> dict[str, dict[str, object]]:
        found: dict[str, dict[str, object]] = {}
        for unit, section in self._form._all_sections().items():
            for path, field in section.fields.items():
                if field.staged is not MISSING:
                    found.setdefault(unit, {})[path] = field.staged
        return found

    def _changed_elsewhere(self) -> str:
        with self._lock:
            return ", ".join(
                f"{unit}.{path} is {section.fields[path].elsewhere!r}"
                for unit, section in self._form._all_sections().items()
                for path in self._waiting().get(unit, ())
                if section.fields[path].elsewhere is not MISSING
            )

    @property
    def staged(self) -> dict[str, dict[str, object]]:
        """Plain values of the edits that wait: unit -> dotted path -> value."""
        with self._lock:
            sections = self._form._all_sections()
            return {
                unit: {path: sections[unit].fields[path].wanted for path in fields}
                for unit, fields in self._waiting().items()
            }

    def discard(self) -> None:
        """Forget the edits that wait."""
        with self._lock:
            for unit, paths in self._waiting().items():
                section = self._form._all_sections()[unit]
                for path in paths:
                    section.settle(section.fields[path], "idle", "")
                self._link.fields_changed(unit, paths)
        self._link.tools_changed()

    def apply(self) -> str:
        """Send the edits that wait as one transaction, and wait for it.

        Returns what a person should know besides, empty mostly.

        Raises
        ------
        GraphError
            It failed, and what was applied is put back. The edits wait on.
        """
        actions = self.actions
        if actions is None:
            raise SettingsRejectedError("This form has no graph behind it.")
        with self._lock:
            changes, wanted = self._waiting(), self.staged
            self._applying = True
            self._each(changes, lambda section, path: section.send_off(section.fields[path]))
        try:
            outcomes = actions.apply(changes)
        except BaseException as error:
            failure = error
            with self._lock:
                self._applying = False
                self._each(
                    changes,
                    lambda section, path: section.stage(
                        section.fields[path],
                        wanted[section.unit][path],
                        changes[section.unit][path],
                        reason=_reason_for(failure, section.unit, path),
                    ),
                    wanted,
                )
            raise
        with self._lock:
            self._applying = False
            self._each(
                changes,
                lambda section, path: section.settle(
                    section.fields[path],
                    outcomes[section.unit][path].state,
                    "",
                    outcomes[section.unit][path].value,
                ),
                wanted,
            )
        notes = [one.note for fields in outcomes.values() for one in fields.values() if one.note]
        return " ".join(dict.fromkeys(notes))

    def _each(
        self,
        changes: Changes,
        step: Callable[[SectionState, str], None],
        wanted: Changes | None = None,
    ) -> None:
        """Do something for each field that is still there and, given `wanted`, still asks it."""
        sections = self._form._all_sections()
        for unit, fields in changes.items():
            section = sections.get(unit)
            if section is None:
                continue
            for path in fields:
                field = section.fields.get(path)
                if field is None or field.queued:
                    continue
                if wanted is None or same(field.wanted, wanted[unit][path]):
                    step(section, path)
            section.rebuild()
            self._link.fields_changed(unit, fields)
        self._link.tools_changed()

    # The other tools

    def as_python(self) -> str:
        """Code for the edits that wait, or else for what differs from the initial settings."""
        assert self.actions is not None
        staged = self.staged
        return self.actions.as_python(staged or None, tuple(self._form._all_sections()))

    def _history(self) -> list[Json]:
        assert self.actions is not None
        units = set(self._form._all_sections())
        changes = [one for one in self.actions.history(units) if one.source != "initial"]
        return [
            {
                "t": one.time,
                "unit": one.unit,
                "field": one.field,
                "old": encode(one.old),
                "new": encode(one.new),
                "by": one.source,
            }
            for one in changes[: -HISTORY_SHOWN - 1 : -1]
        ]

    def _start(self, number: object, actions: FormActions, kind: str, force: bool) -> None:
        def run() -> None:
            said: object = ""
            try:
                if kind == "apply":
                    said = self.apply()
                elif kind == "undo":
                    actions.undo(force)
                else:
                    actions.redo(force)
            except (
                GraphError,
                RuntimeError,
                asyncio.CancelledError,
                concurrent.futures.CancelledError,
            ) as error:
                forcible = isinstance(error, ChangedMeanwhileError)
                self._answer(number, reason=_in_words(error), force=forcible)
            else:
                self._answer(number, text=said)

        # Each on its own: two clicks on undo are two steps back.
        self._edits.put("", f"{kind} {next(self._numbers)}", run)

    def _answer(self, number: object, *, reason: str | None = None, **more: object) -> None:
        answer: dict[str, object] = {"type": "answer", "id": number, "ok": reason is None, **more}
        self._form.send(answer if reason is None else {**answer, "reason": reason})


def _in_words(error: BaseException) -> str:
    # Notes of several lines are tracebacks, which are for those who caught the error in code.
    notes = [note for note in getattr(error, "__notes__", ()) if "\n" not in note]
    if isinstance(error, ChangedMeanwhileError):
        return str(error).partition(" Nothing was undone")[0]
    return " ".join([str(error) or type(error).__name__, *notes])


def _reason_for(error: BaseException, unit: str, path: str) -> str:
    """What to say beside a field after a transaction failed; empty where another was to blame."""
    if getattr(error, "unit", None) != unit:
        return ""
    blamed = getattr(error, "field", None)
    return str(error) if blamed is None or path in str(blamed).split(", ") else ""
