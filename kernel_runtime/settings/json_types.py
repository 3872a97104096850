"""JSON Schema, as ezmsg 3.10 sends it with a settings schema, read into types.

A JSON Schema knows bounds, the values of enums and the fields of nested classes, which a type's
text does not. The text knows what JSON has no word for: tuples against lists, paths, the name
of a class. `merge_types` keeps the best of both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from kernel_runtime.settings.kinds import (
    ANY,
    NONE,
    Choice,
    FieldType,
    Kind,
    Member,
    constraints_from,
    union_of,
)

_MAX_DEPTH: Final = 30
_PATH_FORMATS: Final = ("path", "file-path", "directory-path")
_SCALARS: Final[dict[str, Kind]] = {
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "string": "str",
    "null": "none",
}
_LIMIT_NAMES: Final = {
    "minimum": "ge",
    "exclusiveMinimum": "gt",
    "maximum": "le",
    "exclusiveMaximum": "lt",
    "multipleOf": "multiple_of",
    "minLength": "min_length",
    "maxLength": "max_length",
    "minItems": "min_length",
    "maxItems": "max_length",
}
_ARRAY_KINDS: Final = ("list", "tuple", "vtuple", "set", "frozenset")
_NUMBER_KINDS: Final = ("int", "float")
_UNRESOLVED_KINDS: Final = ("named", "any", "unknown", "choice")


def members_of_json_schema(schema: object) -> tuple[Member, ...]:
    """The fields that a JSON Schema describes; empty where it describes none.

    Parameters
    ----------
    schema
        The JSON Schema of a settings type, or None.
    """
    if not isinstance(schema, Mapping):
        return ()
    definitions = schema.get("$defs")
    reader = _SchemaReader(definitions if isinstance(definitions, Mapping) else {})
    return reader.read(schema, 0).members


class _SchemaReader:
    def __init__(self, definitions: Mapping[object, object]) -> None:
        self.definitions = definitions

    def read(self, schema: object, depth: int) -> FieldType:
        if not isinstance(schema, Mapping) or depth > _MAX_DEPTH:
            return ANY
        reference = schema.get("$ref")
        if isinstance(reference, str):
            return self._read_reference(reference, depth)
        if "const" in schema:
            return FieldType("literal", choices=(Choice(schema["const"]),))
        values = schema.get("enum")
        if isinstance(values, Sequence) and not isinstance(values, str):
            # An enum may have two names for a value; a schema shows the value twice then.
            choices = dict.fromkeys(Choice(value) for value in values)
            return FieldType("literal", choices=tuple(choices))
        for key in ("anyOf", "oneOf", "allOf"):
            alternatives = schema.get(key)
            if isinstance(alternatives, Sequence) and alternatives:
                return union_of(tuple(self.read(item, depth + 1) for item in alternatives))
        named = schema.get("type")
        if isinstance(named, Sequence) and not isinstance(named, str):
            each = tuple(self.read({**schema, "type": name}, depth + 1) for name in named)
            return union_of(each) if each else ANY
        return self._read_type(named, schema, depth)

    def _read_reference(self, reference: str, depth: int) -> FieldType:
        name = reference.rpartition("/")[2]
        definition = self.definitions.get(name)
        found = self.read(definition, depth + 1)
        if found.kind == "literal":
            return replace(found, kind="enum", name=name)
        return replace(found, name=name) if found.kind == "dataclass" else found

    def _read_type(self, named: object, schema: Mapping[object, object], depth: int) -> FieldType:
        limits = {ours: schema[theirs] for theirs, ours in _LIMIT_NAMES.items() if theirs in schema}
        constraints = constraints_from(limits)
        if named == "array":
            return replace(self._read_array(schema, depth), constraints=constraints)
        if named == "object" or "properties" in schema:
            return self._read_object(schema, depth)
        kind = _SCALARS.get(named) if isinstance(named, str) else None
        if kind is None:
            return ANY
        if kind == "str" and schema.get("format") in _PATH_FORMATS:
            kind = "path"
        return FieldType(kind, constraints=constraints)

    def _read_array(self, schema: Mapping[object, object], depth: int) -> FieldType:
        prefix = schema.get("prefixItems")
        if isinstance(prefix, Sequence) and not isinstance(prefix, str):
            return FieldType("tuple", args=tuple(self.read(item, depth + 1) for item in prefix))
        kind: Kind = "set" if schema.get("uniqueItems") is True else "list"
        # JSON has one word for list and tuple, so this container is no more than a guess.
        return FieldType(kind, args=(self.read(schema.get("items"), depth + 1),), witnessed=True)

    def _read_object(self, schema: Mapping[object, object], depth: int) -> FieldType:
        properties = schema.get("properties")
        if not isinstance(properties, Mapping):
            values = self.read(schema.get("additionalProperties"), depth + 1)
            return FieldType("dict", args=(FieldType("str"), values))
        required = schema.get("required")
        needed = required if isinstance(required, Sequence) else ()
        members = tuple(
            Member(
                name=str(name),
                type=self.read(member, depth + 1),
                required=name in needed,
                default=member.get("default") if isinstance(member, Mapping) else None,
                default_known=isinstance(member, Mapping) and "default" in member,
                description=_text(member, "description"),
            )
            for name, member in properties.items()
        )
        title = schema.get("title")
        return FieldType(
            "dataclass", name=title if isinstance(title, str) else None, members=members
        )


def _text(schema: object, key: str) -> str | None:
    found = schema.get(key) if isinstance(schema, Mapping) else None
    return found if isinstance(found, str) else None


def merge_types(stated: FieldType, schema: FieldType) -> FieldType:
    """A type as its text states it, completed from what JSON Schema says of it.

    Parameters
    ----------
    stated
        From the type's text: decides on containers and names of classes.
    schema
        From JSON Schema: decides where the text names something that it doesn't explain.
    """
    if schema.kind == "any":
        return stated
    if stated.kind == "union" or schema.kind == "union":
        return _merge_unions(stated, schema)
    if stated.kind in _UNRESOLVED_KINDS:
        if stated.name is None or schema.kind in (*_ARRAY_KINDS, "dict"):
            return schema
        return replace(schema, name=stated.name, text=stated.text)
    if stated.kind in _ARRAY_KINDS and schema.kind in _ARRAY_KINDS:
        items = _merge_items(stated, schema)
        limits = stated.constraints.filled_from(schema.constraints)
        if stated.kind == "tuple":
            return replace(stated, args=items)
        return replace(stated, args=items, constraints=limits)
    if stated.kind == "dict" and schema.kind == "dict":
        return replace(stated, args=(stated.args[0], merge_types(stated.args[1], schema.args[1])))
    if stated.kind == "dataclass" and schema.kind == "dataclass":
        return replace(stated, members=_merge_members(stated.members, schema.members))
    return replace(stated, constraints=stated.constraints.filled_from(schema.constraints))


def _merge_items(stated: FieldType, schema: FieldType) -> tuple[FieldType, ...]:
    if len(stated.args) == len(schema.args):
        return tuple(merge_types(*pair) for pair in zip(stated.args, schema.args, strict=True))
    return stated.args


def _merge_members(stated: tuple[Member, ...], schema: tuple[Member, ...]) -> tuple[Member, ...]:
    described = {member.name: member for member in schema}
    merged: list[Member] = []
    for member in stated:
        other = described.get(member.name)
        if other is not None:
            member = replace(
                member,
                type=merge_types(member.type, other.type),
                description=member.description or other.description,
            )
        merged.append(member)
    return tuple(merged)


def _merge_unions(stated: FieldType, schema: FieldType) -> FieldType:
    """Each stated alternative takes the first fitting one of the schema, each of those once."""
    if stated.kind in _UNRESOLVED_KINDS and stated.kind != "named":
        return schema
    left = list(schema.args if schema.kind == "union" else (schema,))
    alternatives = stated.args if stated.kind == "union" else (stated,)
    if stated.kind == "named" and len([item for item in left if item.kind != "none"]) > 1:
        # An alias of a union: the name is no class that a value could be made of.
        return schema
    merged: dict[int, FieldType] = {}
    for pass_fits in (_same_kind, _fits):
        for index, alternative in enumerate(alternatives):
            if index in merged:
                continue
            for item in left:
                if pass_fits(alternative, item):
                    merged[index] = merge_types(alternative, item)
                    left.remove(item)
                    break
    result = [merged.get(index, item) for index, item in enumerate(alternatives)]
    if any(item.kind == "none" for item in left) and not stated.nullable:
        result.append(NONE)
    return union_of(tuple(result))


def _same_kind(stated: FieldType, schema: FieldType) -> bool:
    if stated.kind == "named" and schema.name is not None and stated.name is not None:
        return stated.name.rpartition(".")[2] == schema.name.rpartition(".")[2]
    return stated.kind == schema.kind


def _fits(stated: FieldType, schema: FieldType) -> bool:
    if stated.kind in _UNRESOLVED_KINDS:
        return schema.kind not in ("none", *_ARRAY_KINDS)
    if stated.kind in _ARRAY_KINDS:
        return schema.kind in _ARRAY_KINDS
    if stated.kind in _NUMBER_KINDS:
        return schema.kind in _NUMBER_KINDS
    return stated.kind == "path" and schema.kind == "str"
