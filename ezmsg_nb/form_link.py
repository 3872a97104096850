"""What a settings form tells the browser, and when: all of it on a hello, then what changes."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Final, Literal, Protocol

from ezmsg_nb.form_controls import Json
from ezmsg_nb.form_fields import SectionState
from ezmsg_nb.outbox import Outbox

ConnectionState = Literal["connected", "reconnecting", "closed", "lost"]


class Sender(Protocol):
    """The form, as far as the link needs it."""

    def send(self, content: object, /) -> object: ...
    def _as_json(self) -> Json: ...
    def _status_of(self, unit: str, path: str) -> Json | None: ...
    def _tools_json(self) -> Json | None: ...


class FormLink:
    """The kernel's end of the line to the pages that show a form.

    Nothing is sent before a page asks. After that changes go out with a sequence number, so
    that a page notices when it missed some, and asks again.

    Parameters
    ----------
    lock
        The lock of the form; what is sent is what the form is at one moment.
    form
        The form.
    """

    def __init__(self, lock: threading.RLock, form: Sender) -> None:
        self._lock: Final = lock
        self._form: Final = form
        self._outbox: Final = Outbox(self._send_changes)
        self._sequence = 0
        self._is_watched = False
        self._is_new_form = False
        self._changed: dict[tuple[str, str], None] = {}
        self._tools: Json | None = None

    def as_json(
        self, sections: Iterable[SectionState], status: tuple[ConnectionState, str]
    ) -> Json:
        """The whole form."""
        with self._lock:
            state, text = status
            return {
                "seq": self._sequence,
                "status": {"state": state, "text": text},
                "tools": self._form._tools_json(),
                "sections": [
                    {
                        "unit": section.unit,
                        "type": section.settings_type,
                        "ro": section.read_only_reason,
                        "nodes": [field.node() for field in section.roots],
                        "fields": [field.status() for field in section.fields.values()],
                    }
                    for section in sections
                ],
            }

    def hello(self) -> None:
        """A page wants to know all."""
        with self._lock:
            self._is_watched = True
            self._send_form()

    def fields_changed(self, unit: str, paths: Iterable[str]) -> None:
        """Fields look different now."""
        with self._lock:
            self._changed.update(((unit, path), None) for path in paths)
        self._post()

    def form_changed(self) -> None:
        """The form is made of other fields or units now, or its status is another."""
        with self._lock:
            self._is_new_form = True
        self._post()

    def tools_changed(self) -> None:
        """What can be undone, or what waits to be applied, is another now."""
        self._post()

    def close(self) -> None:
        """Send nothing any more."""
        self._is_watched = False
        self._outbox.close()

    def _post(self) -> None:
        if self._is_watched:
            self._outbox.post()

    def _send_changes(self) -> None:
        with self._lock:
            if self._is_new_form:
                self._send_form()
                return
            by_unit: dict[str, list[Json]] = {}
            for unit, path in self._changed:
                status = self._form._status_of(unit, path)
                if status is not None:
                    by_unit.setdefault(unit, []).append(status)
            self._changed.clear()
            changes: Json = {"type": "fields", "units": by_unit}
            tools = self._form._tools_json()
            if tools != self._tools:
                self._tools = changes["tools"] = tools
            if by_unit or "tools" in changes:
                self._sequence += 1
                self._form.send({**changes, "seq": self._sequence})

    def _send_form(self) -> None:
        self._is_new_form = False
        self._changed.clear()
        self._sequence += 1
        self._tools = self._form._tools_json()
        form = self._form._as_json()
        self._form.send({"type": "form", "seq": self._sequence, "form": form})
