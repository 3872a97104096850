"""What the browser asks of a settings form."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from ezmsg_nb.form_fields import EditState, FormField, SectionState
from ezmsg_nb.form_link import FormLink
from ezmsg_nb.form_tools import KINDS, FormTools
from kernel_runtime.errors import SettingsRejectedError
from kernel_runtime.settings.encoding import decode, same
from kernel_runtime.settings.schema import MISSING


class Form(Protocol):
    """The form, as far as the inbox needs it."""

    @property
    def tools(self) -> FormTools: ...
    def send(self, content: object, /) -> object: ...
    def section(self, unit: str) -> SectionState: ...
    def edit(self, field_path: str, value: object, *, unit: str | None = None) -> None: ...
    def set_state(self, unit: str, field_path: str, state: EditState, reason: str = "") -> None: ...
    def _field(self, unit: str, field_path: str) -> FormField: ...
    def _mark(self, section: SectionState, fields: Sequence[FormField]) -> None: ...


class FormInbox:
    """Carries out what pages send, and answers.

    Parameters
    ----------
    lock
        The lock of the form.
    form
        The form.
    link
        Its line to the browser.
    """

    def __init__(self, lock: threading.RLock, form: Form, link: FormLink) -> None:
        self._lock: Final = lock
        self._form: Final = form
        self._link: Final = link

    def take(self, content: Mapping[str, object]) -> None:
        """Take one message; what it is not known for is left alone."""
        kind = content.get("type")
        if kind == "hello":
            self._link.hello()
        elif kind in ("edit", "reset"):
            answer = {"type": "answer", "id": content.get("id")}
            self._form.send({**answer, **self._answer_edit(content)})
        elif kind in KINDS:
            self._form.tools.handle(str(kind), content)
        elif kind == "dismiss":
            self._dismiss(str(content.get("unit")), str(content.get("path")))

    def _answer_edit(self, content: Mapping[str, object]) -> dict[str, object]:
        unit, path = str(content.get("unit")), str(content.get("path"))
        with self._lock:
            try:
                field = self._form._field(unit, path)
            except KeyError as error:
                return {"ok": False, "reason": str(error.args[0])}
            if "seen" in content and field.state != "pending" and content["seen"] != field.seen():
                # Decided on without knowing of what came from elsewhere meanwhile.
                return {"ok": False, "conflict": True, "field": field.status()}
            reason = self._refusal_of(unit, field, content)
            # The field may have been made anew: what it takes can depend on what it holds.
            field = self._form.section(unit).fields.get(path, field)
            answer: dict[str, object] = {"ok": reason is None, "field": field.status()}
            return answer if reason is None else {**answer, "reason": reason}

    def _refusal_of(self, unit: str, field: FormField, content: Mapping[str, object]) -> str | None:
        """Carry out an edit; why it was refused, or None."""
        path = field.path
        try:
            if content["type"] == "reset":
                if field.initial is MISSING:
                    raise ValueError("has no initial value that is known")
                value = field.initial
            else:
                value = decode(content.get("value"))
        except ValueError as error:
            reason = f"{path} {error}."
            self._form.set_state(unit, path, "failed", reason)
            return reason
        if same(field.value, value):
            if field.state == "failed":
                field.dismiss()
            if field.staged is not MISSING:
                # Decided for over what came from elsewhere.
                field.elsewhere = MISSING
            self._form._mark(self._form.section(unit), [field])
            return None
        try:
            self._form.edit(path, value, unit=unit)
        except SettingsRejectedError as error:
            return error.message
        return None

    def _dismiss(self, unit: str, path: str) -> None:
        with self._lock:
            try:
                field = self._form._field(unit, path)
            except KeyError:
                return
            field.dismiss()
            self._form._mark(self._form.section(unit), [field])
