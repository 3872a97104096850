"""Single values checked against a type: numbers, texts, paths, choices, and their limits."""

from __future__ import annotations

import ast
import math
import numbers
import operator
import os
import pathlib
import re
from typing import Final, TypeVar

import numpy as np

from kernel_runtime.settings.kinds import Choice, FieldType
from kernel_runtime.settings.schema import FieldSpec
from kernel_runtime.settings.standard_types import read_report, standard_type
from kernel_runtime.settings.witness import enum_value, path_text
from kernel_runtime.settings.wording import list_of_choices, shown, takes

_NUMPY_SCALAR: Final = re.compile(r"(?:numpy|np)\.(?P<name>\w+)")

Number = TypeVar("Number", int, float)
Sized = TypeVar("Sized", str, bytes, list[object], dict[object, object])


class Refusal(Exception):  # noqa: N818 - it never leaves this package, and is no error in it
    """Why a value doesn't fit, in words that go on from the name of the field."""


def _is_number(value: object, of: type) -> bool:
    """Whether a value is a number of a kind; bools are none."""
    return isinstance(value, of) and not isinstance(value, (bool, np.bool_))


def int_of(wanted: FieldType, value: object) -> int:
    if _is_number(value, numbers.Integral):
        return int(value)  # type: ignore[call-overload, no-any-return]
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return int(value)
    why = takes(wanted, value)
    if wanted.witnessed and isinstance(value, (float, np.floating)):
        why += " (it holds a whole number, and its type isn't known here)"
    raise Refusal(why)


def float_of(wanted: FieldType, value: object) -> float:
    if _is_number(value, numbers.Real):
        try:
            return float(value)  # type: ignore[arg-type]
        except OverflowError:
            raise Refusal(f"takes a float, and {shown(value)} is too large for one") from None
    raise Refusal(takes(wanted, value))


def complex_of(wanted: FieldType, value: object) -> complex:
    if _is_number(value, numbers.Number):
        return complex(value)  # type: ignore[call-overload, no-any-return]
    if isinstance(value, str):
        try:
            return complex(value.strip())
        except ValueError:
            pass
    raise Refusal(takes(wanted, value))


def bytes_of(wanted: FieldType, value: object) -> bytes:
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if isinstance(value, str):
        try:
            read = ast.literal_eval(value.strip())
        except (ValueError, SyntaxError):
            read = None
        # With pydantic the owner reports bytes as text, else as the repr that was read here.
        return read if isinstance(read, bytes) else value.encode()
    raise Refusal(takes(wanted, value))


def path_of(wanted: FieldType, value: object) -> pathlib.PurePath:
    if isinstance(value, pathlib.PurePath):
        return value
    if isinstance(value, (str, os.PathLike)):
        text = os.fspath(value)
        if isinstance(text, str):
            text = path_text(text)
            if not text:
                raise Refusal("takes a path, and an empty one is none")
            if "\0" in text:
                raise Refusal("takes a path, and none holds a zero character")
            return pathlib.Path(text)
    raise Refusal(takes(wanted, value))


def standard_of(wanted: FieldType, value: object) -> object:
    """A value of one of the standard library's small classes, from its text."""
    standard = standard_type(wanted.name)
    assert standard is not None
    found = None if value is None else read_report(standard, value)
    if found is None and isinstance(value, (list, tuple)):
        found = read_report(standard, str(tuple(value)))
    if found is None:
        raise Refusal(takes(wanted, value))
    return found


def numpy_of(spec: FieldSpec, value: complex, outermost: bool) -> object:
    """A number as the numpy scalar that the field's type names, where it names one."""
    found = _NUMPY_SCALAR.fullmatch(spec.type_text) if outermost else None
    kind = getattr(np, found["name"], None) if found is not None else None
    if not (isinstance(kind, type) and issubclass(kind, np.generic)):
        return value
    try:
        return kind(value)
    except (OverflowError, ValueError, TypeError):
        raise Refusal(f"takes a {kind.__name__}, and {shown(value)} is none") from None


def find_choice(choices: tuple[Choice, ...], value: object) -> Choice | None:
    """The choice that equals a value; 1, 1.0 and True are told apart where both are there."""
    for choice in choices:
        if type(choice.value) is type(value) and choice.value == value:
            return choice
    for choice in choices:
        kinds = {type(choice.value), type(value)}
        if kinds <= {int, float} and choice.value == value:
            return choice
        if kinds <= {list, tuple} and list(choice.value) == list(value):  # type: ignore[call-overload]
            return choice
    return None


def literal_of(wanted: FieldType, value: object) -> object:
    found = find_choice(wanted.choices, enum_value(value))
    if found is None:
        raise Refusal(f"takes one of {list_of_choices(wanted.choices)}, not {shown(value)}")
    return found.value


def limited(wanted: FieldType, value: Number) -> Number:
    limits = wanted.constraints
    bounded = any(x is not None for x in (limits.ge, limits.gt, limits.le, limits.lt))
    if math.isnan(value) and (bounded or limits.finite):
        raise Refusal("takes no NaN")
    if math.isinf(value) and limits.finite:
        raise Refusal(f"takes a finite number, not {shown(value)}")
    for limit, holds, words in (
        (limits.ge, operator.ge, "at least"),
        (limits.gt, operator.gt, "more than"),
        (limits.le, operator.le, "at most"),
        (limits.lt, operator.lt, "less than"),
    ):
        if limit is not None and not holds(value, limit):
            raise Refusal(f"takes {words} {limit:.15g}, not {shown(value)}")
    step = limits.multiple_of
    if step and math.isfinite(value) and abs(value / step - round(value / step)) > 1e-9:
        raise Refusal(f"takes a multiple of {step:.15g}, not {shown(value)}")
    return value


def sized(wanted: FieldType, value: Sized) -> Sized:
    limits = wanted.constraints
    things = "characters" if isinstance(value, (str, bytes)) else "items"
    if limits.min_length is not None and len(value) < limits.min_length:
        raise Refusal(f"takes at least {limits.min_length} {things}, not {len(value)}")
    if limits.max_length is not None and len(value) > limits.max_length:
        raise Refusal(f"takes at most {limits.max_length} {things}, not {len(value)}")
    return value
