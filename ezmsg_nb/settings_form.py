"""The settings form: a live editor of the settings of one unit or of many."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, cast

import anywidget
import traitlets

from ezmsg_nb.edit_queue import EditQueue
from ezmsg_nb.form_actions import FormActions
from ezmsg_nb.form_controls import Json
from ezmsg_nb.form_fields import EditState, FormField, FormSection, SectionState
from ezmsg_nb.form_inbox import FormInbox
from ezmsg_nb.form_link import ConnectionState, FormLink
from ezmsg_nb.form_table import html_table, text_table
from ezmsg_nb.form_tools import FormTools
from ezmsg_nb.front_end import PROTOCOL, MissingBundleError, bundle
from ezmsg_nb.subshells import hear_while_cells_run
from kernel_runtime.errors import SettingsRejectedError
from kernel_runtime.settings.plain import plain_value
from kernel_runtime.settings.schema import MISSING
from kernel_runtime.settings.values import coerce

CommitCallback = Callable[[str, str, object], object]


def _bundle_text() -> str:
    try:
        return bundle("settings_form").read_text("utf-8")
    except MissingBundleError as error:
        # The form is of use without its view, and where a view is looked for it says why.
        said = json.dumps(str(error))
        return f"export default {{ render: ({{ el }}) => {{ el.textContent = {said}; }} }};"


class SettingsForm(anywidget.AnyWidget):
    """A form for the settings of units, built from their schemas alone.

    Parameters
    ----------
    sections
        One per unit, in the order in which they are shown.

    Examples
    --------
    >>> form = SettingsForm.from_schema(schema, {"cutoff": 30.0})  # doctest: +SKIP
    >>> form.fields["cutoff"].kind, form.value  # doctest: +SKIP
    ('float', {'cutoff': 30.0})
    """

    _protocol = traitlets.Int(PROTOCOL).tag(sync=True)
    # The number only changes; what is sent for it is the form as it is at that moment, so that
    # a page that opens later, or a saved notebook, never shows an old one.
    _form = traitlets.Int(0).tag(
        sync=True,
        to_json=lambda _revision, widget: widget._as_json(),
        from_json=lambda _json, widget: widget._form,
    )

    def __init__(self, sections: Sequence[FormSection] = (), **kwargs: Any) -> None:
        self._lock: Final = threading.RLock()
        self._sections: dict[str, SectionState] = {
            section.unit: SectionState(section) for section in sections
        }
        self._callbacks: list[CommitCallback] = []
        self._edits: Final = EditQueue()
        self._status: tuple[ConnectionState, str] = ("connected", "")
        # Sections that are not shown now, and have edits that wait to be applied.
        self._parked: dict[str, SectionState] = {}
        self._link: Final = FormLink(self._lock, self)
        self.tools: Final = FormTools(self._lock, self, self._link, self._edits)
        self._inbox: Final = FormInbox(self._lock, self, self._link)
        # anywidget makes a synced trait of this attribute.
        self._esm = _bundle_text()
        super().__init__(**kwargs)
        self.on_msg(self._on_message)

    @classmethod
    def from_schema(
        cls, schema: object, value: Mapping[str, object] | None, *, json_schema: object = None
    ) -> SettingsForm:
        """A form with no graph behind it.

        Parameters
        ----------
        schema
            ezmsg's ``SettingsSchemaMetadata``.
        value
            The structured value to show.
        json_schema
            JSON Schema of the settings type, where ``schema`` doesn't carry it.
        """
        return cls([FormSection(unit="", schema=schema, value=value, json_schema=json_schema)])

    # What the form holds

    @property
    def units(self) -> tuple[str, ...]:
        """Addresses of the units, in the order of the form."""
        return tuple(self._sections)

    @property
    def values(self) -> dict[str, object]:
        """For each unit the structured value that its controls hold."""
        with self._lock:
            return {unit: section.value for unit, section in self._sections.items()}

    @property
    def value(self) -> Any:
        """The structured value that the controls of the only unit hold."""
        with self._lock:
            return self._only().value

    @property
    def fields(self) -> Mapping[str, FormField]:
        """Fields of the only unit by dotted path, groups before the fields in them."""
        return MappingProxyType(self._only().fields)

    def section(self, unit: str) -> SectionState:
        """The fields and values of one unit.

        Raises
        ------
        KeyError
            The form has no such unit; the message names those it has.
        """
        found = self._all_sections().get(unit)
        if found is None:
            known = ", ".join(map(repr, self._sections)) or "none"
            raise KeyError(f"The form has no unit {unit!r}. It has {known}.")
        return found

    def _all_sections(self) -> dict[str, SectionState]:
        return {**self._parked, **self._sections}

    def _only(self) -> SectionState:
        if len(self._sections) == 1:
            return next(iter(self._sections.values()))
        raise ValueError(
            f"This form has {len(self._sections)} units. Take .values, or .section(unit) of one "
            f"of {', '.join(map(repr, self._sections)) or 'none'}."
        )

    def _field(self, unit: str, field_path: str) -> FormField:
        fields = self.section(unit).fields
        found = fields.get(field_path)
        if found is None:
            raise KeyError(f"{unit!r} has no field {field_path!r}. It has {', '.join(fields)}.")
        return found

    # Edits

    def on_commit(self, callback: CommitCallback) -> None:
        """Have a function called for each edit: ``callback(unit, field_path, value)``.

        Parameters
        ----------
        callback
            Gets the coerced and checked value, on a thread of its own: it may run long. It
            reports with `set_state` how the edit went. If it raises, the edit has failed; if
            it returns and has reported nothing, the value counts as taken.
        """
        self._callbacks.append(callback)

    def offer(self, actions: FormActions) -> None:
        """Give the form what it needs for undo, history, and edits that are applied together."""
        self.tools.actions = actions
        self._link.tools_changed()

    def edit(self, field_path: str, value: object, *, unit: str | None = None) -> None:
        """Set a field as if it were typed.

        Parameters
        ----------
        field_path
            Dotted path of the field.
        value
            The value; it is coerced to the field's type and checked.
        unit
            Address of the unit; not needed where the form has only one.

        Raises
        ------
        SettingsRejectedError
            The value doesn't fit. The form shows the reason too.
        """
        section = self._only() if unit is None else self.section(unit)
        field = self._field(section.unit, field_path)
        with self._lock:
            if field.reason is not None:
                raise SettingsRejectedError(
                    f"{field_path} can't be edited. {field.reason}",
                    unit=section.unit,
                    field=field_path,
                )
            try:
                wire = coerce(field.spec, value, current=field.value)
            except SettingsRejectedError as error:
                error.unit = section.unit or None
                field.state, field.error = "failed", error.message
                self._mark(section, [field])
                raise
            self._commit(section, field, wire)

    def _commit(self, section: SectionState, field: FormField, wire: object) -> None:
        plain = plain_value(wire)
        if self.tools.collects:
            section.stage(field, plain, wire)
        elif not self._callbacks:
            section.take(field, plain)
            field.state, field.error = "idle", None
        else:
            section.ask_for(field, plain)
            field.queued = True
            unit, path = section.unit, field.path
            self._edits.put(unit, path, lambda: self._call_back(unit, path, wire))
        self._mark(section, [field])

    def _call_back(self, unit: str, path: str, wire: object) -> None:
        with self._lock:
            section = self._all_sections().get(unit)
            field = section.fields.get(path) if section is not None else None
            if field is not None:
                field.queued, field.in_flight = False, field.wanted
        try:
            for callback in tuple(self._callbacks):
                callback(unit, path, wire)
        except Exception as error:
            # Whatever it raises belongs beside the field, not on a thread that nobody sees.
            self._settle_if_pending(unit, path, "failed", str(error) or type(error).__name__)
        else:
            self._settle_if_pending(unit, path, "applied", "")

    def _settle_if_pending(self, unit: str, path: str, state: EditState, reason: str) -> None:
        with self._lock:
            section = self._all_sections().get(unit)
            field = section.fields.get(path) if section is not None else None
            if section is None or field is None or field.state != "pending":
                return
            section.settle(field, state, reason)
            if state == "applied":
                field.state = "idle"
            self._mark(section, [field])

    # What the owner of the form tells it

    def set_value(self, unit: str, structured_value: Mapping[str, object] | None) -> None:
        """Show what the unit's owner reports.

        A field that is being edited keeps what is typed, and says what changed meanwhile.
        """
        with self._lock:
            section = self.section(unit)
            self._mark(section, section.report(structured_value))

    def set_state(
        self,
        unit: str,
        field_path: str,
        state: EditState,
        reason: str = "",
        *,
        held: object = MISSING,
    ) -> None:
        """Say how far the last edit of a field came.

        Parameters
        ----------
        state
            ``"pending"``, ``"reported"`` (by the owner's process), ``"applied"`` (the unit
            holds it), ``"failed"``, or ``"idle"``.
        reason
            Why it failed, or what else there is to say; shown beside the field.
        held
            The structured value that came of it, where that may be another than was asked.
        """
        with self._lock:
            section = self.section(unit)
            field = self._field(unit, field_path)
            section.settle(field, state, reason, held)
            self._mark(section, [field])

    def show_sections(self, sections: Sequence[FormSection]) -> None:
        """Show other units than before; those that stay keep their edits."""
        with self._lock:
            kept: dict[str, SectionState] = {}
            known = self._all_sections()
            for section in sections:
                old = known.get(section.unit)
                same_source = old is not None and old.source.schema == section.schema
                if old is not None and same_source:
                    old.read_only_reason = section.read_only_reason
                    old.report(section.value)
                    old.rebuild()
                    kept[section.unit] = old
                else:
                    kept[section.unit] = SectionState(section)
            self._sections = kept
            self._parked = {
                unit: section
                for unit, section in known.items()
                if unit not in kept and section.has_staged
            }
            self._link.form_changed()

    def show_tools(self) -> None:
        """Say that there is something else to undo or redo."""
        self._link.tools_changed()

    def show_status(self, state: ConnectionState, text: str = "") -> None:
        """Say how the graph behind the form is; unless connected, nothing can be edited."""
        with self._lock:
            if (state, text) == self._status:
                return
            self._status = (state, text)
            self._link.form_changed()

    # The browser

    def _as_json(self) -> dict[str, object]:
        return self._link.as_json(self._sections.values(), self._status)

    def _tools_json(self) -> Json | None:
        return self.tools.as_json()

    def _status_of(self, unit: str, path: str) -> dict[str, object] | None:
        section = self._sections.get(unit)
        field = section.fields.get(path) if section is not None else None
        return None if field is None else field.status()

    def _mark(self, section: SectionState, fields: Sequence[FormField]) -> None:
        """Have the browser told of fields that look different now."""
        if section.rebuild():
            self._link.form_changed()
        self._link.fields_changed(section.unit, [field.path for field in fields])

    def _on_message(self, _widget: object, content: object, _buffers: object) -> None:
        if isinstance(content, dict):
            self._inbox.take(content)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        made = super()._repr_mimebundle_(**kwargs)
        data, metadata = made if isinstance(made, tuple) else (made, {})
        with self._lock:
            sections = tuple(self._sections.values())
            extra = {"text/html": html_table(sections), "text/plain": text_table(sections)}
        return {**cast(dict[str, object], data or {}), **extra}, metadata

    def open(self) -> None:
        super().open()
        hear_while_cells_run(self.comm)

    def close(self) -> None:
        """End the form and free what the browser holds of it."""
        self._callbacks.clear()
        self._link.close()
        self._edits.close()
        super().close()
