"""Single values made what a type takes, in the process that has the settings class.

The source of this file travels with values (see `fitting`); what `owner_types` says of itself
holds for this one too.
"""

from __future__ import annotations

import enum
import numbers
import pathlib
from typing import Any

from .owner_types import named

REFUSED = "this settings value is refused: "


class Misfit(ValueError):  # noqa: N818 - it says why, and is shown to people as it is
    """Why a value is not what the field takes."""


def shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def refuse_unless(fits: bool, kind: Any, value: Any) -> Any:
    if not fits:
        raise Misfit(f"takes {named(kind)}, not {shown(value)}")
    return value


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool) or type(value).__name__ in ("bool_", "bool")


def _bool(kind: Any, value: Any) -> Any:
    return refuse_unless(_is_bool(value), kind, value)


def _int(kind: Any, value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return refuse_unless(isinstance(value, numbers.Integral) and not _is_bool(value), kind, value)


def _float(kind: Any, value: Any) -> Any:
    refuse_unless(isinstance(value, numbers.Real) and not _is_bool(value), kind, value)
    return value if isinstance(value, float) else float(value)


def _complex(kind: Any, value: Any) -> Any:
    refuse_unless(isinstance(value, numbers.Number) and not _is_bool(value), kind, value)
    return value if isinstance(value, complex) else complex(value)


def _bytes(kind: Any, value: Any) -> Any:
    refuse_unless(isinstance(value, (bytes, bytearray)), kind, value)
    return value if isinstance(value, kind) else kind(value)


def _str(kind: Any, value: Any) -> Any:
    return refuse_unless(isinstance(value, str), kind, value)


SCALARS: dict[Any, Any] = {
    bool: _bool,
    int: _int,
    float: _float,
    complex: _complex,
    str: _str,
    bytes: _bytes,
    bytearray: _bytes,
    type(None): lambda kind, value: refuse_unless(value is None, kind, value),
}


def choice_of(choices: Any, value: Any) -> Any:
    for choice in choices:
        if type(choice) is type(value) and choice == value:
            return value if not isinstance(choice, enum.Enum) else choice
    for choice in choices:
        same_number = {type(choice), type(value)} <= {int, float} and choice == value
        by_name = isinstance(choice, enum.Enum) and (
            value == choice.name or (type(choice.value) is type(value) and value == choice.value)
        )
        if same_number or by_name:
            return choice
    known = ", ".join(map(repr, choices))
    raise Misfit(f"takes one of {known}, not {shown(value)}")


def member_of(kind: Any, value: Any) -> Any:
    if isinstance(value, kind):
        return value
    plain = tuple(value) if isinstance(value, list) else value
    for member in kind.__members__.values():
        if type(member.value) is type(plain) and member.value == plain:
            return member
    if isinstance(value, str) and value in kind.__members__:
        return kind.__members__[value]
    if not isinstance(plain, bool):
        try:
            return kind(plain)
        except (ValueError, TypeError):
            pass
    known = ", ".join(repr(member.value) for member in kind)
    raise Misfit(f"takes one of {known}, not {shown(value)}")


def instance_of(origin: Any, value: Any) -> Any:
    try:
        if isinstance(value, origin):
            return value
    except TypeError:
        # A protocol that can't be asked.
        return value
    if issubclass(origin, pathlib.PurePath) and isinstance(value, str) and value:
        return origin(value)
    if origin.__module__ == "numpy" and isinstance(value, (bool, numbers.Number)):
        try:
            return origin(value)
        except (TypeError, ValueError, OverflowError):
            pass
    raise Misfit(f"takes {named(origin)}, not {shown(value)}")
