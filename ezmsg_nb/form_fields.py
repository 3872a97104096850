"""Fields of a settings form on the kernel's side: what they hold, what was asked, what failed."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from ezmsg_nb.form_controls import Json, control_of, is_long, shown_value
from kernel_runtime.settings.encoding import same
from kernel_runtime.settings.schema import MISSING, FieldSpec, build_fields
from kernel_runtime.settings.witness import is_repr
from kernel_runtime.settings.wording import type_in_words

EditState = Literal["idle", "staged", "pending", "reported", "applied", "failed"]


@dataclass(frozen=True, slots=True)
class FormSection:
    """One unit of a form.

    Parameters
    ----------
    unit
        Its address.
    schema
        ezmsg's ``SettingsSchemaMetadata``, or None where the unit has none.
    value
        The structured value that the unit's owner reports, or None.
    json_schema
        JSON Schema of the settings type, where it isn't in ``schema``.
    read_only_reason
        Why nothing of the unit can be edited, None where it can.
    initial
        The structured value that counts as unchanged, or its leaves by dotted path; ``value``
        by default.
    settings_class
        The real settings class, where the caller has chosen to import it.
    known_schemas
        Schemas by settings type, for settings classes nested in this one.
    """

    unit: str
    schema: object = None
    value: Mapping[str, object] | None = None
    json_schema: object = None
    read_only_reason: str | None = None
    initial: Mapping[str, object] | None = None
    settings_class: type | None = None
    known_schemas: Mapping[str, object] | None = None


def value_at(structured: object, path: str) -> object:
    """The value at a dotted path, `MISSING` where it leads nowhere."""
    for part in path.split("."):
        if not isinstance(structured, Mapping) or part not in structured:
            return MISSING
        structured = structured[part]
    return structured


def with_value_at(structured: object, path: str, value: object) -> object:
    """A structured value with one part of it replaced; nothing of the old one is changed."""
    head, _, rest = path.partition(".")
    made = dict(structured) if isinstance(structured, Mapping) else {}
    made[head] = with_value_at(made.get(head), rest, value) if rest else value
    return made


def nested(values: Mapping[str, object]) -> object:
    """Values by dotted path as a structured value; a structured value stays what it is."""
    made: object = {}
    for path, value in values.items():
        made = with_value_at(made, path, value)
    return made


class FormField:
    """One field of a form, or a group of them.

    Attributes
    ----------
    kind
        Its kind as text, for example ``"optional:float"``.
    editable, reason
        Whether it can be edited, and why not.
    state
        ``"idle"``, or how far the last edit came; ``"staged"`` while it waits to be applied
        with others.
    error
        Why the last edit was refused or failed, None where it wasn't.
    value
        The structured value that its control holds.
    """

    def __init__(self, section: SectionState, spec: FieldSpec) -> None:
        self._section = section
        self.spec: Final = spec
        self.state: EditState = "idle"
        self.error: str | None = None
        # What there is to say of an edit that came through.
        self.note = ""
        self.wanted: object = MISSING
        self.elsewhere: object = MISSING
        # What to send for an edit that waits to be applied with others.
        self.staged: object = MISSING
        # While an edit waits its turn, what is heard of this field is of an older one.
        self.queued = False
        self.in_flight: object = MISSING

    @property
    def path(self) -> str:
        return self.spec.path

    @property
    def kind(self) -> str:
        return self.spec.kind

    @property
    def editable(self) -> bool:
        return self.reason is None

    @property
    def reason(self) -> str | None:
        if self._section.read_only_reason is not None:
            return self._section.read_only_reason
        if self.spec.reason is not None:
            return self.spec.reason
        display = self.display()
        control = self.spec.type.without_none.kind
        oversized = isinstance(display, dict) and display.get("k") == "object"
        if oversized and control not in ("union", "dataclass", "array"):
            assert isinstance(display, dict)
            if is_repr(self.value):
                return "Only the text of this object is known here, not the object."
            return f"Too much to edit in a form: {display['text']}"
        return None

    @property
    def value(self) -> object:
        found = value_at(self._section.value, self.path)
        return None if found is MISSING else found

    @property
    def initial(self) -> object:
        return value_at(self._section.initial, self.path)

    @property
    def modified(self) -> bool:
        """Whether the value differs from the initial one."""
        initial = self.initial
        return initial is not MISSING and not same(self.value, initial)

    def display_held(self) -> object:
        """What the unit holds, as the browser is shown it."""
        held = value_at(self._section.held, self.path)
        return shown_value(self.spec, None if held is MISSING else held)

    def seen(self) -> object:
        """The value that somebody who looks at the form takes for the present one."""
        if self.elsewhere is not MISSING:
            return shown_value(self.spec, self.elsewhere)
        return self.display()

    def dismiss(self) -> None:
        """Forget that an edit was refused; one that waits is forgotten only after that."""
        if self.state == "failed" and self.staged is not MISSING:
            self.state, self.error = "staged", None
        elif self.state in ("failed", "staged"):
            self._section.settle(self, "idle", "")

    def display(self) -> object:
        """The value as the browser is shown it."""
        if self.spec.children and isinstance(self.value, Mapping):
            # The parts of a group are shown by the fields in it.
            return {"k": "dict", "v": []}
        return shown_value(self.spec, self.value)

    def __repr__(self) -> str:
        shown = f"{self.path}: {self.kind} = {self.value!r}"
        if self.state != "idle":
            shown += f" ({self.state})"
        return f"<FormField {shown}>"

    def node(self) -> Json:
        """What the browser builds the field from."""
        spec = self.spec
        node: Json = {
            "p": spec.path,
            "n": spec.name,
            "c": control_of(spec.type),
            "t": spec.type_text if len(spec.type_text) <= 200 else type_in_words(spec.type),
            "w": type_in_words(spec.type),
            "d": spec.description,
            "ro": self.reason,
        }
        if spec.children:
            node["kids"] = [self._section.fields[child.path].node() for child in spec.children]
        elif spec.type.without_none.kind == "dataclass":
            remembered = self._section.remembered.get(self.path)
            node["c"] = control_of(spec.type, outermost=False, remembered=remembered)
        elif is_long(self.value):
            node["c"] = {"c": "typed", "words": type_in_words(spec.type)}
        return node

    def status(self) -> Json:
        """What the browser shows of the field now."""
        known = value_at(self._section.value, self.path) is not MISSING
        status: Json = {"p": self.path, "v": self.display(), "s": self.state}
        if not known:
            status["unknown"] = True
        if self.error is not None:
            status["e"] = self.error
        if self.note:
            status["n"] = self.note
        if self.modified:
            status["i"] = shown_value(self.spec, self.initial)
        if self.elsewhere is not MISSING:
            status["x"] = shown_value(self.spec, self.elsewhere)
        if self.staged is not MISSING:
            status["h"] = self.display_held()
        return status


class SectionState:
    """The fields of one unit, and the values behind them."""

    def __init__(self, section: FormSection) -> None:
        self.source: Final = section
        self.unit: Final = section.unit
        self.read_only_reason = section.read_only_reason
        self.held: object = copy.deepcopy(section.value)
        self.initial: object = copy.deepcopy(
            section.value if section.initial is None else nested(section.initial)
        )
        self.fields: dict[str, FormField] = {}
        self.remembered: dict[str, Mapping[str, object]] = {}
        self._last_seen: object = None
        self._specs: tuple[FieldSpec, ...] = ()
        self.rebuild()

    @property
    def settings_type(self) -> str:
        found = getattr(self.source.schema, "settings_type", None)
        return found if isinstance(found, str) else ""

    @property
    def value(self) -> object:
        """What the controls hold: the reported value with what was asked for on top."""
        shown = self.held
        for path, field in self.fields.items():
            if field.wanted is not MISSING:
                shown = with_value_at(shown, path, field.wanted)
        return shown

    @property
    def roots(self) -> Iterator[FormField]:
        """The fields that are in no group."""
        return (self.fields[spec.path] for spec in self._specs)

    @property
    def has_staged(self) -> bool:
        """Whether an edit waits to be applied with others."""
        return any(field.staged is not MISSING for field in self.fields.values())

    def rebuild(self) -> bool:
        """Find the fields for the present value; whether they are others than before."""
        value = self.value
        specs = build_fields(
            self.source.schema,
            value if isinstance(value, Mapping) else None,
            json_schema=self.source.json_schema,
            settings_class=self.source.settings_class,
            known_schemas=self.source.known_schemas,
            initial=self.initial,
        )
        if specs == self._specs:
            return False
        before = self.fields
        for root in self._specs:
            for spec in root.walk():
                last = value_at(self._last_seen, spec.path)
                if spec.children and isinstance(last, Mapping):
                    self.remembered[spec.path] = last
        self._last_seen = value
        self._specs = specs
        self.fields = {}
        for root in specs:
            for spec in root.walk():
                field = self.fields[spec.path] = FormField(self, spec)
                old = before.get(spec.path)
                if old is not None:
                    field.state, field.error, field.note = old.state, old.error, old.note
                    field.wanted, field.elsewhere = old.wanted, old.elsewhere
                    field.queued, field.in_flight = old.queued, old.in_flight
                    field.staged = old.staged
        return True

    def ask_for(self, field: FormField, wanted: object) -> None:
        """Note that a value was sent; the reported one stays until it is known to be replaced."""
        field.wanted, field.elsewhere = wanted, MISSING
        self.send_off(field)

    def send_off(self, field: FormField) -> None:
        """Note that what was asked is on its way."""
        field.staged = MISSING
        field.state, field.error, field.note = "pending", None, ""

    def stage(self, field: FormField, wanted: object, wire: object, *, reason: str = "") -> None:
        """Note a value that waits to be applied with others, and why it was refused if it was."""
        if same(value_at(self.held, field.path), wanted):
            self.settle(field, "idle", "")
            return
        # What was heard while it was tried, and put back, is no change by somebody else.
        field.wanted, field.staged, field.elsewhere = wanted, wire, MISSING
        field.state, field.error = "staged", reason or None

    def take(self, field: FormField, value: object) -> None:
        """Make a value the reported one."""
        self.held = with_value_at(self.held, field.path, value)
        field.wanted = field.elsewhere = field.staged = MISSING

    def settle(
        self, field: FormField, state: EditState, reason: str, held: object = MISSING
    ) -> None:
        """Bring an edit further; one that is known to have come replaces the reported value."""
        if field.queued:
            return
        field.state = state
        field.error = reason or "It failed, and no reason is known." if state == "failed" else None
        field.note = reason if state in ("reported", "applied") else ""
        if field.wanted is MISSING or (state == "failed" and field.staged is not MISSING):
            return
        if state in ("reported", "applied") and field.elsewhere is MISSING:
            self.take(field, field.wanted if held is MISSING else held)
        elif state != "pending":
            # Failed, given up, or the unit reported something else: that is what it holds.
            field.wanted = field.elsewhere = field.staged = MISSING

    def report(self, structured: object) -> list[FormField]:
        """Take over what the owner reports; the fields whose look changes."""
        before = self.held
        self.held = copy.deepcopy(structured)
        changed: list[FormField] = []
        for path, field in self.fields.items():
            now = value_at(self.held, path)
            if same(value_at(before, path), now):
                continue
            changed.append(field)
            if field.staged is not MISSING and same(now, field.wanted):
                self.settle(field, "idle", "")
            elif field.wanted is not MISSING:
                ours = same(now, field.wanted) or (field.queued and same(now, field.in_flight))
                field.elsewhere = MISSING if ours else now
            else:
                field.state, field.error, field.note = "idle", None, ""
        return changed
