"""Types of the fields of a settings class that the kernel has imported.

The annotations of each field are resolved on their own: one that can't be resolved (ezmsg's own
packages have some) costs that field, not the class.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import sys
import types
import typing
from typing import Final

from kernel_runtime.settings.field_types import parse_type
from kernel_runtime.settings.kinds import NONE, Choice, FieldType, Member, union_of
from kernel_runtime.settings.witness import enum_value

_UNKNOWN: Final = FieldType("unknown")
_UNKNOWN_ITEM: Final = FieldType("any")
_MAX_DEPTH: Final = 20


def members_of_class(settings_class: type | None) -> tuple[Member, ...]:
    """The fields of a dataclass or pydantic model; empty for any other class or None."""
    return _members(settings_class, 0)


def _members(settings_class: type | None, depth: int) -> tuple[Member, ...]:
    if settings_class is None or depth > _MAX_DEPTH:
        return ()
    defaults = _defaults(settings_class)
    if defaults is None:
        return ()
    members: list[Member] = []
    for name, (required, default) in defaults.items():
        annotation = _annotation(settings_class, name)
        found = _UNKNOWN if annotation is None else type_of_annotation(annotation, depth)
        plain = enum_value(default)
        usable = plain is None or isinstance(plain, (bool, int, float, str))
        members.append(
            Member(
                name=name,
                type=found,
                required=required,
                default=plain if usable else None,
                default_known=usable and not required,
            )
        )
    return tuple(members)


def _defaults(settings_class: type) -> dict[str, tuple[bool, object]] | None:
    if dataclasses.is_dataclass(settings_class):
        return {
            field.name: (
                field.default is dataclasses.MISSING
                and field.default_factory is dataclasses.MISSING,
                field.default if field.default is not dataclasses.MISSING else _FROM_FACTORY,
            )
            for field in dataclasses.fields(settings_class)
        }
    fields = getattr(settings_class, "model_fields", None)
    if isinstance(fields, dict):
        return {
            str(name): (bool(field.is_required()), getattr(field, "default", _FROM_FACTORY))
            for name, field in fields.items()
        }
    return None


_FROM_FACTORY: Final = object()


def _annotation(settings_class: type, name: str) -> object:
    for base in settings_class.__mro__:
        raw = inspect.get_annotations(base).get(name)
        if raw is None:
            continue
        # A holder of this one annotation, so that another's unknown name does no harm.
        holder = types.SimpleNamespace(__annotations__={name: raw})
        module = sys.modules.get(base.__module__)
        try:
            hints = typing.get_type_hints(
                holder,
                globalns=dict(vars(module)) if module is not None else {},
                localns=dict(vars(base)),
                include_extras=True,
            )
        except Exception:
            # Annotations are somebody's code and raise what they like.
            return typing.cast(object, raw)
        found: object = hints.get(name)
        return found
    return None


def type_of_annotation(annotation: object, depth: int = 0) -> FieldType:
    """The type that an annotation object means."""
    if depth > _MAX_DEPTH:
        return _UNKNOWN
    if annotation is None or annotation is type(None):
        return NONE
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return union_of(tuple(type_of_annotation(arg, depth + 1) for arg in args))
    if origin is typing.Annotated:
        inner = type_of_annotation(args[0], depth + 1)
        limited = parse_type(str(annotation))
        merged = inner.constraints.filled_from(limited.constraints)
        return dataclasses.replace(inner, constraints=merged)
    if origin is typing.Literal:
        members = [arg for arg in args if isinstance(arg, enum.Enum)]
        if members and len(members) == len(args):
            found = tuple(Choice(enum_value(arg), arg.name) for arg in members)
            return FieldType("enum", name=_class_name(type(members[0])), choices=found)
        return FieldType("literal", choices=tuple(Choice(enum_value(arg)) for arg in args))
    if isinstance(annotation, typing.NewType):
        return type_of_annotation(annotation.__supertype__, depth + 1)
    if isinstance(annotation, typing.TypeVar):
        return FieldType("any")
    if origin is None and isinstance(annotation, type):
        return _type_of_class(annotation, depth)
    text = annotation if isinstance(annotation, str) else str(annotation)
    shape = parse_type(text)
    inner_args = tuple(arg for arg in args if arg is not ...)
    if shape.args and len(shape.args) == len(inner_args):
        items = tuple(type_of_annotation(arg, depth + 1) for arg in inner_args)
        return dataclasses.replace(shape, args=items)
    return shape


def _type_of_class(found: type, depth: int) -> FieldType:
    name = _class_name(found)
    if issubclass(found, enum.Enum):
        choices = tuple(Choice(enum_value(member), member.name) for member in found)
        # Flags have values that are no member's own.
        return FieldType("enum", name=name, choices=choices, witnessed=issubclass(found, enum.Flag))
    if dataclasses.is_dataclass(found) or hasattr(found, "model_fields"):
        return FieldType("dataclass", name=name, members=_members(found, depth + 1))
    if issubclass(found, tuple) and hasattr(found, "_fields"):
        hints = [_annotation(found, field) for field in found._fields]
        items = tuple(
            _UNKNOWN_ITEM if one is None else type_of_annotation(one, depth + 1) for one in hints
        )
        return FieldType("tuple", args=items, name=name)
    if typing.is_typeddict(found):
        return _type_of_typed_dict(found, name, depth)
    return parse_type(name)


def _type_of_typed_dict(found: type, name: str, depth: int) -> FieldType:
    """A group, as long as all keys are always there: a field path leads to what is there only."""
    keys = list(found.__annotations__)
    if frozenset(keys) != getattr(found, "__required_keys__", None):
        return FieldType("dict", args=(FieldType("str"), _UNKNOWN_ITEM))
    members = []
    for key in keys:
        hint = _annotation(found, key)
        kind = _UNKNOWN_ITEM if hint is None else type_of_annotation(hint, depth + 1)
        members.append(Member(key, kind, required=True))
    return FieldType("dataclass", name=name, members=tuple(members))


def _class_name(found: type) -> str:
    return f"{found.__module__}.{found.__qualname__}"
