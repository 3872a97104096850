"""Types and values in words, for messages that people read beside a field."""

from __future__ import annotations

import enum
import reprlib
from collections.abc import Mapping
from typing import Final

import numpy as np

from kernel_runtime.settings.kinds import Choice, FieldType, Kind
from kernel_runtime.settings.standard_types import standard_type
from kernel_runtime.settings.witness import enum_value

_NOUNS: Final[dict[str, str]] = {
    "none": "none",
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "complex": "a complex number",
    "str": "text",
    "bytes": "bytes",
    "path": "a path",
    "array": "numbers",
    "callable": "a function",
    "any": "anything",
    "ellipsis": "an ellipsis",
    "opaque": "an object that can't be typed in",
    "unknown": "something unknown",
}
_CONTAINERS: Final[dict[str, str]] = {
    "list": "a list",
    "vtuple": "a tuple",
    "set": "a set",
    "frozenset": "a set",
}
_CHOICES_SHOWN: Final = 12
_short = reprlib.Repr()
_short.maxstring = 60
_short.maxother = 60
_short.maxlist = 4
_short.maxtuple = 4
_short.maxdict = 3


def type_in_words(wanted: FieldType) -> str:
    """What a type takes, for example ``"a number or none"``."""
    if wanted.kind == "union":
        words: list[str] = []
        for arg in sorted(wanted.args, key=lambda arg: arg.kind == "none"):
            word = type_in_words(arg)
            if word not in words:
                words.append(word)
        if len(words) == 1:
            return words[0]
        return f"{', '.join(words[:-1])} or {words[-1]}"
    if wanted.kind == "standard":
        standard = standard_type(wanted.name)
        return standard.words if standard is not None else "text"
    if wanted.kind in _CONTAINERS:
        item = wanted.args[0]
        inside = "" if item.kind == "any" else f" of {_plural(item)}"
        return _CONTAINERS[wanted.kind] + inside
    if wanted.kind == "tuple":
        return f"a tuple of {len(wanted.args)} items"
    if wanted.kind == "dict":
        return "a dict"
    if wanted.kind in ("literal", "enum", "choice"):
        if not wanted.choices or wanted.witnessed:
            return f"a value of {wanted.name or 'a choice'}"
        return f"one of {list_of_choices(wanted.choices)}"
    if wanted.kind in ("dataclass", "named"):
        return f"an object ({wanted.name or 'a nested settings class'})"
    return _NOUNS[wanted.kind]


def _plural(item: FieldType) -> str:
    plurals = {"int": "whole numbers", "float": "numbers", "str": "texts", "path": "paths"}
    return plurals.get(item.kind, type_in_words(item))


def shown(value: object) -> str:
    """A value in a message: short, and with its kind where that is the point."""
    plain = enum_value(value)
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value.name}"
    if plain is None:
        return "none"
    if isinstance(plain, bool):
        return "true" if plain else "false"
    if isinstance(plain, str):
        return f"the text {_short.repr(plain)}"
    if isinstance(plain, np.ndarray):
        return f"an array of shape {plain.shape}"
    return _short.repr(plain)


def takes(wanted: FieldType, value: object) -> str:
    """The usual refusal: what the field takes, and what came."""
    return f"takes {type_in_words(wanted)}, not {shown(value)}"


def list_of_choices(choices: tuple[Choice, ...]) -> str:
    """The choices, as many as can be read in a message."""
    named = [_short.repr(choice.value) for choice in choices[:_CHOICES_SHOWN]]
    more = len(choices) - len(named)
    return ", ".join(named) + (f" and {more} more" if more > 0 else "")


def exact_kinds(value: object) -> tuple[Kind, ...]:
    """Kinds whose own values look like this one, the most telling first."""
    if value is None:
        return ("none", "literal")
    if isinstance(value, enum.Enum):
        return ("enum", "choice", "named", "literal")
    if isinstance(value, (bool, np.bool_)):
        return ("bool", "literal", "enum")
    if isinstance(value, (int, np.integer)):
        return ("literal", "enum", "int", "float")
    if isinstance(value, (float, np.floating)):
        return ("literal", "enum", "float", "int")
    if isinstance(value, str):
        return ("ellipsis", "literal", "enum", "standard", "str", "path", "choice")
    if isinstance(value, np.ndarray):
        return ("array", "list", "vtuple")
    if isinstance(value, list):
        return ("list", "tuple", "vtuple", "array", "set", "frozenset")
    if isinstance(value, tuple):
        return ("tuple", "vtuple", "list", "array", "set", "frozenset")
    if isinstance(value, (set, frozenset)):
        return ("set", "frozenset", "list", "vtuple")
    if isinstance(value, Mapping):
        return ("dataclass", "dict", "named")
    return ("named", "dataclass")
