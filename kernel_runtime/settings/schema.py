"""What each field of a settings type is: from ezmsg's schema, its JSON Schema and the value.

Kinds come from, best first: the real class where the caller gives it, JSON Schema, the type's
text, the current value as a witness, and the widget hint last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from kernel_runtime.settings.field_types import parse_type
from kernel_runtime.settings.json_types import members_of_json_schema, merge_types
from kernel_runtime.settings.kinds import FieldType, Member
from kernel_runtime.settings.read_only import read_only_reason, reason_of_iterable
from kernel_runtime.settings.real_types import members_of_class
from kernel_runtime.settings.reported import plain_scalar
from kernel_runtime.settings.stated_limits import has_stray_text, with_bounds, with_choices
from kernel_runtime.settings.witness import agrees_with_hint, is_repr, refine, type_of_value

MISSING: Final = type("Missing", (), {"__repr__": lambda _self: "MISSING"})()
"""Stands for a value or default that isn't known."""


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field of a settings type, or of a settings type nested in it.

    Attributes
    ----------
    path
        Dotted path from the unit's settings, as `update_setting` takes it.
    name
        Last part of the path.
    type
        What the field takes.
    type_text
        The type as ezmsg spells it; what ``type`` says where ezmsg doesn't.
    required
        Whether the class has no default for it.
    default
        Its default, `MISSING` where none is known. Never a ``repr`` text.
    description
        What the author says of it, or None.
    reason
        Why it can't be edited here, None where it can.
    spoiled
        Why its owner would make something useless of any value, None mostly.
    numbers_only
        Whether text doesn't count, although the type takes it as a part of numpy's ArrayLike.
    settings_class
        Dotted name of the unit's settings class, or None.
    children
        Fields of a nested settings class, as far as they are known.
    """

    path: str
    name: str
    type: FieldType
    type_text: str
    required: bool = False
    default: object = MISSING
    description: str | None = None
    reason: str | None = None
    spoiled: str | None = None
    numbers_only: bool = False
    settings_class: str | None = None
    children: tuple[FieldSpec, ...] = ()

    @property
    def kind(self) -> str:
        """The kind as text, for example ``"optional:float"``."""
        return self.type.describe()

    @property
    def editable(self) -> bool:
        """Whether a value can be given."""
        return self.reason is None

    def walk(self) -> Iterator[FieldSpec]:
        """This field and all that are nested in it, outer ones first."""
        yield self
        for child in self.children:
            yield from child.walk()


def build_fields(
    schema: object,
    value: object = None,
    *,
    json_schema: object = None,
    settings_class: type | None = None,
    known_schemas: Mapping[str, object] | None = None,
    initial: object = None,
) -> tuple[FieldSpec, ...]:
    """The fields of a settings type.

    Parameters
    ----------
    schema
        ezmsg's ``SettingsSchemaMetadata``, or anything with its attributes, or None.
    value
        The structured value that the owner reports (a mapping), or None.
    json_schema
        JSON Schema of the type; by default the one that ``schema`` carries on ezmsg 3.10.
    settings_class
        The real class, where the caller has chosen to import it.
    known_schemas
        Other schemas by settings type, for settings classes nested in this one.
    initial
        The structured value that the unit started with: a field that was None then may be so
        again, also where its type doesn't say it.

    Returns
    -------
    tuple of FieldSpec
        In the order of the schema; fields that only the value has come last.
    """
    builder = _Builder(schema, json_schema, settings_class, known_schemas or {})
    return builder.build(
        value if isinstance(value, Mapping) else {},
        initial if isinstance(initial, Mapping) else {},
    )


def find_field(fields: Sequence[FieldSpec], path: str) -> FieldSpec | None:
    """The field with a dotted path, nested ones included, or None."""
    for spec in fields:
        if spec.path == path:
            return spec
        if path.startswith(f"{spec.path}."):
            return find_field(spec.children, path)
    return None


class _Builder:
    def __init__(
        self,
        schema: object,
        json_schema: object,
        settings_class: type | None,
        known_schemas: Mapping[str, object],
    ) -> None:
        self.fields = _sequence(getattr(schema, "fields", None))
        self.settings_type = _text(getattr(schema, "settings_type", None))
        if json_schema is None:
            json_schema = getattr(schema, "json_schema", None)
        self.described = {member.name: member for member in members_of_json_schema(json_schema)}
        self.real = {member.name: member for member in members_of_class(settings_class)}
        self.known_schemas = known_schemas

    def build(
        self, value: Mapping[object, object], initial: Mapping[object, object]
    ) -> tuple[FieldSpec, ...]:
        members = [self._member(field) for field in self.fields]
        texts = {
            str(getattr(field, "name", "")): _text(getattr(field, "field_type", None))
            for field in self.fields
        }
        hints = {
            str(getattr(field, "name", "")): _text(getattr(field, "widget_hint", None))
            for field in self.fields
        }
        named = {member.name for member in members}
        members += [
            Member(key, type_of_value(item))
            for key, item in value.items()
            if isinstance(key, str) and key not in named
        ]
        return tuple(
            self._spec(
                member,
                value.get(member.name, MISSING),
                initial.get(member.name, MISSING),
                prefix="",
                text=texts.get(member.name),
                hint=hints.get(member.name),
            )
            for member in members
        )

    def _member(self, field: object) -> Member:
        """One field of the schema, with what JSON Schema and the real class add to it."""
        name = str(getattr(field, "name", ""))
        stated = parse_type(_text(getattr(field, "field_type", None)) or "")
        described = self.described.get(name)
        if described is not None:
            stated = merge_types(stated, described.type)
        real = self.real.get(name)
        if real is not None and real.type.kind != "unknown":
            stated = merge_types(real.type, stated)
        stated = self._with_known_members(stated, 0)
        stated = with_bounds(stated, getattr(field, "bounds", None))
        stated = with_choices(stated, getattr(field, "choices", None))
        required = getattr(field, "required", False) is True
        default = plain_scalar(getattr(field, "default", None))
        description = _text(getattr(field, "description", None))
        if description is None and described is not None:
            description = described.description
        return Member(
            name=name,
            type=stated,
            required=required,
            default=default,
            default_known=not required,
            description=description,
        )

    def _with_known_members(self, stated: FieldType, depth: int) -> FieldType:
        """Nested settings classes whose schema is known from elsewhere get their fields."""
        if depth > 8:
            return stated
        args = tuple(self._with_known_members(arg, depth + 1) for arg in stated.args)
        stated = replace(stated, args=args) if args != stated.args else stated
        known = self.known_schemas.get(stated.name or "")
        if stated.kind not in ("named", "dataclass") or known is None:
            return stated
        nested = _Builder(known, None, None, self.known_schemas)
        members = tuple(
            replace(member, type=nested._with_known_members(member.type, depth + 1))
            for member in (nested._member(field) for field in nested.fields)
        )
        return merge_types(replace(stated, kind="dataclass", members=members), stated)

    def _spec(
        self,
        member: Member,
        value: object,
        initial: object,
        *,
        prefix: str,
        text: str | None = None,
        hint: str | None = None,
    ) -> FieldSpec:
        shown = None if value is MISSING else value
        default = member.default if member.default_known else None
        refined = member.type
        if value is not MISSING:
            refined = refine(refined, shown, default)
        if initial is None:
            # ``cutoff: float = None``: the author means None, whatever the annotation says.
            refined = refine(refined, None)
        if refined.kind == "unknown":
            refined = agrees_with_hint(hint, shown) or refined
        path = f"{prefix}{member.name}"
        group = refined.without_none
        children: tuple[FieldSpec, ...] = ()
        if group.kind == "dataclass" and value is not None:
            # A path into a field that holds None leads nowhere, so that one is set as a whole.
            inner = shown if isinstance(shown, Mapping) else {}
            before = initial if isinstance(initial, Mapping) else {}
            children = tuple(
                self._spec(
                    child,
                    inner.get(child.name, MISSING),
                    before.get(child.name, MISSING),
                    prefix=f"{path}.",
                )
                for child in group.members
            )
        usable = member.default_known and not is_repr(default)
        return FieldSpec(
            path=path,
            name=member.name,
            type=refined,
            type_text=text or refined.describe(),
            required=member.required,
            default=default if usable else MISSING,
            description=member.description,
            reason=read_only_reason(refined, shown, text),
            numbers_only=has_stray_text(refined, shown, default, initial),
            spoiled=reason_of_iterable(text) if self.described else None,
            settings_class=self.settings_type,
            children=children,
        )


def _sequence(value: object) -> Sequence[object]:
    return value if isinstance(value, (list, tuple)) else ()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
