"""Bounds and choices that an author states in a schema, put into a field's type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from kernel_runtime.settings.kinds import (
    Choice,
    Constraints,
    FieldType,
    union_of,
    with_constraints,
)
from kernel_runtime.settings.witness import enum_name, enum_value, is_repr

_NAMED_KINDS: Final = ("literal", "enum", "choice", "named")
_LENGTH_KINDS: Final = ("str", "path", "bytes", "list", "vtuple", "set", "frozenset", "dict")


def with_bounds(stated: FieldType, bounds: object) -> FieldType:
    """Bounds of the schema. For text and containers ezmsg puts lengths in the same place."""
    pair = _items(bounds)
    if len(pair) != 2:
        return stated
    lower, upper = (float(x) if isinstance(x, (int, float)) else None for x in pair)
    numeric = Constraints(ge=lower, le=upper)
    lengths = Constraints(
        min_length=None if lower is None else int(lower),
        max_length=None if upper is None else int(upper),
    )
    kinds = {arg.kind for arg in stated.args} if stated.kind == "union" else {stated.kind}
    return with_constraints(stated, lengths if kinds & {*_LENGTH_KINDS} else numeric)


def with_choices(stated: FieldType, choices: object) -> FieldType:
    """The author's choices. For a container they are the choices of its items."""
    values = _items(choices)
    if not values:
        return stated
    inner = stated.without_none
    if inner.kind in ("list", "vtuple", "set", "frozenset"):
        limited: FieldType = replace(inner, args=(with_choices(inner.args[0], values),))
    else:
        names = [name for name in map(enum_name, values) if name is not None]
        if inner.kind == "choice" and inner.name is not None:
            # A literal of enum members: the text names their class.
            names = [inner.name]
        found = tuple(Choice(enum_value(value), getattr(value, "name", None)) for value in values)
        if inner.kind == "enum" and inner.choices and not names:
            return stated
        known_class = inner.kind in ("enum", "named") and inner.name is not None
        limited = replace(
            inner,
            kind="enum" if known_class or names else "literal",
            name=names[0] if names else inner.name if known_class else None,
            choices=found,
            witnessed=False,
        )
    listed = any(choice.value is None for choice in limited.choices)
    nullable = stated.nullable and stated.kind != "any" and not listed
    return union_of((limited, FieldType("none"))) if nullable else limited


def _items(value: object) -> Sequence[object]:
    return value if isinstance(value, (list, tuple)) else ()


def has_stray_text(stated: FieldType, *seen: object) -> bool:
    """Whether a type takes text only since numpy's ArrayLike takes whatever `numpy.asarray` does.

    A unit that means a number, or numbers, has no use for it. It has where text is among the
    values that the field is ``seen`` with.
    """
    kinds = {arg.kind for arg in stated.args} if stated.kind == "union" else set()
    if "array" not in kinds or "str" not in kinds or kinds & {"path", *_NAMED_KINDS}:
        return False
    return not any(isinstance(one, str) and not is_repr(one) for one in seen)
