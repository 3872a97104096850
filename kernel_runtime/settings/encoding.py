"""Structured values as JSON for the browser, exactly.

JSON has one kind of number, one kind of list and no NaN; JavaScript's numbers end at 2^53. So
numbers travel as text and everything that JSON would blur carries its kind::

    None, True, "text"          null, true, "text"
    3, 3.0, nan                 {"k": "int", "v": "3"}, {"k": "float", "v": "3.0"}, ... "nan"
    [1], (1,), {1}              {"k": "list", "v": [...]}, "tuple", "set", "frozenset"
    {"a": 1}                    {"k": "dict", "v": [["a", {...}]]}
    an enum member              {"k": "enum", "v": its value, "text": its name}
    an array, any other object  {"k": "object", "text": what it is}: shown, never sent back
"""

from __future__ import annotations

import ast
import enum
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from kernel_runtime.settings.arrays import read_array
from kernel_runtime.settings.witness import enum_name, enum_value

LONGEST_TEXT: Final = 20_000
"""Characters of a text that is still sent to the browser."""
MOST_ITEMS: Final = 2_000
"""Items of a value, nested ones counted, that are still sent to the browser."""

_INTEGER: Final = re.compile(r"[+-]?\d+(_\d+)*")
_CONTAINERS: Final[tuple[tuple[type, str], ...]] = (
    (list, "list"),
    (tuple, "tuple"),
    (set, "set"),
    (frozenset, "frozenset"),
)
_BUILDERS: Final[dict[str, Callable[[Iterable[object]], object]]] = {
    "list": list,
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
}


def encode(value: object) -> object:
    """A value as JSON that `decode` turns into the same value again.

    Values that are too large for a form, and objects with no plain form, become a description
    that only the browser reads.
    """
    if _size(value, MOST_ITEMS) > MOST_ITEMS:
        return _description(value)
    return _encode(value)


def _encode(value: object) -> object:
    if enum_name(value) is not None:
        name = value.name if isinstance(value, enum.Enum) else None
        return {"k": "enum", "v": _encode(enum_value(value)), "text": name}
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value) if len(value) <= LONGEST_TEXT else _description(value)
    if isinstance(value, int):
        return {"k": "int", "v": str(int(value))}
    if isinstance(value, float):
        return {"k": "float", "v": repr(float(value))}
    if isinstance(value, complex):
        return {"k": "complex", "v": str(value)}
    if isinstance(value, bytes):
        return {"k": "bytes", "v": repr(value)}
    for python_type, kind in _CONTAINERS:
        if isinstance(value, python_type):
            return {"k": kind, "v": [_encode(item) for item in value]}  # type: ignore[attr-defined]
    if isinstance(value, Mapping):
        pairs = [[_encode(key), _encode(item)] for key, item in value.items()]
        return {"k": "dict", "v": pairs}
    return _description(value)


def _description(value: object) -> dict[str, object]:
    array = read_array(value)
    if array is not None:
        text = str(array)
    elif isinstance(value, str):
        text = f"text of {len(value):,} characters: {value[:80]}..."
    elif isinstance(value, (list, tuple, set, frozenset, dict)):
        text = f"{type(value).__name__} of {len(value):,} items"
    else:
        text = repr(value)
        text = text if len(text) <= 300 else f"{text[:300]}..."
    return {"k": "object", "text": text}


def _size(value: object, limit: int) -> int:
    """Number of items, nested ones included; counting stops at the limit."""
    size = 0
    waiting: list[object] = [value]
    while waiting and size <= limit:
        found = waiting.pop()
        size += 1
        if isinstance(found, Mapping):
            size += len(found)
            if size <= limit:
                waiting.extend(found.values())
        elif isinstance(found, (list, tuple, set, frozenset)):
            if len(found) > limit:
                return len(found)
            waiting.extend(found)
    return size


def decode(encoded: object) -> object:
    """The value that the browser sends.

    Besides what `encode` makes, there is text as a person typed it: ``{"k": "number"}`` and
    ``{"k": "typed"}`` (a Python or JSON literal).

    Raises
    ------
    ValueError
        It can't be read, with the reason.
    """
    if encoded is None or isinstance(encoded, (bool, str)):
        return encoded
    if not isinstance(encoded, Mapping):
        raise ValueError("the browser sent something that isn't a value")
    kind, inside = encoded.get("k"), encoded.get("v")
    if kind in _BUILDERS and isinstance(inside, list):
        try:
            return _BUILDERS[kind](decode(item) for item in inside)
        except TypeError:
            raise ValueError("a set can't hold lists or dicts") from None
    if kind == "dict" and isinstance(inside, list):
        return _decode_dict(inside)
    if kind == "enum":
        return decode(inside)
    if not isinstance(inside, str):
        raise ValueError("this value can only be shown")
    match kind:
        case "int" | "float" | "number":
            number = read_number(inside)
            return float(number) if kind == "float" else number
        case "typed":
            return read_typed(inside)
        case "complex":
            return complex(inside)
        case "bytes":
            return read_typed(inside)
    raise ValueError("the browser sent a kind of value that isn't known here")


def _decode_dict(pairs: list[object]) -> dict[object, object]:
    made: dict[object, object] = {}
    for pair in pairs:
        if not isinstance(pair, list) or len(pair) != 2:
            raise ValueError("the browser sent something that isn't a dict")
        key = decode(pair[0])
        try:
            if key in made:
                raise ValueError(f"the key {key!r} is there twice")
            made[key] = decode(pair[1])
        except TypeError:
            raise ValueError("a list or dict can't be a key") from None
    return made


def read_number(text: str) -> int | float:
    """The number in a text: an int where it has neither point nor exponent.

    Raises
    ------
    ValueError
        It isn't a number.
    """
    cleaned = text.strip()
    try:
        if _INTEGER.fullmatch(cleaned):
            return int(cleaned)
        return float(cleaned)
    except ValueError:
        shown = cleaned if len(cleaned) <= 60 else f"{cleaned[:60]}..."
        raise ValueError(f"takes a number, not {shown!r}" if shown else "is empty") from None


def read_typed(text: str) -> object:
    """The value of a literal in JSON or Python, as a person types it.

    Raises
    ------
    ValueError
        It is neither.
    """
    cleaned = text.strip()
    if not cleaned:
        raise ValueError('is empty: type a value, for example 1.5, [1, 2] or "text"')
    try:
        return json.loads(cleaned)
    except (ValueError, RecursionError):
        pass
    if cleaned in ("nan", "inf", "-inf"):
        return float(cleaned)
    try:
        return ast.literal_eval(cleaned)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        pass
    where = ", and text stands in quotes" if cleaned.replace(" ", "").isalnum() else ""
    raise ValueError(f"can't be read: it takes JSON or Python literals{where}")


def same(left: object, right: object) -> bool:
    """Whether two values are the same, types and all; NaN is the same as NaN."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float) and isinstance(right, float):
        return left == right or (math.isnan(left) and math.isnan(right))
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if hasattr(left, "shape") and hasattr(left, "dtype"):
        return left is right
    return bool(left == right)
